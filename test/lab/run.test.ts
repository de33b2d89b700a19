/**
 * The Lab's training, in Node: its weights are a function of recipe and interventions alone, a change touches the very next step,
 * and every stored moment leads to the same bits.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { firstRecipe, type Intervention, type Recipe } from '../../lab/src/state/recipe.ts'
import { ImageStream, passOrder } from '../../lab/src/worker/imageStream.ts'
import { LabRun } from '../../lab/src/worker/run.ts'
import { Snapshots } from '../../lab/src/worker/snapshots.ts'
import { createEngine, type Engine } from '../../src/index.ts'
import { digitShards } from './digits.ts'

let engine: Engine
beforeAll(() => {
  engine = createEngine({ threads: 1, precise: true })
})
afterAll(() => engine.close())

const recipe: Recipe = { ...firstRecipe, images: 300, batch: 16, rate: 0.05 }

const begin = async (recipeOf: Recipe = recipe): Promise<LabRun> =>
  new LabRun(recipeOf, await digitShards(recipeOf.images, 100), engine)

/** Trains for some steps. */
async function train(run: LabRun, steps: number, interventions: readonly Intervention[] = []): Promise<number[]> {
  const losses: number[] = []
  for (let k = 0; k < steps; k++) losses.push((await run.advance(interventions)).loss)
  return losses
}

describe('a training', () => {
  test('learns', async () => {
    const losses = await train(await begin(), 60)
    const mean = (some: number[]): number => some.reduce((a, b) => a + b, 0) / some.length
    // A network that knows nothing has ln 10 = 2.30.
    expect(losses[0]).toBeCloseTo(Math.log(10), 0)
    expect(mean(losses.slice(-10))).toBeLessThan(1.2)
  })

  test('has the same weights whenever it is repeated, and others from another seed', async () => {
    const [a, b, other] = [await begin(), await begin(), await begin({ ...recipe, seed: 1 })]
    for (const run of [a, b, other]) await train(run, 5)
    expect(await a.hash()).toBe(await b.hash())
    expect(await a.hash()).not.toBe(await other.hash())
  })

  test('has the same weights on two threads', async () => {
    const two = createEngine({ threads: 2, precise: true })
    const run = new LabRun(recipe, await digitShards(recipe.images, 100), two)
    const alone = await begin()
    await train(run, 5)
    await train(alone, 5)
    expect(await run.hash()).toBe(await alone.hash())
    await two.close()
  })
})

describe('a change', () => {
  test('of the rate takes effect with the next step, and not before', async () => {
    // Without a rate nothing moves, whatever the momentum remembers.
    const still: Intervention[] = [{ at: 3, name: 'rate', value: 0 }]
    const [run, unchanged] = [await begin(), await begin()]
    await train(run, 3, still)
    await train(unchanged, 3)
    const third = await run.hash()
    expect(third).toBe(await unchanged.hash())
    await train(run, 1, still)
    expect(await run.hash()).toBe(third)
  })

  test.each<Intervention>([
    { at: 3, name: 'momentum', value: 0.5 },
    { at: 3, name: 'decay', value: 0.1 },
    { at: 3, name: 'batch', value: 32 },
    { at: 3, name: 'optimizer', value: 'adam' },
    { at: 3, name: 'optimizer', value: 'rmsprop' },
    { at: 3, name: 'restart', value: 'fc1.7' },
  ])('changes the step after it, and no earlier one: $name', async change => {
    const [run, unchanged] = [await begin(), await begin()]
    await train(run, 3, [change])
    await train(unchanged, 3)
    expect(await run.hash()).toBe(await unchanged.hash())
    await train(run, 1, [change])
    await train(unchanged, 1)
    expect(await run.hash()).not.toBe(await unchanged.hash())
  })

  test('that starts a unit again gives it other weights and leaves its neighbors', async () => {
    const run = await begin({ ...recipe, rate: 0 })
    await train(run, 1)
    const before = (await run.weights()).get('fc1.weight')!
    await train(run, 1, [{ at: 1, name: 'restart', value: 'fc1.7' }])
    const after = (await run.weights()).get('fc1.weight')!
    const differs = (unit: number): boolean =>
      after.subarray(unit * 400, (unit + 1) * 400).some((value, k) => value !== before[unit * 400 + k])
    expect([6, 7, 8].map(differs)).toEqual([false, true, false])
    expect((await run.weights()).get('fc1.bias')![7]).toBe(0)
  })
})

