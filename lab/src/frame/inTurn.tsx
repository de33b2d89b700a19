/** Parts of a page that are mounted one after the other: a page that makes all of them at once answers nobody meanwhile. */
import { useSignal } from '@preact/signals'
import { type ComponentChildren, toChildArray } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import { nextFrame } from './frames.ts'

/** Shows more children with every frame, the first with the next one. @param by children of a frame */
export function InTurn({ children, by = 1 }: { readonly children: ComponentChildren; readonly by?: number }) {
  const all = toChildArray(children)
  const shown = useSignal(0)
  const isDone = shown.value >= all.length
  useLayoutEffect(() => {
    if (isDone) return
    nextFrame(() => {
      shown.value += by
    })
  }, [shown, shown.value, isDone, by])
  return <>{all.slice(0, shown.value)}</>
}
