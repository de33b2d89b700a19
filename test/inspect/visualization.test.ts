/**
 * Feature visualization and DeepDream: views, spectra and ten steps of ascent are PyTorch's, gradients are those of differences,
 * and calls can be watched, repeated and ended.
 */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import {
  deepDream,
  Inspector,
  type Objective,
  toBytes,
  type View,
  type VisualizationStep,
  type VisualizeOptions,
  visualize,
} from '../../src/inspect/index.ts'
import { parametrizationOf } from '../../src/inspect/visualization/parametrization.ts'
import { samplingOf, viewOf } from '../../src/inspect/visualization/views.ts'
import { conv2d, flatten, ImageClassifier, linear, normalize, relu, sequential } from '../../src/nn/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { anySizeNet, departure, fixtureNet, type Stored } from './network.ts'

interface Ascent {
  readonly start: Stored
  readonly scores: readonly number[]
  readonly image: Stored
  readonly score: number
}

/** The file, as `scripts/make_visualization_fixtures.py` makes it. */
const stored: {
  readonly views: { picture: Stored; gradient: Stored; views: View[]; seen: Stored[]; slopes: Stored[] }
  readonly spectra: { size: number[]; spectrum: Stored; gradient: Stored; picture: Stored; slope: Stored }[]
  readonly draws: View[]
  readonly lr: number
  readonly ascents: Readonly<Record<string, Ascent>>
  readonly dream: { photo: Stored; rolls: [number, number][]; scores: number[]; image: Stored }
} = JSON.parse(readFileSync(new URL('../fixtures/torch/visualization.json', import.meta.url), 'utf8'))

const engines = (['wasm', 'reference'] as const).map(backend => createEngine({ backend }))
afterAll(() => Promise.all(engines.map(engine => engine.close())))

/** The stored numbers have 9 digits, and the reference computes in double precision. */
const exact = 1e-8

describe('a view', () => {
  const { picture, gradient, views, seen, slopes } = stored.views
  const x = input('x', picture.shape)
  const y = viewOf(x)
  const [slope] = gradients(sum(mul(y, constantTensor(gradient.data, gradient.shape))), [x])

  test.each(views.map((view, k) => [view, k] as const))(
    '%o is PyTorch’s grid_sample, and so is its gradient',
    (view, k) => {
      const { places, weights } = samplingOf(view, [6, 9])
      const [found, back] = evaluateReference([y, slope], { x: picture.data, places, weights })
      // Weights are rounded to single precision.
      expect(departure(found.values, seen[k]!.data)).toBeLessThan(1e-7)
      expect(departure(back.values, slopes[k]!.data)).toBeLessThan(1e-7)
    },
  )

  test('that is neither moved, turned nor scaled is the picture itself, to the bit', () => {
    const sampling = samplingOf({ shift: [0, 0], scale: 1, angle: 0 }, [6, 9])
    const [found] = evaluateReference([y], { x: picture.data, ...sampling })
    expect([...found.values]).toEqual(picture.data)
  })

  test('looks beyond the edges into a mirror', () => {
    const row = input('x', [1, 1, 1, 3])
    const seenFrom = (columns: number): number[] => {
      const sampling = samplingOf({ shift: [0, columns], scale: 1, angle: 0 }, [1, 3])
      return [...evaluateReference([viewOf(row)], { x: [1, 2, 3], ...sampling })[0].values]
    }
    expect(seenFrom(2)).toEqual([3, 3, 2])
    expect(seenFrom(-1)).toEqual([1, 1, 2])
    expect(seenFrom(6)).toEqual([1, 2, 3])
  })
})

describe.each(stored.spectra)('a spectrum of pictures $size', ({ size, spectrum, gradient, picture, slope }) => {
  const z = input('z', spectrum.shape)
  const x = parametrizationOf('fourier', size).picture(z)

  test('gives PyTorch’s picture and gradient', () => {
    const [back] = gradients(sum(mul(x, constantTensor(gradient.data, gradient.shape))), [z])
    const [found, found2] = evaluateReference([x, back], { z: spectrum.data })
    expect(departure(found.values, picture.data)).toBeLessThan(exact)
    expect(departure(found2.values, slope.data)).toBeLessThan(exact)
  })
})

