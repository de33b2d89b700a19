/** Captures: values and gradients inside a network on both backends, against the graph's own reference and PyTorch's rules. */
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { sliceAxis } from '../../src/graph/ops/slice.ts'
import { input } from '../../src/graph/sources.ts'
import type { Scalar, Tensor } from '../../src/graph/tensor.ts'
import { Inspector, matchPoints, PointError, toPixels } from '../../src/inspect/index.ts'
import {
  conv2d,
  type ForwardContext,
  flatten,
  ImageClassifier,
  inference,
  linear,
  Module,
  maxPool2d,
  normalize,
  ops,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'

const shape = [8, 8, 3] as const
const network = () =>
  sequential({
    conv1: conv2d(3, 4, 3, { padding: 1 }),
    relu1: relu(),
    pool1: maxPool2d(2),
    conv2: conv2d(4, 5, 3),
    relu2: relu(),
    flatten: flatten(),
    fc: linear(20, 3),
  })
const preprocessing = () => normalize({ mean: [0.4, 0.5, 0.6], std: [0.25, 0.2, 0.3] })
const random = new RandomSequence(1, 'capture')
const bytesOf = (images: number) => Uint8Array.from({ length: images * 192 }, () => random.integer(256))

const engines = (['wasm', 'reference'] as const).map(backend => createEngine({ backend }))
afterAll(() => Promise.all(engines.map(engine => engine.close())))

/** Largest difference of two lists. */
const departure = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, k) => Math.max(most, Math.abs(value - b[k]!)), 0)

