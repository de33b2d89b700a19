/**
 * Moments of a result that lies channels last, gathered by the kernel that makes it while it is still in the cache: for
 * a few neighbouring positions at a time, and for every channel, their sum, and either the squares of their distances from their
 * mean or the sum of their products with another volume. The plan puts the parts together (`plan/moments.ts`).
 *
 * One pass suffices for the squares, over the distances d from the first position's value: Σ (x − mean)² = Σ d² − (Σ d)² / n
 * (the shifted data algorithm; Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983). As that value
 * is one of the n, the difference loses at most a factor of n + 1 in precision, however far the mean is from 0.
 */

import type { MomentKind } from '../../../../plan/convolution.ts'
import type { FunctionBuilder, Local } from '../../assembler.ts'
import type { KernelModule } from '../../kernel.ts'
import type { Lanes } from '../../tile.ts'

/** Vectors of channels worked through together: what belongs to four fits the registers. */
const together = 4

/** How many volumes the moments are taken against, with their centers: operands `volume, center` of the kernel. */
export const momentOperands = (kind: MomentKind | undefined): number => (kind === 'products' ? 2 : 0)

/** How many values a kernel stores: its result, and two moments if they are wanted. */
export const momentResults = (kind: MomentKind | undefined): number => (kind ? 3 : 1)

/** Pushes how many are in the part that begins at `first`: `most` of `all`, or what is left of them. */
export function pushPart(f: FunctionBuilder, most: number, all: number, first: Local): void {
  const pushLeft = (): FunctionBuilder => f.i32(all).get(first).op('i32.sub')
  f.i32(most)
  pushLeft().i32(most)
  pushLeft().op('i32.lt_s', 'select')
}

/**
 * A function `(from, count, sums, others)`, and for products `(…, volume, center)`: of `count` positions, `pixelBytes` apart,
 * whose first channel lies at `from`, stores what belongs to the next `channels` channels at `sums` and at `others`. Products
 * are those with volume − center, where the volume lies like the result and the center has one number per channel.
 */
export function emitMoments(
  { module, fused }: KernelModule,
  kind: MomentKind,
  pixelBytes: number,
  channels: number,
): FunctionBuilder {
  const f = module.function(new Array(4 + momentOperands(kind)).fill('i32'), [])
  const [from, count, sums, others, volume, center] = [0, 1, 2, 3, 4, 5]
  const products = kind === 'products'
  const [left, at, volumeAt, channel] = f.localArray('i32', 4)
  const registers = {
    1: { origin: f.localArray('f32', 1), sum: f.localArray('f32', 1), other: f.localArray('f32', 1) },
    4: { origin: f.localArray('v128', 4), sum: f.localArray('v128', 4), other: f.localArray('v128', 4) },
  }
  const element = { 1: f.local('f32'), 4: f.local('v128') }
  const distance = { 1: f.local('f32'), 4: f.local('v128') }
  const positions = { 1: f.local('f32'), 4: f.local('v128') }
  f.get(count).op('f32.convert_i32_s').tee(positions[1]).op('f32x4.splat').set(positions[4])

  /** The next vectors of channels, or the next channel alone. */
  const gather = (lanes: Lanes, vectors: number): void => {
    const { origin, sum, other } = registers[lanes]
    const [type, load, store] =
      lanes === 4 ? (['f32x4', 'v128.load', 'v128.store'] as const) : (['f32', 'f32.load', 'f32.store'] as const)
    const [value, away] = [element[lanes], distance[lanes]]
    const each = (visit: (v: number, offset: number) => void): void => {
      for (let v = 0; v < vectors; v++) visit(v, v * 16)
    }
    const zero = (): FunctionBuilder => (lanes === 4 ? f.f32x4(0) : f.f32(0))
    /** into += a · b */
    const multiplyAdd = (into: Local, a: Local, b: Local): void => {
      if (lanes === 4 && fused) f.get(a).get(b).get(into).op('f32x4.relaxed_madd')
      else f.get(into).get(a).get(b).op(`${type}.mul`, `${type}.add`)
      f.set(into)
    }
    each((v, offset) => {
      f.get(products ? center : from)
        .memory(load, offset)
        .set(origin[v])
      for (const total of [sum[v], other[v]]) zero().set(total)
    })
    f.get(from).set(at)
    if (products) f.get(volume).set(volumeAt)
    f.for(left, { value: 0 }, count, () => {
      each((v, offset) => {
        f.get(at).memory(load, offset).set(value)
        if (products) f.get(volumeAt).memory(load, offset)
        else f.get(value)
        f.get(origin[v]).op(`${type}.sub`).set(away)
        const term = products ? value : away
        f.get(sum[v]).get(term).op(`${type}.add`).set(sum[v])
        multiplyAdd(other[v], term, away)
      })
      f.increment(at, pixelBytes)
      if (products) f.increment(volumeAt, pixelBytes)
    })
    each((v, offset) => {
      f.get(sums)
      if (!products) f.get(origin[v]).get(positions[lanes]).op(`${type}.mul`)
      f.get(sum[v])
      if (!products) f.op(`${type}.add`)
      f.memory(store, offset)
      f.get(others).get(other[v])
      if (!products) {
        f.get(sum[v]).get(sum[v]).op(`${type}.mul`).get(positions[lanes]).op(`${type}.div`, `${type}.sub`)
        zero().op(`${type}.max`)
      }
      f.memory(store, offset)
    })
    const pointers = products ? [from, sums, others, volume, center] : [from, sums, others]
    for (const pointer of pointers) f.increment(pointer, lanes === 4 ? vectors * 16 : 4)
  }

  const vectors = Math.floor(channels / 4)
  const whole = vectors - (vectors % together)
  f.for(channel, { value: 0 }, { value: whole }, () => gather(4, together), together)
  if (vectors > whole) gather(4, vectors - whole)
  for (let rest = channels % 4; rest > 0; rest--) gather(1, 1)
  return f
}
