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
import { unitAxes } from '../optim/oneBit.ts'

/** A gradient in the region. */
export interface Layer {
  readonly path: string
  readonly shape: readonly number[]
  /** Place of its first number. */
  readonly offset: number
}

/** Units of a gradient: rows of a matrix, filters of a convolution (the paper's columns); a bias is one. */
interface Units {
  readonly path: string
  /** Place of the first number, their count, and numbers in each. */
  readonly offset: number
  readonly count: number
  readonly size: number
}

/** The layout of a packet: the means of all units (positive, negative), numbers that are sent as they are, and bits. */
export class OneBitCode {
  readonly bytes: number
  readonly #units: readonly Units[]
  readonly #means: number
  /** Where numbers begin that are no gradients, and how many there are. */
  readonly #rest: { readonly from: number; readonly count: number }

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
  }

  /**
   * Writes a part's gradient into a packet.
   * @param values the region
   * @param errors by path; replaced by the new ones
   */
  encode(values: Float32Array, errors: ReadonlyMap<string, Float32Array>, packet: Uint8Array): void {
    const { means, rest, bits } = this.#partsOf(packet)
    bits.fill(0)
    rest.set(values.subarray(this.#rest.from))
    let unit = 0
    for (const { path, offset, count, size } of this.#units) {
      const error = errors.get(path)!
      for (let k = 0; k < count; k++, unit++) {
        const start = offset + k * size
        encodeUnit(values, start, error.subarray(k * size, (k + 1) * size), means, 2 * unit, bits)
      }
    }
  }

  /** What a packet says, as a region's values; what lies between variables stays as it is. */
  decode(packet: Uint8Array, values: Float32Array): void {
    const { means, rest, bits } = this.#partsOf(packet)
    values.set(rest, this.#rest.from)
    let unit = 0
    for (const { offset, count, size } of this.#units) {
      for (let k = 0; k < count; k++, unit++) {
        const start = offset + k * size
        const [positive, negative] = [means[2 * unit]!, means[2 * unit + 1]!]
        for (let at = start; at < start + size; at++) values[at] = isSet(bits, at) ? positive : negative
      }
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

const isSet = (bits: Uint32Array, at: number): boolean => ((bits[at >>> 5]! >>> (at & 31)) & 1) === 1

function encodeUnit(
  values: Float32Array,
  start: number,
  error: Float32Array,
  means: Float32Array,
  meanAt: number,
  bits: Uint32Array,
): void {
  const sums = [0, 0]
  const counts = [0, 0]
  for (let k = 0; k < error.length; k++) {
    const h = Math.fround(values[start + k]! + error[k]!)
    const side = h >= 0 ? 0 : 1
    error[k] = h
    sums[side]! += h
    counts[side]!++
  }
  for (const side of [0, 1]) means[meanAt + side] = sums[side]! / Math.max(1, counts[side]!)
  const [positive, negative] = [means[meanAt]!, means[meanAt + 1]!]
  for (let k = 0; k < error.length; k++) {
    const h = error[k]!
    if (h >= 0) bits[(start + k) >>> 5]! |= 1 << ((start + k) & 31)
    error[k] = h - (h >= 0 ? positive : negative)
  }
}
