/**
 * Elementary functions on four f32 lanes. WebAssembly has none, so they are written out here: reduce the argument to a
 * small interval, evaluate a polynomial, put the result back together. Only correctly rounded instructions in a fixed
 * order are used (no fused multiply-add, no branches), so a function gives the same bits on every machine, in every
 * mode and in every lane.
 *
 * Reduction and reassembly follow Cody and Waite (Software Manual for the Elementary Functions, 1980); the logarithm
 * has the form of Sun's fdlibm. The coefficients are our own: minimax fits with the stated relative error, found with
 * Lawson's iteration, each rounded to f32 before the next ones were fitted. `test/backends/wasm/math.test.ts` measures
 * the errors, in units in the last place (ulp) of the exact value:
 *
 *   exp 1.01 · log 0.83 · tanh 2.32 · sigmoid 2.27 · sin 2.38 and cos 2.25 (for |x| ≤ 128π) · erf 1.96
 */
import type { FunctionBuilder, Local } from './assembler.ts'
import { typeOf, type VectorLanes } from './lanes.ts'
import type { ModuleBuilder } from './module.ts'
import { longer } from './opcodes.ts'

/** A function of the library. */
export type MathFunction = 'exp' | 'log' | 'tanh' | 'sigmoid' | 'sin' | 'cos' | 'erf'

/** Vector functions of one module, each added when first requested. */
export class MathLibrary {
  readonly #module: ModuleBuilder
  readonly #functions = new Map<string, FunctionBuilder>()

  constructor(module: ModuleBuilder) {
    this.#module = module
  }

  /**
   * The named function, from vectors to vectors of `lanes` numbers. NaN gives NaN. Special values:
   * - `exp`: +∞ above 88.72, denormal results correctly rounded, 0 below −103.98
   * - `log`: −∞ at ±0, NaN below 0, +∞ at +∞; denormal arguments are exact
   * - `tanh`: odd, ±1 for |x| ≥ 9.02, relative accuracy down to denormals
   * - `sigmoid`: 1 / (1 + e⁻ˣ) without overflow; denormal where that is the result
   * - `sin`, `cos`: accurate for |x| ≤ 128π; beyond, the error grows with |x|, but results stay in −1 … 1; ±∞ give NaN;
   *   sin −0 is +0
   * - `erf`: odd, ±1 for |x| ≥ 3.88, relative accuracy down to denormals
   */
  function(name: MathFunction, lanes: VectorLanes = 4): FunctionBuilder {
    const key = `${name} ${lanes}`
    const known = this.#functions.get(key)
    if (known) return known
    const type = typeOf(lanes)
    const f = this.#module.function([type], [type])
    f.vectorLength = longer.lanes.indexOf(lanes)
    this.#functions.set(key, f)
    emitters[name](f, 0)
    return f
  }
}

const emitters: Record<MathFunction, (f: FunctionBuilder, x: Local) => void> = {
  exp: emitExp,
  log: emitLog,
  tanh: emitTanh,
  sigmoid: emitSigmoid,
  sin: (f, x) => emitSine(f, x, 0),
  cos: (f, x) => emitSine(f, x, 1),
  erf: emitErf,
}

// ln 2 and π/2 in parts: products of the first parts with the integers that occur are exact.
const ln2 = [0.693115234375, 0.00003194618329871446] as const
const halfPi = [1.57080078125, -0.000004453584551811218, -8.706138032721356e-10, 6.223371969669989e-14] as const

/** (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2; the relative error of eʳ − 1 is 2⁻²⁶. */
const expm1Coefficients = [
  0.5, 0.1666654348373413, 0.041666436940431595, 0.008366545662283897, 0.0013937859330326319,
] as const

/** (2 artanh s − 2s) / s³ as a polynomial in s² for |s| ≤ 3 − 2√2; the relative error of 2 artanh s is 2⁻³⁰. */
const logCoefficients = [0.6666677594184875, 0.3997756838798523, 0.29871460795402527] as const

/** (sin r − r) / r³ and (cos r − 1 + r²/2) / r⁴ as polynomials in r² for |r| ≤ π/4; errors 2⁻²⁸ and 2⁻³³. */
const sinCoefficients = [-0.16666655242443085, 0.008332190103828907, -0.00019518405315466225] as const
const cosCoefficients = [0.04166664555668831, -0.0013887309469282627, 0.000024432327336398885] as const

/**
 * −1 − ln(1 − erf x) / x for 0 ≤ x ≤ 4; the relative error of erf x is 2⁻²⁷. (The 1 left out is added at the end: 2/√π
 * is halfway between two f32 numbers, 2/√π − 1 is not.)
 */
const erfCoefficients = [
  0.12837916612625122, 0.6366195678710938, 0.10277630388736725, -0.019147822633385658, -0.00016950462304521352,
  0.0016756774857640266, -0.000637364573776722, 0.00011886184802278876, -0.000009388054422743153,
] as const

/** 1.5 · 2²³: adding it rounds to an integer and leaves that integer in the low bits. */
const rounder = 12582912
const rounderBits = 0x4b400000

