/** Which elements can be seen: what cannot need not be drawn. */
import { batch, type Signal } from '@preact/signals'

const watched = new WeakMap<Element, Signal<boolean>>()
let observer: IntersectionObserver | undefined

function observe(): IntersectionObserver {
  observer ??= new IntersectionObserver(entries => {
    batch(() => {
      for (const { target, isIntersecting } of entries) {
        const isSeen = watched.get(target)
        if (isSeen) isSeen.value = isIntersecting
      }
    })
  })
  return observer
}

/** Keeps a signal true while any part of an element is in the window. @returns what ends it */
export function whileSeen(element: Element, isSeen: Signal<boolean>): () => void {
  watched.set(element, isSeen)
  observe().observe(element)
  return () => {
    watched.delete(element)
    observe().unobserve(element)
  }
}
