/** Files that are dropped on an element. */
import { type ReadonlySignal, useSignal } from '@preact/signals'
import { type FoundFile, filesOfDrop } from '../../frame/upload.ts'

/** What an element needs to take files, and whether some are held over it. */
export function useDrop(onFiles: (files: readonly FoundFile[]) => void): {
  readonly isOver: ReadonlySignal<boolean>
  readonly handlers: {
    onDragOver(event: DragEvent): void
    onDragLeave(event: DragEvent): void
    onDrop(event: DragEvent): Promise<void>
  }
} {
  const isOver = useSignal(false)
  return {
    isOver,
    handlers: {
      onDragOver(event) {
        if (!event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        // The element above it takes files, too.
        event.stopPropagation()
        isOver.value = true
      },
      onDragLeave(event) {
        if (!(event.currentTarget as Element).contains(event.relatedTarget as Node | null)) isOver.value = false
      },
      async onDrop(event) {
        if (!event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        event.stopPropagation()
        isOver.value = false
        onFiles(await filesOfDrop(event.dataTransfer))
      },
    },
  }
}
