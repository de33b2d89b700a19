/**
 * Placement: gives every value of a plan an address in one arena, so that values whose lifetimes do not overlap share
 * memory. Greedy by size: the largest value first, each at the lowest address that is free for its whole life
 * (the strategy of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
 */

/** A value to place. Times are inclusive. */
export interface Lifetime {
  readonly bytes: number
  /** Time at which the value is first written. */
  readonly from: number
  /** Time at which it is last read. */
  readonly to: number
}

/** Addresses, in the order of the values, and the arena's size. */
export interface Placement {
  readonly offsets: readonly number[]
  readonly bytes: number
}

/** The greatest common divisor. */
export function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/** Rounds up to a multiple. */
export function align(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

/**
 * Places values at multiples of `alignment`; two whose lifetimes overlap never share a byte.
 * @param span a multiple of `alignment`: no value that is smaller lies across a multiple of it
 */
export function place(values: readonly Lifetime[], alignment: number, span = Number.POSITIVE_INFINITY): Placement {
  /** The first place from an offset on that has no cut in it. */
  const uncut = (offset: number, bytes: number): number => {
    const isCut = bytes > 0 && Math.floor(offset / span) < Math.floor((offset + bytes - 1) / span)
    return isCut ? align(offset, span) : offset
  }
  const offsets = new Array<number>(values.length).fill(0)
  const placed: number[] = []
  let total = 0
  const bySize = values.map((_, index) => index).sort((a, b) => values[b].bytes - values[a].bytes || a - b)
  for (const index of bySize) {
    const value = values[index]
    const neighbors = placed
      .filter(other => values[other].from <= value.to && values[other].to >= value.from)
      .sort((a, b) => offsets[a] - offsets[b])
    let offset = 0
    for (const other of neighbors) {
      if (offset + value.bytes <= offsets[other]) break
      offset = uncut(Math.max(offset, offsets[other] + align(values[other].bytes, alignment)), value.bytes)
    }
    offsets[index] = offset
    placed.push(index)
    total = Math.max(total, offset + align(value.bytes, alignment))
  }
  return { offsets, bytes: total }
}
