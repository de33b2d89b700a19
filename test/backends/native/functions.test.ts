/**
 * Functions as WebAssembly and as machine code on the same memory: every operation on special values in vectors of every
 * length, and random functions with more values than registers. All bits are equal, those of NaNs apart.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lift } from '../../../src/backends/native/lift.ts'
import { LinkedGroups } from '../../../src/backends/native/link.ts'
import { nativeKernels } from '../../../src/backends/native/native.ts'
import { nativeCode } from '../../../src/backends/native/program.ts'
import type { FunctionBuilder } from '../../../src/backends/wasm/emit/assembler.ts'
import { ModuleBuilder } from '../../../src/backends/wasm/emit/module.ts'
import { RandomSequence } from '../../../src/random/philox.ts'

const { processor, reason } = nativeKernels('auto')
const modes = processor ? [false, ...(processor.avx512 ? [true] : [])] : []

const page = 65536
const memoryOf = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 8, maximum: 8 })

/** Where operands and results begin. */
const places = { operands: [page, 2 * page, 3 * page], result: 4 * page } as const

/** Operations that the functions of this file are made of. */
const exercised = new Set<string>()

/** Calls machine code of some functions on a memory. */
function withNative(
  functions: readonly FunctionBuilder[],
  avx512: boolean,
  memory: WebAssembly.Memory,
  use: (call: (index: number, ...values: number[]) => void) => void,
): void {
  for (const f of functions) for (const { op } of [...f.reachable].flatMap(g => lift(g).instructions)) exercised.add(op)
  const { bytes, entries } = nativeCode(functions, avx512)
  const { door } = processor!
  const pages = door.install(bytes)
  try {
    const groups = new LinkedGroups(door, pages, entries)
    use((index, ...values) => groups.call(memory, index)(...values))
  } finally {
    pages.release()
  }
}

/** The exported functions of a module on a memory. */
function instanceOf(module: ModuleBuilder, memory: WebAssembly.Memory): Record<string, (...values: number[]) => void> {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } })
  return exports as Record<string, (...values: number[]) => void>
}

const numbers = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  -2.5,
  1e-42,
  -1e-42,
  1e30,
  -1e30,
  2 ** 31,
  -(2 ** 31),
  2147483520,
  3e9,
  -3e9,
]
const floats = [...numbers, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4028234e38, 8388609.5]
const integers = [
  0,
  1,
  -1,
  2,
  7,
  31,
  255,
  65535,
  65536,
  -65536,
  16777217,
  2 ** 31 - 1,
  -(2 ** 31),
  -(2 ** 31) + 1,
  123456789,
]
const small = [0, 1, -1, 2, 3, -7, 100, -100]

/** How an operation is tried. */
interface Trial {
  readonly name: string
  readonly operands: readonly ('vector' | 'f32' | 'i32')[]
  readonly result: 'vector' | 'f32' | 'i32'
  /** What the operands are; numbers by default. */
  readonly values?: 'floats' | 'integers' | 'small' | 'divisors'
  /** Whether the result is compared as integers. */
  readonly exact?: boolean
  /** Whether there is no form for longer vectors. */
  readonly short?: boolean
  readonly emit: (f: FunctionBuilder) => void
  /** What WebAssembly computes instead, where not all engines have the operation. */
  readonly instead?: (f: FunctionBuilder) => void
}

type OperationName = Parameters<FunctionBuilder['op']>[0]

const repeated = <T>(value: T, count: number): T[] => new Array<T>(count).fill(value)
const names = (text: string): OperationName[] => text.split(' ') as OperationName[]

function trials(text: string, kind: 'vector' | 'f32' | 'i32', count: number, more: Partial<Trial> = {}): Trial[] {
  return names(text).map(name => ({
    name,
    operands: repeated(kind, count),
    result: kind,
    emit: f => f.op(name),
    ...more,
  }))
}

const integerVectors = { values: 'integers', exact: true } as const
const comparisons = 'eq ne lt le gt ge'.split(' ')

