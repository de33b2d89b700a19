/** Losses, their gradients, and landscapes of them around a network's weights. */
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import {
  directionTo,
  Inspector,
  lossGradients,
  lossLandscape,
  meanLoss,
  randomDirection,
  readWeights,
  trajectoryDirections,
  weightStatistics,
} from '../../src/inspect/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { departure, fixtureNet } from './network.ts'

const engines = (['wasm', 'reference'] as const).map(backend => createEngine({ backend }))
afterAll(() => Promise.all(engines.map(engine => engine.close())))

const random = new RandomSequence(5, 'landscape')
const count = 70
const data = {
  images: Float32Array.from({ length: count * 300 }, () => random.uniform()),
  labels: Array.from({ length: count }, () => random.integer(4)),
}

describe.each(engines.map(engine => [engine.description.backend, engine] as const))('on %s', (backend, engine) => {
  const model = fixtureNet()
  const inspector = new Inspector(engine, model, [10, 10, 3])
  const lengthOf = (values: ArrayLike<number>) => Math.hypot(...Array.from(values))

  test('the loss is the mean of −log p(label)', async () => {
    const { logits } = await inspector.capture(data.images)
    const losses = data.labels.map((label, n) => {
      const row = [...logits.values.subarray(4 * n, 4 * n + 4)]
      return Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[label]!
    })
    expect(await meanLoss(inspector, data)).toBeCloseTo(losses.reduce((a, b) => a + b) / count, 12)
  })

  test('in the middle of a landscape is the loss, to the bit, and the weights are afterwards what they were', async () => {
    const before = await readWeights(engine, model, { statistics: true })
    const directions = [await randomDirection(engine, model, 1), await randomDirection(engine, model, 2)]
    for (const batchNorm of ['running', 'batch'] as const) {
      const told: number[] = []
      const axes = { x: [-0.5, 0, 0.5], y: [-1, 0] }
      const options = { ...axes, batchNorm, onProgress: (done: number) => told.push(done) }
      const { losses, ...found } = await lossLandscape(inspector, data, directions, options)
      expect(found).toEqual(axes)
      expect(losses[4]).toBe(await meanLoss(inspector, data, { batchNorm }))
      expect(new Set(losses).size).toBe(6)
      expect(told).toEqual([1, 2, 3, 4, 5, 6])
    }
    expect(await readWeights(engine, model, { statistics: true })).toEqual(before)
  })

  test('with statistics of the batch, running ones do not matter, and are kept', async () => {
    const [mean] = [...model.variables()].filter(([path]) => path.endsWith('running_mean'))
    const [running, batch] = [await meanLoss(inspector, data), await meanLoss(inspector, data, { batchNorm: 'batch' })]
    const kept = await engine.read(mean![1])
    await engine.write(
      mean![1],
      kept.map(value => value + 1),
    )
    expect(await meanLoss(inspector, data, { batchNorm: 'batch' })).toBe(batch)
    expect(await meanLoss(inspector, data)).not.toBe(running)
    await engine.write(mean![1], kept)
    expect(await meanLoss(inspector, data)).toBe(running)
  })

  test('gradients are those of differences of the loss', async () => {
    const gradients = await lossGradients(inspector, data)
    expect([...gradients.keys()]).toEqual([...model.parameters().keys()])
    const direction = await randomDirection(engine, model, 3)
    const slope = [...direction].reduce(
      (sum, [path, d]) => sum + d.reduce((s, v, i) => s + v * gradients.get(path)![i]!, 0),
      0,
    )
    const h = 1e-3
    const { losses } = await lossLandscape(inspector, data, [direction], { x: [-h, h] })
    // Central differences pass rectifiers and pools that change their minds within h, of which 70 images have some.
    expect((losses[1]! - losses[0]!) / (2 * h) / slope).toBeCloseTo(1, 2)
  })

  test('the gradients of the last layer are the mean of (p − y) ⊗ x and of p − y', async () => {
    const { values, logits } = await inspector.capture(data.images, 'act2')
    const x = values.get('act2')!.values
    const [toWeights, toBias] = [new Float64Array(4 * 54), new Float64Array(4)]
    data.labels.forEach((label, n) => {
      const powers = [...logits.values.subarray(4 * n, 4 * n + 4)].map(Math.exp)
      const total = powers.reduce((a, b) => a + b)
      powers.forEach((power, k) => {
        const slope = (power / total - (k === label ? 1 : 0)) / count
        toBias[k]! += slope
        for (let i = 0; i < 54; i++) toWeights[54 * k + i]! += slope * x[54 * n + i]!
      })
    })
    const gradients = await lossGradients(inspector, data)
    const named = (end: string) => [...gradients].find(([path]) => path.endsWith(end))![1]
    // Single precision, and sums over 70 images.
    const tolerance = backend === 'reference' ? 5e-7 : 2e-6
    expect(departure(named('fc.weight'), toWeights)).toBeLessThan(tolerance)
    expect(departure(named('fc.bias'), toBias)).toBeLessThan(tolerance)
  })

  test('the ratio of gradients and weights is that of their lengths', async () => {
    const gradients = await lossGradients(inspector, data)
    const statistics = weightStatistics(await readWeights(engine, model), undefined, gradients)
    for (const { path, norm, gradientRatio } of statistics) {
      expect(gradientRatio).toBeCloseTo(lengthOf(gradients.get(path)!) / norm, 12)
      expect(gradientRatio).toBeGreaterThan(0)
    }
  })

  test('a random direction has the length of each filter, and leaves biases and batch norm alone', async () => {
    const weights = await readWeights(engine, model)
    const direction = await randomDirection(engine, model, 4)
    const paths = [...weights.keys()].filter(path => /(conv\d|fc)\.weight$/.test(path))
    expect([...direction.keys()]).toEqual(paths)
    for (const path of paths) {
      const [filters] = model.parameters().get(path)!.shape
      const size = weights.get(path)!.length / filters!
      for (let k = 0; k < filters!; k++) {
        const row = (values: Float32Array | Float64Array) => values.subarray(k * size, (k + 1) * size)
        expect(lengthOf(row(direction.get(path)!))).toBeCloseTo(lengthOf(row(weights.get(path)!)), 12)
      }
    }
    expect(await randomDirection(engine, model, 4)).toEqual(direction)
    expect(await randomDirection(engine, model, 5)).not.toEqual(direction)
  })

  test('a line to another checkpoint ends in its loss, running statistics and all', async () => {
    const other = await readWeights(engine, model, { statistics: true })
    for (const values of other.values()) for (let i = 0; i < values.length; i++) values[i] = values[i]! * 1.25 + 0.0625
    const line = await directionTo(engine, model, other)
    const { losses, y } = await lossLandscape(inspector, data, [line], { x: [0, 0.5, 1] })
    expect(y).toEqual([0])
    const kept = await readWeights(engine, model, { statistics: true })
    for (const [path, values] of other) await engine.write(model.variables().get(path)!, values)
    const there = await meanLoss(inspector, data)
    for (const [path, values] of kept) await engine.write(model.variables().get(path)!, values)
    expect(losses[2]).toBe(there)
    expect(losses[0]).toBe(await meanLoss(inspector, data))
  })

  test('weights are put back when the work is ended, or fails', async () => {
    const before = await readWeights(engine, model, { statistics: true })
    const directions = [await randomDirection(engine, model)]
    const cancel = new AbortController()
    const options = { onProgress: () => cancel.abort(new Error('enough')), signal: cancel.signal }
    await expect(lossLandscape(inspector, data, directions, options)).rejects.toThrow('enough')
    expect(await readWeights(engine, model, { statistics: true })).toEqual(before)
    const wrong = { images: data.images, labels: [4, ...data.labels.slice(1)] }
    await expect(lossLandscape(inspector, wrong, directions)).rejects.toThrow(
      'label 0 (=4) must be a whole number in 0 … 3',
    )
    expect(await readWeights(engine, model, { statistics: true })).toEqual(before)
  })
})

