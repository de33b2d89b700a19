/** Code that is written alike for one number and for four: types, loads, stores, constants, products. */
import type { FunctionBuilder, Local } from './assembler.ts'

/** Scalar or four-lane arithmetic: the same kernels serve both. Scalar where a dimension has no room for lanes. */
export type Lanes = 1 | 4

/** Lanes of a vector: four in WebAssembly, more in native code only. */
export type VectorLanes = 4 | 8 | 16

/** The vectors that kernels are written for. */
export interface Vectors {
  /** Lanes of the longest ones. */
  readonly lanes: VectorLanes
  /** Whether the compiler joins pairs of them; only vectors of four are joined. */
  readonly joined: boolean
}

/** Vectors of WebAssembly. */
export const plainVectors: Vectors = { lanes: 4, joined: false }

/** A single number, or a vector of any length. */
export type AnyLanes = 1 | VectorLanes

/** How a product is added: two roundings, or one with the relaxed fused multiply-add. */
export interface Arithmetic<L extends AnyLanes = Lanes> {
  readonly lanes: L
  /** True when relaxed SIMD's multiply-add may be used; never in `precise` mode. */
  readonly fused: boolean
}

/** Type of a local for f32 numbers. */
export function typeOf<L extends AnyLanes>(lanes: L): (typeof types)[L] {
  return types[lanes]
}

const types = { 1: 'f32', 4: 'v128', 8: 'v256', 16: 'v512' } as const

/** A new local for a single number, and one for a vector of four. */
export const localsOf = (f: FunctionBuilder): Record<Lanes, Local> => ({ 1: f.local('f32'), 4: f.local('v128') })

/** Prefixes of the names of arithmetic instructions. */
export type Floats = 'f32' | `f32x${VectorLanes}`

/** Prefix of the names of arithmetic instructions. */
export function floatsOf<L extends AnyLanes>(lanes: L): L extends VectorLanes ? `f32x${L}` : 'f32' {
  return (lanes === 1 ? 'f32' : `f32x${lanes}`) as L extends VectorLanes ? `f32x${L}` : 'f32'
}

/** The instruction that loads neighboring numbers. */
export const loadOf = (lanes: AnyLanes) => `${typeOf(lanes)}.load` as const

/** The instruction that stores neighboring numbers. */
export const storeOf = (lanes: AnyLanes) => `${typeOf(lanes)}.store` as const

/** Pushes a number, in all lanes. */
export function pushConstant(f: FunctionBuilder, lanes: AnyLanes, value: number): FunctionBuilder {
  if (lanes === 1) return f.f32(value)
  return lanes === 4 ? f.f32x4(value) : f.longConstant(lanes, value)
}

/** Pushes the sum of the parts of a long vector, four lanes each: p0 + p1, or (p0 + p1) + (p2 + p3). */
export function pushPartSum(f: FunctionBuilder, lanes: 8 | 16, vector: Local): FunctionBuilder {
  for (let part = 0; part < lanes / 4; part += 2) {
    f.get(vector)
      .extractPart(lanes, part)
      .get(vector)
      .extractPart(lanes, part + 1)
    f.op('f32x4.add')
  }
  return lanes === 16 ? f.op('f32x4.add') : f
}

/** sum ← sum + a · b */
export function multiplyAdd(
  f: FunctionBuilder,
  { lanes, fused }: Arithmetic<AnyLanes>,
  sum: Local,
  [a, b]: readonly [a: Local, b: Local],
): void {
  const floats = floatsOf(lanes)
  if (floats !== 'f32' && fused) f.get(a).get(b).get(sum).op(`${floats}.relaxed_madd`)
  else f.get(sum).get(a).get(b).op(`${floats}.mul`, `${floats}.add`)
  f.set(sum)
}
