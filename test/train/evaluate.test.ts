/** What an evaluator may be given: bytes of the model's shape. The rest is refused, says what would do, and disturbs nothing. */
import { afterAll, describe, expect, test } from 'vitest'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import { subsetOf } from '../../src/data/split.ts'
import { flatten, linear, normalize, sequential } from '../../src/nn/index.ts'
import { Evaluator } from '../../src/train/evaluate.ts'

const engine = createWasmEngine({ threads: 2 })
afterAll(() => engine.close())

const network = (size: number, channels: number) =>
  sequential(
    normalize({ mean: new Array(channels).fill(0.5), std: new Array(channels).fill(0.25) }),
    flatten(),
    linear(size * size * channels, 3),
  ).initialize(2)

const evaluatorOf = (channels: number) => new Evaluator(engine, network(4, channels), [4, 4, channels])
const bytes = (length: number) => Uint8Array.from({ length }, (_, k) => (k * 37) % 256)

describe('predict', () => {
  test('takes bytes as files and canvases give them, and leaves them alone', async () => {
    const evaluator = evaluatorOf(3)
    const expected = await new Evaluator(createReferenceEngine(), network(4, 3), [4, 4, 3]).predict(bytes(48))
    for (const given of [bytes(48), Uint8ClampedArray.from(bytes(48)), Buffer.from(bytes(48))]) {
      const answer = await evaluator.predict(given)
      for (const [k, value] of answer.entries()) expect(value).toBeCloseTo(expected[k]!, 5)
      expect([...given]).toEqual([...bytes(48)])
    }
  })

  test('RGBA becomes what it takes as the error says', async () => {
    const [gray, color] = [evaluatorOf(1), evaluatorOf(3)]
    const rgba = Uint8ClampedArray.from(bytes(64))
    await expect(gray.predict(rgba)).rejects.toThrow(
      'predict: 64 bytes given for a picture of [4, 4, 1], expected 16; they look like RGBA, as a canvas gives it: keep 1 of every 4 by bytes.filter((_, i) => i % 4 === 0)',
    )
    await expect(color.predict(rgba)).rejects.toThrow('keep 3 of every 4 by bytes.filter((_, i) => i % 4 < 3)')
    expect(await gray.predict(rgba.filter((_, i) => i % 4 === 0))).toHaveLength(3)
    expect(await color.predict(rgba.filter((_, i) => i % 4 < 3))).toHaveLength(3)
  })

  test.each<[string, unknown, string]>([
    ['too few', bytes(47), '47 bytes given for a picture of [4, 4, 3], expected 48'],
    ['too many', bytes(96), '96 bytes given for a picture of [4, 4, 3], expected 48'],
    ['none', bytes(0), '0 bytes given'],
    [
      'floats',
      new Float32Array(48),
      'expected 48 bytes 0 … 255 in a Uint8Array, got a Float32Array; numbers from 0 to 1',
    ],
    ['a list', new Array(48).fill(1), 'expected 48 bytes 0 … 255 in a Uint8Array, got an Array'],
    ['whole numbers', new Int32Array(48), 'got an Int32Array'],
    ['a buffer', new ArrayBuffer(48), 'got an ArrayBuffer'],
    ['what a canvas gives', { data: new Uint8ClampedArray(64), width: 4, height: 4 }, 'give its `data`'],
    ['nothing', undefined, 'got undefined'],
  ])('refuses %s', async (_, pixels, message) => {
    const evaluator = evaluatorOf(3)
    const [before, wrong, after] = await Promise.allSettled([
      evaluator.predict(bytes(48)),
      evaluator.predict(pixels as Uint8Array),
      evaluator.predict(bytes(48)),
    ])
    expect(wrong).toMatchObject({
      status: 'rejected',
      reason: { name: 'ShapeError', message: expect.stringMatching(/^predict: /) },
    })
    expect(String(wrong.status === 'rejected' && wrong.reason)).toContain(message)
    expect(after).toEqual(before)
  })
})

describe('data sets', () => {
  test.each<[string, readonly [number, number, number]]>([
    ['too small', [3, 4, 3]],
    ['gray instead of color', [4, 4, 1]],
    ['with a fourth channel', [4, 4, 4]],
  ])('%s', async (_, shape) => {
    const images = bytes(2 * shape[0] * shape[1] * shape[2])
    const subset = subsetOf(imageDataset({ name: 'mine', images, labels: [0, 1], shape, classes: ['a', 'b', 'c'] }))
    const message = `are [${shape.join(', ')}], the model takes [4, 4, 3]`
    const evaluator = evaluatorOf(3)
    await expect(evaluator.evaluate(subset)).rejects.toThrow(`mine: its images ${message}`)
    await expect(evaluator.probabilities(subset)).rejects.toThrow(message)
  })
})
