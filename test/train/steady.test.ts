/** What a training run holds does not grow with its steps, and the event loop turns while it computes. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { subsetOf } from '../../src/data/split.ts'
import { lenet5 } from '../../src/models/lenet.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { sgd } from '../../src/optim/sgd.ts'
import { Trainer } from '../../src/train/trainer.ts'
import { runChild } from '../support/childProcess.ts'

/**
 * Growth of the heap that is allowed in 250 steps, in bytes: 100 a step. One object with eight numbers kept per step would be
 * more. V8 now and then makes 100 to 200 kB of records of its own, once, at any time, so it is the median of six growths that
 * counts: what steps keep is in each of them. The optimizing compiler is switched off, whose code comes and goes by the
 * hundred kilobytes.
 */
const allowedHeapGrowth = 25_000
const nodeFlags = ['--expose-gc', '--no-opt', '--no-flush-bytecode']

test.each(['1', '2'])(
  '2,000 steps of LeNet-5 on %s threads: memory is what it was after 500',
  { timeout: 300_000 },
  async threads => {
    const file = join(import.meta.dirname, 'steadyProcess.ts')
    const { code, stdout, stderr } = await runChild(file, [threads], { nodeFlags, timeout: 290_000 })
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const measured: { heapUsed: number; external: number; arrayBuffers: number; engine: number }[] = JSON.parse(stdout)
    expect(measured).toHaveLength(7)
    const [first, ...later] = measured
    for (const { engine, arrayBuffers, external } of later) {
      expect(engine).toBe(first!.engine)
      expect(arrayBuffers).toBe(first!.arrayBuffers)
      // Node counts its own small buffers here too.
      expect(Math.abs(external - first!.external)).toBeLessThan(1000)
    }
    const growths = later.map(({ heapUsed }, k) => heapUsed - measured[k]!.heapUsed).sort((a, b) => a - b)
    expect((growths[2]! + growths[3]!) / 2, `growths ${growths.join()}`).toBeLessThan(allowedHeapGrowth)
  },
)

test('the event loop turns after every step while a model trains on two threads', async () => {
  const count = 1280
  const dataset = {
    name: 'noise',
    images: Uint8Array.from({ length: count * 784 }, (_, k) => (k * 31) % 251),
    labels: Int32Array.from({ length: count }, (_, k) => k % 10),
    shape: [28, 28, 1] as const,
    classes: Array.from({ length: 10 }, (_, k) => String(k)),
  }
  const engine = createEngine({ threads: 2 })
  const model = sequential(normalize({ mean: [0.5], std: [0.3] }), lenet5()).initialize(0)
  const options = { model, train: subsetOf(dataset), engine, optimizer: sgd({ lr: 0.01 }), epochs: 8 }
  let steps = 0
  // A timer that is due fires in the next turn of the event loop, before what is scheduled by setImmediate.
  let turns = 0
  let ticks = 0
  const turn = (): void => {
    turns++
  }
  const timer = setInterval(() => {
    ticks++
  }, 1)
  for await (const event of new Trainer(options).run()) {
    if (event.type !== 'step') continue
    expect(turns, `turns at step ${event.step}`).toBeGreaterThanOrEqual(steps)
    steps++
    setImmediate(turn)
  }
  clearInterval(timer)
  await engine.close()
  expect(steps).toBe(80)
  expect(ticks).toBeGreaterThan(0)
})
