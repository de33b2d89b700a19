/** Sizes that drawings follow: of an element, and of the window. */
import { type ReadonlySignal, signal, useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** A size in CSS pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** The size of an element, followed. */
export function useSize(): { readonly element: RefObject<HTMLDivElement | null>; readonly size: ReadonlySignal<Size> } {
  const element = useRef<HTMLDivElement>(null)
  const size = useSignal<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const measure = (): void => {
      const { clientWidth: width, clientHeight: height } = element.current!
      if (width !== size.value.width || height !== size.value.height) size.value = { width, height }
    }
    // Told once the page is laid out, and before it is painted: to measure here would lay it out twice.
    const observer = new ResizeObserver(measure)
    observer.observe(element.current!)
    return () => observer.disconnect()
  }, [size])
  return { element, size }
}

/** Whether the window is of a kind, as style sheets ask. */
function media(query: string): ReadonlySignal<boolean> {
  const list = matchMedia(query)
  const matches = signal(list.matches)
  list.addEventListener('change', () => {
    matches.value = list.matches
  })
  return matches
}

/** CSS pixels of the window from side to side. */
export const windowWidth = signal(innerWidth)
addEventListener('resize', () => {
  windowWidth.value = innerWidth
})

/** A phone's window, and one that has no room for what is only beside something; the widths are those of the style sheets. */
export const isPhone = media('(max-width: 640px)')
export const isSmall = media('(max-width: 1140px)')
