/**
 * Moments of a result that lies channels last, gathered by the kernel that makes it while it is still in the cache: for
 * a few neighbouring positions at a time, and for every channel, their sum and the squares of their distances from their mean.
 * The plan puts the parts together (`plan/moments.ts`).
 *
 * One pass suffices, over the distances d from the first position's value: Σ (x − mean)² = Σ d² − (Σ d)² / n (the shifted
 * data algorithm; Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983). As that value is one of
 * the n, the difference loses at most a factor of n + 1 in precision, however far the mean is from 0.
 */
import type { FunctionBuilder } from '../../assembler.ts'
import type { KernelModule } from '../../kernel.ts'
import type { Lanes } from '../../tile.ts'

/** Vectors of channels worked through together: sums, squares and first values of four fit the registers. */
const together = 4

/**
 * A function `(from, count, sums, squares)`: of `count` positions, `pixelBytes` apart, whose first channel lies at `from`,
 * stores what belongs to the next `channels` channels at `sums` and at `squares`.
 */
export function emitMoments({ module, fused }: KernelModule, pixelBytes: number, channels: number): FunctionBuilder {
  const f = module.function(new Array(4).fill('i32'), [])
  const [from, count, sums, squares] = [0, 1, 2, 3]
  const [left, at, channel] = f.localArray('i32', 3)
  const registers = {
    1: { first: f.localArray('f32', 1), sum: f.localArray('f32', 1), square: f.localArray('f32', 1) },
    4: { first: f.localArray('v128', 4), sum: f.localArray('v128', 4), square: f.localArray('v128', 4) },
  }
  const distance = { 1: f.local('f32'), 4: f.local('v128') }
  const positions = { 1: f.local('f32'), 4: f.local('v128') }
  f.get(count).op('f32.convert_i32_s').tee(positions[1]).op('f32x4.splat').set(positions[4])

  /** The next vectors of channels, or the next channel alone. */
  const gather = (lanes: Lanes, vectors: number): void => {
    const { first, sum, square } = registers[lanes]
    const [type, load, store] =
      lanes === 4 ? (['f32x4', 'v128.load', 'v128.store'] as const) : (['f32', 'f32.load', 'f32.store'] as const)
    const each = (visit: (v: number, offset: number) => void): void => {
      for (let v = 0; v < vectors; v++) visit(v, v * 16)
    }
    each((v, offset) => {
      f.get(from).memory(load, offset).set(first[v])
      for (const total of [sum[v], square[v]]) (lanes === 4 ? f.f32x4(0) : f.f32(0)).set(total)
    })
    f.get(from).set(at)
    f.for(left, { value: 0 }, count, () => {
      each((v, offset) => {
        f.get(at).memory(load, offset).get(first[v]).op(`${type}.sub`).set(distance[lanes])
        f.get(sum[v]).get(distance[lanes]).op(`${type}.add`).set(sum[v])
        if (lanes === 4 && fused) {
          f.get(distance[4]).get(distance[4]).get(square[v]).op('f32x4.relaxed_madd')
        } else f.get(square[v]).get(distance[lanes]).get(distance[lanes]).op(`${type}.mul`, `${type}.add`)
        f.set(square[v])
      })
      f.increment(at, pixelBytes)
    })
    each((v, offset) => {
      f.get(sums).get(first[v]).get(positions[lanes]).op(`${type}.mul`).get(sum[v]).op(`${type}.add`)
      f.memory(store, offset)
      f.get(squares).get(square[v]).get(sum[v]).get(sum[v]).op(`${type}.mul`).get(positions[lanes])
      f.op(`${type}.div`, `${type}.sub`)
      ;(lanes === 4 ? f.f32x4(0) : f.f32(0)).op(`${type}.max`).memory(store, offset)
    })
    for (const pointer of [from, sums, squares]) f.increment(pointer, lanes === 4 ? vectors * 16 : 4)
  }

  const vectors = Math.floor(channels / 4)
  const whole = vectors - (vectors % together)
  f.for(channel, { value: 0 }, { value: whole }, () => gather(4, together), together)
  if (vectors > whole) gather(4, vectors - whole)
  for (let rest = channels % 4; rest > 0; rest--) gather(1, 1)
  return f
}