describe.each(engines.map(engine => [engine.description.backend, engine] as const))('on %s', (_, engine) => {
  const model = new ImageClassifier(preprocessing(), network()).initialize(3)
  const inspector = new Inspector(engine, model, shape)

  test('the values of all layers are those of the reference, also what is pooled right behind', async () => {
    const bytes = bytesOf(2)
    const { values, logits, images, predicted } = await inspector.capture(bytes, '*')
    expect(images).toBe(2)
    expect([...values.keys()]).toEqual([
      'input',
      'normalize',
      'normalized',
      'conv1',
      'relu1',
      'pool1',
      'conv2',
      'relu2',
      'flatten',
      'fc',
      'output',
    ])
    const x = input('x', [2, ...shape], { dtype: 'u8' })
    let value: Tensor = model.normalize.forward(x, inference())
    for (const [name, layer] of Object.entries((model.network as ReturnType<typeof network>).layers)) {
      value = layer.forward(value, inference())
      const [expected] = evaluateReference([value], { x: bytes })
      expect(values.get(name)!.shape).toEqual(expected.shape)
      // Sums of at most 36 products of numbers below 4 in single precision.
      expect(departure(values.get(name)!.values, expected.values)).toBeLessThan(1e-5)
      // What a layer before a pool gives is the layer's own, negative numbers cut off.
      if (name === 'relu1') expect(Math.min(...values.get(name)!.values)).toBe(0)
    }
    expect(logits.values).toEqual(values.get('fc')!.values)
    expect(predicted).toHaveLength(2)
  })

  test('a pass that begins with pixels gives what one that begins with bytes does', async () => {
    const bytes = bytesOf(3)
    const fromBytes = await inspector.capture(bytes, ['conv1', 'output'])
    const fromPixels = await inspector.capture(toPixels(bytes, shape), ['conv1', 'output'])
    // A byte divided by 255 is rounded to 2⁻²⁵ of itself.
    for (const [name, { values }] of fromBytes.values) {
      expect(departure(fromPixels.values.get(name)!.values, values)).toBeLessThan(3e-6)
    }
  })

  test.each(['pixels', 'normalized'] as const)('the gradient with respect to %s is that of the graph', async space => {
    const bytes = bytesOf(2)
    const given = await inspector.floats(bytes, space)
    const {
      gradients: found,
      scores,
      logits,
      values,
    } = await inspector.capture(bytes, ['input', 'pool1'], {
      gradientsOf: [2, 0],
      space,
    })
    expect(values.get('input')!.values).toEqual(given)
    expect([...scores]).toEqual([logits.values[2], logits.values[3]])
    const normalized = await inspector.floats(bytes, 'normalized')
    const x = input('x', [2, 3, 8, 8])
    const y = model.network.forward(x, inference())
    const score = sum(ops.add(pick(y, 0, 2), pick(y, 1, 0))) as Scalar
    const [dx] = evaluateReference(gradients(score, [x]), { x: normalized })
    const std = [0.25, 0.2, 0.3]
    const expected = dx.values.map((g, i) => (space === 'pixels' ? g / std[Math.floor(i / 64) % 3]! : g))
    expect(departure(found.get('input')!.values, expected)).toBeLessThan(1e-5)
    expect(found.get('pool1')!.shape).toEqual([2, 4, 4, 4])
  })

  test('the score of a channel is its mean, of a cell its value, of weights their sum', async () => {
    const bytes = bytesOf(2)
    const { values } = await inspector.capture(bytes, 'conv2')
    const conv2 = values.get('conv2')!.values
    const scoresOf = async (
      gradientsOf: Parameters<typeof inspector.capture>[2] extends infer O ? NonNullable<O> : never,
    ) => [...(await inspector.capture(bytes, 'conv2', gradientsOf)).scores]
    const means = [0, 1].map(n => conv2.slice(n * 20 + 4, n * 20 + 8).reduce((a, b) => a + b) / 4)
    expect(departure(await scoresOf({ gradientsOf: { layer: 'conv2', channel: 1 } }), means)).toBeLessThan(1e-6)
    expect(await scoresOf({ gradientsOf: { layer: 'conv2', channel: 1, cell: [1, 0] } })).toEqual([conv2[6], conv2[26]])
    const difference = await inspector.capture(bytes, 'output', { gradientsOf: { weights: [1, -1, 0] } })
    expect([...difference.gradients.get('output')!.values]).toEqual([1, -1, 0, 1, -1, 0])
  })

  test('by default the score is the logit of the predicted class', async () => {
    const bytes = bytesOf(4)
    const { scores, logits, predicted } = await inspector.capture(bytes, 'conv1', { gradientsOf: 'predicted' })
    expect([...scores]).toEqual(predicted.map((label, n) => logits.values[3 * n + label]))
    expect([...scores]).toEqual([0, 1, 2, 3].map(n => Math.max(...logits.values.slice(3 * n, 3 * n + 3))))
  })

  test('many images in parts are what they are alone', async () => {
    const large = new Inspector(
      engine,
      new ImageClassifier(
        normalize({ mean: [0.5], std: [0.25] }),
        sequential(conv2d(1, 2, 9, { stride: 61 }), flatten(), linear(800, 2)),
      ).initialize(0),
      [1200, 1200, 1],
    )
    const bytes = Uint8Array.from({ length: 2 * 1200 * 1200 }, (_, i) => (i * 2654435761) >>> 24)
    const done: number[] = []
    const { logits } = await large.capture(bytes, [], { onProgress: images => done.push(images) })
    expect(done).toEqual([1, 2])
    const alone = await large.capture(bytes.subarray(1200 * 1200), [])
    expect(logits.values.subarray(2)).toEqual(alone.logits.values)
  })

  test('an answer is that of the weights of its turn', async () => {
    const bytes = bytesOf(1)
    const changing = new ImageClassifier(preprocessing(), network()).initialize(4)
    const watching = new Inspector(engine, changing, shape)
    const before = await watching.capture(bytes, 'fc')
    const { bias } = (changing.network as ReturnType<typeof network>).layers.fc
    await engine.write(
      bias!,
      bias!.value.map(value => value + 1),
    )
    const after = await watching.capture(bytes, 'fc')
    expect(
      departure(
        after.logits.values,
        before.logits.values.map(value => value + 1),
      ),
    ).toBeLessThan(1e-6)
  })
})

