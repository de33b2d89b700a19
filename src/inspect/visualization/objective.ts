/**
 * The objective of a picture: the activation that it should raise, image by image (Erhan, Bengio, Courville and
 * Vincent, "Visualizing higher-layer features of a deep network", 2009).
 */
import { mul, square } from '../../graph/ops/elementwise.ts'
import { sum } from '../../graph/ops/reduce.ts'
import { ShapeError, sizeOf } from '../../graph/shape.ts'
import { input } from '../../graph/sources.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Inspector } from '../inspector.ts'
import { type ChannelScore, layerOf, seedOf, type WeightedScore } from '../score.ts'

/** All of a layer at once: half the mean square of its values, whose slope is the values themselves (DeepDream). */
export interface LayerEnergy {
  /** Name of the layer's value. */
  readonly layer: string
}

/**
 * What is raised: the logit of a class, the mean of a channel or one of its units, a weighted sum, or a whole layer.
 */
export type Objective = number | ChannelScore | WeightedScore | LayerEnergy

/** Objectives of a batch of images, as a program computes them. */
export interface BatchObjective {
  /** Name of the value that all are made of. */
  readonly layer: string
  /** Σ seed ⊙ value of each image; half the mean square of the value when absent. */
  readonly seed?: Float32Array
}

const isEnergy = (objective: Objective): objective is LayerEnergy =>
  typeof objective === 'object' && !('channel' in objective) && !('weights' in objective)

/**
 * Objectives, one for each image of a batch.
 * @throws ShapeError when they are not all of one layer; RangeError for classes, channels and cells that do not exist;
 * PointError for a layer that does not exist.
 */
export function batchObjective(inspector: Inspector, objectives: readonly Objective[]): BatchObjective {
  if (objectives.length === 0)
    throw new RangeError('visualize: there is nothing to maximize; give at least one objective')
  const names = new Set(objectives.map(objective => layerOf(objective as ChannelScore)))
  const [first] = names
  const { name: layer, shape } = inspector.point(first)
  const energies = objectives.filter(isEnergy).length
  if (names.size > 1 || (energies > 0 && energies < objectives.length)) {
    const list = [...names].join(', ')
    throw new ShapeError(
      `visualize: images of one call must all be for the same kind of value, got ${list}; call it for each`,
    )
  }
  if (energies > 0) return { layer }
  const size = sizeOf(shape)
  const seed = new Float32Array(objectives.length * size)
  objectives.forEach((objective, n) => {
    seed.set(seedOf(objective as ChannelScore, [1, ...shape], []).seed, n * size)
  })
  return { layer, seed }
}

/** The objective of each image, `[N]`; with seeds it reads the input `seed`. */
export function objectiveOf(value: Tensor, { seed }: BatchObjective): Tensor {
  const axes = value.shape.slice(1).map((_, axis) => axis + 1)
  if (seed) return sum(mul(value, input('seed', value.shape, { batched: true })), axes)
  return mul(sum(square(value), axes), 0.5 / sizeOf(value.shape.slice(1)))
}
