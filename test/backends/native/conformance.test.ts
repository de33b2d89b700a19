/**
 * Engines with machine code under the conformance suite: with AVX-512, where the processor has it, and with AVX2; one, two
 * and three threads; samples or channels innermost; with inputs declared batched and not.
 */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { nativeKernels } from '../../../src/backends/native/native.ts'
import { createWasmEngineWith, type WasmEngine } from '../../../src/backends/wasm/engine.ts'
import type { WasmEngineOptions } from '../../../src/backends/wasm/options.ts'
import * as g from '../../../src/graph/index.ts'
import { full } from '../../support/full.ts'
import { runOn, withBatch } from '../../support/programs.ts'
import { sharing } from '../../support/threads.ts'
import { describeBackend } from '../conformance.ts'

const found = nativeKernels('auto')
const { processor } = found

/** As for WebAssembly (`test/backends/wasm/conformance.test.ts`): the operations are the same. */
const tolerance = { relative: 2e-6, absolute: 2e-6 }

/** An engine with machine code, of which every thread takes part in every program. */
function nativeEngine(avx512: boolean, options: WasmEngineOptions): WasmEngine {
  const native = { ...found, processor: { ...processor!, avx512 } }
  return createWasmEngineWith({ ...sharing, native }, options)
}

const sets = processor ? [false, ...(processor.avx512 ? [true] : [])] : []

const modes = [
  { threads: 1, batched: false, innermost: 'channels' },
  { threads: 2, batched: true, innermost: 'samples' },
  // With FOVEA_FULL=1 only.
  ...(full ? [{ threads: 3, batched: false, innermost: 'samples' } as const] : []),
] as const

for (const avx512 of sets) {
  for (const { threads, batched, innermost } of modes) {
    const engine = nativeEngine(avx512, { threads, innermost })
    afterAll(() => engine.close())
    const kind = avx512 ? 'AVX-512' : 'AVX2'
    const inputs = batched ? ', batched inputs' : ''
    describeBackend({
      name: `native (${kind}, threads: ${threads}${inputs}, ${innermost} innermost)`,
      run: (roots, values) => runOn(engine, batched ? withBatch(roots) : roots, values),
      tolerance,
    })
  }
}

/** Rows of a table by the value of a variable. */
const picking = (picks: g.Variable<readonly [number]>) => ({
  outputs: { rows: g.gather(g.input('table', [5, 3]), picks.tensor) },
  updates: new Map(),
})

describe.skipIf(!processor)(`engines with machine code (${found.reason})`, () => {
  test.each([1, 2, 3])('an index out of range stops an engine of threads: %s, with its value', async threads => {
    const engine = nativeEngine(processor!.avx512, { threads })
    try {
      const picks = new g.Variable<readonly [number]>([64], { dtype: 'i32', value: new Int32Array(64).fill(4) })
      const executable = await engine.compile(picking(picks))
      const table = Float32Array.from({ length: 15 }, (_, k) => k)
      expect(Array.from((await executable.run({ table })).rows!.slice(0, 3))).toEqual([12, 13, 14])
      await engine.write(picks, new Int32Array(64).fill(5))
      const message = 'a computation failed: an index or a label (=5) is out of range: expected 0 … 4'
      await expect(executable.run({ table })).rejects.toThrow(message)
      await expect(executable.run({ table })).rejects.toThrow(`the engine has stopped: ${message}`)
    } finally {
      await engine.close()
    }
  })

  test('programs keep their memory while it grows', async () => {
    const engine = nativeEngine(processor!.avx512, { threads: 1 })
    try {
      const x = new g.Variable([3], { value: Float32Array.of(1, 2, 3) })
      const twice = await engine.compile({ outputs: { y: g.mul(x.tensor, 2) }, updates: new Map() })
      for (let size = 2 ** 16; size <= 2 ** 22; size *= 4) {
        const large = await engine.compile({
          outputs: { y: g.sum(g.add(g.input('x', [size]), 1)) },
          updates: new Map(),
        })
        expect(Array.from((await twice.run()).y!)).toEqual([2, 4, 6])
        expect(Array.from((await large.run({ x: new Float32Array(size) })).y!)).toEqual([size])
        expect(Array.from((await twice.run()).y!)).toEqual([2, 4, 6])
      }
    } finally {
      await engine.close()
    }
  })

  test('engines that are closed give their pages back, while another runs', async () => {
    /** Executable pages that belong to no file. (Neighbors of equal use are one line of the list.) */
    const pages = (): number => {
      const lines = readFileSync('/proc/self/maps', 'utf8').matchAll(/^(\w+)-(\w+) r-xp \S+ 00:00 0\s*$/gm)
      return [...lines].reduce(
        (sum, [, from, to]) => sum + (Number.parseInt(to!, 16) - Number.parseInt(from!, 16)) / 4096,
        0,
      )
    }
    const program = (k: number) => ({
      outputs: { y: g.add(g.mul(g.input('x', [40]), k), 1) },
      updates: new Map(),
    })
    const x = new Float32Array(40).fill(2)
    const other = nativeEngine(processor!.avx512, { threads: 1 })
    const running = await other.compile(program(3))
    await running.run({ x })
    const before = pages()
    const engines = Array.from({ length: 50 }, () => nativeEngine(processor!.avx512, { threads: 1 }))
    for (const [k, engine] of engines.entries()) {
      const executable = await engine.compile(program(k + 2))
      const [mine, its] = await Promise.all([executable.run({ x }), running.run({ x })])
      expect([mine.y![39], its.y![39]]).toEqual([2 * k + 5, 7])
    }
    // The runtime may make or free a few pages of its own for code that it compiles meanwhile.
    const slack = 10
    expect(pages()).toBeGreaterThanOrEqual(before + engines.length - slack)
    for (const engine of engines) await engine.close()
    expect(pages()).toBeLessThanOrEqual(before + slack)
    expect((await running.run({ x })).y![39]).toBe(7)
    await other.close()
  })
})

test.skipIf(processor)(`without a processor within reach there is a reason (${found.reason})`, () => {
  expect(found.reason).not.toBe('')
})
