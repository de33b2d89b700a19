/**
 * Random numbers by Philox4x32-10, four blocks at a time. Lane l of the vectors is block 4g + l of group g, so that the
 * ten rounds and the conversions to numbers need no shuffling between lanes; the four words of a block are brought
 * together when they are stored. The words, and with them uniform and Bernoulli numbers, equal those of
 * `src/random/philox.ts` exactly; normal numbers follow the same formula in single precision.
 */
import type { RandomAttributes } from '../../../../graph/ops/random.ts'
import { sizeOf } from '../../../../graph/shape.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { MathLibrary } from '../../emit/math.ts'
import { kernelFunction, kernelKind } from '../../kernel.ts'

/** Numbers of one group: 4 blocks of 4 words. */
const groupSize = 16

/** Groups of one unit. */
const unitGroups = 16

// Multipliers and key increments: see src/random/philox.ts.
const multipliers = [0xd2511f53, 0xcd9e8d57] as const
const increments = [0x9e3779b9, 0xbb67ae85] as const
const rounds = 10

/**
 * Lowering of `random`. A unit is 256 numbers of the row-major result.
 * Operand addresses: key `i32 [2]` = (seed, step), result `f32`.
 */
export const randomKernel = kernelKind('random', (attributes: RandomAttributes) => {
  const { stream, shape } = attributes
  const size = sizeOf(shape)
  const groups = Math.ceil(size / groupSize)
  return {
    units: Math.ceil(groups / unitGroups),
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const [group, first, end, pointer] = f.localArray('i32', 4)
      const philox = new PhiloxEmitter(f, stream)
      const toNumbers = new NumberEmitter(f, target.math, attributes)
      philox.loadKey(address[0])
      f.get(from).times(unitGroups).set(first)
      f.get(to).times(unitGroups).tee(end).i32(groups)
      f.get(end).i32(groups).op('i32.lt_s', 'select').set(end)
      f.address(address[1], [first, groupSize * 4]).set(pointer)
      f.for(group, first, end, () => {
        const numbers = toNumbers.push(philox.push(group))
        const rows = transpose(f, numbers)
        storeGroup(f, rows, [pointer, group], size)
        f.increment(pointer, groupSize * 4)
      })
      return f
    },
  }
})

/** Stores a group: 16 numbers, or the rest of the result in its last group. */
function storeGroup(
  f: FunctionBuilder,
  rows: readonly Local[],
  [pointer, group]: readonly [pointer: Local, group: Local],
  size: number,
): void {
  const full = Math.floor(size / groupSize)
  const rest = size % groupSize
  const store = (count: number): void => {
    rows.forEach((row, k) => {
      const here = Math.min(4, count - 4 * k)
      if (here === 4)
        f.get(pointer)
          .get(row)
          .memory('v128.store', 16 * k)
      else {
        for (let lane = 0; lane < here; lane++) {
          f.get(pointer)
            .get(row)
            .extractLane(lane)
            .memory('f32.store', 16 * k + 4 * lane)
        }
      }
    })
  }
  if (rest === 0) store(groupSize)
  else
    f.get(group)
      .i32(full)
      .op('i32.lt_s')
      .if(
        () => store(groupSize),
        () => store(rest),
      )
}

/** The generator itself. */
class PhiloxEmitter {
  readonly #f: FunctionBuilder
  readonly #stream: number
  readonly #seed: Local
  readonly #step: Local
  readonly #words: readonly Local[]
  readonly #keys: readonly Local[]
  readonly #multipliers: readonly Local[]
  readonly #scratch: readonly Local[]

  constructor(f: FunctionBuilder, stream: number) {
    this.#f = f
    this.#stream = stream
    this.#seed = f.local('v128')
    this.#step = f.local('v128')
    this.#words = f.localArray('v128', 4)
    this.#keys = f.localArray('v128', 2)
    this.#multipliers = f.localArray('v128', 2)
    this.#scratch = f.localArray('v128', 6)
  }

