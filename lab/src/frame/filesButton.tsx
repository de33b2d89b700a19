/** A button that asks for files, or for a folder of them. */
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { type FoundFile, filesOfInput } from './upload.ts'

interface FilesButtonProps {
  /** What stands on the button. */
  readonly label: ComponentChildren
  /** The button's name, where its label says too little. */
  readonly name?: string
  /** What is shown over it, by default its name. */
  readonly title?: string
  /** The name of the input, which is hidden; by default the button's. */
  readonly asksFor?: string
  readonly class?: string
  readonly disabled?: boolean
  /** Of the input. */
  readonly id?: string
  /** Types of files, by default any. */
  readonly accept?: string
  readonly isFolder?: boolean
  /** Whether it asks for one file. */
  readonly isSingle?: boolean
  /** Takes the files, one or more. */
  readonly onFiles: (files: readonly FoundFile[]) => void
}

/** The button. */
export function FilesButton(props: FilesButtonProps) {
  const { label, name, title = name, asksFor = name, disabled, id, accept, isFolder, isSingle, onFiles } = props
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button
        type="button"
        class={props.class}
        disabled={disabled}
        title={title}
        aria-label={name}
        onClick={() => input.current!.click()}
      >
        {label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        id={id}
        multiple={!isSingle}
        accept={accept}
        aria-label={asksFor}
        // The typings know no such attribute; every browser does.
        {...(isFolder && { webkitdirectory: true })}
        onChange={event => {
          const files = filesOfInput(event.currentTarget.files!)
          // The same file may be chosen again.
          event.currentTarget.value = ''
          if (files.length > 0) onFiles(files)
        }}
      />
    </>
  )
}
