/**
 * Kernels that pack and unpack 1-bit gradients, in WebAssembly: the numbers of a unit one after another for its means,
 * which are summed in double precision, and four at a time for its bits.
 */
import type { FunctionBuilder, Local } from './wasm/emit/assembler.ts'
import { ModuleBuilder } from './wasm/emit/module.ts'

/** Units of equal size that lie side by side. */
export interface UnitRange {
  /** Place of the first number; its bit has the same place. */
  readonly offset: number
  /** How many units there are, and numbers in each. */
  readonly count: number
  readonly size: number
}

type Kernel = (...addresses: readonly number[]) => void

const pageBytes = 65_536
/** Bytes at a time in which bits are read and written: so many may lie behind the last bit. */
const wordBytes = 4

/** The kernels, with memory for the numbers of one part. */
export class OneBitKernels {
  /** Gradients, what earlier steps have lost of them, the means of units (positive, negative), and bits. */
  readonly memory: {
    readonly values: Float32Array
    readonly errors: Float32Array
    readonly means: Float32Array
    readonly bits: Uint32Array
  }
  readonly #encode: Kernel
  readonly #decode: Kernel

  /**
   * @param numbers of a part
   * @param means two for each unit
   */
  constructor(numbers: number, means: number) {
    const words = Math.ceil(numbers / 32)
    const bytes = 4 * (2 * numbers + means + words) + wordBytes
    const pages = Math.ceil(bytes / pageBytes)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const { buffer } = memory
    this.memory = {
      values: new Float32Array(buffer, 0, numbers),
      errors: new Float32Array(buffer, 4 * numbers, numbers),
      means: new Float32Array(buffer, 8 * numbers, means),
      bits: new Uint32Array(buffer, 8 * numbers + 4 * means, words),
    }
    const module = new WebAssembly.Module(assemble())
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    const { encode, decode } = exports as Readonly<Record<string, Kernel>>
    this.#encode = encode!
    this.#decode = decode!
  }

  /**
   * From gradients and errors to new errors, means and bits, which must be 0 before.
   * @param mean place of the first unit's means
   */
  encode({ offset, count, size }: UnitRange, mean: number): void {
    const { values, errors, means, bits } = this.memory
    const [from, into] = [addressOf(values, offset), addressOf(errors, offset)]
    this.#encode(from, into, size, count, addressOf(means, mean), bits.byteOffset, offset)
  }

  /** From means and bits to gradients. */
  decode({ offset, count, size }: UnitRange, mean: number): void {
    const { values, means, bits } = this.memory
    this.#decode(addressOf(values, offset), size, count, addressOf(means, mean), bits.byteOffset, offset)
  }
}

const addressOf = ({ byteOffset }: Float32Array, place: number): number => byteOffset + 4 * place

function assemble(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(false)
  assembleEncode(module.function(new Array(7).fill('i32'), [], 'encode'))
  assembleDecode(module.function(new Array(6).fill('i32'), [], 'decode'))
  return module.encode()
}