/** Rounds the f32x4 on the stack to integers; sets `n` to them as f32 and `integer` to them as i32. */
function round(f: FunctionBuilder, n: Local, integer: Local): void {
  splat(f, rounder).op('f32x4.add').tee(integer)
  splat(f, rounder).op('f32x4.sub').set(n)
  integers(f.get(integer), rounderBits).op('i32x4.sub').set(integer)
}

/** x = n ln 2 + r with |r| ≤ ln 2 / 2: sets `integer` to n and `r`. */
function reduceByLn2(f: FunctionBuilder, x: Local, integer: Local, r: Local): void {
  const n = f.local('v128')
  round(splat(f.get(x), Math.LOG2E).op('f32x4.mul'), n, integer)
  splat(f.get(x).get(n), ln2[0]).op('f32x4.mul', 'f32x4.sub')
  splat(f.get(n), ln2[1]).op('f32x4.mul', 'f32x4.sub').set(r)
}

/** Pushes eʳ − 1 = r + r² P(r). */
function pushExpm1(f: FunctionBuilder, r: Local): void {
  polynomial(f, r, expm1Coefficients)
  f.get(r).op('f32x4.mul').get(r).op('f32x4.mul').get(r).op('f32x4.add')
}

/** Pushes 2ⁿ for the i32x4 on the stack, −126 ≤ n ≤ 127. */
function powerOfTwo(f: FunctionBuilder): void {
  integers(f, 127).op('i32x4.add').i32(23).op('i32x4.shl')
}

/** Pushes eˣ = 2ⁿ eʳ. The power is applied in two halves, so that results may be denormal or overflow. */
function emitExp(f: FunctionBuilder, x: Local): void {
  const n = f.local('v128')
  const r = f.local('v128')
  const half = f.local('v128')
  splat(f.get(x), 89).op('f32x4.min')
  splat(f, -104).op('f32x4.max').set(x)
  reduceByLn2(f, x, n, r)
  pushExpm1(f, r)
  splat(f, 1).op('f32x4.add')
  f.get(n).i32(1).op('i32x4.shr_s').tee(half)
  powerOfTwo(f)
  f.op('f32x4.mul')
  f.get(n).get(half).op('i32x4.sub')
  powerOfTwo(f)
  f.op('f32x4.mul')
}

/**
 * Pushes ln x. With x = 2ⁿ (1 + g), √½ ≤ 1 + g < √2 and s = g / (2 + g):
 * ln x = n ln 2 + g − (g²/2 − s (g²/2 + R)), R = 2 artanh(s) / s − 2.
 */
function emitLog(f: FunctionBuilder, x: Local): void {
  const smallest = 2 ** -126
  const rootHalf = 0x3f3504f3 // bits of √½
  const [denormal, scaled, n, g, s, z, square] = f.localArray('v128', 7)
  splat(f.get(x), smallest).op('f32x4.lt').set(denormal)
  splat(f.get(x), 2 ** 23)
    .op('f32x4.mul')
    .get(x)
    .get(denormal)
    .op('v128.bitselect')
    .set(scaled)
  // n and 1 + g from the bits of x
  integers(f.get(scaled), rootHalf).op('i32x4.sub').i32(23).op('i32x4.shr_s').set(n)
  f.get(scaled).get(n).i32(23).op('i32x4.shl', 'i32x4.sub')
  splat(f, 1).op('f32x4.sub').set(g)
  f.get(n).op('f32x4.convert_i32x4_s')
  splat(f.get(denormal), 23).op('v128.and', 'f32x4.sub').set(n)
  // R = s² Q(s²)
  splat(f.get(g).get(g), 2).op('f32x4.add', 'f32x4.div').tee(s).get(s).op('f32x4.mul').set(z)
  splat(f.get(g).get(g).op('f32x4.mul'), 0.5).op('f32x4.mul').set(square)
  f.get(s)
  polynomial(f, z, logCoefficients)
  f.get(z).op('f32x4.mul').get(square).op('f32x4.add', 'f32x4.mul')
  // summed from the small terms to the large ones
  splat(f.get(n), ln2[1]).op('f32x4.mul', 'f32x4.add').get(square).op('f32x4.sub').get(g).op('f32x4.add')
  splat(f.get(n), ln2[0]).op('f32x4.mul', 'f32x4.add').set(g)
  // ln ∞ = ∞, ln 0 = −∞, and all bits set (NaN) unless x ≥ 0
  splat(f.get(x).get(g).get(x), Number.POSITIVE_INFINITY).op('f32x4.eq', 'v128.bitselect').set(g)
  splat(f, Number.NEGATIVE_INFINITY).get(g)
  splat(f.get(x), 0).op('f32x4.eq', 'v128.bitselect')
  splat(f.get(x), 0).op('f32x4.ge', 'v128.not', 'v128.or')
}

