/** The state of Convolve: its numbers, the cell that is chosen, and what the pointer is over. */
import { batch, computed, signal } from '@preact/signals'
import type { Place } from '../../state/link.ts'
import type { LayerInfo, Look } from '../../worker/protocol.ts'
import { type Cell, fitOf, type Sizes } from './arithmetic.ts'
import { fitted, lectureNumbers, lectureSizes, numbersOfCell, resized } from './numbers.ts'

/** What is shown of a convolution. */
export const tabs = ['convolution', 'max pooling', 'transposed', 'gradients', 'as a matrix'] as const
export type Tab = (typeof tabs)[number]

/** Something that the pointer or the focus is on. */
export type Hovered =
  | { readonly kind: 'input'; readonly channel: number; readonly row: number; readonly column: number }
  | { readonly kind: 'weight'; readonly channel: number; readonly row: number; readonly column: number }

/** The state. */
export class Convolve {
  readonly tab = signal<Tab>('convolution')
  readonly numbers = signal(lectureNumbers(lectureSizes))
  readonly cell = signal<Cell>({ filter: 0, row: 1, column: 1 })
  readonly hovered = signal<Hovered | undefined>(undefined)
  /** The cell of the network whose numbers these are. */
  readonly origin = signal<(Place & { readonly step: number }) | undefined>(undefined)
  readonly playing = signal(false)
  readonly fit = computed(() => fitOf(this.numbers.value.sizes))

  /** The numbers of the lecture's size again. */
  reset(): void {
    batch(() => {
      this.numbers.value = lectureNumbers(lectureSizes)
      this.origin.value = undefined
      this.choose({ filter: 0, row: 1, column: 1 })
    })
  }

  /** Takes the numbers of a cell of the network. */
  openCell(layers: readonly LayerInfo[], look: Look, place: Place): void {
    const numbers = numbersOfCell(layers, look, place)
    if (!numbers) return
    batch(() => {
      this.numbers.value = numbers
      this.origin.value = { ...place, step: look.step }
      this.tab.value = 'convolution'
      this.choose({ filter: 0, row: 0, column: 0 })
    })
  }

  /** Changes a size; numbers that stay keep their value. */
  resize(name: keyof Sizes, value: number): void {
    batch(() => {
      this.numbers.value = fitted(this.numbers.value, resized(this.numbers.value.sizes, name, value))
      this.choose(this.cell.value)
    })
  }

  /** Chooses a cell, or the nearest there is. */
  choose({ filter, row, column }: Cell): void {
    const { K } = this.numbers.value.sizes
    const last = Math.max(0, this.fit.value.windows - 1)
    this.cell.value = { filter: Math.min(filter, K - 1), row: Math.min(row, last), column: Math.min(column, last) }
  }

  /** The next cell, row by row, and filter by filter at the end. */
  next(steps: number): void {
    const { K } = this.numbers.value.sizes
    const windows = Math.max(1, this.fit.value.windows)
    const all = K * windows * windows
    const { filter, row, column } = this.cell.value
    const at = ((((filter * windows + row) * windows + column + steps) % all) + all) % all
    this.cell.value = {
      filter: Math.floor(at / windows / windows),
      row: Math.floor(at / windows) % windows,
      column: at % windows,
    }
  }

  /** The row above or below, at the border the other side. */
  nextRow(steps: number): void {
    const windows = Math.max(1, this.fit.value.windows)
    const { row } = this.cell.value
    this.cell.value = { ...this.cell.value, row: (row + steps + windows) % windows }
  }

  nextFilter(steps: number): void {
    const { K } = this.numbers.value.sizes
    const { filter } = this.cell.value
    this.cell.value = { ...this.cell.value, filter: (filter + steps + K) % K }
  }

  setInput(channel: number, row: number, column: number, value: number): void {
    const { numbers } = this
    numbers.value = {
      ...numbers.value,
      input: numbers.value.input.map((map, c) => (c === channel ? replaced(map, row, column, value) : map)),
    }
  }

  /** @param channel counted within the filter's group */
  setWeight(filter: number, channel: number, row: number, column: number, value: number): void {
    const { numbers } = this
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
    numbers.value = { ...numbers.value, bias: numbers.value.bias.map((old, k) => (k === filter ? value : old)) }
  }
}

const replaced = (grid: readonly (readonly number[])[], row: number, column: number, value: number): number[][] =>
  grid.map((values, y) => values.map((old, x) => (y === row && x === column ? value : old)))