/** `(values, errors, size, count, means, bits, place)`: addresses, but for sizes and the place of the first bit. */
function assembleEncode(f: FunctionBuilder): void {
  const [values, errors, size, count, means, bits, place] = [0, 1, 2, 3, 4, 5, 6]
  const { unit, k, at, positives, isPositive, fours } = f.named(
    'i32',
    'unit',
    'k',
    'at',
    'positives',
    'isPositive',
    'fours',
  )
  const [h, mean, other] = f.localArray('f32', 3)
  const { above, below, wide, zero } = f.named('f64', 'above', 'below', 'wide', 'zero')
  const { h4, mask, mean4, other4 } = f.named('v128', 'h4', 'mask', 'mean4', 'other4')
  f.get(size).i32(-4).op('i32.and').set(fours)
  f.for(unit, { value: 0 }, count, () => {
    f.get(zero).tee(above).set(below)
    f.i32(0).set(positives)
    f.get(errors).set(at)
    f.for(k, { value: 0 }, size, () => {
      f.get(at)
      f.get(values).memory('f32.load').get(at).memory('f32.load').op('f32.add').tee(h).memory('f32.store')
      f.get(h).f32(0).op('f32.ge').tee(isPositive).get(positives).op('i32.add').set(positives)
      f.get(h).op('f64.promote_f32').set(wide)
      // An addend of 0 changes no sum: neither begins with −0.
      f.get(above).get(wide).get(zero).get(isPositive).op('select', 'f64.add').set(above)
      f.get(below).get(zero).get(wide).get(isPositive).op('select', 'f64.add').set(below)
      f.increment(values, 4).increment(at, 4)
    })
    const storeMean = (sum: Local, into: Local, offset: number, pushCount: () => void): void => {
      pushCount()
      f.set(k).get(means).get(sum).larger(k, { value: 1 }).op('f64.convert_i32_s', 'f64.div', 'f32.demote_f64')
      f.tee(into).memory('f32.store', offset)
    }
    storeMean(above, mean, 0, () => f.get(positives))
    storeMean(below, other, 4, () => f.get(size).get(positives).op('i32.sub'))
    f.get(mean).op('f32x4.splat').set(mean4)
    f.get(other).op('f32x4.splat').set(other4)
    f.for(
      k,
      { value: 0 },
      fours,
      () => {
        f.get(errors).memory('v128.load').tee(h4).f32x4(0).op('f32x4.ge').set(mask)
        f.get(errors).get(h4).get(mean4).get(other4).get(mask).op('v128.bitselect', 'f32x4.sub').memory('v128.store')
        mark(f, { bits, place }, () => f.get(mask).op('i32x4.bitmask'))
        f.increment(errors, 16).increment(place, 4)
      },
      4,
    )
    f.for(k, fours, size, () => {
      f.get(errors).memory('f32.load').tee(h).f32(0).op('f32.ge').set(isPositive)
      f.get(errors).get(h).get(mean).get(other).get(isPositive).op('select', 'f32.sub').memory('f32.store')
      mark(f, { bits, place }, () => f.get(isPositive))
      f.increment(errors, 4).increment(place, 1)
    })
    f.increment(means, 8)
  })
}

/** `(values, size, count, means, bits, place)`, as above. */
function assembleDecode(f: FunctionBuilder): void {
  const [values, size, count, means, bits, place] = [0, 1, 2, 3, 4, 5]
  const { unit, k, fours } = f.named('i32', 'unit', 'k', 'fours')
  const [mean, other] = f.localArray('f32', 2)
  const { mean4, other4 } = f.named('v128', 'mean4', 'other4')
  f.get(size).i32(-4).op('i32.and').set(fours)
  f.for(unit, { value: 0 }, count, () => {
    f.get(means).memory('f32.load').tee(mean).op('f32x4.splat').set(mean4)
    f.get(means).memory('f32.load', 4).tee(other).op('f32x4.splat').set(other4)
    f.for(
      k,
      { value: 0 },
      fours,
      () => {
        f.get(values).get(other4).get(mean4)
        pushBits(f, { bits, place })
        f.op('i32x4.splat').i32x4([1, 2, 4, 8]).op('v128.and').i32x4([0, 0, 0, 0]).op('i32x4.eq', 'v128.bitselect')
        f.memory('v128.store')
        f.increment(values, 16).increment(place, 4)
      },
      4,
    )
    f.for(k, fours, size, () => {
      f.get(values).get(mean).get(other)
      pushBits(f, { bits, place })
      f.i32(1).op('i32.and', 'select').memory('f32.store')
      f.increment(values, 4).increment(place, 1)
    })
    f.increment(means, 8)
  })
}

/** Where bits are: their address, and the place of the next one. */
interface BitPlace {
  readonly bits: Local
  readonly place: Local
}

const pushAddress = (f: FunctionBuilder, { bits, place }: BitPlace): FunctionBuilder =>
  f.get(place).i32(3).op('i32.shr_u').get(bits).op('i32.add')

const pushShift = (f: FunctionBuilder, { place }: BitPlace): FunctionBuilder => f.get(place).i32(7).op('i32.and')

/** Pushes the bits from a place on: 25 of them are right. */
function pushBits(f: FunctionBuilder, at: BitPlace): void {
  pushShift(pushAddress(f, at).memory('i32.load'), at).op('i32.shr_u')
}

/** Sets the bits that `push` leaves on the stack. */
function mark(f: FunctionBuilder, at: BitPlace, push: () => void): void {
  pushAddress(f, at)
  pushAddress(f, at).memory('i32.load')
  push()
  pushShift(f, at).op('i32.shl', 'i32.or').memory('i32.store')
}
