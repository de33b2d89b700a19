/** The place of a search, whose drawings are loaded when there is one. */
import { useComputed } from '@preact/signals'
import { lazyPart } from '../../frame/lazyScreen.tsx'
import type { Runs } from './state.ts'

interface SearchProps {
  readonly runs: Runs
}

const Search = lazyPart<SearchProps>(
  async () => (await import('./search.tsx')).Search,
  ({ runs }) => {
    runs.problem.value = 'The drawings of searches could not be loaded: is `fovea lab` still running?'
  },
)

/** The section, once it is here. */
export function SearchPlace({ runs }: SearchProps) {
  const isThere = useComputed(() => runs.searches.shown.value !== undefined).value
  return isThere ? <Search runs={runs} /> : null
}
