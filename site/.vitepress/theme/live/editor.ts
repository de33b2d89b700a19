/** The editor of a cell: CodeMirror with what a few lines need. Colors are those of the style sheet, in both themes. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import { bracketMatching, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState } from '@codemirror/state'
import { Decoration, EditorView, keymap } from '@codemirror/view'
import { classHighlighter } from '@lezer/highlight'

/** An editor in a page. */
export interface CellEditor {
  readonly source: string
  /** Replaces all of the code. */
  write(source: string): void
  /** Marks a line, from 1, as wrong; none without a number. */
  mark(line?: number): void
  destroy(): void
}

/** What an editor is made with. */
export interface EditorOptions {
  readonly parent: HTMLElement
  readonly source: string
  /** What is read aloud for it. */
  readonly label: string
  readonly onEdit: (source: string) => void
  readonly onRun: () => void
}

/** Tab is not a key of the editor's, so that a keyboard can leave it. */
export function createEditor({ parent, source, label, onEdit, onRun }: EditorOptions): CellEditor {
  const marks = new Compartment()
  const marked = (view?: EditorView, line?: number) => {
    if (!view || line === undefined || line > view.state.doc.lines) return EditorView.decorations.of(Decoration.none)
    const { from } = view.state.doc.line(line)
    return EditorView.decorations.of(Decoration.set(Decoration.line({ class: 'cell-wrong' }).range(from)))
  }
  const run = () => {
    onRun()
    return true
  }
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: source,
      extensions: [
        // Before the usual keys, one of which is Mod-Enter too.
        keymap.of([
          { key: 'Mod-Enter', run },
          { key: 'Shift-Enter', run },
        ]),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        history(),
        indentOnInput(),
        bracketMatching(),
        javascript(),
        syntaxHighlighting(classHighlighter),
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
        EditorView.updateListener.of(update => {
          if (update.docChanged) onEdit(update.state.doc.toString())
        }),
        marks.of(marked()),
      ],
    }),
  })
  return {
    get source() {
      return view.state.doc.toString()
    },
    write(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
    },
    mark(line) {
      view.dispatch({ effects: marks.reconfigure(marked(view, line)) })
    },
    destroy: () => view.destroy(),
  }
}
