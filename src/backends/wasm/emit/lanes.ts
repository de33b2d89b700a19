/** Code that is written alike for one number and for four: types, loads, stores, constants, products. */
import type { FunctionBuilder, Local } from './assembler.ts'

/** Scalar or four-lane arithmetic: the same kernels serve both. Scalar where a dimension has no room for lanes. */
export type Lanes = 1 | 4

/** How a product is added: two roundings, or one with the relaxed fused multiply-add. */
export interface Arithmetic {
  readonly lanes: Lanes
  /** True when relaxed SIMD's multiply-add may be used; never in `precise` mode. */
  readonly fused: boolean
}

/** Type of a local for f32 numbers. */
export const typeOf = (lanes: Lanes) => (lanes === 4 ? 'v128' : 'f32')

/** A new local for a single number, and one for a vector of four. */
export const localsOf = (f: FunctionBuilder): Record<Lanes, Local> => ({ 1: f.local('f32'), 4: f.local('v128') })

/** Prefix of the names of arithmetic instructions. */
export const floatsOf = (lanes: Lanes) => (lanes === 4 ? 'f32x4' : 'f32')

/** The instruction that loads neighboring numbers. */
export const loadOf = (lanes: Lanes) => (lanes === 4 ? 'v128.load' : 'f32.load')

/** The instruction that stores neighboring numbers. */
export const storeOf = (lanes: Lanes) => (lanes === 4 ? 'v128.store' : 'f32.store')

/** Pushes a number, in all lanes. */
export function pushConstant(f: FunctionBuilder, lanes: Lanes, value: number): FunctionBuilder {
  return lanes === 4 ? f.f32x4(value) : f.f32(value)
}

/** sum ← sum + a · b */
export function multiplyAdd(
  f: FunctionBuilder,
  { lanes, fused }: Arithmetic,
  sum: Local,
  [a, b]: readonly [a: Local, b: Local],
): void {
  const floats = floatsOf(lanes)
  if (lanes === 4 && fused) f.get(a).get(b).get(sum).op('f32x4.relaxed_madd')
  else f.get(sum).get(a).get(b).op(`${floats}.mul`, `${floats}.add`)
  f.set(sum)
}
