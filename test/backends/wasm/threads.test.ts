/**
 * Threads share a program's work as they come: which programs they share, and that no result depends on who computes what, how late
 * a thread comes, or whether it comes at all.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { createWasmEngine, createWasmEngineWith, type WasmEngine } from '../../../src/backends/wasm/engine.ts'
import { estimatedTime, isWorthSharing, patienceFor } from '../../../src/backends/wasm/runtime/work.ts'
import { wasmTarget } from '../../../src/backends/wasm/target.ts'
import * as g from '../../../src/graph/index.ts'
import { findModel } from '../../../src/models/index.ts'
import { inference } from '../../../src/nn/index.ts'
import { makePlan } from '../../../src/plan/plan.ts'
import type { Program } from '../../../src/plan/program.ts'
import { expectSameBits, runOn } from '../../support/programs.ts'
import { crash, jobsOf, threadedEngine, watched } from '../../support/threads.ts'

const engines: WasmEngine[] = []
const opened = (engine: WasmEngine): WasmEngine => {
  engines.push(engine)
  return engine
}
afterEach(() => Promise.all(engines.splice(0).map(engine => engine.close())))

function predictions(name: string, batch: number): Program {
  const { create, inputShape } = findModel(name)
  const x = g.input('x', [batch, ...inputShape], { batched: true })
  const [y] = g.simplify([create().initialize(0).forward(x, inference())])
  return { outputs: { y }, updates: new Map() }
}

describe('a program is shared when that saves more than it costs', () => {
  const onTwo = { threads: 2, takesPart: true }
  const onPage = { threads: 2, takesPart: false }

  // Measured on two cores, workers asleep before each run: LeNet-5 on one image takes 25 µs alone and 70 with two threads.
  test.each([
    ['lenet5', 1, false, false],
    ['lenet5', 4, false, false],
    ['lenet5', 8, true, false],
    ['lenet5', 128, true, true],
    ['resnet20-cifar', 1, true, true],
  ])('%s on %i: shared %s, from a page %s', (name, batch, shared, fromPage) => {
    const plan = makePlan(predictions(name, batch), wasmTarget())
    expect([isWorthSharing(plan, onTwo), isWorthSharing(plan, onPage)]).toEqual([shared, fromPage])
  })

  test('what moves many bytes counts as work, without any multiply-add', () => {
    const sum = (size: number) => ({
      outputs: { y: g.add(g.input('a', [size]), g.input('b', [size])) },
      updates: new Map(),
    })
    const [few, many] = [1000, 1_000_000].map(size => makePlan(sum(size), wasmTarget()))
    expect([few, many].map(plan => plan.multiplyAdds)).toEqual([0, 0])
    // Two values read and one written, four bytes each, 16 a nanosecond.
    expect(estimatedTime(many)).toBeCloseTo((3 * 4 * 1_000_000) / 16, 0)
    expect([few, many].map(plan => isWorthSharing(plan, onTwo))).toEqual([false, true])
  })

  test('the patience of a program of half a minute fits in 32 bits', () => {
    const plan = makePlan(predictions('vgg16', 64), wasmTarget())
    expect(estimatedTime(plan)).toBeGreaterThan(2e10)
    expect(patienceFor(plan)).toBe(2 ** 30)
  })

  test('the engine goes by that, and workers wait for what is shared', async () => {
    const engine = opened(watched(tools => createWasmEngineWith(tools, { threads: 2 })))
    const small = await engine.compile(predictions('lenet5', 1))
    await small.run({ x: new Float32Array(784) })
    expect(jobsOf(engine)).toBe(0)
    const large = await engine.compile(predictions('lenet5', 128))
    await large.run({ x: new Float32Array(128 * 784) })
    expect(jobsOf(engine)).toBeGreaterThan(0)
    expect(engine.description.threads).toBe(2)
  })
})

/** A few layers on a batch. */
function layers(count: number, batch: number): g.Tensor {
  let y: g.Tensor = g.input('x', [batch, 8], { batched: true })
  for (let k = 0; k < count; k++) {
    const weights = Float32Array.from({ length: 64 }, (_, at) => Math.sin(at + k))
    y = g.relu(g.add(g.matmul(y as g.Matrix, g.constantTensor(weights, [8, 8]) as g.Matrix), 0.1))
  }
  return y
}
const values = (batch: number, seed: number) => ({
  x: Float32Array.from({ length: batch * 8 }, (_, k) => Math.cos(0.7 * k + seed)),
})

describe('results are the same bits', () => {
  test.each([2, 4, 8])('in short runs of different programs by %i threads, which often come late', async threads => {
    const [one, many] = [opened(createWasmEngine({ threads: 1 })), opened(threadedEngine({ threads }))]
    const programs = await Promise.all(
      [
        [1, 4],
        [3, 40],
        [9, 64],
        [2, 500],
      ].map(async ([count, batch]) => {
        const program = { outputs: { y: layers(count, batch) }, updates: new Map() }
        return { batch, alone: await one.compile(program), together: await many.compile(program) }
      }),
    )
    for (let run = 0; run < 1000; run++) {
      const { batch, alone, together } = programs[(run * 7 + (run >> 3)) % programs.length]
      const [expected, actual] = await Promise.all([alone, together].map(one => one.run(values(batch, run))))
      expectSameBits(actual.y, expected.y, `run ${run}`)
    }
  })

  test('without a thread that does not come: the others do its shares and do not wait', async () => {
    const [one, three] = [opened(createWasmEngine({ threads: 1 })), opened(threadedEngine({ threads: 3 }))]
    const y = layers(9, 64)
    const [expected] = await runOn(one, [y], values(64, 1))
    const executable = await three.compile({ outputs: { y }, updates: new Map() })
    // Blocked for longer than the test may take; whoever closes the engine ends it.
    await crash(three, [0], { delay: 60_000 })
    for (let run = 0; run < 100; run++) expectSameBits((await executable.run(values(64, 1))).y, expected, `run ${run}`)
  })
})
