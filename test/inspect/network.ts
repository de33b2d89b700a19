/** The small network of `test/fixtures/torch/inspect.json`, and how far two lists of numbers are apart. */
import { readFileSync } from 'node:fs'
import type { Tensor, Volume } from '../../src/graph/tensor.ts'
import {
  batchNorm2d,
  conv2d,
  type ForwardContext,
  globalAveragePool2d,
  ImageClassifier,
  linear,
  Module,
  normalize,
  ops,
} from '../../src/nn/index.ts'

/** A stored tensor, flat and row-major. */
export interface Stored {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** The file, as `scripts/make_inspect_fixtures.py` makes it. */
export interface InspectFixtures {
  readonly attributions: {
    readonly mean: number[]
    readonly std: number[]
    readonly classes: number[]
    readonly variables: Readonly<Record<string, Stored>>
    readonly images: Stored
    readonly draws: Stored
    readonly logits: Stored
    readonly maps: Readonly<Record<string, Stored>>
  }
  readonly features: {
    readonly x: Stored
    readonly y: Stored
    readonly cka: number
    readonly points: Stored
    readonly variances: readonly number[]
    readonly shares: readonly number[]
    /** Of every row and the first. */
    readonly cosines: readonly number[]
  }
  readonly calibration: {
    readonly probability: readonly number[]
    readonly right: readonly number[]
    readonly ece: number
    readonly largestError: number
  }
}

export const fixtures: InspectFixtures = JSON.parse(
  readFileSync(new URL('../fixtures/torch/inspect.json', import.meta.url), 'utf8'),
)

/** Batch norm in evaluation, rectifiers as functions, a pool right behind one. */
class Net extends Module {
  readonly conv1 = conv2d(3, 4, 3, { padding: 1 })
  readonly bn1 = batchNorm2d(4)
  readonly pool = new Pool()
  readonly conv2 = conv2d(4, 6, 3, { stride: 2, padding: 1 })
  readonly act2 = new Rectifier()
  readonly fc = linear(54, 4)
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const first = this.pool.forward(ops.relu(this.bn1.forward(this.conv1.forward(x, context), context)), context)
    const second = this.act2.forward(this.conv2.forward(first, context), context)
    return this.fc.forward(ops.flatten(second), context)
  }
}

/** The same up to its second rectifier, and then a pool over all positions, so that it takes images of any size. */
class AnySizeNet extends Module {
  readonly conv1 = conv2d(3, 4, 3, { padding: 1 })
  readonly bn1 = batchNorm2d(4)
  readonly pool = new Pool()
  readonly conv2 = conv2d(4, 6, 3, { stride: 2, padding: 1 })
  readonly act2 = new Rectifier()
  readonly average = globalAveragePool2d()
  readonly classes = linear(6, 4)
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const first = this.pool.forward(ops.relu(this.bn1.forward(this.conv1.forward(x, context), context)), context)
    const second = this.act2.forward(this.conv2.forward(first, context), context)
    return this.classes.forward(ops.flatten(this.average.forward(second, context)), context)
  }
}

class Pool extends Module {
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    return ops.maxPool2d(x as Volume, 2)
  }
}

class Rectifier extends Module {
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    return ops.relu(x)
  }
}

/** The network with its stored numbers. */
export const fixtureNet = (): ImageClassifier => withStoredNumbers(new Net())

/** Its convolutions, in a network that takes images of any size. */
export const anySizeNet = (): ImageClassifier => withStoredNumbers(new AnySizeNet())

function withStoredNumbers(network: Module): ImageClassifier {
  const { mean, std, variables } = fixtures.attributions
  const model = new ImageClassifier(normalize({ mean, std }), network).initialize(0)
  for (const [path, { data }] of Object.entries(variables)) model.variables().get(path)?.setValue(data)
  return model
}

/** Largest difference of two lists of one length, in units of the largest number of the second. */
export function departure(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) throw new Error(`${found.length} numbers, expected ${expected.length}`)
  const values = Array.from(expected)
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return values.reduce((most, value, k) => Math.max(most, Math.abs(value - found[k]!)), 0) / (largest || 1)
}
