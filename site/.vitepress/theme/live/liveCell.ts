/**
 * A cell: code that a reader can change and run, and what it prints and shows. Until it runs, the page shows what it would, as written;
 * without JavaScript it stays so.
 */
import { useRoute, withBase } from 'vitepress'
import { computed, defineComponent, h, onBeforeUnmount, onMounted, ref, shallowRef, type VNode } from 'vue'
import type { CellEditor } from './editor.ts'
import type { CellMessage } from './protocol.ts'
import { type Session, sessionOf } from './session.ts'

/** Something that a cell has put out. */
type Output =
  | { readonly kind: 'text'; text: string }
  | { readonly kind: 'picture'; readonly name: string | undefined; markup: string }

/** What a cell has done. */
type State = 'as written' | 'running' | 'done' | 'failed' | 'stopped'

/** See the head of this file; `source` and `expected` are encoded as parts of addresses are. */
export const LiveCell = defineComponent({
  name: 'LiveCell',
  props: {
    cell: { type: Number, required: true },
    source: { type: String, required: true },
    expected: { type: String, default: undefined },
  },
  setup(props, { slots }) {
    const written = decodeURIComponent(props.source)
    const hasWritten = props.expected !== undefined || slots.picture !== undefined
    const place = ref<HTMLElement>()
    const editor = shallowRef<CellEditor>()
    const isEdited = ref(false)
    const state = ref<State>('as written')
    const outputs = ref<Output[]>([])
    const problem = ref<{ readonly line: number | undefined; readonly message: string }>()
    const seconds = ref<number>()
    const page = useRoute().path
    const session = shallowRef<Session>()
    const isBusy = computed(() => session.value?.running.value !== undefined)
    const isRunning = computed(() => session.value?.running.value === props.cell)
    let leave = () => {}

    onMounted(async () => {
      const library = new URL(withBase('/live/'), location.href).href
      session.value = sessionOf(page, library)
      leave = session.value.join(props.cell, { source: () => editor.value?.source ?? written, hear, stopped })
      const { createEditor } = await import('./editor.ts')
      // The reader may have gone on meanwhile.
      if (!place.value) return
      editor.value = createEditor({
        parent: place.value,
        source: written,
        label: `Code of example ${props.cell + 1}`,
        onEdit(source) {
          isEdited.value = source !== written
        },
        onRun: run,
      })
    })
    onBeforeUnmount(() => {
      leave()
      editor.value?.destroy()
    })

    function run(): void {
      if (isBusy.value) return
      clear()
      state.value = 'running'
      session.value?.run(props.cell)
    }

    function stopped(): void {
      state.value = 'stopped'
    }

    function hear(message: CellMessage): void {
      switch (message.kind) {
        case 'begin':
          clear()
          state.value = 'running'
          break
        case 'text': {
          const last = outputs.value.at(-1)
          if (last?.kind === 'text') last.text += `\n${message.text}`
          else outputs.value.push({ kind: 'text', text: message.text })
          break
        }
        case 'picture': {
          const { name, markup } = message
          const known = outputs.value.find(
            output => output.kind === 'picture' && name !== undefined && output.name === name,
          )
          if (known?.kind === 'picture') known.markup = markup
          else outputs.value.push({ kind: 'picture', name, markup })
          break
        }
        case 'end':
          if (problem.value) break
          state.value = 'done'
          seconds.value = message.seconds
          break
        case 'error':
          if (state.value !== 'running') clear()
          state.value = 'failed'
          problem.value = message
          editor.value?.mark(message.line)
          break
        case 'finished':
          if (!message.failed || problem.value) break
          clear()
          state.value = 'failed'
          problem.value = { line: undefined, message: 'a cell above, which this one needs, has failed' }
      }
    }

    function clear(): void {
      outputs.value = []
      problem.value = undefined
      seconds.value = undefined
      editor.value?.mark()
    }

    function reset(): void {
      editor.value?.write(written)
    }

    const button = (name: string, text: string, onClick: () => void, disabled = false): VNode =>
      h('button', { type: 'button', class: `cell-${name}`, disabled, onClick }, text)

    const status = (): string => {
      if (isRunning.value) return 'running …'
      if (state.value === 'done') return `${(seconds.value ?? 0).toFixed(2)} s`
      return state.value === 'stopped' ? 'stopped: what its page has computed is gone' : ''
    }

    // What the page itself holds is hidden, not taken away: VitePress' markup that was there before Vue cannot be.
    const asWritten = (): VNode =>
      h('div', { key: 'written', hidden: state.value !== 'as written' }, [
        ...(props.expected === undefined ? [] : [h('pre', { class: 'cell-text' }, decodeURIComponent(props.expected))]),
        ...(slots.picture ? [h('div', { class: 'cell-picture' }, slots.picture())] : []),
      ])

    const drawn = (output: Output, key: number): VNode =>
      output.kind === 'text'
        ? h('pre', { key, class: 'cell-text' }, output.text)
        : h('div', { key, class: 'cell-picture', innerHTML: output.markup })

    return () =>
      h('section', { class: 'cell', 'data-state': state.value, 'aria-label': `Example ${props.cell + 1}` }, [
        h('div', { class: 'cell-code' }, [
          h('div', { key: 'written', hidden: editor.value !== undefined }, slots.default?.()),
          h('div', { key: 'editor', ref: place }),
        ]),
        h('div', { class: 'cell-bar' }, [
          isRunning.value
            ? button('stop', 'Stop', () => session.value?.stop())
            : button('run', 'Run', run, isBusy.value || !editor.value),
          ...(isEdited.value ? [button('reset', 'As it was', reset)] : []),
          h('span', { class: 'cell-status', role: 'status' }, status()),
        ]),
        h('div', { class: 'cell-output', hidden: state.value === 'as written' && !hasWritten }, [
          asWritten(),
          h('div', { key: 'ran', class: 'cell-ran' }, [
            ...outputs.value.map(drawn),
            ...(problem.value
              ? [
                  h('p', { class: 'cell-problem', role: 'alert' }, [
                    ...(problem.value.line === undefined ? [] : [h('b', `line ${problem.value.line}: `)]),
                    problem.value.message,
                  ]),
                ]
              : []),
          ]),
        ]),
      ])
  },
})
