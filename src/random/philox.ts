/**
 * Philox4x32-10: a counter-based random number generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). The same counter and key give the same four words everywhere, so random numbers need no state: any element
 * of any step can be computed on its own, by any thread, after any interruption.
 */

/** Four unsigned 32-bit words. */
export type Words = readonly [number, number, number, number]

/**
 * High word of the 64-bit product of the unsigned words `aHigh · 2¹⁶ + aLow` and `b`, computed in 16-bit halves: every
 * sum stays below 2³², so that 32-bit integer arithmetic suffices.
 */
function multiplyHigh(aHigh: number, aLow: number, b: number): number {
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0
  const cross = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0
}

/**
 * Fills `words` with whole blocks: block i has the counter (first + i, ...rest).
 * Counter and key words are taken modulo 2³², so signed 32-bit values are fine. It allocates nothing.
 * @param words its length is a multiple of 4
 */
export function philoxBlocks(
  words: Uint32Array,
  first: number,
  rest: readonly [number, number, number],
  key: readonly [number, number],
): void {
  // Multipliers and key increments of the paper (the increments are the golden ratio and √3 − 1, as fractions of 2³²).
  // They are constants of the function because bundlers may turn constants of a module into variables.
  const multiplier0 = 0xd2511f53
  const multiplier1 = 0xcd9e8d57
  const weyl0 = 0x9e3779b9
  const weyl1 = 0xbb67ae85
  const rounds = 10
  const [c1, c2, c3] = rest
  const [key0, key1] = key
  for (let at = 0, index = first | 0; at + 4 <= words.length; at += 4, index = (index + 1) | 0) {
    let x0 = index
    let x1 = c1 | 0
    let x2 = c2 | 0
    let x3 = c3 | 0
    let k0 = key0 | 0
    let k1 = key1 | 0
    for (let round = 0; round < rounds; round++) {
      const high0 = multiplyHigh(multiplier0 >>> 16, multiplier0 & 0xffff, x0)
      const high1 = multiplyHigh(multiplier1 >>> 16, multiplier1 & 0xffff, x2)
      const low0 = Math.imul(multiplier0, x0)
      const low1 = Math.imul(multiplier1, x2)
      x0 = high1 ^ x1 ^ k0
      x1 = low1
      x2 = high0 ^ x3 ^ k1
      x3 = low0
      k0 = (k0 + weyl0) | 0
      k1 = (k1 + weyl1) | 0
    }
    words[at] = x0
    words[at + 1] = x1
    words[at + 2] = x2
    words[at + 3] = x3
  }
}

const block = new Uint32Array(4)

/**
 * Four random words for a counter and a key.
 * Words are taken modulo 2³², so signed 32-bit values are fine.
 */
export function philox([c0, c1, c2, c3]: Words, key: readonly [number, number]): Words {
  philoxBlocks(block, c0, [c1, c2, c3], key)
  return [block[0], block[1], block[2], block[3]]
}

/** A word as a number in [0, 1). It uses the upper 24 bits, which single precision represents exactly. */
export function uniformFromWord(word: number): number {
  return (word >>> 8) * 2 ** -24
}

/** 1 with the given probability, else 0. */
export function bernoulliFromWord(word: number, probability: number): number {
  return uniformFromWord(word) < probability ? 1 : 0
}

/**
 * Four standard normal numbers by Box and Muller (1958): r = √(−2 ln u₁) with u₁ in (0, 1], angle 2π u₂;
 * words 0 and 1 give the lanes r cos and r sin, words 2 and 3 the next two lanes.
 */
export function normalsFromWords(words: Words): Words {
  const numbers: [number, number, number, number] = [0, 0, 0, 0]
  for (let k = 0; k < 4; k += 2) {
    const radius = radiusFromWord(words[k])
    numbers[k] = radius * cosineFromWord(words[k + 1], turns())
    numbers[k + 1] = radius * sineFromWord(words[k + 1], turns())
  }
  return numbers
}

/** r of {@link normalsFromWords}, from the first word of a pair. */
export function radiusFromWord(word: number): number {
  return Math.sqrt(-2 * Math.log(((word >>> 8) + 1) * 2 ** -24))
}

/** Parts of a turn, and of one of these: a word chooses one of each, by its upper 24 bits. */
const parts = 4096

/**
 * Cosines and sines of the parts: those of an angle follow by the addition theorems, as exactly as from `Math.cos` and in a
 * fifth of the time.
 */
