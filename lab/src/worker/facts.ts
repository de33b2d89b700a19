/** What a network has to know of its data: the shape of a picture, the classes, mean and deviation. */
import type { NormalizeOptions } from '../../../src/nn/index.ts'
import { datasets } from '../../../src/recipe/datasets.ts'
import { type DataName, isPointSet } from '../state/recipe.ts'

/** The facts. */
export interface DataFacts {
  readonly classes: readonly string[]
  /** `[height, width, channels]` */
  readonly shape: readonly [number, number, number]
  readonly normalize: NormalizeOptions
}

/** Points: one pixel of two channels, whose bytes go from −2 to 2, as numbers that a layer reads well. */
const pointFacts: DataFacts = {
  classes: ['orange', 'blue'],
  shape: [1, 1, 2],
  normalize: { mean: [0.5, 0.5], std: [0.25, 0.25] },
}

/**
 * The facts of a data set with a name.
 * @throws RangeError for one's own pictures, whose facts are only known from them.
 */
export function factsOf(data: DataName): DataFacts {
  if (isPointSet(data)) return pointFacts
  if (data === 'own') throw new RangeError('factsOf: the facts of data (=own) must be taken from the pictures')
  return datasets[data]
}
