/** The place of a search, whose drawings are loaded when there is one. */
import { type Signal, signal, useComputed } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Search } from './search.tsx'
import type { Runs } from './state.ts'

const loaded: Signal<typeof Search | undefined> = signal(undefined)

/** The section, once it is here. */
export function SearchPlace({ runs }: { readonly runs: Runs }) {
  const isThere = useComputed(() => runs.searches.shown.value !== undefined).value
  useEffect(() => {
    if (!isThere || loaded.peek()) return
    import('./search.tsx').then(
      ({ Search }) => {
        loaded.value = Search
      },
      () => {
        runs.problem.value = 'The drawings of searches could not be loaded: is `fovea lab` still running?'
      },
    )
  }, [isThere, runs])
  const Loaded = loaded.value
  return isThere && Loaded ? <Loaded runs={runs} /> : null
}