test.each<[string, (x: Tensor) => Tensor, Record<string, ArrayLike<number>>, number[]]>([
  ['a view', x => viewOf(x), { ...samplingOf({ shift: [1, -2], scale: 1.1, angle: 7 }, [5, 6]) }, [1, 3, 5, 6]],
  ['a spectrum', x => parametrizationOf('fourier', [3, 5, 6]).picture(x), {}, [1, 3, 5, 4, 2]],
])('the gradient of %s is that of differences in double precision', (_, build, inputs, shape) => {
  const x = input('x', shape)
  const random = new RandomSequence(3, 'differences')
  const normals = (length: number): number[] => Array.from({ length }, () => random.normal())
  const y = build(x)
  const at = normals(shape.reduce((a, b) => a * b))
  const score = sum(mul(y, constantTensor(normals(y.shape.reduce((a, b) => a * b)), y.shape)))
  const [slope] = gradients(score, [x])
  const scoreAt = (values: readonly number[]): number =>
    evaluateReference([score], { ...inputs, x: values })[0].values[0]!
  const [{ values: slopes }] = evaluateReference([slope], { ...inputs, x: at })
  for (const i of [0, 1, 17, 42, at.length - 1]) {
    // Central differences are off by h² / 6 of the third derivative, and by rounding over h: both about 1e-9 for numbers of about 1.
    const [low, high] = [-1e-5, 1e-5].map(h => scoreAt(at.with(i, at[i]! + h)))
    expect((high! - low!) / 2e-5).toBeCloseTo(slopes[i]!, 7)
  }
})

const objectives: Readonly<Record<string, [Objective, VisualizeOptions['image']]>> = {
  'fourier channel': [{ layer: 'act2', channel: 2 }, 'fourier'],
  'fourier class': [2, 'fourier'],
  'pixels unit': [{ layer: 'act2', channel: 1, cell: [1, 2] }, 'pixels'],
  'pixels class': [0, 'pixels'],
}

describe.each(engines.map(engine => [engine.description.backend, engine] as const))('on %s', (backend, engine) => {
  const inspector = new Inspector(engine, fixtureNet(), [10, 10, 3])
  // Ten steps of Adam in double precision, of slopes in single precision: what a step moves depends on slopes in units of their size, so
  // the smallest slopes count as much as the largest.
  const tolerance = backend === 'reference' ? 2e-6 : 2e-5

  test.each(Object.keys(objectives))('ten steps for a %s equal PyTorch’s', async name => {
    const [of, image] = objectives[name]!
    const { start, scores, image: expected, score } = stored.ascents[name]!
    const seen: VisualizationStep[] = []
    const options = { image: image!, start: start.data, views: stored.draws, lr: stored.lr }
    const found = await visualize(inspector, of, { ...options, onStep: step => void seen.push(step) })
    expect(
      departure(
        seen.map(step => step.scores[0]!),
        scores,
      ),
    ).toBeLessThan(tolerance)
    expect(departure(found.images.values, expected.data)).toBeLessThan(tolerance)
    // No rectifier that is dead throughout.
    expect(Math.abs(score)).toBeGreaterThan(0.5)
    expect(found.scores[0]! / score).toBeCloseTo(1, 5)
  })

  test('a dream of two octaves equals PyTorch’s', async () => {
    const { photo, rolls, scores, image } = stored.dream
    const dreamer = new Inspector(engine, anySizeNet(), [14, 20, 3])
    const seen: number[] = []
    const found = await deepDream(
      dreamer,
      Float32Array.from(photo.data),
      { layer: 'act2' },
      {
        octaves: 2,
        steps: 3,
        rolls,
        onStep: step => void seen.push(step.score),
      },
    )
    expect(departure(seen, scores)).toBeLessThan(1e-6)
    expect(found.shape).toEqual([1, 3, 14, 20])
    // Six steps of 0.01 in single precision.
    expect(departure(found.values, image.data)).toBeLessThan(1e-6)
  })

  test('each picture of a list is the one that it would be alone', async () => {
    const list = [0, 4, 5].map(channel => ({ layer: 'conv2', channel }))
    const options = { steps: 3, seed: 5 }
    const together = await visualize(inspector, list, options)
    expect(together.images.shape).toEqual([3, 3, 10, 10])
    for (const [n, of] of list.entries()) {
      const alone = await visualize(inspector, of, options)
      const own = together.images.values.subarray(n * 300, n * 300 + 300)
      // A batch of another size may sum in another order, and steps at the start are all of one size.
      expect(departure(own, alone.images.values)).toBeLessThan(1e-5)
    }
  })
})

