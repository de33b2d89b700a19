/** Folding over the lanes of a workgroup: a tree of fixed shape, so that sums round the same way in every run. */
import type { Reduction } from '../../../graph/ops/reduce.ts'
import { literal } from '../wgsl/expression.ts'
import { lanes } from '../wgsl/shader.ts'

/** How a reduction joins two numbers, and from which number it starts. */
export const foldings: Readonly<
  Record<Reduction, { readonly start: string; readonly join: (a: string, b: string) => string }>
> = {
  sum: { start: '0.0', join: (a, b) => `${a} + ${b}` },
  max: { start: literal(Number.NEGATIVE_INFINITY), join: (a, b) => `larger(${a}, ${b})` },
  min: { start: literal(Number.POSITIVE_INFINITY), join: (a, b) => `smaller(${a}, ${b})` },
}

/** Memory of a workgroup with one number a lane; {@link laneFold} needs it. */
export const laneMemory = `var<workgroup> shares: array<f32, ${lanes}>;`

/** Declares a function `NAME(lane, value)`, which all lanes call together: it returns their values, folded. */
export function laneFold(name: string, fn: Reduction): string {
  const { join } = foldings[fn]
  return `fn ${name}(lane: u32, value: f32) -> f32 {
  shares[lane] = value;
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    if (lane < half) { shares[lane] = ${join('shares[lane]', 'shares[lane + half]')}; }
    workgroupBarrier();
  }
  let all = shares[0];
  workgroupBarrier();
  return all;
}`
}
