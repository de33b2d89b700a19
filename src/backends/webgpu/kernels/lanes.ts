/**
 * Folding over the lanes of a workgroup: a tree of fixed shape, so that sums round the same way in every run. Where a
 * device has subgroups, most of its levels need no barrier; the tree, and with it every bit of a result, is the same.
 */
import type { Reduction } from '../../../graph/ops/reduce.ts'
import { literal } from '../wgsl/expression.ts'
import { lanes } from '../wgsl/shader.ts'
import type { Hardware, SubgroupSizes } from './kernel.ts'

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
export function laneFold(name: string, fn: Reduction, { subgroups }: Pick<Hardware, 'subgroups'>): string {
  return `fn ${name}(lane: u32, value: f32) -> f32 {
  shares[lane] = value;
  workgroupBarrier();
  ${subgroups ? foldInSubgroups(fn, subgroups) : foldInMemory(fn)}
  workgroupBarrier();
  return all;
}`
}

/** Half of the lanes join what they have with the other half's, then a quarter of them, with a barrier for each level. */
function foldInMemory(fn: Reduction): string {
  return `for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    if (lane < half) { shares[lane] = ${foldings[fn].join('shares[lane]', 'shares[lane + half]')}; }
    workgroupBarrier();
  }
  let all = shares[0];`
}

/**
 * Every subgroup does the whole tree. A member takes the levels above the size of its subgroup from the workgroup's
 * memory: of four members, number 1 joins shares 1, 5, 9 … 61. The levels below are between members. It does not matter
 * which lanes a subgroup has, nor, within the device's range, how many; only that none of its places is empty. WGSL does
 * not promise that: we rely on drivers to fill subgroups where a workgroup is a multiple of their size, as this one is.
 */
function foldInSubgroups(fn: Reduction, { smallest, largest }: SubgroupSizes): string {
  const join = (a: string, b: string): string => `(${foldings[fn].join(a, b)})`
  const column = (first: number, step: number): string =>
    step === lanes ? `shares[place + ${first}u]` : join(column(first, 2 * step), column(first + step, 2 * step))
  const halves = powersOfTwo(1, lanes / 2).reverse()
  const sizes = powersOfTwo(Math.min(smallest, lanes), Math.min(largest, lanes))
  const columns = sizes.map((size, at) => {
    const statement = `{ all = ${column(0, size)}; }`
    return at === sizes.length - 1 ? statement : `if (members == ${size}u) ${statement}`
  })
  const levels = halves
    .filter(half => half < largest)
    .map(half => {
      const joined = join('all', `subgroupShuffleDown(all, ${half}u)`)
      return half < smallest ? `all = ${joined};` : `all = select(all, ${joined}, members > ${half}u);`
    })
  return `let place = member % ${lanes}u;
  var all = 0.0;
  ${columns.join(' else ')}
  ${levels.join('\n  ')}
  all = subgroupBroadcastFirst(all);`
}

/** The powers of two from one to another. */
function powersOfTwo(first: number, last: number): number[] {
  return first > last ? [] : [first, ...powersOfTwo(2 * first, last)]
}