/** Pushes eˣ − 1 = 2ⁿ (eʳ − 1) + (2ⁿ − 1) for |x| ≤ 87: nothing cancels at small x. */
function pushExpMinus1(f: FunctionBuilder, x: Local): void {
  const [n, r, power] = f.localArray('v128', 3)
  reduceByLn2(f, x, n, r)
  pushExpm1(f, r)
  f.get(n)
  powerOfTwo(f)
  splat(f.tee(power).op('f32x4.mul').get(power), 1).op('f32x4.sub', 'f32x4.add')
}

/** Pushes tanh x = sign(x) · m / (m + 2) with m = e²ˡˣˡ − 1. */
function emitTanh(f: FunctionBuilder, x: Local): void {
  const [sign, m] = f.localArray('v128', 2)
  integers(f.get(x), 0x80000000).op('v128.and').set(sign)
  splat(f.get(x).op('f32x4.abs'), 10).op('f32x4.min').tee(x).get(x).op('f32x4.add').set(x)
  pushExpMinus1(f, x)
  f.tee(m)
  splat(f.get(m), 2).op('f32x4.add', 'f32x4.div').get(sign).op('v128.or')
}

/** Pushes 1 / (1 + z) for x ≥ 0, else z / (1 + z), with z = e⁻ˡˣˡ ≤ 1. */
function emitSigmoid(f: FunctionBuilder, x: Local): void {
  const z = f.local('v128')
  const argument = f.local('v128')
  f.get(x).op('f32x4.abs', 'f32x4.neg').set(argument)
  emitExp(f, argument)
  f.set(z)
  splat(f, 1).get(z)
  splat(f.get(x), 0).op('f32x4.ge', 'v128.bitselect')
  splat(f.get(z), 1).op('f32x4.add', 'f32x4.div')
}

/**
 * Pushes sin(x + quarter · π/2). With x = n π/2 + r, |r| ≤ π/4, the result is ±sin r or ±cos r by n + quarter modulo 4.
 */
function emitSine(f: FunctionBuilder, x: Local, quarter: 0 | 1): void {
  const [n, quadrant, r, z, sine] = f.localArray('v128', 5)
  round(splat(f.get(x), 2 / Math.PI).op('f32x4.mul'), n, quadrant)
  f.get(x)
  for (const part of halfPi) splat(f.get(n), part).op('f32x4.mul', 'f32x4.sub')
  // Far outside the range r may be anything; the bounds keep the result a sine.
  splat(f, 0.79).op('f32x4.min')
  splat(f, -0.79).op('f32x4.max').tee(r).get(r).op('f32x4.mul').set(z)
  if (quarter !== 0) integers(f.get(quadrant), quarter).op('i32x4.add').set(quadrant)
  // sin r = r + r z S(z)
  polynomial(f, z, sinCoefficients)
  f.get(z).op('f32x4.mul').get(r).op('f32x4.mul').get(r).op('f32x4.add').set(sine)
  // cos r = 1 − z/2 + z² C(z)
  polynomial(f, z, cosCoefficients)
  f.get(z).op('f32x4.mul').get(z).op('f32x4.mul')
  splat(splat(f, 1).get(z), 0.5).op('f32x4.mul', 'f32x4.sub', 'f32x4.add')
  // odd quadrants take the cosine, the upper two flip the sign
  f.get(sine).get(quadrant).i32(31).op('i32x4.shl').i32(31).op('i32x4.shr_s', 'v128.bitselect')
  f.get(quadrant).i32(1).op('i32x4.shr_u').i32(31).op('i32x4.shl', 'v128.xor')
}

/**
 * Pushes erf x = sign(x) · (1 − e⁻ʸ) with y = −ln(1 − erf |x|) = |x| + |x| P(|x|), which grows from 0 like 2|x|/√π, so
 * that one formula is accurate for small and large x.
 */
function emitErf(f: FunctionBuilder, x: Local): void {
  const sign = f.local('v128')
  integers(f.get(x), 0x80000000).op('v128.and').set(sign)
  splat(f.get(x).op('f32x4.abs'), 4).op('f32x4.min').set(x)
  polynomial(f, x, erfCoefficients)
  f.get(x).op('f32x4.mul').get(x).op('f32x4.add', 'f32x4.neg').set(x)
  pushExpMinus1(f, x)
  f.op('f32x4.abs').get(sign).op('v128.or')
}

/** Pushes c₀ + c₁ x + c₂ x² + … by Horner's rule. */
function polynomial(f: FunctionBuilder, x: Local, coefficients: readonly number[]): void {
  splat(f, coefficients[coefficients.length - 1])
  for (const coefficient of coefficients.slice(0, -1).reverse()) {
    splat(f.get(x).op('f32x4.mul'), coefficient).op('f32x4.add')
  }
}

/** Pushes a vector of four equal f32. */
function splat(f: FunctionBuilder, value: number): FunctionBuilder {
  return f.f32x4(value)
}

/** Pushes a vector of four equal i32. */
function integers(f: FunctionBuilder, value: number): FunctionBuilder {
  return f.i32x4([value, value, value, value])
}