export interface Turns {
  readonly coarseCosines: Float64Array
  readonly coarseSines: Float64Array
  readonly fineCosines: Float64Array
  readonly fineSines: Float64Array
}

let known: Turns | undefined

/** The tables, made when they are first needed. */
export function turns(): Turns {
  const table = (f: (angle: number) => number, of: number): Float64Array =>
    Float64Array.from({ length: parts }, (_, k) => f((2 * Math.PI * k) / of))
  known ??= {
    coarseCosines: table(Math.cos, parts),
    coarseSines: table(Math.sin, parts),
    fineCosines: table(Math.cos, parts * parts),
    fineSines: table(Math.sin, parts * parts),
  }
  return known
}

/** The cosine of the angle of {@link normalsFromWords}, from the second word of a pair. */
export function cosineFromWord(word: number, { coarseCosines, coarseSines, fineCosines, fineSines }: Turns): number {
  const [coarse, fine] = [word >>> 20, (word >>> 8) & (parts - 1)]
  return coarseCosines[coarse] * fineCosines[fine] - coarseSines[coarse] * fineSines[fine]
}

/** Its sine. */
export function sineFromWord(word: number, { coarseCosines, coarseSines, fineCosines, fineSines }: Turns): number {
  const [coarse, fine] = [word >>> 20, (word >>> 8) & (parts - 1)]
  return coarseSines[coarse] * fineCosines[fine] + coarseCosines[coarse] * fineSines[fine]
}

/** The stream of a path: its FNV-1a hash over UTF-8 bytes, an unsigned 32-bit word. */
export function streamOf(path: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(path)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/**
 * A sequence of random numbers on the host, determined by a seed, a path, a step, and where needed a sample.
 * @example const random = new RandomSequence(42, 'augment', epoch, sample)
 */
export class RandomSequence {
  /** The step that the numbers belong to; in augmentation the epoch. */
  readonly step: number
  readonly #key: readonly [seed: number, stream: number]
  readonly #item: number
  #block = 0
  #words: Words = [0, 0, 0, 0]
  #lane = 4

  /** @param path a path, or the number of its stream */
  constructor(seed: number, path: string | number, step = 0, item = 0) {
    this.#key = [seed, typeof path === 'string' ? streamOf(path) : path]
    this.step = step
    this.#item = item
  }

  /** The sequence of the same seed, path and sample in another step, from its first number. */
  atStep(step: number): RandomSequence {
    return new RandomSequence(...this.#key, step, this.#item)
  }

  /** The next unsigned 32-bit word. */
  word(): number {
    if (this.#lane === 4) {
      this.#words = philox([this.#block++, this.step, this.#item, 0], this.#key)
      this.#lane = 0
    }
    return this.#words[this.#lane++]
  }

  /** The next number in [0, 1). */
  uniform(): number {
    return uniformFromWord(this.word())
  }

  /** The next standard normal number, from two words. */
  normal(): number {
    return normalsFromWords([this.word(), this.word(), 0, 0])[0]
  }

  /**
   * The next whole number in 0 … bound − 1, each equally likely: words beyond the last whole multiple of `bound` are
   * rejected and redrawn.
   * @throws RangeError when `bound` is not in 1 … 2³².
   */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`random integer: bound (=${bound}) must be a whole number in 1 … 2^32`)
    }
    const limit = 2 ** 32 - (2 ** 32 % bound)
    let word = this.word()
    while (word >= limit) word = this.word()
    return word % bound
  }
}

/**
 * The numbers 0 … n − 1 in random order (Fisher–Yates), which depends only on seed, epoch and stream.
 * @param stream different streams give independent orders
 * @throws RangeError when `n` is not a whole number ≥ 0.
 */
export function shuffledIndices(n: number, seed: number, epoch: number, stream = 'shuffle'): Int32Array {
  if (!Number.isInteger(n) || n < 0 || n > 2 ** 31) {
    throw new RangeError(`shuffledIndices: n (=${n}) must be a whole number in 0 … 2^31`)
  }
  const random = new RandomSequence(seed, stream, epoch)
  const order = Int32Array.from({ length: n }, (_, index) => index)
  for (let last = n - 1; last > 0; last--) {
    const other = random.integer(last + 1)
    const value = order[last]
    order[last] = order[other]
    order[other] = value
  }
  return order
}
