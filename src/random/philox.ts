/**
 * Philox4x32-10: a counter-based random number generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). The same counter and key give the same four words everywhere, so random numbers need no state: any element
 * of any step can be computed on its own, by any thread, after any interruption.
 */

/** Four unsigned 32-bit words. */
export type Words = readonly [number, number, number, number]

// Multipliers and key increments of the paper (the increments are the golden ratio and √3 − 1, as fractions of 2³²).
const multiplier0 = 0xd2511f53
const multiplier1 = 0xcd9e8d57
const weyl0 = 0x9e3779b9
const weyl1 = 0xbb67ae85
const rounds = 10

/** High word of the 64-bit product of two unsigned words, by 16-bit halves (sums stay exact in a double). */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16
  const aLow = a & 0xffff
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000)
  const cross = aLow * bHigh + (middle % 0x10000)
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0
}

/**
 * Four random words for a counter and a key.
 * Words are taken modulo 2³², so signed 32-bit values are fine.
 */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let [x0, x1, x2, x3] = counter
  let [k0, k1] = key
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, x0 >>> 0)
    const high1 = multiplyHigh(multiplier1, x2 >>> 0)
    const low0 = Math.imul(multiplier0, x0)
    const low1 = Math.imul(multiplier1, x2)
    x0 = high1 ^ x1 ^ k0
    x1 = low1
    x2 = high0 ^ x3 ^ k1
    x3 = low0
    k0 = (k0 + weyl0) | 0
    k1 = (k1 + weyl1) | 0
  }
  return [x0 >>> 0, x1 >>> 0, x2 >>> 0, x3 >>> 0]
}

/** A word as a number in [0, 1): its upper 24 bits, so that single precision holds it exactly. */
export function uniformFromWord(word: number): number {
  return (word >>> 8) * 2 ** -24
}

/** 1 with the given probability, else 0. */
export function bernoulliFromWord(word: number, probability: number): number {
  return uniformFromWord(word) < probability ? 1 : 0
}

/**
 * Four standard normal numbers by Box and Muller (1958): r = √(−2 ln u₁) with u₁ in (0, 1], angle 2π u₂;
 * words 0, 1 give lanes r cos, r sin, words 2, 3 the next two.
 */
export function normalsFromWords(words: Words): Words {
  const pair = (first: number, second: number): [number, number] => {
    const radius = Math.sqrt(-2 * Math.log(((first >>> 8) + 1) * 2 ** -24))
    const angle = 2 * Math.PI * uniformFromWord(second)
    return [radius * Math.cos(angle), radius * Math.sin(angle)]
  }
  return [...pair(words[0], words[1]), ...pair(words[2], words[3])]
}

/** The stream of a path: its FNV-1a hash over UTF-8 bytes, an unsigned 32-bit word. */
export function streamOf(path: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(path)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/**
 * A sequence of random numbers on the host, for a seed, a path and a step.
 * @example const random = new RandomSequence(42, 'augment', epoch)
 */
export class RandomSequence {
  readonly #key: readonly [number, number]
  readonly #step: number
  #block = 0
  #words: Words = [0, 0, 0, 0]
  #lane = 4

  constructor(seed: number, path: string, step = 0) {
    this.#key = [seed, streamOf(path)]
    this.#step = step
  }

  /** The next unsigned 32-bit word. */
  word(): number {
    if (this.#lane === 4) {
      this.#words = philox([this.#block++, this.#step, 0, 0], this.#key)
      this.#lane = 0
    }
    return this.#words[this.#lane++]
  }

  /** The next number in [0, 1). */
  uniform(): number {
    return uniformFromWord(this.word())
  }

  /**
   * The next whole number in 0 … bound − 1, each equally likely: words beyond the last whole multiple of `bound` are
   * drawn again.
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
 * The numbers 0 … n − 1 in random order (Fisher–Yates), a function of seed and epoch alone.
 * @throws RangeError when `n` is not a whole number ≥ 0.
 */
export function shuffledIndices(n: number, seed: number, epoch: number): Int32Array {
  if (!Number.isInteger(n) || n < 0 || n > 2 ** 31) {
    throw new RangeError(`shuffledIndices: n (=${n}) must be a whole number in 0 … 2^31`)
  }
  const random = new RandomSequence(seed, 'shuffle', epoch)
  const order = Int32Array.from({ length: n }, (_, index) => index)
  for (let last = n - 1; last > 0; last--) {
    const other = random.integer(last + 1)
    const value = order[last]
    order[last] = order[other]
    order[other] = value
  }
  return order
}