const pick = (y: Tensor, row: number, column: number): Tensor =>
  sliceAxis(sliceAxis(y, 0, row, row + 1), 1, column, column + 1)

/** A network that calls one module twice and has a functional ReLU. */
class Twice extends Module {
  readonly conv = conv2d(1, 1, 3, { padding: 1 })
  readonly fc = linear(16, 2)
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const once = ops.relu(this.conv.forward(x, context))
    return this.fc.forward(ops.flatten(this.conv.forward(once, context)), context)
  }
}

describe('names', () => {
  const engine = engines[1]!
  const inspector = new Inspector(engine, new Twice().initialize(0), [4, 4, 1])

  test('of a module that is called again are numbered, and what modules read has names too', () => {
    expect(inspector.points.map(({ name }) => name)).toEqual([
      'input',
      'normalized',
      'conv:input',
      'conv',
      'conv#2:input',
      'conv#2',
      'fc:input',
      'fc',
      'output',
    ])
  })

  test('come with shapes and receptive fields', () => {
    expect(inspector.point('conv#2')).toEqual({
      name: 'conv#2',
      shape: [1, 4, 4],
      receptiveField: { size: [5, 5], stride: [1, 1], offset: [-2, -2] },
    })
  })

  test('that mean nothing are errors with the nearest', async () => {
    await expect(inspector.capture(new Float32Array(16), 'cnov')).rejects.toThrow(
      new PointError(
        "no layer is named 'cnov' (did you mean 'conv'?); there are: input, normalized, conv, conv#2, fc, output",
      ),
    )
    await expect(inspector.capture(new Float32Array(16), 'layer*')).rejects.toThrow(
      "no layer fits 'layer*'; there are:",
    )
  })

  test.each([
    ['conv*', ['conv1', 'conv1#2']],
    ['*', ['conv1', 'conv1#2', 'layer1']],
    ['layer1.*', ['layer1.0']],
    ['**', ['conv1', 'conv1#2', 'layer1.0', 'layer1.0.relu', 'layer1']],
    ['**.relu', ['layer1.0.relu']],
    ['*:input', ['conv1:input']],
  ])('%s', (pattern, expected) => {
    const names = ['conv1:input', 'conv1', 'conv1#2', 'layer1.0', 'layer1.0.relu', 'layer1']
    expect(matchPoints(pattern, names)).toEqual(expected)
  })
})

describe('what does not fit is an error', () => {
  const classifier = new Inspector(engines[1]!, new ImageClassifier(preprocessing(), network()).initialize(0), shape)
  const bare = new Inspector(engines[1]!, network().initialize(0), shape)
  test.each<[string, () => Promise<unknown>, string]>([
    [
      'half an image',
      () => classifier.capture(new Uint8Array(96)),
      'inspect: 96 numbers are no images of bytes [8, 8, 3]',
    ],
    [
      'a class',
      () => classifier.capture(bytesOf(1), 'fc', { gradientsOf: 3 }),
      'score: class (=3) must be a whole number in 0 … 2',
    ],
    [
      'classes for other images',
      () => classifier.capture(bytesOf(1), 'fc', { gradientsOf: [0, 1] }),
      'score: 2 classes for 1 images',
    ],
    [
      'a channel',
      () => classifier.capture(bytesOf(1), 'fc', { gradientsOf: { layer: 'conv2', channel: 5 } }),
      'score: conv2: channel (=5) must be a whole number in 0 … 4',
    ],
    [
      'bytes for a network without preprocessing',
      () => bare.capture(bytesOf(1)),
      'this network takes normalized values',
    ],
    [
      'pixels for it',
      () => bare.capture(new Float32Array(192), [], { space: 'pixels' }),
      "has no preprocessing, so it cannot be given pixels; use space: 'normalized'",
    ],
  ])('%s', async (_, capture, message) => {
    await expect(capture()).rejects.toThrow(message)
  })
})