  /** Reads seed and step; once, before the loop. */
  loadKey(address: Local): void {
    const f = this.#f
    f.get(address).memory('v128.load32_splat').set(this.#seed)
    f.get(address).memory('v128.load32_splat', 4).set(this.#step)
    multipliers.forEach((value, k) => {
      f.i32(value).op('i32x4.splat').set(this.#multipliers[k])
    })
  }

  /** Computes the words of blocks 4 · group … 4 · group + 3; returns the vectors of word 0, 1, 2 and 3. */
  push(group: Local): readonly Local[] {
    const f = this.#f
    const [x0, x1, x2, x3] = this.#words
    const [k0, k1] = this.#keys
    const [even, odd, low0, high0, low1, high1] = this.#scratch
    f.get(group).times(4).op('i32x4.splat').i32x4([0, 1, 2, 3]).op('i32x4.add').set(x0)
    f.get(this.#step).set(x1)
    f.i32x4([0, 0, 0, 0]).tee(x2).set(x3)
    f.get(this.#seed).set(k0)
    f.i32(this.#stream).op('i32x4.splat').set(k1)
    /** The two words of the 64-bit products of x with a multiplier. */
    const multiply = (x: Local, multiplier: Local, low: Local, high: Local): void => {
      f.get(x).get(multiplier).op('i64x2.extmul_low_i32x4_u').tee(even)
      f.get(x).get(multiplier).op('i64x2.extmul_high_i32x4_u').tee(odd)
      f.shuffle32([0, 2, 4, 6]).set(low)
      f.get(even).get(odd).shuffle32([1, 3, 5, 7]).set(high)
    }
    for (let round = 0; round < rounds; round++) {
      multiply(x0, this.#multipliers[0], low0, high0)
      multiply(x2, this.#multipliers[1], low1, high1)
      f.get(high1).get(x1).op('v128.xor').get(k0).op('v128.xor').set(x0)
      f.get(low1).set(x1)
      f.get(high0).get(x3).op('v128.xor').get(k1).op('v128.xor').set(x2)
      f.get(low0).set(x3)
      if (round === rounds - 1) break
      ;[k0, k1].forEach((key, k) => {
        f.get(key).i32(increments[k]).op('i32x4.splat', 'i32x4.add').set(key)
      })
    }
    return this.#words
  }
}

/** Turns words into numbers of the requested distribution, in place. */
class NumberEmitter {
  readonly #f: FunctionBuilder
  readonly #math: MathLibrary
  readonly #attributes: RandomAttributes
  readonly #radius: Local

  constructor(f: FunctionBuilder, math: MathLibrary, attributes: RandomAttributes) {
    this.#f = f
    this.#math = math
    this.#attributes = attributes
    this.#radius = f.local('v128')
  }

  push(words: readonly Local[]): readonly Local[] {
    const { distribution, probability = 0 } = this.#attributes
    if (distribution === 'normal') {
      this.#normals(words[0], words[1])
      this.#normals(words[2], words[3])
    } else {
      for (const word of words) {
        if (distribution === 'uniform') this.#uniform(word)
        else this.#bernoulli(word, probability)
      }
    }
    return words
  }

  /** u = ⌊w / 2⁸⌋ · 2⁻²⁴ */
  #uniform(word: Local): void {
    this.#f
      .get(word)
      .i32(8)
      .op('i32x4.shr_u', 'f32x4.convert_i32x4_s')
      .f32x4(2 ** -24)
      .op('f32x4.mul')
      .set(word)
  }

  /** u < p exactly when ⌊w / 2⁸⌋ < ⌈2²⁴ p⌉: compared as integers, p keeps all its bits. */
  #bernoulli(word: Local, probability: number): void {
    this.#f
      .get(word)
      .i32(8)
      .op('i32x4.shr_u')
      .i32(Math.ceil(probability * 2 ** 24))
      .op('i32x4.splat', 'i32x4.lt_s')
      .f32x4(1)
      .op('v128.and')
      .set(word)
  }

  /**
   * Box and Muller: r = √(−2 ln u₁), angle 2π u₂; u₂ − 1 for u₂ ≥ ½ is the same angle with a smaller rounding error.
   */
  #normals(first: Local, second: Local): void {
    const f = this.#f
    const radius = this.#radius
    f.get(first).i32(8).op('i32x4.shr_u').i32x4([1, 1, 1, 1]).op('i32x4.add', 'f32x4.convert_i32x4_s')
    f.f32x4(2 ** -24)
      .op('f32x4.mul')
      .call(this.#math.function('log'))
    f.f32x4(-2).op('f32x4.mul', 'f32x4.sqrt').set(radius)
    f.get(second).i32(8).op('i32x4.shr_s', 'f32x4.convert_i32x4_s')
    f.f32x4(2 * Math.PI * 2 ** -24)
      .op('f32x4.mul')
      .set(second)
    f.get(radius).get(second).call(this.#math.function('cos')).op('f32x4.mul').set(first)
    f.get(radius).get(second).call(this.#math.function('sin')).op('f32x4.mul').set(second)
  }
}

/** Transposes the 4 × 4 matrix of lanes: afterwards local k holds lane k of each of the four. */
function transpose(f: FunctionBuilder, columns: readonly Local[]): readonly Local[] {
  const [c0, c1, c2, c3] = columns
  const rows = f.localArray('v128', 4)
  const halves = f.localArray('v128', 4)
  f.get(c0).get(c1).shuffle32([0, 4, 1, 5]).set(halves[0])
  f.get(c0).get(c1).shuffle32([2, 6, 3, 7]).set(halves[1])
  f.get(c2).get(c3).shuffle32([0, 4, 1, 5]).set(halves[2])
  f.get(c2).get(c3).shuffle32([2, 6, 3, 7]).set(halves[3])
  rows.forEach((row, k) => {
    f.get(halves[k >> 1])
      .get(halves[2 + (k >> 1)])
      .shuffle32(k % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7])
      .set(row)
  })
  return rows
}
