/**
 * Moments of a result stored channels last, gathered by the kernel that makes it while it is still in the cache. For a
 * few neighboring positions at a time, and for every channel, they are the mean and the sum of squared distances from
 * it, or the sum and the sum of products with another volume. The plan combines the parts (`cpu/layouts/moments.ts`).
 *
 * The squares need only one pass, over the distances d from some number: Σ (x − mean)² = Σ d² − (Σ d)² / n (the shifted
 * data algorithm; Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983). If the number is z
 * standard deviations from the mean, the difference loses a factor of 1 + z² in precision. Here the number is the mean
 * of the values at a few positions: z is then about a half, and at most √n.
 */

import type { MomentKind } from '../../../cpu/layouts/convolution.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { floatsOf, type Lanes, loadOf, localsOf, multiplyAdd, pushConstant, storeOf, typeOf } from '../../emit/lanes.ts'
import type { KernelModule } from '../../kernel.ts'
import { LongSum, runTerms, sumRuns } from '../shared/longSums.ts'

/** Vectors of channels processed together: the registers hold everything for four. */
const together = 4

/**
 * Number of positions whose mean the distances are taken from: evenly spaced, and away from the borders of an image.
 */
const samples = 4

/** Number of operands for the moments: the other `volume` and its `center`, for products. */
export const momentOperands = (kind: MomentKind | undefined): number => (kind === 'products' ? 2 : 0)

/** Number of values that a kernel stores: its result, and two moments if they are wanted. */
export const momentResults = (kind: MomentKind | undefined): number => (kind ? 3 : 1)

/** Pushes the size of the part that begins at `first`: `most`, or the rest of `all`. */
export function pushPart(f: FunctionBuilder, most: number, all: number, first: Local): void {
  const pushLeft = (): FunctionBuilder => f.i32(all).get(first).op('i32.sub')
  f.i32(most)
  pushLeft().i32(most)
  pushLeft().op('i32.lt_s', 'select')
}

/**
 * A function `(from, count, firsts, seconds)`, or `(…, volume, center)` for products. It reads `count` positions,
 * `pixelBytes` apart, with the first channel at `from`, and stores the moments of the next `channels` channels: means
 * at `firsts` and squares at `seconds`, or sums and products. Products are those with volume − center, where the volume
 * has the layout of the result and the center has one number per channel.
 */
export function emitMoments(
  target: KernelModule,
  kind: MomentKind,
  pixelBytes: number,
  channels: number,
): FunctionBuilder {
  return new MomentEmitter(target, kind, pixelBytes).emit(channels)
}

/** Accumulators of a few vectors of channels, or of one channel. */
interface Registers {
  readonly lanes: Lanes
  /** What distances are taken from: a mean of a few values, or the center. */
  readonly origin: readonly Local[]
  readonly first: readonly LongSum[]
  readonly second: readonly LongSum[]
  readonly value: Local
  readonly away: Local
}

/** Parameters of the function of moments. */
const parameters = { from: 0, count: 1, firsts: 2, seconds: 3, volume: 4, center: 5 } as const

class MomentEmitter {
  readonly #f: FunctionBuilder
  readonly #fused: boolean
  readonly #products: boolean
  readonly #pixelBytes: number
  readonly #at: Readonly<Record<'at' | 'volumeAt' | 'channel', Local>>
  readonly #registers: Readonly<Record<Lanes, Registers>>
  /** The number of positions, in all lanes. */
  readonly #positions: Readonly<Record<Lanes, Local>>

  constructor({ module, fused }: KernelModule, kind: MomentKind, pixelBytes: number) {
    const f = module.function(new Array(4 + momentOperands(kind)).fill('i32'), [])
    this.#f = f
    this.#fused = fused
    this.#products = kind === 'products'
    this.#pixelBytes = pixelBytes
    this.#at = f.named('i32', 'at', 'volumeAt', 'channel')
    this.#registers = { 1: this.#registersOf(1, 1), 4: this.#registersOf(4, together) }
    this.#positions = localsOf(f)
  }

