/** Filters that whiten patches: against their definition, and as the first layer of a recipe's network. */
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import { fitPatchFilters } from '../../src/data/patches.ts'
import { subsetOf } from '../../src/data/split.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { input } from '../../src/graph/sources.ts'
import { flatten, inference, linear, PatchWhitening, patchWhitening, sequential } from '../../src/nn/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { createModel, createTrainer, resolveRecipe } from '../../src/recipe/index.ts'

const random = new RandomSequence(3, 'patches')
/** Two channels that follow each other, in waves of different lengths: pixels that are far from independent. */
const shape = [20, 2, 6, 7] as const
const images = Float32Array.from({ length: 20 * 2 * 6 * 7 }, (_, i) => {
  const [n, pixel] = [Math.floor(i / 84), i % 42]
  return Math.sin(n + pixel / (3 + (n % 4))) + 0.2 * random.normal()
})

/** The mean of a aᵀ over all outputs a of one position: `[O, O]`. */
function secondMoments(layer: PatchWhitening, count: number, values: ArrayLike<number>): number[][] {
  const x = input('x', [count, ...shape.slice(1)])
  const [y] = evaluateReference([layer.forward(x, inference())], { x: values })
  const channels = layer.outChannels
  const positions = y.values.length / count / channels
  const at = (n: number, c: number, p: number): number => y.values[(n * channels + c) * positions + p]
  return Array.from({ length: channels }, (_, a) =>
    Array.from({ length: channels }, (_, b) => {
      let sum = 0
      for (let n = 0; n < count; n++) for (let p = 0; p < positions; p++) sum += at(n, a, p) * at(n, b, p)
      return sum / count / positions
    }),
  )
}

describe('fitted filters', () => {
  test('make coordinates uncorrelated and of mean square 1, with their negatives', () => {
    const layer = patchWhitening(2, 2)
    layer.setFilters(fitPatchFilters(images, shape, { kernel: 2, eps: 0 }))
    const moments = secondMoments(layer, 20, images)
    const size = 8
    for (let a = 0; a < 2 * size; a++) {
      for (let b = 0; b < 2 * size; b++) {
        const expected = a % size === b % size ? (a === b ? 1 : -1) : 0
        // Filters are stored in float32, and the smallest eigenvalue is a thousandth of the largest.
        expect(moments[a][b]).toBeCloseTo(expected, 4)
      }
    }
  })

  test('ε keeps the weak directions small: mean square λ / (λ + ε)', () => {
    const [plain, damped] = [0, 0.5].map(eps => fitPatchFilters(images, shape, { kernel: 2, eps }))
    const norm = (filters: Float32Array, k: number) => Math.hypot(...filters.slice(8 * k, 8 * k + 8))
    for (let k = 0; k < 8; k++) {
      // Unit vectors divided by √λ and by √(λ + ε).
      const eigenvalue = norm(plain, k) ** -2
      expect(norm(damped, k) ** -2 / (eigenvalue + 0.5)).toBeCloseTo(1, 5)
    }
  })

  test('images without a patch, and filters of another number, are refused', () => {
    expect(() => fitPatchFilters(images, [20, 2, 6, 7], { kernel: 7 })).toThrow('have no patch of 7 × 7')
    expect(() => patchWhitening(2, 2).setFilters([1, 2])).toThrow('expected 64 numbers')
    expect(() => patchWhitening(2, 0)).toThrow('kernel (=0) must be a whole number ≥ 1')
  })
})

describe('in a recipe', () => {
  const engine = createEngine({ threads: 1 })
  afterAll(() => engine.close())
  const bytes = Array.from({ length: 300 }, () => Array.from({ length: 28 * 28 }, () => random.integer(256)))
  const digits = subsetOf(imageDataset({ images: bytes, labels: bytes.map((_, k) => k % 10), shape: [28, 28, 1] }))
  const setup = resolveRecipe({
    model: ({ classes }) =>
      sequential({ whiten: patchWhitening(1, 2), flatten: flatten(), head: linear(8 * 729, classes) }),
    data: { name: 'mnist' },
    optimizer: { name: 'sgd', lr: 1e-3 },
    epochs: 1,
    batchSize: 100,
  })
  const layerOf = (model: ReturnType<typeof createModel>) => {
    const [layer] = [...model.modules()].flatMap(([, module]) => (module instanceof PatchWhitening ? [module] : []))
    return layer
  }

  test('the layer is fitted to the normalized training images before the first step, and not trained', async () => {
    const model = createModel(setup)
    const before = layerOf(model).weight.value.slice()
    const trainer = await createTrainer(setup, { engine, train: digits, model })
    const fitted = layerOf(model).weight.value.slice()
    expect(fitted).not.toEqual(before)
    // MNIST's usual normalization; ε is 5e-4.
    const planes = Float32Array.from(bytes.flat(), value => (value / 255 - 0.1307) / 0.3081)
    const expected = fitPatchFilters(planes, [300, 1, 28, 28], { kernel: 2 })
    for (let i = 0; i < expected.length; i++) expect(fitted[i]).toBeCloseTo(expected[i], 4)
    for await (const event of trainer.run()) if (event.type === 'done') break
    expect(layerOf(model).weight.value).toEqual(fitted)
  })

  test('weights that a run begins with keep their filters', async () => {
    const model = createModel(setup)
    const own = Float32Array.from({ length: 16 }, (_, i) => i)
    layerOf(model).setFilters(own)
    const tuned = { ...setup, recipe: { ...setup.recipe, pretrained: { weights: 'earlier' } } }
    await createTrainer(tuned, { engine, train: digits, model })
    expect(layerOf(model).weight.value.slice(0, 16)).toEqual(own)
  })
})
