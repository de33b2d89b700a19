/** A classifier as a trunk: what its last layer reads, and another last layer in its place. */
import { describe, expect, test } from 'vitest'
import { readClassifier, writeClassifier } from '../../src/classifier/artifact.ts'
import { HeadedTrunk, Trunk } from '../../src/classifier/trunk.ts'
import { sourceOf } from '../../src/formats/source.ts'
import { createEngine, input } from '../../src/index.ts'
import {
  conv2d,
  flatten,
  globalAveragePool2d,
  ImageClassifier,
  linear,
  Module,
  normalize,
  ops,
  relu,
  sequential,
  type Tensor,
} from '../../src/nn/index.ts'

const shape = [8, 8, 3] as const
const info = { name: 'small', shape, subject: 'picture' } as const
const preprocessing = () => normalize({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] })

/** Of a model written into a file and read again. */
async function trunkOf(body: Module, classes: number): Promise<Trunk> {
  const model = new ImageClassifier(preprocessing(), body).initialize(1)
  const names = Array.from({ length: classes }, (_, k) => `class ${k}`)
  const { network } = await readClassifier(sourceOf(writeClassifier(model, { ...info, classes: names }), 'small.fovea'))
  return new Trunk(network, shape)
}

const pictures = Uint8Array.from({ length: 5 * 8 * 8 * 3 }, (_, k) => (k * k * 13 + k) % 256)

describe('a trunk', () => {
  test('gives what the last layer reads: its product with the old weights is the old logits', async () => {
    const engine = createEngine({ threads: 1, precise: true })
    const body = sequential({
      conv: conv2d(3, 6, 3),
      relu: relu(),
      flat: flatten(),
      fc1: linear(216, 10),
      fc2: linear(10, 4),
    })
    const trunk = await trunkOf(body, 4)
    expect(trunk.features).toBe(10)
    const images = input('images', [5, ...shape], { dtype: 'u8', batched: true })
    const context = { training: false, updates: new Map() }
    const old = { weights: body.layers.fc2.weight.value, bias: body.layers.fc2.bias!.value }
    const program = await engine.compile({
      outputs: {
        before: trunk.network.forward(images, context),
        after: new HeadedTrunk(trunk, old).forward(images, context),
      },
      updates: new Map(),
    })
    const { before, after } = await program.run({ images: pictures })
    expect(after).toEqual(before)
    await engine.close()
  })

  test('is found behind a scale', async () => {
    class Scaled extends Module {
      override forward(x: Tensor): Tensor {
        return ops.mul(x, 0.1)
      }
    }
    const trunk = await trunkOf(
      sequential(conv2d(3, 7, 3), globalAveragePool2d(), flatten(), linear(7, 3, { bias: false }), new Scaled()),
      3,
    )
    expect(trunk.features).toBe(7)
  })

  test('needs a fully connected layer at the end', async () => {
    const ends = 'it has no fully connected layer at its end, before which its features could be taken'
    await expect(trunkOf(sequential(conv2d(3, 4, 3), globalAveragePool2d(), flatten()), 4)).rejects.toThrow(ends)
  })

  test('a classifier with a new head is one again, also as the trunk of another', async () => {
    const first = await trunkOf(sequential(conv2d(3, 6, 3), relu(), globalAveragePool2d(), flatten(), linear(6, 3)), 3)
    const head = { weights: Float32Array.from({ length: 12 }, (_, k) => Math.sin(k)), bias: [0.25, -0.5] }
    const bytes = writeClassifier(new HeadedTrunk(first, head), { ...info, classes: ['p', 'q'] })
    const again = await readClassifier(sourceOf(bytes, 'again.fovea'))
    const names = [...again.network.variables().keys()]
    expect(names).toEqual(expect.arrayContaining(['head.weight', 'head.bias']))
    // The old head is not in the file.
    expect(names).toHaveLength(4)
    expect(again.network.variables().get('head.weight')!.value).toEqual(head.weights)
    expect(new Trunk(again.network, shape).features).toBe(6)
  })
})
