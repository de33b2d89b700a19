/** A search: its trials as parallel coordinates and as a scatter, which brushes narrow down together with the list. */
import { useComputed } from '@preact/signals'
import { mostChosen, type SearchSummary } from '../../../../src/runs/live/protocol.ts'
import { formatValue } from '../../../../src/text/format.ts'
import { whole } from '../../draw/format.ts'
import { Parallel } from './parallel.tsx'
import { Scatter } from './scatter.tsx'
import { scoreName } from './searchAxes.ts'
import type { Runs } from './state.ts'

/** Curves that one press draws. */
const mostBest = 5

interface PartProps {
  readonly runs: Runs
}

/** The section; nothing where there is no search. */
export function Search({ runs }: PartProps) {
  const { searches } = runs
  const search = searches.shown.value
  const isEmpty = useComputed(() => searches.trials.value.length === 0).value
  if (!search) return null
  return (
    <section class="search" aria-labelledby="search-title">
      <div class="search-bar">
        <h2 id="search-title">
          Trials of <Which runs={runs} search={search} />
        </h2>
        <Counted runs={runs} search={search} />
        <Buttons runs={runs} />
      </div>
      {isEmpty ? (
        <p class="waiting quiet" role="status">
          No trials yet. Each appears here as it begins.
        </p>
      ) : (
        <>
          <div class="search-plots">
            <Parallel runs={runs} />
            <div>
              <Scatter runs={runs} />
              <Field runs={runs} />
            </div>
          </div>
          <Pointed runs={runs} search={search} />
          <p class="hint micro quiet">
            One line or dot for each trial, the stronger the better. Drag along an axis to brush it, or move its two
            ends by arrows; several brushes hold together, in the list as well. A click on a line draws its curve; a
            click on an axis, or Esc at its end, takes its brush away.
          </p>
        </>
      )}
    </section>
  )
}

function Which({ runs, search }: PartProps & { readonly search: SearchSummary }) {
  const all = runs.searches.all.value
  if (all.length === 1) return <>{search.name}</>
  return (
    <select
      aria-label="Search that is shown"
      value={search.name}
      onChange={event => runs.searches.choose(event.currentTarget.value)}
    >
      {all.map(({ name }) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  )
}

function Counted({ runs, search }: PartProps & { readonly search: SearchSummary }) {
  const { kept, trials, brushes } = runs.searches
  const text = useComputed(() => {
    const count = trials.value.length
    const unscored = trials.value.filter(({ goodness }) => goodness === undefined).length
    const all = `${whole(count)} trial${count === 1 ? '' : 's'}`
    return [
      brushes.value.size > 0 ? `${whole(kept.value.length)} of ${all} within the brushes` : all,
      ...(unscored > 0 ? [`${whole(unscored)} without a score`] : []),
      `${search.strategy} search, judged by the last validation ${search.metric}`,
    ].join(', ')
  })
  return (
    <span class="quiet small" role="status">
      {text}
    </span>
  )
}

function Buttons({ runs }: PartProps) {
  const { searches } = runs
  const count = useComputed(() => Math.min(mostBest, mostChosen, searches.best(mostBest).length)).value
  const isBrushed = useComputed(() => searches.brushes.value.size > 0).value
  return (
    <div class="buttons">
      <button type="button" disabled={count === 0} onClick={() => runs.choose(searches.best(mostBest))}>
        {count === 1 ? 'Draw the best' : `Draw the best ${count}`}
      </button>
      <button type="button" disabled={!isBrushed} onClick={() => searches.clear()}>
        Clear brushes
      </button>
    </div>
  )
}

function Field({ runs }: PartProps) {
  const { searches } = runs
  const fields = searches.axes.value.slice(0, -1)
  if (fields.length < 2) return null
  return (
    <label class="scatter-field small">
      across{' '}
      <select
        value={searches.across.value?.key}
        onChange={event => {
          searches.field.value = event.currentTarget.value
        }}
      >
        {fields.map(({ key }) => (
          <option key={key} value={key}>
            {key}
          </option>
        ))}
      </select>
    </label>
  )
}

/** The numbers of the trial that is pointed at. */
function Pointed({ runs, search }: PartProps & { readonly search: SearchSummary }) {
  const trial = runs.searches.hoveredTrial.value
  if (!trial) return <p class="pointed small quiet">Point at a trial, here or in the list, and its numbers are here.</p>
  const { row } = trial
  const score = trial.places.at(-1)
  return (
    <p class="pointed small">
      <b>{row.name.split('/').at(-1)}</b>{' '}
      {search.axes.map(({ field }, k) => (
        <span key={field}>
          <span class="quiet">{field}</span> {formatValue(row.trial?.values[k] ?? 'none')}
        </span>
      ))}
      <span>
        <span class="quiet">{search.metric}</span>{' '}
        {score === undefined ? 'none yet' : `${scoreName(search.metric, score)} after epoch ${row.last?.epoch}`}
      </span>
    </p>
  )
}
