/** Linear probes: scikit-learn's logistic regression, and probes of the layers of a network whose classes are known. */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { Inspector, linearProbe, probeAccuracy, probeLayers } from '../../src/inspect/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { departure, fixtureNet, type Stored } from './network.ts'

interface Fit {
  readonly ridge: number
  readonly weights: Stored
  readonly bias: Stored
  readonly loss: number
  readonly accuracy: number
  readonly heldOut: number
}

/** The file, as `scripts/make_probe_fixtures.py` makes it. */
const stored: { train: Stored; labels: number[]; test: Stored; testLabels: number[]; fits: Fit[] } = JSON.parse(
  readFileSync(new URL('../fixtures/torch/probe.json', import.meta.url), 'utf8'),
)
const features = ({ shape, data }: Stored) => ({ shape, values: Float32Array.from(data) })
const [train, held] = [features(stored.train), features(stored.test)]

describe.each(stored.fits)('a probe with a ridge of $ridge', ({ ridge, weights, bias, loss, accuracy, heldOut }) => {
  const probe = linearProbe(train, stored.labels, { ridge, tolerance: 1e-9 })

  test('is scikit-learn’s', () => {
    expect(probe.converged).toBe(true)
    // Both end where slopes are about 1e-9; the curvature along the flattest direction is the ridge, so weights are known to 1e-9 / 0.001.
    expect(departure(probe.weights, weights.data)).toBeLessThan(2e-6)
    // A probe's biases may all be raised alike; scikit-learn's sum is 0 before features are put back, and so is ours from zero.
    expect(departure(probe.bias, bias.data)).toBeLessThan(2e-6)
    expect(probe.loss).toBeCloseTo(loss, 8)
  })

  test('has its accuracies, on what it was fitted to and on other rows', () => {
    expect(probe.accuracy).toBe(accuracy)
    expect(probeAccuracy(probe, held, stored.testLabels)).toBe(heldOut)
    // Not all right, so that a mistake would show.
    expect(heldOut).toBeLessThan(1)
  })
})

test('a feature that never changes has no weight', () => {
  const { weights } = linearProbe(train, stored.labels)
  expect([3, 9, 15].map(i => weights[i])).toEqual([0, 0, 0])
})

test('a probe is the same whenever it is fitted', () => {
  expect(linearProbe(train, stored.labels)).toEqual(linearProbe(train, stored.labels))
})

describe('probes of layers', () => {
  const engine = createEngine({ backend: 'reference' })
  afterAll(() => engine.close())
  const inspector = new Inspector(engine, fixtureNet(), [10, 10, 3])
  const random = new RandomSequence(1, 'probes')
  const images = (count: number) => Float32Array.from({ length: count * 300 }, () => random.uniform())
  const labeled = async (count: number) => {
    const some = images(count)
    // The network's own answers, which its last layer but one tells apart linearly.
    return { images: some, labels: (await inspector.capture(some)).predicted }
  }

  test('tell how well each layer tells the classes apart', async () => {
    const [fitted, judged] = [await labeled(120), await labeled(60)]
    const told: number[] = []
    const probes = await probeLayers(inspector, fitted, judged, ['input', 'act2', 'output'], {
      ridge: 1e-4,
      mostFeatures: 100,
      onProgress: done => told.push(done),
    })
    expect(told).toEqual([1, 2, 3])
    // The image was averaged over squares of 2 × 2.
    expect(probes.map(({ layer, features, size }) => [layer, features, size])).toEqual([
      ['input', 75, 300],
      ['act2', 54, 54],
      ['output', 4, 4],
    ])
    expect(probes.every(({ converged }) => converged)).toBe(true)
    const [input, , output] = probes
    expect(output!.accuracy).toBeGreaterThanOrEqual(0.95)
    expect(input!.accuracy).toBeLessThan(output!.accuracy)
  })

  test('end when they are told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    const data = await labeled(8)
    await expect(probeLayers(inspector, data, data, 'act2', { signal })).rejects.toThrow('enough')
  })
})

test.each<[string, () => unknown, string]>([
  ['labels of other rows', () => linearProbe(train, [0, 1]), 'linearProbe: 2 labels for 60 rows'],
  [
    'a label between classes',
    () => linearProbe(train, stored.labels.with(4, 0.5)),
    'label 4 (=0.5) must be a whole number ≥ 0',
  ],
  ['one class', () => linearProbe(train, new Array(60).fill(0)), 'a probe needs two classes'],
  ['a ridge below 0', () => linearProbe(train, stored.labels, { ridge: -1 }), 'linearProbe: ridge (=-1) must be ≥ 0'],
  [
    'other features',
    () => probeAccuracy(linearProbe(train, stored.labels), { shape: [1, 2], values: new Float32Array(2) }, [0]),
    'rows of 2 numbers for a probe of 6',
  ],
])('%s: an error', (_, method, message) => {
  expect(method).toThrow(message)
})