describe('a visualization', () => {
  const [engine] = engines
  const inspector = new Inspector(engine!, fixtureNet(), [10, 10, 3])
  const of = { layer: 'conv2', channel: 2 }

  test.each(['fourier', 'pixels'] as const)('by %s raises what it is made for, within 0 … 1', async image => {
    const { images, scores, firstScores } = await visualize(inspector, of, { image, steps: 60 })
    expect(scores[0]!).toBeGreaterThan(firstScores[0]! + 1)
    expect(Math.min(...images.values)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...images.values)).toBeLessThanOrEqual(1)
    const { scores: again } = await inspector.capture(images.values, [], { gradientsOf: of })
    expect(again[0]).toBeCloseTo(scores[0]!, 5)
  })

  test('is the same for the same seed, and another for another', async () => {
    const made = async (seed: number) => (await visualize(inspector, of, { steps: 4, seed })).images.values
    expect(await made(1)).toEqual(await made(1))
    expect(await made(2)).not.toEqual(await made(1))
  })

  test('shows each step before it is taken, and waits for who is told', async () => {
    const seen: string[] = []
    const onStep = async ({ step, of, images, scores }: VisualizationStep) => {
      seen.push(`${step} begins`)
      expect([of, images.shape, scores.length]).toEqual([3, [1, 3, 10, 10], 1])
      await Promise.resolve()
      seen.push(`${step} ends`)
    }
    await visualize(inspector, of, { steps: 3, onStep })
    expect(seen).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends'])
  })

  test('ends when it is told to, and so does a dream', async () => {
    const steps: number[] = []
    const cancel = new AbortController()
    const onStep = ({ step }: { step: number }) => {
      steps.push(step)
      if (step === 2) cancel.abort(new Error('enough'))
    }
    await expect(visualize(inspector, of, { steps: 9, onStep, signal: cancel.signal })).rejects.toThrow('enough')
    expect(steps).toEqual([1, 2])
    const image = new Float32Array(300).fill(0.5)
    await expect(deepDream(inspector, image, of, { octaves: 1, signal: cancel.signal })).rejects.toThrow('enough')
  })

  /** What a channel behind a rectifier gives: 10 times what the gray start departs from its mean, above a threshold. */
  const shy = (threshold: number): Inspector => {
    const conv = conv2d(1, 1, 3)
    const net = new ImageClassifier(
      normalize({ mean: [0.5], std: [1] }),
      sequential({ conv, relu: relu(), flatten: flatten(), fc: linear(36, 2) }),
    ).initialize(0)
    conv.weight.setValue([0, 0, 0, 0, 10, 0, 0, 0, 0])
    conv.bias!.setValue([-threshold])
    return new Inspector(engine!, net, [8, 8, 1])
  }

  test('is given noise until a rectifier has a slope, and then rises', async () => {
    const relu = { layer: 'relu', channel: 0 }
    const { scores, firstScores } = await visualize(shy(1), relu, { steps: 40 })
    expect(firstScores[0]).toBe(0)
    expect(scores[0]).toBeGreaterThan(1)
  })

  test('of a unit that nothing excites ends with a score of 0', async () => {
    const relu = { layer: 'relu', channel: 0 }
    const { scores, firstScores } = await visualize(shy(6), relu, { steps: 12 })
    expect([scores[0], firstScores[0]]).toEqual([0, 0])
  })

  test('begins where it is told to, without noise', async () => {
    const of = { layer: 'relu', channel: 0 }
    const { images } = await visualize(shy(1), of, {
      steps: 12,
      image: 'pixels',
      start: new Float32Array(64).fill(0.5),
    })
    expect([...images.values]).toEqual(new Array(64).fill(0.5))
  })

  test('needs to know what pixels are', async () => {
    const net = sequential(conv2d(1, 1, 3), flatten(), linear(36, 2)).initialize(0)
    await expect(visualize(new Inspector(engine!, net, [8, 8, 1]), 0)).rejects.toThrow('takes normalized values')
  })

  test('becomes bytes for a screen', () => {
    const bytes = toBytes({ shape: [1, 3, 1, 2], values: Float32Array.of(0, 1, 0.5, 2, -1, 0.2) })
    expect([...bytes]).toEqual([0, 128, 0, 255, 255, 51])
  })
})

