/** The list of runs: its columns, how it is sorted, and what a filter leaves of it. */
import type { RunSummary } from '../../../../src/runs/live/protocol.ts'

/** Columns by what they say. */
export const columns = [
  'name',
  'model',
  'data',
  'state',
  'step',
  'epoch',
  'loss',
  'accuracy',
  'best',
  'test',
  'began',
  'seconds',
] as const
export type Column = (typeof columns)[number]

/** How the list is sorted. */
export interface Order {
  readonly column: Column
  readonly isDown: boolean
}

/** Columns of which the largest are looked for first. */
const fromLargest: readonly Column[] = ['step', 'epoch', 'accuracy', 'best', 'test', 'began', 'seconds']

/** The order after a column's head was pressed. */
export const nextOrder = (order: Order, column: Column): Order => ({
  column,
  isDown: order.column === column ? !order.isDown : fromLargest.includes(column),
})

/** The value of a run in a column; undefined where it has none. */
export function cellOf(run: RunSummary, column: Column): string | number | undefined {
  switch (column) {
    case 'loss':
      return run.last?.loss ?? undefined
    case 'accuracy':
      return run.last?.accuracy ?? undefined
    case 'best':
      return run.best?.accuracy ?? undefined
    case 'began':
      return run.began || undefined
    default:
      return run[column]
  }
}

const byName = new Intl.Collator('en', { numeric: true })

/** Runs in an order; those without a value come last in any, and equal ones are sorted by name. */
export function sorted(runs: readonly RunSummary[], { column, isDown }: Order): RunSummary[] {
  const sign = isDown ? -1 : 1
  return [...runs].sort((a, b) => {
    const [left, right] = [cellOf(a, column), cellOf(b, column)]
    if (left === undefined || right === undefined)
      return Number(left === undefined) - Number(right === undefined) || byName.compare(a.name, b.name)
    const difference =
      typeof left === 'number' && typeof right === 'number' ? left - right : byName.compare(String(left), String(right))
    return sign * difference || byName.compare(a.name, b.name)
  })
}

/** Runs that have all words of a filter in their name, model, data or state. */
export function filtered(runs: readonly RunSummary[], filter: string): RunSummary[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  return runs.filter(({ name, model, data, state }) => {
    const text = `${name} ${model} ${data} ${state}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
}

/** Runs to draw where nobody has chosen: those that are trained, else the newest; a few. */
export function firstChoice(runs: readonly RunSummary[]): string[] {
  const newest = [...runs].sort((a, b) => b.key - a.key)
  const running = newest.filter(({ state }) => state === 'running')
  return (running.length > 0 ? running : newest).slice(0, 3).map(({ name }) => name)
}