describe('stored moments', () => {
  const changes: Intervention[] = [
    { at: 4, name: 'optimizer', value: 'adam' },
    { at: 4, name: 'rate', value: 0.001 },
    { at: 6, name: 'batch', value: 32 },
    { at: 9, name: 'optimizer', value: 'sgd' },
  ]

  test('lead to the same bits as the way without them, through changes of optimizer and batch', async () => {
    const whole = await begin()
    await train(whole, 12, changes)
    for (const at of [2, 5, 9, 10]) {
      const run = await begin()
      await train(run, at, changes)
      const moment = await run.snapshot()
      await train(run, 3, changes)
      await run.restore(moment)
      await train(run, 12 - at, changes)
      expect(await run.hash()).toBe(await whole.hash())
    }
  })

  test('stay within their memory, evenly, and always have the beginning', () => {
    const bytes = 1000
    const snapshots = new Snapshots(20 * bytes)
    const store = (step: number): void => {
      const tensors = new Map([['w', new Float32Array(bytes / 4)]])
      snapshots.add({ step, seen: 0, optimizer: 'sgd', tensors }, [])
    }
    for (let step = 0; step <= 2000; step++) if (step === 0 || snapshots.wants(step, [])) store(step)
    expect(snapshots.bytes).toBeLessThanOrEqual(20 * bytes)
    expect(snapshots.before(5, [])?.step).toBe(0)
    const gaps = [500, 1000, 1500, 2000].map(step => step - snapshots.before(step, [])!.step)
    expect(Math.max(...gaps)).toBeLessThan(256)
  })

  test('of one line of training are not those of another', () => {
    const snapshots = new Snapshots(1e6)
    const moment = (step: number) => ({ step, seen: 0, optimizer: 'sgd', tensors: new Map() })
    const fork: Intervention[] = [{ at: 10, name: 'rate', value: 1 }]
    snapshots.add(moment(0), [])
    snapshots.add(moment(8), [])
    snapshots.add(moment(16), [])
    // Up to the change both lines are one.
    expect(snapshots.before(20, fork)?.step).toBe(8)
    snapshots.add(moment(16), fork)
    expect(snapshots.before(20, fork)?.step).toBe(16)
    expect(snapshots.before(20, [])?.step).toBe(16)
  })
})

describe('the order of the images', () => {
  test('has every image once a pass, the first pass shard by shard as they come', () => {
    const first = passOrder(250, 100, 3, 0)
    expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: 250 }, (_, k) => k))
    expect([...first.subarray(0, 100)].every(index => index < 100)).toBe(true)
    expect([...first.subarray(0, 100)]).not.toEqual(Array.from({ length: 100 }, (_, k) => k))
    expect([...passOrder(250, 100, 3, 1)].sort((a, b) => a - b)).toEqual(Array.from({ length: 250 }, (_, k) => k))
    expect(passOrder(250, 100, 3, 1)).not.toEqual(first)
    expect(passOrder(250, 100, 4, 0)).not.toEqual(first)
  })

  test('is one stream, from which batches of any size are cut', async () => {
    const source = await digitShards(250, 100)
    const cut = async (sizes: readonly number[]): Promise<number[]> => {
      const stream = new ImageStream(source, 3)
      const labels: number[] = []
      for (const size of sizes) {
        const batch = new Int32Array(size)
        await stream.fill(labels.length, new Uint8Array(size * 784), batch)
        labels.push(...batch)
      }
      return labels
    }
    expect(await cut([64, 64, 64, 64, 64])).toEqual(await cut([16, 128, 32, 144]))
  })
})
