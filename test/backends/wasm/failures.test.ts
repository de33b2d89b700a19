/** What can go wrong while an engine lives: every case is an error in reasonable time, and none keeps a process alive. */
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createEngine } from '../../../src/backends/createEngine.ts'
import { createWasmEngine, type WasmEngine } from '../../../src/backends/wasm/engine.ts'
import * as g from '../../../src/graph/index.ts'
import { runChild } from '../../support/childProcess.ts'
import { expectSameBits } from '../../support/programs.ts'
import { crash, pageEngine, refusalOf, threadedEngine } from '../../support/threads.ts'

const makers: [string, () => WasmEngine][] = [
  ['one thread', () => createWasmEngine({ threads: 1 })],
  ['two threads', () => threadedEngine({ threads: 2 })],
  ['two workers of a page', () => pageEngine(2)],
]

let engine: WasmEngine | undefined
afterEach(() => engine?.close())

const increment = (x: g.Variable) => ({
  outputs: { y: g.mul(x.tensor, 2) },
  updates: new Map([[x, g.add(x.tensor, 1)]]),
})

/** Fails when a promise takes longer than this, instead of waiting for the test's own limit. */
async function soon<T>(promise: Promise<T>, milliseconds = 60_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Runs something again and again until it fails. */
async function untilRejected(run: () => Promise<unknown>): Promise<void> {
  const succeeds = (): Promise<boolean> =>
    run().then(
      () => true,
      () => false,
    )
  while (await succeeds()) await new Promise(resolve => setTimeout(resolve, 20))
}

describe.each(makers)('a computation that fails on %s', (_, make) => {
  /** Rows of a table by the value of a variable, with enough of them that every thread takes some. */
  const picking = (picks: g.Variable<readonly [number]>) => ({
    outputs: { rows: g.gather(g.input('table', [5, 3]), picks.tensor) },
    updates: new Map(),
  })
  const table = new Float32Array(15)

  test.each([
    ['first', 0, 5],
    ['last', 63, -1],
  ])(
    'an index out of range in the %s place of a variable is an error that names it, and the engine stops',
    async (__, place, index) => {
      engine = make()
      const x = new g.Variable([2], { value: Float32Array.of(1, 2) })
      const picks = new g.Variable<readonly [number]>([64], { dtype: 'i32', value: new Int32Array(64).fill(4) })
      const other = await engine.compile(increment(x))
      const executable = await engine.compile(picking(picks))
      await soon(executable.run({ table }))
      await engine.write(
        picks,
        picks.value.map((value, k) => (k === place ? index : value)),
      )
      const message = `an index or a label (=${index}) is out of range: expected 0 … 4`
      // The others were asked for at the same time, and wait.
      const results = await soon(
        Promise.allSettled([executable.run({ table }), executable.run({ table }), other.run(), engine.read(x)]),
      )
      const reasons = results.map(result =>
        result.status === 'rejected' ? (result.reason as Error).message : 'answered',
      )
      const stopped = `the engine has stopped: a computation failed: ${message}`
      expect(reasons).toEqual([`a computation failed: ${message}`, stopped, stopped, 'answered'])
      await expect(soon(other.run())).rejects.toThrow(stopped)
      await expect(soon(engine.compile(increment(x)))).rejects.toThrow(stopped)
      expect(Array.from(await engine.read(x))).toEqual([1, 2])
    },
  )

  test.each([
    ['a label', (labels: g.Vector) => g.softmaxCrossEntropy(g.constantTensor(new Array(80).fill(0), [8, 10]), labels)],
    ['a class of oneHot', (labels: g.Vector) => g.oneHot(labels, 10)],
  ])('%s of a variable out of range', async (__, build) => {
    engine = make()
    const labels = new g.Variable<readonly [number]>([8], { dtype: 'i32', value: new Int32Array(8).fill(9) })
    const executable = await engine.compile({ outputs: { y: build(labels.tensor) }, updates: new Map() })
    await soon(executable.run())
    await engine.write(labels, [9, 9, 9, 9, 9, 10, 9, 9])
    await expect(soon(executable.run())).rejects.toThrow('an index or a label (=10) is out of range: expected 0 … 9')
  })
})

describe.each(makers.slice(1))('a worker that dies on %s', (_, make) => {
  test.each([
    ['throws', undefined, /a worker thread crashed: crashed on request/],
    ['exits', 3, /a worker thread exited with code 3/],
  ])('it %s: until then the others do its work, after that everything is an error', async (__, exit, reason) => {
    engine = make()
    const x = new g.Variable([2])
    const executable = await engine.compile(increment(x))
    await executable.run()
    await crash(engine, [0], { exit, delay: 300 })
    await soon(executable.run())
    expect(Array.from(await engine.read(x))).toEqual([2, 2])
    await soon(untilRejected(() => executable.run()))
    await expect(soon(executable.run())).rejects.toThrow(reason)
    await expect(soon(engine.compile(increment(x)))).rejects.toThrow(reason)
  })

  test('while nothing runs: whoever asks next is told', async () => {
    engine = make()
    const executable = await engine.compile(increment(new g.Variable([2])))
    await crash(engine, [0])
    await new Promise(resolve => setTimeout(resolve, 300))
    await expect(soon(executable.run())).rejects.toThrow(/a worker thread crashed/)
  })

  test('before a program is given to the workers', async () => {
    engine = make()
    expect(await refusalOf(engine)).toBeUndefined()
    await crash(engine, [0])
    // On a page a program is given to the workers with its first run.
    const first = engine.compile(increment(new g.Variable([2]))).then(executable => executable.run())
    await expect(soon(first)).rejects.toThrow(/a worker thread crashed/)
  })
})

describe.each(makers)('at the same time on %s', (_, make) => {
  test('many programs are compiled', async () => {
    engine = make()
    const compiled = await soon(
      Promise.all(Array.from({ length: 12 }, (__, k) => engine!.compile(increment(new g.Variable([k + 1]))))),
    )
    for (const [k, executable] of compiled.entries()) expect((await executable.run()).y).toHaveLength(k + 1)
  })

  test('a program that does not compile does not disturb the others', async () => {
    engine = make()
    const bad = { outputs: { y: g.add(g.input('x', [1]), g.input('x', [1])) }, updates: new Map() }
    const results = await Promise.allSettled([bad, increment(new g.Variable([1])), bad].map(p => engine!.compile(p)))
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected'])
  })

  test('a program runs and others are compiled, which need more memory', async () => {
    engine = make()
    // Long enough that compiling ends before it where it can: on a page.
    // Turns the columns by one; every product on the way is another matrix.
    const turn = Float32Array.from({ length: 256 * 256 }, (__, at) =>
      at % 256 === (Math.floor(at / 256) + 1) % 256 ? 1 : 0,
    )
    const x = new g.Variable<g.Matrix['shape']>([256, 256], { value: turn })
    let y = x.tensor
    for (let k = 0; k < 150; k++) y = g.matmul(y, x.tensor)
    const executable = await engine.compile({ outputs: { y }, updates: new Map() })
    const { y: expected } = await executable.run()
    for (let round = 1; round <= 2; round++) {
      const running = executable.run()
      const wanted = increment(new g.Variable([round * 300_000]))
      const [other, first] = await soon(Promise.all([engine.compile(wanted), running]))
      const [, second] = await soon(Promise.all([other.run(), executable.run()]))
      expectSameBits(first.y, expected, 'product')
      expectSameBits(second.y, expected, 'product after another program')
    }
  })

  test('the engine is closed: what is under way settles', async () => {
    engine = make()
    const executable = await engine.compile(increment(new g.Variable([3])))
    const settled = Promise.allSettled([executable.run(), engine.compile(increment(new g.Variable([4])))])
    await soon(engine.close())
    for (const result of await soon(settled)) {
      if (result.status === 'rejected') expect(String(result.reason)).toContain('the engine is closed')
    }
  })
})

test('on a page, workers that all die during a run are an error of that run', async () => {
  engine = pageEngine(2)
  const executable = await engine.compile(increment(new g.Variable([2])))
  await executable.run()
  await crash(engine, [0, 1], { delay: 300 })
  await expect(soon(executable.run())).rejects.toThrow(/a worker thread crashed: crashed on request/)
})

test('engines can be made and closed again and again', async () => {
  for (let round = 0; round < 20; round++) {
    const one = threadedEngine({ threads: 2 })
    const executable = await one.compile(increment(new g.Variable([1])))
    await executable.run()
    await one.close()
  }
})

describe('a process whose engine is idle ends by itself', () => {
  const file = join(import.meta.dirname, 'engineProcess.ts')
  test.each([
    ['close', '2'],
    ['leave', '2'],
    ['leave', '1'],
    ['leave', '3'],
    ['unused', '2'],
  ])('%s, %s threads', async (how, threads) => {
    // One that does not is killed after minutes, and its code is null.
    const { code, stdout, stderr } = await runChild(file, [how], { env: { FOVEA_THREADS: threads } })
    expect(stderr).toBe('')
    expect(code).toBe(0)
    if (how !== 'unused') expect(stdout).toBe(`2048 ${threads}\n`)
  })
})

describe('the number of threads', () => {
  test.each(['0', '-1', '1.5', 'two', '65', ' '])('FOVEA_THREADS=%j is refused', setting => {
    const before = process.env.FOVEA_THREADS
    process.env.FOVEA_THREADS = setting
    try {
      expect(() => createEngine()).toThrow(`FOVEA_THREADS (=${setting}) must be a whole number from 1 to 64`)
    } finally {
      if (before === undefined) delete process.env.FOVEA_THREADS
      else process.env.FOVEA_THREADS = before
    }
  })

  test.each([0, -2, 2.5, 65, Number.NaN])('threads: %d is refused', threads => {
    expect(() => createEngine({ threads })).toThrow(`threads (=${threads}) must be a whole number from 1 to 64`)
  })

  test('an option wins over the environment', async () => {
    engine = createWasmEngine({ threads: 3 })
    expect(engine.description).toMatchObject({ backend: 'wasm', threads: 3 })
    await engine.close()
    expect(createWasmEngine({ threads: 1, precise: true }).description.simd).toBe('precise')
  })
})