const all: readonly Trial[] = [
  ...trials('f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax', 'vector', 2),
  ...trials('f32x4.sqrt f32x4.floor f32x4.abs f32x4.neg', 'vector', 1),
  ...trials(comparisons.map(name => `f32x4.${name}`).join(' '), 'vector', 2, { exact: true }),
  ...trials('i32x4.trunc_sat_f32x4_s', 'vector', 1, { exact: true }),
  ...trials('f32x4.convert_i32x4_s f32x4.convert_i32x4_u', 'vector', 1, { values: 'integers' }),
  ...trials('i32x4.add i32x4.sub i32x4.mul i32x4.max_s i32x4.eq i32x4.gt_s i32x4.lt_s', 'vector', 2, integerVectors),
  ...trials('v128.and v128.or v128.xor v128.andnot', 'vector', 2, integerVectors),
  ...trials('v128.not', 'vector', 1, integerVectors),
  ...trials('v128.bitselect', 'vector', 3, integerVectors),
  ...[0, 1, 15, 31, 33].flatMap(by =>
    names('i32x4.shl i32x4.shr_u i32x4.shr_s').map(
      (name): Trial => ({
        ...{ name: `${name} by ${by}`, operands: ['vector'], result: 'vector', ...integerVectors },
        emit: f => f.i32(by).op(name),
      }),
    ),
  ),
  ...[0, -0, 1, -1.5, 6, Number.NaN, Number.POSITIVE_INFINITY].flatMap(bound =>
    names('f32x4.min f32x4.max').map(
      (name): Trial => ({
        ...{ name: `${name} with ${Object.is(bound, -0) ? '-0' : bound}`, operands: ['vector'], result: 'vector' },
        emit: f => f.f32x4(bound).op(name),
      }),
    ),
  ),
  ...[0, -0, 1, -1.5].flatMap(bound =>
    names('f32.min f32.max').map(
      (name): Trial => ({
        ...{ name: `${name} with ${Object.is(bound, -0) ? '-0' : bound}`, operands: ['f32'], result: 'f32' },
        emit: f => f.f32(bound).op(name),
      }),
    ),
  ),
  // Products and sums of small integers are exact, rounded once or twice.
  ...trials('f32x4.relaxed_madd', 'vector', 3, {
    values: 'small',
    instead: f => {
      const c = f.local('v128')
      f.set(c).op('f32x4.mul').get(c).op('f32x4.add')
    },
  }),
  ...trials('f32x4.relaxed_nmadd', 'vector', 3, {
    values: 'small',
    instead: f => {
      const c = f.local('v128')
      f.set(c).op('f32x4.mul', 'f32x4.neg').get(c).op('f32x4.add')
    },
  }),
  ...trials('f32x4.splat', 'f32', 1, { result: 'vector', short: true }),
  ...trials('i32x4.splat', 'i32', 1, { result: 'vector', short: true, ...integerVectors }),
  ...trials('i32x4.all_true v128.any_true', 'vector', 1, { result: 'i32', short: true, ...integerVectors }),
  ...trials('i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u', 'vector', 2, { short: true, ...integerVectors }),
  ...trials('i16x8.extend_low_i8x16_u i32x4.extend_low_i16x8_u', 'vector', 1, { short: true, ...integerVectors }),
  {
    ...{ name: 'sums of pairs in double precision', operands: ['vector', 'vector'], result: 'vector', short: true },
    emit: f => {
      const b = f.local('v128')
      f.set(b).op('f64x2.promote_low_f32x4').get(b).op('f64x2.promote_low_f32x4', 'f64x2.add')
      f.op('f32x4.demote_f64x2_zero')
    },
  },
  {
    ...{ name: 'sums in double precision', operands: ['f32', 'f32'], result: 'f32' },
    emit: f => {
      const b = f.local('f32')
      f.set(b).op('f64.promote_f32').get(b).op('f64.promote_f32', 'f64.add', 'f32.demote_f64')
    },
  },
  ...(
    [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [4, 5, 6, 7],
      [1, 0, 6, 7],
      [0, 4, 1, 5],
      [7, 2, 5, 0],
    ] as const
  ).map(
    (lanes): Trial => ({
      ...{ name: `lanes ${lanes}`, operands: ['vector', 'vector'], result: 'vector', short: true, ...integerVectors },
      emit: f => f.shuffle32(lanes),
    }),
  ),
  ...[0, 1, 2, 3].flatMap((lane): Trial[] => [
    { name: `lane ${lane}`, operands: ['vector'], result: 'f32', short: true, emit: f => f.extractLane(lane) },
    {
      ...{ name: `put lane ${lane}`, operands: ['vector', 'f32'], result: 'vector', short: true },
      emit: f => f.replaceLane(lane),
    },
    {
      ...{ name: `put integer lane ${lane}`, operands: ['vector', 'i32'], result: 'vector', short: true },
      ...integerVectors,
      emit: f => f.replaceIntegerLane(lane),
    },
  ]),
  ...trials('f32.add f32.sub f32.mul f32.div f32.min f32.max', 'f32', 2),
  ...trials('f32.sqrt f32.floor f32.abs f32.neg', 'f32', 1),
  ...trials(comparisons.map(name => `f32.${name}`).join(' '), 'f32', 2, { result: 'i32', exact: true }),
  ...trials('f32.convert_i32_s', 'i32', 1, { result: 'f32', values: 'integers' }),
  ...trials('i32.add i32.sub i32.mul i32.and i32.or', 'i32', 2, integerVectors),
  ...trials('i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.le_s i32.ge_s i32.ge_u', 'i32', 2, integerVectors),
  ...trials('i32.eqz', 'i32', 1, integerVectors),
  // Divisors that no machine refuses: neither 0 nor −1.
  ...trials('i32.div_s i32.div_u i32.rem_s i32.rem_u', 'i32', 2, { values: 'divisors', exact: true }),
]

