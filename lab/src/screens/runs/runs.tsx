/** Runs: those of a folder, live; the curves of some of them beside each other, and where their recipes differ. */
import { useComputed, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { percent, whole } from '../../draw/format.ts'
import { Range } from '../../frame/range.tsx'
import { Said } from '../../frame/said.tsx'
import { Choices } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
import '../../style/runs.css'
import { Chart, placeName } from './chart.tsx'
import { Checkpoints } from './checkpoints.tsx'
import { Differences, Notices } from './notes.tsx'
import { Readings } from './readings.tsx'
import { RunList } from './runList.tsx'
import { formatRunsView, isRunsLink, parseRunsView } from './runsLink.ts'
import { SearchPlace } from './searchPlace.tsx'
import { axes, duration } from './shape.ts'
import { serverSource } from './source.ts'
import { Runs } from './state.ts'
import { Steer } from './steer.tsx'
import { TagChoice } from './tagChoice.tsx'

/** The largest window of means, as a share of what is shown. */
const widestWindow = 0.1

/** Name of the run that the process of this page's server trains, if it does. */
const steered = document.querySelector<HTMLMetaElement>('meta[name="fovea-steered"]')?.content

const create = (): Runs =>
  new Runs(serverSource(new URL('runs/', document.baseURI).href), parseRunsView(location.hash), draw =>
    requestAnimationFrame(draw),
  )

/** The screen. */
export function RunsScreen({ lab }: { readonly lab: Lab }) {
  const runs = useMemo(create, [])
  useEffect(() => {
    const show = (): void => {
      if (isRunsLink(location.hash)) runs.show(parseRunsView(location.hash))
    }
    addEventListener('hashchange', show)
    return () => {
      removeEventListener('hashchange', show)
      runs.close()
    }
  }, [runs])
  // The address is the one of what is shown.
  useSignalEffect(() => {
    if (lab.screen.value === 'runs') history.replaceState(null, '', formatRunsView(runs.view()))
  })
  const isDrawn = useComputed(() => runs.drawn.value.length > 0).value
  return (
    <div class="screen runs">
      <section class="work" aria-labelledby="runs-title">
        <div class="bar">
          <Title runs={runs} title={lab.served!} />
          <Filter runs={runs} />
        </div>
        <Trouble runs={runs} />
        {steered !== undefined && <Steer runs={runs} name={steered} />}
        <ListPlace runs={runs} />
        <SearchPlace runs={runs} />
        {isDrawn ? (
          <>
            <Controls runs={runs} />
            <TagChoice runs={runs} />
            <div class="charts">
              <Chart runs={runs} quantity="loss" title="loss" />
              <Chart runs={runs} quantity="accuracy" title="accuracy" />
            </div>
            <p class="hint micro quiet">
              Line: mean over <Window runs={runs} />. Band: least and largest of single steps. Dots: validation. Drag to
              zoom, double click or Esc for all of it; keys ← → + −.
            </p>
            <Readings runs={runs} />
            <div class="notes">
              <Differences runs={runs} />
              <div>
                <Checkpoints runs={runs} />
                <Notices runs={runs} />
              </div>
            </div>
          </>
        ) : (
          <Nothing runs={runs} />
        )}
      </section>
    </div>
  )
}

interface PartProps {
  readonly runs: Runs
}

function Title({ runs, title }: PartProps & { readonly title: string }) {
  const counted = useComputed(() => {
    const all = [...runs.rows.value.values()]
    const running = all.filter(({ state }) => state === 'running').length
    const unread = all.filter(({ isRead }) => !isRead).length
    return [
      `${whole(all.length)} run${all.length === 1 ? '' : 's'}`,
      ...(running > 0 ? [`${running} running`] : []),
      ...(unread > 0 ? [`reading ${unread} logs`] : []),
    ].join(', ')
  })
  return (
    <h1 id="runs-title">
      Runs in {title} <span class="quiet small">{counted}</span>
    </h1>
  )
}

function Filter({ runs }: PartProps) {
  const isFiltered = useComputed(() => runs.filter.value !== '').value
  const count = useComputed(() => `${runs.list.value.length} of ${runs.rows.value.size}`)
  return (
    <div class="filter">
      {isFiltered && <span class="quiet small">{count}</span>}
      <input
        class="text-field"
        type="search"
        placeholder="filter: name, model, data, state"
        aria-label="Filter the list"
        value={runs.filter}
        onInput={event => {
          runs.filter.value = event.currentTarget.value
        }}
      />
      <button type="button" onClick={() => runs.choose([])}>
        Clear choice
      </button>
    </div>
  )
}

/** What went wrong with the server. */
function Trouble({ runs }: PartProps) {
  const isLost = runs.connection.value === 'lost'
  const problem = runs.problem.value
  if (!isLost && problem === undefined) return null
  return (
    <p class="trouble small" role="status">
      <Said text={isLost ? '`fovea lab` does not answer: what is here stays, and it is asked again.' : problem!} />
    </p>
  )
}

function ListPlace({ runs }: PartProps) {
  const isEmpty = useComputed(() => runs.rows.value.size === 0).value
  if (!isEmpty) return <RunList runs={runs} />
  return (
    <p class="waiting quiet" role="status">
      {runs.connection.value === 'open' ? (
        <>
          No runs yet. Each that <code>fovea train</code> begins in this folder, and every folder with TensorBoard's
          event files, appears here by itself.
        </>
      ) : (
        'reading the folder'
      )}
    </p>
  )
}

/** In place of curves. */
function Nothing({ runs }: PartProps) {
  const isChosen = useComputed(() => (runs.chosen.value?.length ?? 0) > 0).value
  const isThere = useComputed(() => runs.rows.value.size > 0).value
  if (!isThere) return null
  return (
    <p class="waiting quiet" role="status">
      {isChosen ? 'reading curves' : 'Choose runs in the list, and their curves are here.'}
    </p>
  )
}

function Controls({ runs }: PartProps) {
  return (
    <div class="chart-controls">
      <Choices label="Horizontal axis" values={axes} chosen={runs.axis.value} onChoose={axis => runs.setAxis(axis)} />
      <label class="switch">
        <input
          type="checkbox"
          checked={runs.isLog}
          onChange={event => {
            runs.isLog.value = event.currentTarget.checked
          }}
        />
        log scale of the loss
      </label>
      <Range
        label="smoothing"
        shown={percent(runs.smoothing.value, 1)}
        value={runs.smoothing.value}
        least={0}
        most={widestWindow}
        step={0.001}
        onChange={value => {
          runs.smoothing.value = value
        }}
      />
      <button type="button" class="all" disabled={runs.zoom.value === undefined} onClick={() => runs.zoomTo(undefined)}>
        Show all
      </button>
      <Shown runs={runs} />
    </div>
  )
}

/** What a zoom shows. */
function Shown({ runs }: PartProps) {
  const zoom = runs.zoom.value
  if (!zoom) return null
  const [from, to] = zoom
  return (
    <span class="quiet small shown" role="status">
      {placeName(runs.axis.value, from)} to {placeName(runs.axis.value, to)}
    </span>
  )
}

/** The window of means, in words. */
function Window({ runs }: PartProps) {
  const width = runs.window.value
  if (runs.axis.value === 'time') return <>{duration(width)}</>
  if (runs.axis.value === 'epochs') return <>{Number(width.toPrecision(2))} epochs</>
  const steps = Math.max(1, Math.round(width))
  return <>{steps === 1 ? 'one step' : `${whole(steps)} steps`}</>
}
