/** Attributions on both backends: PyTorch's numbers for a small network, and what holds for each method exactly. */
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { input } from '../../src/graph/sources.ts'
import {
  type Attribution,
  contributions,
  deconvnet,
  foldChannels,
  gaussLegendre,
  gradCam,
  gradCamPlusPlus,
  gradientMap,
  gradientTimesInput,
  guidedBackprop,
  guidedGradCam,
  Inspector,
  integratedGradients,
  lastSpatialLayer,
  occlusion,
  resizeMaps,
  saliency,
  smoothGrad,
} from '../../src/inspect/index.ts'
import {
  type Conv2d,
  conv2d,
  flatten,
  globalAveragePool2d,
  inference,
  linear,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { departure, fixtureNet, fixtures } from './network.ts'

const engines = (['wasm', 'reference'] as const).map(backend => createEngine({ backend }))
afterAll(() => Promise.all(engines.map(engine => engine.close())))

const { images: stored, draws, classes, logits, maps } = fixtures.attributions
const images = Float32Array.from(stored.data)
const of = classes
const random = new RandomSequence(7, 'attribution')
const normals = (length: number) => Float32Array.from({ length }, () => random.normal())

describe.each(engines.map(engine => [engine.description.backend, engine] as const))('on %s', (backend, engine) => {
  const inspector = new Inspector(engine, fixtureNet(), [10, 10, 3])
  // Single precision against PyTorch's double, in units of a map's largest number; the reference rounds inputs and results alone.
  const tolerance = backend === 'reference' ? 2e-7 : 2e-6

  test('the logits are PyTorch’s', async () => {
    const found = await inspector.capture(images, [])
    expect(departure(found.logits.values, logits.data)).toBeLessThan(tolerance)
  })

  test.each<[keyof typeof maps, () => Promise<Pick<Attribution, 'map'>>]>([
    ['gradient', () => gradientMap(inspector, images, { of })],
    ['saliency', () => saliency(inspector, images, { of })],
    ['gradientTimesInput', () => gradientTimesInput(inspector, images, { of })],
    ['smoothGrad', () => smoothGrad(inspector, images, { of, samples: 4, draws: draws.data })],
    ['integratedGradients', () => integratedGradients(inspector, images, { of, steps: 16 })],
    ['deconvnet', () => deconvnet(inspector, images, { of })],
    ['guidedBackprop', () => guidedBackprop(inspector, images, { of })],
    ['gradCam', () => gradCam(inspector, images, { of, layer: 'act2' })],
    ['gradCamPlusPlus', () => gradCamPlusPlus(inspector, images, { of, layer: 'act2' })],
    [
      'gradCamEnlarged',
      async () => ({ map: resizeMaps((await gradCam(inspector, images, { of, layer: 'act2' })).map, [10, 10]) }),
    ],
    ['guidedGradCam', () => guidedGradCam(inspector, images, { of, layer: 'act2' })],
    ['occlusion', () => occlusion(inspector, images, { of, window: 4, stride: 3, value: 0.5 })],
  ])('%s is PyTorch’s', async (name, method) => {
    const { map } = await method()
    expect(map.shape).toEqual(maps[name]!.shape)
    expect(departure(map.values, maps[name]!.data)).toBeLessThan(tolerance)
  })

  test('integrated gradients add up to the difference of scores, but for an error that is reported', async () => {
    const { map, scores, baselineScores, completenessErrors } = await integratedGradients(inspector, images, {
      of,
      steps: 300,
    })
    for (const n of [0, 1]) {
      const sum = map.values.subarray(300 * n, 300 * n + 300).reduce((a, b) => a + b, 0)
      expect(sum - (scores[n] - baselineScores[n])).toBeCloseTo(completenessErrors[n], 4)
      // The network bends at its rectifiers and pools, so the error falls as 1 / steps; scores are around 10.
      expect(Math.abs(completenessErrors[n])).toBeLessThan(0.03)
    }
  })

  test('without noise, SmoothGrad is the gradient', async () => {
    const [smooth, plain] = [
      await smoothGrad(inspector, images, { of, samples: 3, noise: 0 }),
      await gradientMap(inspector, images, { of }),
    ]
    expect(departure(smooth.map.values, plain.map.values)).toBeLessThan(1e-6)
  })

  test('the noise of SmoothGrad is that of its seed', async () => {
    const mapOf = async (seed: number) => (await smoothGrad(inspector, images, { samples: 2, seed })).map.values
    expect(await mapOf(1)).toEqual(await mapOf(1))
    expect(await mapOf(2)).not.toEqual(await mapOf(1))
  })

  test('gradient × input adds up to the score of a network without biases', async () => {
    const net = sequential(
      conv2d(1, 3, 3, { bias: false }),
      relu(),
      conv2d(3, 3, 3, { bias: false }),
      relu(),
      flatten(),
      linear(48, 2, { bias: false }),
    ).initialize(1)
    const { map, scores } = await gradientTimesInput(new Inspector(engine, net, [8, 8, 1]), normals(64), { of: 1 })
    expect(map.values.reduce((a, b) => a + b, 0)).toBeCloseTo(scores[0], 5)
  })

  test('where a network pools globally and ends linearly, Grad-CAM is CAM up to a factor', async () => {
    const net = sequential({
      conv: conv2d(1, 4, 3),
      relu: relu(),
      pool: globalAveragePool2d(),
      flatten: flatten(),
      fc: linear(4, 3),
    }).initialize(2)
    const own = new Inspector(engine, net, [8, 8, 1])
    const image = normals(64)
    const { map, layer } = await gradCam(own, image, { of: 2 })
    expect(layer).toBe('relu')
    const maps = (await own.capture(image, 'relu')).values.get('relu')!.values
    const weights = [...net.layers.fc.weight.value].slice(8, 12)
    const cam = Array.from({ length: 36 }, (_, i) => weights.reduce((sum, w, c) => sum + w * maps[c * 36 + i], 0))
    expect(
      departure(
        map.values,
        cam.map(value => Math.max(value, 0) / 36),
      ),
    ).toBeLessThan(1e-6)
    expect(Math.max(...map.values)).toBeGreaterThan(0)
  })

  test('a score of a single unit reaches its receptive field and nothing else', async () => {
    const { map } = await saliency(inspector, images.subarray(0, 300), {
      of: { layer: 'conv1', channel: 0, cell: [4, 7] },
    })
    const reached = [...map.values.keys()].filter(i => map.values[i] !== 0)
    expect(reached).toEqual([36, 37, 38, 46, 47, 48, 56, 57, 58])
  })

  test.each([
    ['conv1', [0, 0, 0], 27],
    ['conv2', [5, 2, 0], 36],
  ] as const)(
    'the terms of a unit of %s add up to what the reference computes from the same input, to the bit',
    async (layer, unit, size) => {
      const image = images.subarray(300)
      const { terms, sum, bias, channels } = await contributions(inspector, image, layer, unit)
      expect(terms).toHaveLength(size)
      expect(channels.reduce((total, channel) => total + channel.sum, bias)).toBeCloseTo(sum, 12)
      const module = new Map(inspector.model.modules()).get(layer) as Conv2d
      const captured = (await inspector.capture(image, `${layer}:input`)).values.get(`${layer}:input`)!
      const x = input('x', captured.shape)
      const [y] = evaluateReference([module.forward(x, inference())], { x: captured.values })
      expect(sum).toBe(y.values[(unit[0] * y.shape[2] + unit[1]) * y.shape[3] + unit[2]])
    },
  )

  test('the terms of a unit of a linear layer add up to it', async () => {
    const image = images.subarray(300)
    const { terms, sum } = await contributions(inspector, image, 'fc', [3])
    expect(terms).toHaveLength(54)
    const { logits } = await inspector.capture(image)
    expect(departure([sum], [logits.values[3]])).toBeLessThan(1e-6)
  })

  test('taps in the padding are terms of 0', async () => {
    const { terms } = await contributions(inspector, images.subarray(300), 'conv1', [0, 0, 0])
    const padding = terms.filter(({ isPadding }) => isPadding)
    // Of the 3 × 3 taps over three channels those above and on the left.
    expect(padding).toHaveLength(15)
    expect(padding.every(({ product, row, column }) => product === 0 && (row < 0 || column < 0))).toBe(true)
  })
})

test('the default layer of class activation maps is the last with rows and columns', () => {
  expect(lastSpatialLayer(new Inspector(engines[1]!, fixtureNet(), [10, 10, 3]))).toBe('act2')
})

test('channels are folded position by position', () => {
  const map = { shape: [1, 2, 1, 2], values: Float32Array.of(1, 2, 10, 20) }
  expect(foldChannels(map, (a, b) => a + b)).toEqual({ shape: [1, 1, 2], values: Float32Array.of(11, 22) })
})

test.each([1, 2, 5, 32])(
  'Gauss and Legendre’s rule with %d nodes is exact for polynomials below twice that degree',
  n => {
    const { nodes, weights } = gaussLegendre(n)
    for (let power = 0; power < 2 * n; power++) {
      const integral = nodes.reduce((sum, node, k) => sum + weights[k] * node ** power, 0)
      expect(integral).toBeCloseTo(1 / (power + 1), 13)
    }
  },
)

describe('what does not fit is an error', () => {
  const inspector = new Inspector(engines[1]!, fixtureNet(), [10, 10, 3])
  test.each<[string, () => Promise<unknown>, string]>([
    [
      'no samples',
      () => smoothGrad(inspector, images, { samples: 0 }),
      'smoothGrad: samples (=0) must be a whole number ≥ 1',
    ],
    ['negative noise', () => smoothGrad(inspector, images, { noise: -1 }), 'smoothGrad: noise (=-1) must be ≥ 0'],
    [
      'half a step',
      () => integratedGradients(inspector, images, { steps: 0.5 }),
      'steps (=0.5) must be a whole number ≥ 1',
    ],
    [
      'a baseline of another size',
      () => integratedGradients(inspector, images, { baseline: [1] }),
      'a baseline of 1 numbers for images of 300',
    ],
    [
      'gaps between patches',
      () => occlusion(inspector, images, { window: 2, stride: 3 }),
      'occlusion: stride (=3) leaves gaps between windows (=2)',
    ],
    [
      'a layer without rows',
      () => gradCam(inspector, images, { layer: 'fc' }),
      'gradCam: fc [2, 4] has no rows and columns',
    ],
    [
      'a layer that there is not',
      () => gradCam(inspector, images, { layer: 'conv3' }),
      "no layer is named 'conv3' (did you mean 'conv1'?)",
    ],
    [
      'terms of a pool',
      () => contributions(inspector, images, 'pool', [0, 0, 0]),
      'contributions: pool is no convolution and no linear layer',
    ],
    [
      'a unit outside',
      () => contributions(inspector, images, 'conv2', [0, 3, 0]),
      'contributions: conv2 [6, 3, 3] has no unit [0, 3, 0]',
    ],
    [
      'two images at once',
      () => contributions(inspector, images, 'conv2', [0, 0, 0]),
      'contributions: expected one image, got 2',
    ],
  ])('%s', async (_, method, message) => {
    await expect(method()).rejects.toThrow(message)
  })
})
