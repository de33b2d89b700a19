/** Parts of a page that are mounted one after the other: a page that makes all of them at once answers nobody meanwhile. */
import { useSignal } from '@preact/signals'
import { type ComponentChildren, toChildArray } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import { nextFrame } from './frames.ts'

/** Shows one child more with every frame. */
export function InTurn({ children }: { readonly children: ComponentChildren }) {
  const all = toChildArray(children)
  const shown = useSignal(1)
  const isDone = shown.value >= all.length
  useLayoutEffect(() => {
    if (!isDone) nextFrame(() => shown.value++)
  }, [shown, shown.value, isDone])
  return <>{all.slice(0, shown.value)}</>
}
