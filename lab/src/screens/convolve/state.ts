/** The state of Convolve: its numbers, the cell that is chosen, and what the pointer is over. */
import { batch, computed, signal } from '@preact/signals'
import type { Place } from '../../state/link.ts'
import type { LayerInfo, Look } from '../../worker/protocol.ts'
import { type Cell, fitOf, type Sizes, transposedWidth } from './arithmetic.ts'
import { fitted, lectureNumbers, lectureSizes, numbersOfCell, resized } from './numbers.ts'

/** What is shown of a convolution. */
export const tabs = ['convolution', 'max pooling', 'transposed', 'gradients', 'as a matrix'] as const
export type Tab = (typeof tabs)[number]

/** Something that the pointer or the focus is on. */
export type Hovered =
  | { readonly kind: 'input'; readonly channel: number; readonly row: number; readonly column: number }
  | { readonly kind: 'weight'; readonly channel: number; readonly row: number; readonly column: number }

/** A number of the backward pass. */
export interface Slope {
  readonly of: 'weight' | 'input'
  readonly channel: number
  readonly row: number
  readonly column: number
}

/** The state. */
export class Convolve {
  readonly tab = signal<Tab>('convolution')
  readonly numbers = signal(lectureNumbers(lectureSizes))
  readonly cell = signal<Cell>({ filter: 0, row: 1, column: 1 })
  /** The chosen number of the transposed convolution's output, and of the backward pass. */
  readonly stamped = signal({ row: 2, column: 2 })
  readonly slope = signal<Slope>({ of: 'weight', channel: 0, row: 0, column: 0 })
  readonly hovered = signal<Hovered | undefined>(undefined)
  /** The cell of the network whose numbers these are. */
  readonly origin = signal<(Place & { readonly step: number }) | undefined>(undefined)
  /** Whether a number or a size of them was changed here. */
  readonly isChanged = signal(false)
  readonly playing = signal(false)
  /** CSS pixels from side to side that there are for the numbers. */
  readonly room = signal(Number.POSITIVE_INFINITY)
  readonly fit = computed(() => fitOf(this.numbers.value.sizes))
  /** Windows of a row in the tab that is open; those of pooling have no padding. */
  readonly windows = computed(() => {
    const { sizes } = this.numbers.value
    const { windows } = this.tab.value === 'max pooling' ? fitOf({ ...sizes, P: 0 }) : this.fit.value
    return Math.max(1, windows)
  })

  /** The numbers of the lecture's size again. */
  reset(): void {
    batch(() => {
      this.numbers.value = lectureNumbers(lectureSizes)
      this.origin.value = undefined
      this.isChanged.value = false
      this.choose({ filter: 0, row: 1, column: 1 })
    })
  }

  /** Takes the numbers of a cell of the network. */
  openCell(layers: readonly LayerInfo[], look: Look, place: Place): void {
    batch(() => {
      if (!this.#take(layers, look, place)) return
      this.tab.value = 'convolution'
      this.choose({ filter: 0, row: 0, column: 0 })
    })
  }

  /** The numbers of the same cell at another moment, or for another picture; what is chosen stays chosen. */
  refresh(layers: readonly LayerInfo[], look: Look): void {
    const { value: origin } = this.origin
    if (origin) batch(() => this.#take(layers, look, origin))
  }

  /** @returns false for a place that is no cell of a convolution. */
  #take(layers: readonly LayerInfo[], look: Look, place: Place): boolean {
    const numbers = numbersOfCell(layers, look, place)
    if (!numbers) return false
    this.numbers.value = numbers
    this.origin.value = { ...place, step: look.step }
    this.isChanged.value = false
    return true
  }

  /** Changes a size; numbers that stay keep their value. */
  resize(name: keyof Sizes, value: number): void {
    batch(() => {
      this.isChanged.value = true
      this.numbers.value = fitted(this.numbers.value, resized(this.numbers.value.sizes, name, value))
      this.choose(this.cell.value)
    })
  }

  /** Chooses a cell, or the nearest there is. */
  choose({ filter, row, column }: Cell): void {
    const { K } = this.numbers.value.sizes
    const last = this.windows.value - 1
    this.cell.value = { filter: Math.min(filter, K - 1), row: Math.min(row, last), column: Math.min(column, last) }
  }

  /** The next cell, row by row, and filter by filter at the end. */
  next(steps: number): void {
    const { K } = this.numbers.value.sizes
    const windows = this.windows.value
    const all = K * windows * windows
    const { filter } = this.cell.value
    // Another tab may have had more windows.
    const [row, column] = [this.cell.value.row, this.cell.value.column].map(at => Math.min(at, windows - 1)) as [
      number,
      number,
    ]
    const at = ((((filter * windows + row) * windows + column + steps) % all) + all) % all
    this.cell.value = {
      filter: Math.floor(at / windows / windows),
      row: Math.floor(at / windows) % windows,
      column: at % windows,
    }
  }

  /**
   * Moves what is chosen by rows and columns, as far as there are some: the window, the number of the transposed convolution's output,
   * or that of the backward pass.
   */
  move(rows: number, columns: number): void {
    const moved = <T extends { readonly row: number; readonly column: number }>(place: T, side: number): T => {
      const inside = (at: number): number => Math.max(0, Math.min(side - 1, at))
      return { ...place, row: inside(place.row + rows), column: inside(place.column + columns) }
    }
    const { sizes } = this.numbers.value
    if (this.tab.value === 'transposed') this.stamped.value = moved(this.stamped.value, transposedWidth(sizes))
    else if (this.tab.value === 'gradients') {
      const { value: slope } = this.slope
      this.slope.value = moved(slope, slope.of === 'weight' ? sizes.F : sizes.W)
    } else this.cell.value = moved(this.cell.value, this.windows.value)
  }

  /** Cells from a window to the next that shares no number with it. */
  get stride(): number {
    const { F, S } = this.numbers.value.sizes
    return Math.max(2, Math.ceil(F / S))
  }

  nextFilter(steps: number): void {
    const { K } = this.numbers.value.sizes
    const { filter } = this.cell.value
    this.cell.value = { ...this.cell.value, filter: (filter + steps + K) % K }
  }

  setInput(channel: number, row: number, column: number, value: number): void {
    const { numbers } = this
    this.isChanged.value = true
    numbers.value = {
      ...numbers.value,
      input: numbers.value.input.map((map, c) => (c === channel ? replaced(map, row, column, value) : map)),
    }
  }

  /** @param channel counted within the filter's group */
  setWeight(filter: number, channel: number, row: number, column: number, value: number): void {
    const { numbers } = this
    this.isChanged.value = true
    numbers.value = {
      ...numbers.value,
      weights: numbers.value.weights.map((kernels, k) =>
        k !== filter
          ? kernels
          : kernels.map((kernel, c) => (c === channel ? replaced(kernel, row, column, value) : kernel)),
      ),
    }
  }

  setBias(filter: number, value: number): void {
    const { numbers } = this
    this.isChanged.value = true
    numbers.value = { ...numbers.value, bias: numbers.value.bias.map((old, k) => (k === filter ? value : old)) }
  }
}

const replaced = (grid: readonly (readonly number[])[], row: number, column: number, value: number): number[][] =>
  grid.map((values, y) => values.map((old, x) => (y === row && x === column ? value : old)))
