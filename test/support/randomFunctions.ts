/** Writes random functions: statements on more values than there are registers, with loops, conditions, and calls. */
import type { FunctionBuilder, Local } from '../../src/backends/wasm/emit/assembler.ts'
import type { RandomSequence } from '../../src/random/philox.ts'

/** Integers, then numbers: each area has its own, so that no NaN is ever read as an integer. */
export const areas = { integers: 65536, numbers: 2 * 65536, bytes: 4096 } as const

type Operation = Parameters<FunctionBuilder['op']>[0]
const names = (text: string): Operation[] => text.split(' ') as Operation[]

const operations = {
  integer: names(
    'i32.add i32.sub i32.mul i32.and i32.or i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.le_s i32.ge_s i32.ge_u',
  ),
  divisions: names('i32.div_s i32.div_u i32.rem_s i32.rem_u'),
  number: names('f32.add f32.sub f32.mul f32.div f32.min f32.max'),
  ofNumber: names('f32.sqrt f32.abs f32.neg f32.floor'),
  compareNumbers: names('f32.eq f32.ne f32.lt f32.gt f32.le f32.ge'),
  vector: names('f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax'),
  ofVector: names('f32x4.sqrt f32x4.abs f32x4.neg f32x4.floor'),
  compareVectors: names('f32x4.eq f32x4.ne f32x4.lt f32x4.le f32x4.gt f32x4.ge'),
  lanes: names(
    'i32x4.add i32x4.sub i32x4.mul i32x4.max_s i32x4.eq i32x4.gt_s i32x4.lt_s v128.and v128.or v128.xor v128.andnot i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u',
  ),
  ofLanes: names('v128.not i16x8.extend_low_i8x16_u i32x4.extend_low_i16x8_u'),
} as const

/** Writes one function, whose helpers it may call. */
export class RandomFunction {
  readonly #f: FunctionBuilder
  readonly #random: RandomSequence
  readonly #helpers: readonly FunctionBuilder[]
  readonly #locals: { readonly i: Local[]; readonly f: Local[]; readonly v: Local[]; readonly w: Local[] }
  readonly #counters: Local[]

  constructor(f: FunctionBuilder, random: RandomSequence, helpers: readonly FunctionBuilder[], size: number) {
    this.#f = f
    this.#random = random
    this.#helpers = helpers
    const own = (type: 'i32' | 'f32' | 'v128', count: number): Local[] => [
      ...f.parameters.flatMap((parameter, k) => (parameter === type ? [k] : [])),
      ...f.localArray(type, count),
    ]
    const vectors = own('v128', 2 * size)
    // Vectors of numbers (which parameters are), and of integers.
    this.#locals = { i: own('i32', size), f: own('f32', size), v: vectors.slice(0, -size), w: vectors.slice(-size) }
    this.#counters = f.localArray('i32', 3)
  }

