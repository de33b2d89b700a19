/**
 * Random functions as WebAssembly and as machine code on the same memory: more values than registers, conditions, loops, calls
 * across which values live, selects, loads and stores of all sizes. All bits are equal, those of NaNs apart.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { LinkedGroups } from '../../../src/backends/native/link.ts'
import { nativeKernels } from '../../../src/backends/native/native.ts'
import { nativeCode, printer } from '../../../src/backends/native/program.ts'
import type { FunctionBuilder } from '../../../src/backends/wasm/emit/assembler.ts'
import { ModuleBuilder } from '../../../src/backends/wasm/emit/module.ts'
import { RandomSequence } from '../../../src/random/philox.ts'
import { areas, RandomFunction } from '../../support/randomFunctions.ts'

const { processor, reason } = nativeKernels('auto')

/** A function and three that it calls, one of which calls another. */
function randomModule(seed: number): { module: ModuleBuilder; f: FunctionBuilder } {
  const random = new RandomSequence(seed, 'functions')
  const module = new ModuleBuilder(false)
  const helpers: FunctionBuilder[] = []
  const types = [
    ['i32', 'i'],
    ['f32', 'f'],
    ['v128', 'v'],
  ] as const
  for (const [type, kind] of types) {
    const helper = module.function(['i32', 'v128', 'f32', 'v128', 'i32'], [type])
    const body = new RandomFunction(helper, random, helpers.slice(0, 1), 4)
    body.write(6)
    body.result(kind)
    helpers.push(helper)
  }
  const f = module.function(['i32', 'i32'], [], 'f')
  const body = new RandomFunction(f, random, helpers, 6 + (seed % 13))
  body.write(40)
  body.store()
  return { module, f }
}

/** The memory before a function has run. */
function filled(seed: number): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4 })
  const random = new RandomSequence(seed, 'memory')
  const special = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-42, 2 ** 31, -1.5]
  const numbers = new Float32Array(memory.buffer, areas.numbers, areas.bytes / 4)
  numbers.forEach((_, k) => {
    numbers[k] =
      random.uniform() < 0.2 ? special[Math.floor(random.uniform() * special.length)]! : 20 * random.uniform() - 10
  })
  const integers = new Int32Array(memory.buffer, areas.integers, areas.bytes / 4)
  integers.forEach((_, k) => {
    integers[k] = Math.floor(random.uniform() * 2 ** 32) >> Math.floor(random.uniform() * 31)
  })
  return memory
}

const seeds = 60

test('other code for the same functions has another number, so that checked kernels are checked again', () => {
  const hash = createHash('sha256')
  for (const avx512 of [false, true]) {
    for (let seed = 1; seed <= seeds; seed++) hash.update(nativeCode([randomModule(seed).f], avx512).bytes)
  }
  expect({ printer, code: hash.digest('hex').slice(0, 16) }).toEqual({ printer: 1, code: '2789866ba033fa70' })
})

describe.skipIf(!processor)(`random functions (${reason})`, () => {
  test.each(processor ? [false, ...(processor.avx512 ? [true] : [])] : [])('AVX-512: %s', avx512 => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { module, f } = randomModule(seed)
      const memory = filled(seed)
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } })
      ;(exports as Record<string, (a: number, b: number) => void>).f!(seed, -seed)
      const own = filled(seed)
      const { bytes, entries } = nativeCode([f], avx512)
      const pages = processor!.door.install(bytes)
      new LinkedGroups(processor!.door, pages, entries).call(own, 0)(seed, -seed)
      pages.release()
      const parts = (from: WebAssembly.Memory) => ({
        integers: Array.from(new Int32Array(from.buffer, areas.integers, areas.bytes / 4)),
        // One NaN is like another; −0 is not like 0.
        numbers: Array.from(new Float32Array(from.buffer, areas.numbers, areas.bytes / 4)),
      })
      expect(parts(own), `function of seed ${seed}`).toEqual(parts(memory))
    }
  })
})