test('a trajectory’s plane holds checkpoints that lie in a plane, at their distances', () => {
  const at = (a: number, b: number) =>
    new Map([
      ['w', Float32Array.of(a, b, a + b)],
      ['b', Float32Array.of(2 * a - b)],
    ])
  const checkpoints = [at(0, 0), at(4, 1), at(6, 3), at(7, 5)]
  const { directions, points, shares } = trajectoryDirections(checkpoints)
  expect(shares[0]! + shares[1]!).toBeCloseTo(1, 6)
  expect(points.at(-1)).toEqual([0, 0])
  const last = checkpoints.at(-1)!
  for (const [n, [x, y]] of points.entries()) {
    for (const [path, values] of checkpoints[n]!) {
      const placed = Array.from(
        last.get(path)!,
        (w, i) => w + x * directions[0].get(path)![i]! + y * directions[1].get(path)![i]!,
      )
      // Weights are single precision.
      expect(departure(placed, values)).toBeLessThan(1e-5)
    }
  }
})

describe('what does not fit is an error', () => {
  const [engine] = engines
  const inspector = new Inspector(engine!, fixtureNet(), [10, 10, 3])
  test.each<[string, () => Promise<unknown>, string]>([
    ['no direction', () => lossLandscape(inspector, data, []), 'directions (=0 of them) must be one or two'],
    [
      'a direction of another model',
      () => lossLandscape(inspector, data, [new Map([['conv9.weight', [1]]])]),
      "the direction has 1 numbers for 'conv9.weight', the model none",
    ],
    ['labels of other images', () => meanLoss(inspector, { ...data, labels: [1] }), 'loss: 1 labels for 70 images'],
    [
      'half an image',
      () => meanLoss(inspector, { images: new Float32Array(10), labels: [] }, { batchNorm: 'batch' }),
      '10 numbers are no images',
    ],
    ['two checkpoints', async () => trajectoryDirections([new Map(), new Map()]), 'must be at least 3'],
  ])('%s', async (_, method, message) => {
    await expect(method()).rejects.toThrow(message)
  })
})
