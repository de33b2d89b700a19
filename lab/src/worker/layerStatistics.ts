/** How the values of a layer are spread over many samples, summed batch by batch, so that no batch need be kept. */
import type { LayerStatistics } from './protocol.ts'

/** Bins of a histogram; a multiple of four, so that zero is a border and pairs of a side can be joined. */
const bins = 40

/** The sum. */
export class StatisticsSum {
  readonly #units: number
  readonly #batch: number
  readonly #alive: Uint8Array
  #counts = new Float64Array(bins)
  /** The histogram goes from −range to range; it doubles when a value lies outside. */
  #range = 0
  #zeros = 0
  #total = 0

  /** @param batch samples in each part that is added */
  constructor(units: number, batch: number) {
    this.#units = units
    this.#batch = batch
    this.#alive = new Uint8Array(units)
  }

  /** @param values `[batch, units, …positions]`, before ReLU */
  add(values: Float32Array): void {
    const positions = values.length / this.#batch / this.#units
    if (this.#range === 0) this.#range = largestOf(values)
    const [alive, middle] = [this.#alive, bins / 2]
    let factor = this.#factor
    let counts = this.#counts
    let zeros = 0
    // Hundreds of thousands of values at a time: each is read once, and maps are gone through one by one.
    for (let from = 0, map = 0; from < values.length; from += positions, map++) {
      let positive = 0
      for (let i = from; i < from + positions; i++) {
        const value = values[i]!
        if (!(value <= 0)) positive++
        let place = value * factor + middle
        if (!(place >= 0 && place <= bins)) {
          this.#widen(Math.abs(value))
          factor = this.#factor
          counts = this.#counts
          place = value * factor + middle
        }
        counts[place < bins ? place | 0 : bins - 1]!++
      }
      zeros += positions - positive
      if (positive > 0) alive[map % this.#units] = 1
    }
    this.#zeros += zeros
    this.#total += values.length
  }

  result(): LayerStatistics {
    const fullest = Math.max(...this.#counts)
    const dead = Array.from({ length: this.#units }, (_, unit) => unit).filter(unit => this.#alive[unit] === 0)
    return {
      histogram: Float32Array.from(this.#counts, count => count / fullest),
      range: this.#range,
      zero: this.#zeros / this.#total,
      dead,
    }
  }

  /** Bins in a unit of the values. */
  get #factor(): number {
    return this.#range > 0 ? bins / 2 / this.#range : 0
  }

  #widen(most: number): void {
    while (most > this.#range && most < Number.POSITIVE_INFINITY) {
      this.#range *= 2
      this.#counts = joined(this.#counts)
    }
  }
}

/** Counts of bins twice as wide: each side's pairs, in the middle. */
function joined(counts: Float64Array): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(bins)
  for (let k = 0; k < bins; k += 2) wider[bins / 4 + k / 2] = counts[k]! + counts[k + 1]!
  return wider
}

function largestOf(values: Float32Array): number {
  let most = 0
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!)
    if (size > most) most = size
  }
  return most
}
