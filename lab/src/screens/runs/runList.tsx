/** The list of runs: which are drawn is checked, the heads of columns sort it, and words leave out what has none of them. */
import { useComputed } from '@preact/signals'
import { mostChosen, type RunSummary } from '../../../../src/runs/live/protocol.ts'
import { digits, percent, whole } from '../../draw/format.ts'
import { type Column, columns, nextOrder } from './list.ts'
import { known } from './readings.tsx'
import { duration } from './shape.ts'
import type { Runs } from './state.ts'
import { Swatch } from './swatch.tsx'

const heads: Readonly<Record<Column, { readonly name: string; readonly title: string }>> = {
  name: { name: 'run', title: 'Name of its folder' },
  model: { name: 'model', title: 'Network' },
  data: { name: 'data', title: 'Data set' },
  state: { name: 'state', title: 'Whether a process trains it' },
  step: { name: 'step', title: 'Steps taken' },
  epoch: { name: 'epochs', title: 'Epochs done, of those planned' },
  loss: { name: 'loss', title: 'Validation loss after the last epoch' },
  accuracy: { name: 'last', title: 'Validation accuracy after the last epoch' },
  best: { name: 'best', title: 'Best validation accuracy' },
  test: { name: 'test', title: 'Accuracy on the test images' },
  began: { name: 'began', title: 'Time of its first event' },
  seconds: { name: 'time', title: 'Time spent in its steps' },
}
const isNumber = (column: Column): boolean => !['name', 'model', 'data', 'state'].includes(column)

/** The table. */
export function RunList({ runs }: { readonly runs: Runs }) {
  const { column: sortedBy, isDown } = runs.order.value
  return (
    <div class="run-list">
      <table>
        <thead>
          <tr>
            {columns.map(column => (
              <th
                key={column}
                scope="col"
                class={`${column}${isNumber(column) ? ' number' : ''}`}
                aria-sort={column === sortedBy ? (isDown ? 'descending' : 'ascending') : undefined}
              >
                <button
                  type="button"
                  title={heads[column].title}
                  onClick={() => {
                    runs.order.value = nextOrder(runs.order.value, column)
                  }}
                >
                  {heads[column].name}
                  {column === sortedBy && <span aria-hidden="true">{isDown ? '↓' : '↑'}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {runs.list.value.map(row => (
            <Row key={row.key} runs={runs} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ runs, row }: { readonly runs: Runs; readonly row: RunSummary }) {
  const look = useComputed(() => runs.looks.value.get(row.name)).value
  const isFull = useComputed(() => (runs.chosen.value?.length ?? 0) >= mostChosen).value
  const isHovered = useComputed(() => runs.searches.hovered.value === row.name).value
  const hover = (): void => {
    runs.searches.hovered.value = row.name
  }
  const leave = (): void => {
    runs.searches.hovered.value = undefined
  }
  return (
    <tr
      data-run={row.name}
      class={isHovered ? 'hovered' : undefined}
      onPointerEnter={hover}
      onPointerLeave={leave}
      onFocusIn={hover}
      onFocusOut={leave}
    >
      {columns.map(column =>
        column === 'name' ? (
          <th key={column} scope="row" class="name">
            <label title={row.name}>
              <input
                type="checkbox"
                checked={look !== undefined}
                disabled={look === undefined && isFull}
                onChange={() => runs.toggle(row.name)}
              />
              <Swatch look={look} />
              <span>{row.name}</span>
            </label>
          </th>
        ) : (
          <td key={column} class={`${column}${isNumber(column) ? ' number' : ''}`} title={titleOf(row, column)}>
            {column === 'state' ? <State row={row} /> : textOf(row, column)}
          </td>
        ),
      )}
    </tr>
  )
}

function State({ row }: { readonly row: RunSummary }) {
  // Before its log was read nobody knows how it ended.
  const isKnown = row.isRead || row.state === 'running' || row.state === 'done'
  return <span class={isKnown ? `state ${row.state}` : 'quiet'}>{isKnown ? row.state : 'reading'}</span>
}

function titleOf(row: RunSummary, column: Column): string | undefined {
  if (column === 'state') return row.why
  if (column === 'began' && row.began) return new Date(row.began).toLocaleString('en-GB')
  if (column === 'best' && row.best)
    return row.isScalars ? `at step ${whole(row.best.step)}` : `after epoch ${row.best.epoch}`
  return column === 'model' || column === 'data' ? row[column] : undefined
}

/** A number of the list. A loss that was not finite came as null. */
function textOf(row: RunSummary, column: Column): string {
  const share = (value: number | undefined): string => (value !== undefined && known(value) ? percent(value, 2) : '')
  switch (column) {
    case 'step':
      return row.step > 0 ? whole(row.step) : ''
    case 'epoch':
      return row.epochs > 0 ? `${row.epoch} of ${row.epochs}` : ''
    case 'loss':
      return row.last && (known(row.last.loss) || !row.isScalars) ? digits(row.last.loss ?? Number.NaN, 3) : ''
    case 'accuracy':
      return share(row.last?.accuracy)
    case 'best':
      return share(row.best?.accuracy)
    case 'test':
      return share(row.test)
    case 'began':
      return row.began ? dateOf(row.began) : ''
    case 'seconds':
      return row.seconds > 0 ? duration(row.seconds) : ''
    default:
      return String(row[column])
  }
}

/** A time in this place: `14:05` of today, `3 Jun 14:05` of this year. */
function dateOf(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return ''
  const now = new Date()
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  if (date.toDateString() === now.toDateString()) return time
  const isThisYear = date.getFullYear() === now.getFullYear()
  const day = date.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    ...(!isThisYear && { year: 'numeric' }),
  })
  return isThisYear ? `${day} ${time}` : day
}
