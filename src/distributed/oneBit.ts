/**
 * 1-bit gradients between processes (Seide et al. 2014, "1-Bit Stochastic Gradient Descent and its Application to
 * Data-Parallel Distributed Training of Speech DNNs"): of every number of a part's gradient, with the error that earlier
 * steps have left, only the sign is sent, and for every unit the means of its numbers of either sign. What is lost is the
 * part's new error.
 *
 *     h = g + e;  q = mean of the h ≥ 0 of the unit where h ≥ 0, mean of the h < 0 elsewhere;  e ← h − q
 *
 * The same rule as `oneBit()` of `fovea/optim`, which computes on one machine what is computed here between machines.
 */

import { OneBitKernels, type UnitRange } from '../backends/oneBitKernels.ts'
import { unitAxes } from '../optim/oneBit.ts'

/** A gradient in the region. */
export interface Layer {
  readonly path: string
  readonly shape: readonly number[]
  /** Place of its first number. */
  readonly offset: number
}

/** Units of a gradient: rows of a matrix, filters of a convolution (the paper's columns); a bias is one. */
interface Units extends UnitRange {
  readonly path: string
}

/** The layout of a packet: the means of all units (positive, negative), numbers that are sent as they are, and bits. */
export class OneBitCode {
  readonly bytes: number
  readonly #units: readonly Units[]
  readonly #means: number
  /** Where numbers begin that are no gradients, and how many there are. */
  readonly #rest: { readonly from: number; readonly count: number }
  readonly #kernels: OneBitKernels

  /**
   * @param layers gradients in their order, at the beginning of the region
   * @param length numbers in the region
   */
  constructor(layers: readonly Layer[], length: number) {
    this.#units = layers.map(({ path, shape, offset }) => {
      const within = unitAxes({ shape }).reduce((size, axis) => size * shape[axis]!, 1)
      const numbers = shape.reduce((size, extent) => size * extent, 1)
      return { path, offset, count: numbers / within, size: within }
    })
    const last = this.#units.at(-1)!
    const from = last.offset + last.count * last.size
    this.#rest = { from, count: length - from }
    this.#means = 2 * this.#units.reduce((sum, { count }) => sum + count, 0)
    // Bits lie at the places of the numbers.
    this.bytes = 4 * (this.#means + this.#rest.count + Math.ceil(from / 32))
    this.#kernels = new OneBitKernels(from, this.#means)
  }

  /**
   * Writes a part's gradient into a packet.
   * @param values the region
   * @param errors by path; replaced by the new ones
   */
  encode(values: Float32Array, errors: ReadonlyMap<string, Float32Array>, packet: Uint8Array): void {
    const { memory } = this.#kernels
    const { from } = this.#rest
    memory.values.set(values.subarray(0, from))
    memory.bits.fill(0)
    this.#eachLayer((layer, mean) => {
      const error = errors.get(layer.path)!
      const held = memory.errors.subarray(layer.offset, layer.offset + error.length)
      held.set(error)
      this.#kernels.encode(layer, mean)
      error.set(held)
    })
    const { means, rest, bits } = this.#partsOf(packet)
    means.set(memory.means)
    rest.set(values.subarray(from))
    bits.set(memory.bits)
  }

  /** What a packet says, as a region's values; what lies between variables stays as it is. */
  decode(packet: Uint8Array, values: Float32Array): void {
    const { memory } = this.#kernels
    const { means, rest, bits } = this.#partsOf(packet)
    memory.means.set(means)
    memory.bits.set(bits)
    values.set(rest, this.#rest.from)
    this.#eachLayer((layer, mean) => {
      const { offset, count, size } = layer
      this.#kernels.decode(layer, mean)
      values.set(memory.values.subarray(offset, offset + count * size), offset)
    })
  }

  /** Calls `use` with every layer and the place of its first mean. */
  #eachLayer(use: (layer: Units, mean: number) => void): void {
    let mean = 0
    for (const layer of this.#units) {
      use(layer, mean)
      mean += 2 * layer.count
    }
  }

  #partsOf({ buffer, byteOffset }: Uint8Array) {
    const { count } = this.#rest
    const restAt = byteOffset + 4 * this.#means
    return {
      means: new Float32Array(buffer, byteOffset, this.#means),
      rest: new Float32Array(buffer, restAt, count),
      bits: new Uint32Array(buffer, restAt + 4 * count, (this.bytes - 4 * (this.#means + count)) / 4),
    }
  }
}