const cases = 1024

/** Fills the operands with values of a kind. */
function fill(memory: WebAssembly.Memory, values: Trial['values'] = 'floats'): void {
  const random = new RandomSequence(7, values)
  const list = { floats, integers, small, divisors: integers }[values]
  for (const [operand, at] of places.operands.entries()) {
    const words = new (list === integers ? Int32Array : Float32Array)(memory.buffer, at, cases)
    words.forEach((_, k) => {
      const any = list[Math.floor(random.uniform() * list.length)]!
      const drawn = random.uniform() < 0.3 && values === 'floats' ? any * random.uniform() : any
      words[k] = values === 'divisors' && operand === 1 && (drawn === 0 || drawn === -1) ? 3 : drawn
    })
  }
}

/** Tries an operation on all cases. */
function build(f: FunctionBuilder, trial: Trial, length: number, emit: Trial['emit']): void {
  f.vectorLength = length
  const at = f.local('i32')
  const own = `v${128 << length}` as 'v128'
  const vectors = trial.result === 'vector' || trial.operands.includes('vector')
  f.for(
    at,
    { value: 0 },
    { value: cases * 4 },
    () => {
      f.get(at)
      trial.operands.forEach((kind, operand) => {
        f.get(at).memory(kind === 'vector' ? `${own}.load` : `${kind}.load`, places.operands[operand])
      })
      emit(f)
      f.memory(trial.result === 'vector' ? `${own}.store` : `${trial.result}.store`, places.result)
    },
    vectors ? 16 << length : 4,
  )
}

/** Bits that differ, NaNs of numbers apart. */
function differences(found: Int32Array, expected: Int32Array, exact: boolean): unknown[] {
  const [a, b] = [found, expected].map(bits => new Float32Array(bits.buffer))
  return [...found.keys()]
    .filter(k => found[k] !== expected[k] && (exact || !(Number.isNaN(a![k]) && Number.isNaN(b![k]))))
    .slice(0, 5)
    .map(k => ({ at: k, found: exact ? found[k] : a![k], expected: exact ? expected[k] : b![k] }))
}

