/** The networks of the Lab and what they are trained on, in Node: points, own pictures, and what is shown of each. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { partsOf } from '../../lab/src/screens/look/parts.ts'
import {
  fits,
  type NetworkName,
  networks,
  type PointSet,
  pointSets,
  type Recipe,
  recipeFor,
} from '../../lab/src/state/recipe.ts'
import { factsOf } from '../../lab/src/worker/facts.ts'
import { StatisticsSum } from '../../lab/src/worker/layerStatistics.ts'
import { createModel, planeSide } from '../../lab/src/worker/networks.ts'
import { openData, splitOwn } from '../../lab/src/worker/openData.ts'
import { plane, pointsOf } from '../../lab/src/worker/points.ts'
import { LabRun } from '../../lab/src/worker/run.ts'
import { Snapshots } from '../../lab/src/worker/snapshots.ts'
import { Watch } from '../../lab/src/worker/watch.ts'
import { createEngine, type Engine } from '../../src/index.ts'
import { stripes } from './stripes.ts'

let engine: Engine
beforeAll(() => {
  engine = createEngine({ threads: 1, precise: true })
})
afterAll(() => engine.close())

const nowhere = { address: '', own: undefined, onRead: () => undefined }

/** The training of points. */
async function trainOnPoints(recipe: Recipe, steps: number) {
  const { facts, source, test: coming } = await openData(recipe, nowhere)
  const test = await coming
  const run = new LabRun(recipe, source, engine, facts)
  for (let k = 0; k < steps; k++) await run.advance([])
  const watch = new Watch(engine, run.model, facts.shape, { planeSide, samples: test.labels.length })
  return { run, watch, test }
}

describe('points', () => {
  test.each(pointSets)('%s are in two classes of one size, others to train on than to test with', data => {
    const [train, test] = [pointsOf(data, 'train', 400), pointsOf(data, 'test', 400)]
    expect(train.labels.reduce((a, b) => a + b, 0)).toBe(200)
    expect(train.images).not.toEqual(test.images)
    // Nothing lies at an edge, where bytes end.
    expect(Math.min(...train.images)).toBeGreaterThan(0)
    expect(Math.max(...train.images)).toBeLessThan(255)
  })

  test.each<[PointSet, number]>([
    ['circles', 0.99],
    ['moons', 0.98],
    ['xor', 0.99],
    ['spirals', 0.98],
  ])('of %s are learned by the MLP', async (data, least) => {
    const { watch, test } = await trainOnPoints(recipeFor('mlp', data), 1000)
    const { accuracy, count } = (await watch.statistics(1000, test.images, test.labels, watch.statisticsCount(400)))!
    expect(count).toBe(400)
    expect(accuracy).toBeGreaterThanOrEqual(least)
  })

  test('of XOR are not learned by a perceptron, which has one straight border', async () => {
    const { watch, test } = await trainOnPoints(recipeFor('perceptron', 'xor'), 500)
    const { accuracy } = (await watch.statistics(500, test.images, test.labels, 400))!
    expect(accuracy).toBeLessThan(0.7)
  })

  test('are looked at everywhere: a unit on the plane has the value that it has for the point there', async () => {
    const { run, watch } = await trainOnPoints(recipeFor('mlp', 'moons'), 20)
    const weights = await run.weights()
    const place = 7 * planeSide + 11
    const pixels = plane(planeSide).slice(2 * place, 2 * place + 2)
    const look = await watch.look(20, { pixels, label: 1 }, weights)
    const maps = look.layers.at(-1)!.values
    expect([maps[place], maps[planeSide ** 2 + place]]).toEqual([...look.logits])
    const [first, second] = look.probabilities
    expect(first! + second!).toBeCloseTo(1, 6)
    // The loss of class 1 rises with the logit of class 0 by its probability, and falls with its own by the same (softmax − onehot).
    const slopes = look.layers.at(-1)!.gradients!
    expect(slopes[place]).toBeCloseTo(first!, 5)
    expect(slopes[planeSide ** 2 + place]).toBeCloseTo(-first!, 5)
  })
})