describe('what does not fit is an error', () => {
  const [engine] = engines
  const inspector = new Inspector(engine!, fixtureNet(), [10, 10, 3])
  const of = { layer: 'conv2', channel: 2 }
  const photo = new Float32Array(300)
  test.each<[string, () => Promise<unknown>, string]>([
    ['nothing to raise', () => visualize(inspector, []), 'there is nothing to maximize'],
    ['no steps', () => visualize(inspector, of, { steps: 0 }), 'visualize: steps (=0) must be a whole number ≥ 1'],
    ['no rate', () => visualize(inspector, of, { lr: 0 }), 'visualize: lr (=0) must be > 0'],
    ['half a pixel', () => visualize(inspector, of, { jitter: 0.5 }), 'jitter (=0.5) must be a whole number ≥ 0'],
    ['a scale of nothing', () => visualize(inspector, of, { scale: 1 }), 'visualize: scale (=1) must be ≥ 0 and < 1'],
    [
      'another image',
      () => visualize(inspector, of, { image: 'wavelets' as 'pixels' }),
      "image (='wavelets') must be one of fourier, pixels",
    ],
    [
      'a start of another size',
      () => visualize(inspector, of, { start: [1] }),
      'a start of 1 numbers for a picture of [3, 10, 6, 2]',
    ],
    ['views of other steps', () => visualize(inspector, of, { steps: 2, views: [] }), '0 views for 2 steps'],
    [
      'a channel that there is not',
      () => visualize(inspector, { layer: 'conv2', channel: 6 }),
      'channel (=6) must be a whole number in 0 … 5',
    ],
    ['a layer that there is not', () => visualize(inspector, { layer: 'conv3' }), "no layer is named 'conv3'"],
    ['two layers', () => visualize(inspector, [of, 1]), 'got conv2, output'],
    [
      'two pictures',
      () => deepDream(inspector, new Float32Array(600), of),
      'expected one image [10, 10, 3], got 600 numbers',
    ],
    ['smaller pictures than the network takes', () => deepDream(inspector, photo, of), 'needs octaves: 1'],
    ['octaves of one size', () => deepDream(inspector, photo, of, { octaveScale: 1 }), 'octaveScale (=1) must be > 1'],
    ['too many octaves', () => deepDream(inspector, photo, of, { octaves: 12 }), 'octaves (=12) must be fewer'],
    ['rolls of other steps', () => deepDream(inspector, photo, of, { rolls: [] }), '0 rolls for 4 octaves of 10 steps'],
  ])('%s', async (_, method, message) => {
    await expect(method()).rejects.toThrow(message)
  })
})
