/** Searches as the page knows them: which is shown, what is brushed, and what the pointer is at. It touches no document. */
import { computed, type ReadonlySignal, signal } from '@preact/signals'
import type { RunSummary, SearchSummary } from '../../../../src/runs/live/protocol.ts'
import { type Brushes, bestOf, isWithin, placeTrials, type SearchTrial } from './searchAxes.ts'
import type { Span } from './shape.ts'

const noTrials = { axes: [], trials: [] } as ReturnType<typeof placeTrials>

/** The searches. */
export class Searches {
  readonly all = signal<readonly SearchSummary[]>([])
  /** Name of the one that was chosen; the first without. */
  readonly chosen = signal<string | undefined>(undefined)
  /** Brushes as they are held: an end that was put to the end of its axis is open, since an axis of scores grows with its trials. */
  readonly #held = signal<Brushes>(new Map())
  /** Name of the run that the pointer or the focus is at. */
  readonly hovered = signal<string | undefined>(undefined)
  /** The field of the scatter, when another than the first was chosen. */
  readonly field = signal<string | undefined>(undefined)
  readonly #rows: ReadonlySignal<ReadonlyMap<number, RunSummary>>

  /** @param rows all runs */
  constructor(rows: ReadonlySignal<ReadonlyMap<number, RunSummary>>) {
    this.#rows = rows
  }

  /** The one that is shown. */
  readonly shown = computed<SearchSummary | undefined>(
    () => this.all.value.find(({ name }) => name === this.chosen.value) ?? this.all.value[0],
  )
  readonly #placed = computed(() => {
    const search = this.shown.value
    if (!search) return noTrials
    const rows = [...this.#rows.value.values()].filter(({ trial }) => trial?.search === search.name)
    return placeTrials(search, rows)
  })
  readonly axes = computed(() => this.#placed.value.axes)
  readonly trials = computed(() => this.#placed.value.trials)
  /** Brushes within the ends of their axes as these are now. */
  readonly brushes = computed<Brushes>(() => {
    const axes = new Map(this.axes.value.map(axis => [axis.key, axis]))
    return new Map(
      Array.from(this.#held.value, ([key, [low, high]]) => {
        const { from = low, to = high } = axes.get(key) ?? {}
        const within = (at: number): number => Math.max(from, Math.min(to, at))
        return [key, [within(low), within(high)]]
      }),
    )
  })
  /** The trials within all brushes. */
  readonly kept = computed<readonly SearchTrial[]>(() => {
    const [axes, brushes] = [this.axes.value, this.#held.value]
    return brushes.size === 0 ? this.trials.value : this.trials.value.filter(trial => isWithin(trial, axes, brushes))
  })
  readonly #keptNames = computed(() => new Set(this.kept.value.map(({ row }) => row.name)))
  readonly hoveredTrial = computed(() => this.trials.value.find(({ row }) => row.name === this.hovered.value))
  /** The axis that the scatter has below. */
  readonly across = computed(() => {
    const fields = this.axes.value.slice(0, -1)
    return fields.find(({ key }) => key === this.field.value) ?? fields[0]
  })

  /** Shows another search, all of it. */
  choose(name: string): void {
    this.chosen.value = name
    this.#held.value = new Map()
    this.field.value = undefined
  }

  /** Brushes an axis from one place to another, whose ends stay open at an end of the axis; all of the axis is no brush. */
  brush(key: string, span: Span | undefined): void {
    const axis = this.axes.value.find(one => one.key === key)
    const brushes = new Map(this.#held.value)
    brushes.delete(key)
    if (axis && span) {
      const [low, high] = [Math.min(...span), Math.max(...span)]
      const isOpenBelow = low <= axis.from
      const isOpenAbove = high >= axis.to
      if (low <= high && high >= axis.from && low <= axis.to && !(isOpenBelow && isOpenAbove)) {
        brushes.set(key, [isOpenBelow ? Number.NEGATIVE_INFINITY : low, isOpenAbove ? Number.POSITIVE_INFINITY : high])
      }
    }
    this.#held.value = brushes
  }

  clear(): void {
    this.#held.value = new Map()
  }

  /** Of some runs, those that brushes leave in the list: trials within them. */
  listed(rows: readonly RunSummary[]): readonly RunSummary[] {
    if (this.#held.value.size === 0) return rows
    return rows.filter(({ name }) => this.#keptNames.value.has(name))
  }

  /** Names of the best trials within the brushes. */
  best(count: number): string[] {
    return bestOf(this.kept.value, count).map(({ row }) => row.name)
  }
}