describe('every network', () => {
  // Layers of one's own are made in build.test.ts.
  const names = (Object.keys(networks) as NetworkName[]).filter(name => name !== 'custom')

  test.each(names)('%s can be made for all that it can be trained on', name => {
    for (const data of networks[name].data) {
      expect(fits(name, data)).toBe(true)
      const facts = data === 'own' ? splitOwn(ownStripes()).facts : factsOf(data)
      expect(createModel(recipeFor(name, data), facts).parameters().size).toBeGreaterThan(0)
    }
  })

  test.each(['convnet', 'resnet20'] as const)(
    '%s: the parts of a map and its bias add up to it, in every layer, whatever volume the layer reads',
    async name => {
      const recipe: Recipe = { ...recipeFor(name), images: 40, batch: 16 }
      const { images, labels } = stripes('cifar10').train
      const shard = { images: images.subarray(0, 40 * 3072), labels: Uint8Array.from(labels.subarray(0, 40)) }
      const source = { count: 40, shardSize: 40, imageBytes: 3072, shard: async () => shard }
      const run = new LabRun(recipe, source, engine)
      await run.advance([])
      const watch = new Watch(engine, run.model, [32, 32, 3])
      const look = await watch.look(1, { pixels: shard.images.subarray(0, 3072), label: 0 }, await run.weights())
      expect(watch.layers.filter(({ kind }) => kind === 'conv')).toHaveLength(name === 'convnet' ? 3 : 19)
      watch.layers.forEach((info, k) => {
        if (info.kind !== 'conv') return
        const layer = look.layers[k]!
        const parts = partsOf(info, layer, look.volumes[info.reads]!, 1)
        const [, rows = 1, columns = 1] = info.shape
        const at = 5 * columns + 6
        const total = parts.reduce((sum, { values }) => sum + values[at]!, layer.bias[1]!)
        // Up to 576 products in single precision, of values around 1.
        expect(total).toBeCloseTo(layer.values[rows * columns + at]!, 3)
      })
      if (name === 'convnet') return
      // A block adds its input: the layer after it reads the sum behind ReLU, and a stage's first layer the last stage's sum.
      expect(watch.layers.filter(({ isNormalized }) => isNormalized)).toHaveLength(19)
      expect(new Set(watch.layers.map(({ reads }) => reads)).size).toBe(watch.layers.length)
    },
  )
})

/** Three classes of stripes, 10 pictures each but one more of the last. */
function ownStripes() {
  const { images, labels } = stripes('cifar10').train
  const chosen = Array.from(labels.keys())
    .filter(k => labels[k]! < 3)
    .slice(0, 31)
  return {
    classes: ['a', 'b', 'c'],
    shape: [32, 32, 3] as const,
    images: Uint8Array.from(chosen.flatMap(k => [...images.subarray(k * 3072, (k + 1) * 3072)])),
    labels: Uint8Array.from(chosen, k => labels[k]!),
  }
}

describe('pictures of one’s own', () => {
  test('are split by class, always in the same way, and measured where they are trained on', () => {
    const { facts, source, test: held } = splitOwn(ownStripes())
    expect(held.labels).toHaveLength(6)
    expect([...held.labels].sort()).toEqual([0, 0, 1, 1, 2, 2])
    expect(source.count).toBe(25)
    expect(splitOwn(ownStripes()).test.images).toEqual(held.images)
    // The stripes swing around 127.
    for (const mean of facts.normalize.mean) expect(mean).toBeCloseTo(0.5, 1)
    for (const std of facts.normalize.std) expect(std).toBeGreaterThan(0.05)
  })
})

describe('statistics', () => {
  test('of batches are those of all values together', () => {
    const sum = new StatisticsSum(2, 2)
    // [2 samples, 2 units, 1 position]: unit 1 is never above zero, and the second batch has larger values.
    sum.add(Float32Array.of(1, -1, 2, -2))
    sum.add(Float32Array.of(-3, -8, 4, 0))
    const { range, zero, dead, histogram } = sum.result()
    expect(range).toBe(8)
    expect(zero).toBe(5 / 8)
    expect(dead).toEqual([1])
    expect(histogram).toHaveLength(40)
    // Bins of 0.4: −8 in the first, 4 in the 30th.
    expect(histogram[0]).toBeGreaterThan(0)
    expect(histogram[30]).toBeGreaterThan(0)
    expect(histogram.reduce((a, b) => a + b, 0) / Math.max(...histogram)).toBe(8)
  })
})

describe('moments in between', () => {
  test('are kept while they are recent, and go first', () => {
    const snapshots = new Snapshots(1e6)
    const moment = (step: number) => ({ step, seen: 0, optimizer: 'sgd', tensors: new Map() })
    for (let step = 0; step <= 31; step++) snapshots.add(moment(step), [])
    expect(snapshots.before(30, [])?.step).toBe(30)
    expect(snapshots.before(15, [])?.step).toBe(8)
  })
})