describe.skipIf(!processor)(`operations on special values (${reason})`, () => {
  describe.each(modes)('AVX-512: %s', avx512 => {
    test.each(all.map(trial => [trial.name, trial] as const))('%s', (_, trial) => {
      const vectors = trial.operands.includes('vector') && !trial.short
      for (const length of vectors ? [0, 1, ...(avx512 ? [2] : [])] : [0]) {
        const memory = memoryOf()
        fill(memory, trial.values)
        const clear = (): unknown => new Int32Array(memory.buffer, places.result, cases).fill(-1)
        clear()
        const results = (): Int32Array => new Int32Array(memory.buffer.slice(places.result, places.result + cases * 4))
        const module = new ModuleBuilder(false)
        build(module.function([], [], 'f'), trial, 0, trial.instead ?? trial.emit)
        instanceOf(module, memory).f!()
        const expected = results()
        clear()
        const f = new ModuleBuilder(false).function([], [])
        build(f, trial, length, trial.emit)
        withNative([f], avx512, memory, call => call(0))
        expect(differences(results(), expected, trial.exact ?? false), `vectors of ${16 << length} bytes`).toEqual([])
      }
    })
  })
})

/** What a call does: a number, or the message of its trap. */
const outcomeOf = (memory: WebAssembly.Memory, call: () => unknown): number | string => {
  try {
    call()
    return new Int32Array(memory.buffer, places.result, 1)[0]!
  } catch (error) {
    return (error as Error).message
  }
}

describe.skipIf(!processor)('divisions that the processor refuses', () => {
  const least = -(2 ** 31)
  const pairs = [
    [5, 0],
    [0, 0],
    [least, -1],
    [7, -1],
    [-9, 2],
    [least, 1],
  ] as const
  const operations = ['i32.div_s', 'i32.div_u', 'i32.rem_s', 'i32.rem_u'] as const
  test.each(operations)('%s is WebAssembly’s, or its trap', operation => {
    const build = (f: FunctionBuilder): FunctionBuilder =>
      f.i32(places.result).get(0).get(1).op(operation).memory('i32.store')
    for (const [a, b] of pairs) {
      const memory = memoryOf()
      const module = new ModuleBuilder(false)
      build(module.function(['i32', 'i32'], [], 'f'))
      const run = instanceOf(module, memory).f as unknown as (a: number, b: number) => void
      const expected = outcomeOf(memory, () => run(a, b))
      const f = new ModuleBuilder(false).function(['i32', 'i32'], [])
      build(f)
      withNative([f], false, memory, call => {
        const found = outcomeOf(memory, () => call(0, a, b))
        // Machine code has one trap for all reasons.
        if (typeof expected === 'string') expect(found, `${a}, ${b}`).toBe('unreachable')
        else expect(found, `${a}, ${b}`).toBe(expected)
      })
    }
  })

  test.each([0, -1])('by the constant %s is not printed', divisor => {
    const f = new ModuleBuilder(false).function(['i32'], ['i32'])
    f.get(0).i32(divisor).op('i32.div_s')
    expect(() => nativeCode([f], false)).toThrow(`native code: division by ${divisor}`)
  })
})

test.skipIf(!processor)('long vectors come apart into parts of 16 bytes', () => {
  for (const avx512 of modes) {
    for (const lanes of avx512 ? ([8, 16] as const) : ([8] as const)) {
      const memory = memoryOf()
      fill(memory, 'integers')
      const f = new ModuleBuilder(false).function([], [])
      for (let part = 0; part < lanes / 4; part++) {
        f.i32(places.result + 16 * part)
          .i32(places.operands[0])
          .memory(`v${lanes === 8 ? 256 : 512}.load`)
        f.extractPart(lanes, part).memory('v128.store')
      }
      withNative([f], avx512, memory, call => call(0))
      const [from, to] = [places.operands[0], places.result].map(at => new Int32Array(memory.buffer, at, lanes))
      expect(to).toEqual(from)
    }
  }
})

test.skipIf(!processor)('every operation of native code is tried', () => {
  const text = readFileSync(new URL('../../../src/backends/native/operations.ts', import.meta.url), 'utf8')
  const table = text.slice(text.indexOf('const signatures'), text.indexOf('/** Integers are printed by'))
  const known = [...table.matchAll(/^ {2}(?:'([^']+)'|(\w+))(?::|,$)/gm)].map(([, quoted, plain]) => quoted ?? plain!)
  expect(known.length).toBeGreaterThan(80)
  expect(known.filter(name => !exercised.has(name))).toEqual([])
})