  #registersOf(lanes: Lanes, vectors: number): Registers {
    const f = this.#f
    const type = typeOf(lanes)
    const sums = (): LongSum[] => Array.from({ length: vectors }, () => new LongSum(f, lanes))
    return {
      lanes,
      origin: f.localArray(type, vectors),
      first: sums(),
      second: sums(),
      value: f.local(type),
      away: f.local(type),
    }
  }

  emit(channels: number): FunctionBuilder {
    const f = this.#f
    const positions = this.#positions
    const vectors = Math.floor(channels / 4)
    const whole = vectors - (vectors % together)
    f.get(parameters.count).op('f32.convert_i32_s').tee(positions[1]).op('f32x4.splat').set(positions[4])
    f.for(this.#at.channel, { value: 0 }, { value: whole }, () => this.#gather(4, together), together)
    if (vectors > whole) this.#gather(4, vectors - whole)
    for (let rest = channels % 4; rest > 0; rest--) this.#gather(1, 1)
    return f
  }

  /** The next vectors of channels, or a single channel. */
  #gather(lanes: Lanes, vectors: number): void {
    const f = this.#f
    const registers = this.#registers[lanes]
    const origin = registers.origin.slice(0, vectors)
    if (this.#products) {
      origin.forEach((center, v) => {
        f.get(parameters.center)
        f.memory(loadOf(lanes), v * 16).set(center)
      })
    } else this.#sampleOrigins(lanes, origin)
    for (const sum of [...registers.first, ...registers.second]) sum.clear()
    f.get(parameters.from).set(this.#at.at)
    if (this.#products) f.get(parameters.volume).set(this.#at.volumeAt)
    const sums = [...registers.first.slice(0, vectors), ...registers.second.slice(0, vectors)]
    sumRuns(f, sums, { to: parameters.count, length: runTerms }, () => this.#addPosition(registers, vectors))
    for (let v = 0; v < vectors; v++) this.#store(registers, v)
    const { from, firsts, seconds, volume, center } = parameters
    const pointers = this.#products ? [from, firsts, seconds, volume, center] : [from, firsts, seconds]
    for (const pointer of pointers) f.increment(pointer, lanes === 4 ? vectors * 16 : 4)
  }

  /** The mean of the values at position ⌊(k + ½) count / samples⌋ for each k. */
  #sampleOrigins(lanes: Lanes, origin: readonly Local[]): void {
    const f = this.#f
    const type = floatsOf(lanes)
    for (let k = 0; k < samples; k++) {
      f.get(parameters.from).get(parameters.count)
      f.times(2 * k + 1)
      f.over(2 * samples)
      f.times(this.#pixelBytes).op('i32.add').set(this.#at.at)
      origin.forEach((sum, v) => {
        f.get(this.#at.at).memory(loadOf(lanes), v * 16)
        if (k > 0) f.get(sum).op(`${type}.add`)
        f.set(sum)
      })
    }
    for (const sum of origin) {
      f.get(sum)
      pushConstant(f, lanes, 1 / samples)
      f.op(`${type}.mul`).set(sum)
    }
  }

  /** Adds the values of one position, and moves to the next. */
  #addPosition({ lanes, origin, first, second, value, away }: Registers, vectors: number): void {
    const f = this.#f
    const type = floatsOf(lanes)
    const { at, volumeAt } = this.#at
    for (let v = 0; v < vectors; v++) {
      f.get(at)
        .memory(loadOf(lanes), v * 16)
        .set(value)
      if (this.#products) f.get(volumeAt).memory(loadOf(lanes), v * 16)
      else f.get(value)
      f.get(origin[v]).op(`${type}.sub`).set(away)
      const term = this.#products ? value : away
      f.get(first[v].run).get(term).op(`${type}.add`).set(first[v].run)
      multiplyAdd(f, { lanes, fused: this.#fused }, second[v].run, [term, away])
    }
    f.increment(at, this.#pixelBytes)
    if (this.#products) f.increment(volumeAt, this.#pixelBytes)
  }

  /** Stores the moments of vector `v`: sum and products, or mean and squares. */
  #store({ lanes, origin, first, second, away }: Registers, v: number): void {
    const f = this.#f
    const type = floatsOf(lanes)
    const store = storeOf(lanes)
    const positions = this.#positions[lanes]
    f.get(parameters.firsts)
    first[v].push()
    if (!this.#products) f.tee(away).get(positions).op(`${type}.div`).get(origin[v]).op(`${type}.add`)
    f.memory(store, v * 16)
    f.get(parameters.seconds)
    second[v].push()
    if (!this.#products) {
      f.get(away).get(away).op(`${type}.mul`).get(positions).op(`${type}.div`, `${type}.sub`)
      pushConstant(f, lanes, 0).op(`${type}.max`)
    }
    f.memory(store, v * 16)
  }
}
