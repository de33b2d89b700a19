/**
 * Moments of a result that lies channels last, gathered by the kernel that makes it while it is still in the cache: for
 * a few neighbouring positions at a time, and for every channel, their mean and the sum of the squares of their distances from
 * it, or their sum and that of their products with another volume. The plan puts the parts together (`plan/moments.ts`).
 *
 * One pass suffices for the squares, over the distances d from some number: Σ (x − mean)² = Σ d² − (Σ d)² / n (the shifted data
 * algorithm; Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983). Where the number is z deviations
 * from the mean the difference loses a factor of 1 + z² in precision. Here it is the mean of a few positions' values: z is then a
 * half or so, and at most √n.
 */

import type { MomentKind } from '../../../cpu/layouts/convolution.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { Lanes } from '../../emit/tile.ts'
import type { KernelModule } from '../../kernel.ts'
import { LongSum, runTerms, sumRuns } from '../shared/longSums.ts'

/** Vectors of channels worked through together: what belongs to four fits the registers. */
const together = 4

/** Positions whose mean the squares are taken around at first: evenly spaced, and away from the borders of an image. */
const samples = 4

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
 * A function `(from, count, firsts, seconds)`, and for products `(…, volume, center)`: of `count` positions, `pixelBytes` apart,
 * whose first channel lies at `from`, stores what belongs to the next `channels` channels: means at `firsts` and squares at
 * `seconds`, or sums and products. Products are those with volume − center, where the volume lies like the result and the
 * center has one number per channel.
 */
export function emitMoments(
  { module, fused }: KernelModule,
  kind: MomentKind,
  pixelBytes: number,
  channels: number,
): FunctionBuilder {
  const f = module.function(new Array(4 + momentOperands(kind)).fill('i32'), [])
  const [from, count, firsts, seconds, volume, center] = [0, 1, 2, 3, 4, 5]
  const products = kind === 'products'
  const [at, volumeAt, channel] = f.localArray('i32', 3)
  const registersOf = (lanes: Lanes, vectors: number) => {
    const type = lanes === 4 ? 'v128' : 'f32'
    const sums = (): LongSum[] => Array.from({ length: vectors }, () => new LongSum(f, lanes))
    return {
      origin: f.localArray(type, vectors),
      first: sums(),
      second: sums(),
      value: f.local(type),
      away: f.local(type),
    }
  }
  const registers = { 1: registersOf(1, 1), 4: registersOf(4, together) }
  const positions = { 1: f.local('f32'), 4: f.local('v128') }
  f.get(count).op('f32.convert_i32_s').tee(positions[1]).op('f32x4.splat').set(positions[4])

  /** The next vectors of channels, or the next channel alone. */
  const gather = (lanes: Lanes, vectors: number): void => {
    const { origin, first, second, value, away } = registers[lanes]
    const [type, load, store] =
      lanes === 4 ? (['f32x4', 'v128.load', 'v128.store'] as const) : (['f32', 'f32.load', 'f32.store'] as const)
    const each = (visit: (v: number, offset: number) => void): void => {
      for (let v = 0; v < vectors; v++) visit(v, v * 16)
    }
    /** into += a · b */
    const multiplyAdd = (into: Local, a: Local, b: Local): void => {
      if (lanes === 4 && fused) f.get(a).get(b).get(into).op('f32x4.relaxed_madd')
      else f.get(into).get(a).get(b).op(`${type}.mul`, `${type}.add`)
      f.set(into)
    }
    const addPosition = (): void => {
      each((v, offset) => {
        f.get(at).memory(load, offset).set(value)
        if (products) f.get(volumeAt).memory(load, offset)
        else f.get(value)
        f.get(origin[v]).op(`${type}.sub`).set(away)
        const term = products ? value : away
        f.get(first[v].run).get(term).op(`${type}.add`).set(first[v].run)
        multiplyAdd(second[v].run, term, away)
      })
      f.increment(at, pixelBytes)
      if (products) f.increment(volumeAt, pixelBytes)
    }
    /** Position ⌊(k + ½) count / samples⌋ for each k. */
    const sampleOrigins = (): void => {
      for (let k = 0; k < samples; k++) {
        f.get(from).get(count)
        f.times(2 * k + 1)
        f.over(2 * samples)
        f.times(pixelBytes).op('i32.add').set(at)
        each((v, offset) => {
          f.get(at).memory(load, offset)
          if (k > 0) f.get(origin[v]).op(`${type}.add`)
          f.set(origin[v])
        })
      }
      each(v => {
        f.get(origin[v])
        if (lanes === 4) f.f32x4(1 / samples)
        else f.f32(1 / samples)
        f.op(`${type}.mul`).set(origin[v])
      })
    }
    if (products) each((v, offset) => f.get(center).memory(load, offset).set(origin[v]))
    else sampleOrigins()
    for (const sum of [...first, ...second]) sum.clear()
    f.get(from).set(at)
    if (products) f.get(volume).set(volumeAt)
    const sums = [...first.slice(0, vectors), ...second.slice(0, vectors)]
    sumRuns(f, sums, count, { length: runTerms }, addPosition)
    each((v, offset) => {
      f.get(firsts)
      first[v].push()
      if (!products) f.tee(away).get(positions[lanes]).op(`${type}.div`).get(origin[v]).op(`${type}.add`)
      f.memory(store, offset)
      f.get(seconds)
      second[v].push()
      if (!products) {
        f.get(away).get(away).op(`${type}.mul`).get(positions[lanes]).op(`${type}.div`, `${type}.sub`)
        if (lanes === 4) f.f32x4(0)
        else f.f32(0)
        f.op(`${type}.max`)
      }
      f.memory(store, offset)
    })
    const pointers = products ? [from, firsts, seconds, volume, center] : [from, firsts, seconds]
    for (const pointer of pointers) f.increment(pointer, lanes === 4 ? vectors * 16 : 4)
  }

  const vectors = Math.floor(channels / 4)
  const whole = vectors - (vectors % together)
  f.for(channel, { value: 0 }, { value: whole }, () => gather(4, together), together)
  if (vectors > whole) gather(4, vectors - whole)
  for (let rest = channels % 4; rest > 0; rest--) gather(1, 1)
  return f
}