  #below(n: number): number {
    return Math.floor(this.#random.uniform() * n)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }

  write(statements: number): void {
    // Some locals are set, the others are zero.
    for (const [k, local] of this.#locals.i.entries()) if (k % 3 > 0) this.#f.i32(this.#constant()).set(local)
    for (const [k, local] of this.#locals.f.entries())
      if (k % 3 > 0)
        this.#f
          .i32(4 * k)
          .memory('f32.load', areas.numbers)
          .set(local)
    for (const [k, local] of this.#locals.v.entries())
      if (k % 4 > 0)
        this.#f
          .i32(16 * k)
          .memory('v128.load', areas.numbers)
          .set(local)
    for (const [k, local] of this.#locals.w.entries())
      if (k % 4 > 0)
        this.#f
          .i32(16 * k)
          .memory('v128.load', areas.integers)
          .set(local)
    this.#statements(statements, 0)
  }

  /** Stores every local. */
  store(): void {
    const f = this.#f
    this.#locals.i.forEach((local, k) => {
      f.i32(4 * k)
        .get(local)
        .memory('i32.store', areas.integers + 2048)
    })
    this.#locals.w.forEach((local, k) => {
      f.i32(16 * k)
        .get(local)
        .memory('v128.store', areas.integers + 2560)
    })
    this.#locals.f.forEach((local, k) => {
      f.i32(4 * k)
        .get(local)
        .memory('f32.store', areas.numbers + 2048)
    })
    this.#locals.v.forEach((local, k) => {
      f.i32(16 * k)
        .get(local)
        .memory('v128.store', areas.numbers + 2560)
    })
  }

  /** Pushes a value of its first local of a kind. */
  result(kind: 'i' | 'f' | 'v'): void {
    this.#f.get(this.#locals[kind][0]!)
  }

  #statements(count: number, depth: number): void {
    for (let k = 0; k < count; k++) this.#statement(depth)
  }

  #statement(depth: number): void {
    const f = this.#f
    const kind = this.#below(depth < 3 ? 24 : 20)
    if (kind < 5) {
      this.#integer(2)
      f.set(this.#one(this.#locals.i))
    } else if (kind < 8) {
      this.#number(2)
      f.set(this.#one(this.#locals.f))
    } else if (kind < 12) {
      this.#vector(2)
      f.set(this.#one(this.#locals.v))
    } else if (kind < 16) {
      this.#lanes(2)
      f.set(this.#one(this.#locals.w))
    } else if (kind < 18) this.#storeOne()
    else if (kind < 20) this.#call()
    else if (kind === 20) this.#nested(() => f.if(() => this.#statements(3, depth + 1)))
    else if (kind === 21)
      this.#nested(() =>
        f.if(
          () => this.#statements(3, depth + 1),
          () => this.#statements(2, depth + 1),
        ),
      )
    else if (kind === 22)
      f.for(this.#counters[depth]!, { value: 0 }, { value: 3 }, () => this.#statements(3, depth + 1))
    else
      f.block(exit => {
        this.#statements(2, depth + 1)
        this.#integer(1)
        f.branchIf(exit)
        this.#statements(2, depth + 1)
      })
  }

  #nested(open: () => void): void {
    this.#integer(1)
    open()
  }

  #constant(): number {
    return this.#one([0, 1, -1, 2, 4, 100, -128, 128, 65536, 2 ** 31 - 1, -(2 ** 31), this.#below(1e6)])
  }

  /** Pushes an address in an area, aligned to four bytes. */
  #address(): void {
    this.#f.get(this.#one(this.#locals.i)).i32(0x3fc).op('i32.and')
    if (this.#below(2) === 0) this.#f.i32(16 * this.#below(8)).op('i32.add')
  }

  #storeOne(): void {
    const f = this.#f
    this.#address()
    switch (this.#below(5)) {
      case 0:
        this.#integer(1)
        f.memory(this.#one(['i32.store', 'i32.store8']), areas.integers)
        return
      case 1:
        this.#number(1)
        f.memory('f32.store', areas.numbers)
        return
      case 2:
        this.#vector(1)
        f.memory('v128.store', areas.numbers)
        return
      case 3:
        f.i32(this.#constant()).memory('i32.store', areas.integers)
        return
      default:
        this.#lanes(1)
        f.memory('v128.store', areas.integers)
    }
  }

  #call(): void {
    if (this.#helpers.length === 0) return
    const helper = this.#one(this.#helpers)
    for (const type of helper.parameters) {
      if (type === 'i32') this.#integer(1)
      else if (type === 'f32') this.#number(1)
      else this.#vector(1)
    }
    this.#f.call(helper)
    const kind = { i32: 'i', f32: 'f', v128: 'v' } as const
    const [result] = helper.results
    if (result !== undefined) this.#f.set(this.#one(this.#locals[kind[result as 'i32']]))
  }

  #integer(depth: number): void {
    const f = this.#f
    const inner = (): void => this.#integer(depth - 1)
    const kind = depth === 0 ? this.#below(3) : this.#below(12)
    if (kind < 2) f.get(this.#one(this.#locals.i))
    else if (kind === 2) f.i32(this.#constant())
    else if (kind < 7) {
      inner()
      inner()
      f.op(this.#one(operations.integer))
    }
    // 1 … 255
    else if (kind === 7) {
      inner()
      inner()
      f.i32(254).op('i32.and').i32(1).op('i32.or').op(this.#one(operations.divisions))
    } else if (kind === 8) {
      this.#address()
      f.memory(this.#one(['i32.load', 'i32.load8_u']), areas.integers)
    } else if (kind === 9) {
      inner()
      inner()
      inner()
      f.op('select')
    } else if (kind === 10) {
      this.#number(depth - 1)
      this.#number(depth - 1)
      f.op(this.#one(operations.compareNumbers))
    } else {
      this.#lanes(depth - 1)
      f.op(this.#one(names('v128.any_true i32x4.all_true')))
    }
  }

  #number(depth: number): void {
    const f = this.#f
    const inner = (): void => this.#number(depth - 1)
    const kind = depth === 0 ? this.#below(3) : this.#below(12)
    if (kind < 2) f.get(this.#one(this.#locals.f))
    else if (kind === 2) f.f32(this.#one([0, -0, 1, -1.5, 1e30, 1e-42]))
    else if (kind < 6) {
      inner()
      inner()
      f.op(this.#one(operations.number))
    } else if (kind === 6) {
      inner()
      f.op(this.#one(operations.ofNumber))
    } else if (kind === 7) {
      this.#address()
      f.memory('f32.load', areas.numbers)
    } else if (kind === 8) {
      inner()
      inner()
      this.#integer(depth - 1)
      f.op('select')
    } else if (kind === 9) {
      this.#integer(depth - 1)
      f.op('f32.convert_i32_s')
    } else if (kind === 10) {
      this.#vector(depth - 1)
      f.extractLane(this.#below(4))
    } else {
      inner()
      f.op('f64.promote_f32')
      inner()
      f.op('f64.promote_f32', 'f64.add', 'f32.demote_f64')
    }
  }

  #vector(depth: number): void {
    const f = this.#f
    const inner = (): void => this.#vector(depth - 1)
    const lane = (): number => this.#below(8)
    const kind = depth === 0 ? this.#below(3) : this.#below(15)
    if (kind < 2) f.get(this.#one(this.#locals.v))
    else if (kind === 2) f.f32x4(this.#one([0, -0, 1, -1.5, 1e30, 1e-42]))
    else if (kind < 7) {
      inner()
      inner()
      f.op(this.#one(operations.vector))
    } else if (kind === 7) {
      inner()
      f.op(this.#one(operations.ofVector))
    } else if (kind === 8) {
      this.#address()
      f.memory(this.#one(['v128.load', 'v128.load32_splat', 'v128.load32_zero', 'v128.load64_zero']), areas.numbers)
    } else if (kind === 9) {
      inner()
      inner()
      this.#integer(depth - 1)
      f.op('select')
    } else if (kind === 10) {
      this.#lanes(depth - 1)
      f.op(this.#one(names('f32x4.convert_i32x4_s f32x4.convert_i32x4_u')))
    } else if (kind === 11) {
      inner()
      inner()
      inner()
      inner()
      f.op(this.#one(operations.compareVectors), 'v128.bitselect')
    } else if (kind === 12) {
      inner()
      this.#number(depth - 1)
      f.replaceLane(this.#below(4))
    } else if (kind === 13) {
      this.#number(depth - 1)
      f.op('f32x4.splat')
    } else {
      inner()
      inner()
      f.shuffle32([lane(), lane(), lane(), lane()])
    }
  }

  #lanes(depth: number): void {
    const f = this.#f
    const inner = (): void => this.#lanes(depth - 1)
    const kind = depth === 0 ? this.#below(3) : this.#below(14)
    if (kind < 2) f.get(this.#one(this.#locals.w))
    else if (kind === 2) f.i32x4([this.#constant(), 1, this.#constant(), -1])
    else if (kind < 7) {
      inner()
      inner()
      f.op(this.#one(operations.lanes))
    } else if (kind === 7) {
      inner()
      f.op(this.#one(operations.ofLanes))
    } else if (kind === 8) {
      inner()
      f.i32(this.#below(32)).op(this.#one(names('i32x4.shl i32x4.shr_s i32x4.shr_u')))
    } else if (kind === 9) {
      this.#vector(depth - 1)
      f.op('i32x4.trunc_sat_f32x4_s')
    } else if (kind === 10) {
      this.#vector(depth - 1)
      this.#vector(depth - 1)
      f.op(this.#one(operations.compareVectors))
    } else if (kind === 11) {
      this.#integer(depth - 1)
      f.op('i32x4.splat')
    } else if (kind === 12) {
      inner()
      inner()
      inner()
      f.op('v128.bitselect')
    } else {
      inner()
      this.#integer(depth - 1)
      f.replaceIntegerLane(this.#below(4))
    }
  }
}
