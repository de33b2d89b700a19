/**
 * Divisions of the training images: k folds, of which each is held back once (Stone 1974), and samples drawn with
 * replacement (bagging, Breiman 1996).
 */
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { DatasetError, SplitError } from '../data/errors.ts'
import type { TrainValidation } from '../data/split.ts'
import { placesByClass } from '../data/stratify.ts'
import { RandomSequence, shuffledIndices } from '../random/philox.ts'
import { meanAndSpread } from './vote.ts'

/** One fold of several. */
export interface Fold {
  /** Number of folds, at least 2. */
  readonly of: number
  /** Index of the fold that is held back, from 0. */
  readonly index: number
  /** Seed for dividing the images. */
  readonly seed: number
}

/**
 * Holds back one of k folds. The folds have equal size (up to one image), share no image, and together contain all
 * images; each has its share of every class (stratified).
 * @throws SplitError when there are fewer images than folds; DatasetError when there is no such fold.
 * @example foldSplit(subsetOf(train), { of: 5, index: 0, seed: 0 })
 */
export function foldSplit<D extends ImageCollection>(
  { dataset, indices }: Subset<D>,
  { of, index, seed }: Fold,
): TrainValidation<D> {
  if (!Number.isInteger(of) || of < 2 || of > indices.length) {
    throw new SplitError(`${dataset.name}: ${of} folds of ${indices.length} images: expected 2 to as many as images`)
  }
  if (!Number.isInteger(index) || index < 0 || index >= of) {
    throw new DatasetError(`${dataset.name}: there is no fold ${index} of ${of}`)
  }
  // Images are dealt like cards, class by class: image j of the shuffled deck goes to fold j mod k.
  const byClass = placesByClass({ dataset, indices }, shuffledIndices(indices.length, seed, 0))
  const fold = new Int32Array(indices.length)
  let dealt = 0
  for (const label of [...byClass.keys()].sort((a, b) => a - b)) {
    for (const place of byClass.get(label)!) fold[place] = dealt++ % of
  }
  return {
    train: { dataset, indices: indices.filter((_, place) => fold[place] !== index) },
    validation: { dataset, indices: indices.filter((_, place) => fold[place] === index) },
  }
}

/** A sample of equal size, drawn with replacement; about 63 % of the indices, 1 − 1/e, are drawn at least once. */
export function bootstrapIndices(indices: Int32Array, seed: number): Int32Array {
  const random = new RandomSequence(seed, 'bootstrap')
  return indices.map(() => indices[random.integer(indices.length)]!)
}

/** Score on the fold that was held back. */
export interface FoldScore {
  /** Number of the fold, from 1. */
  readonly fold: number
  readonly accuracy: number
  readonly loss: number
}

/** Means and standard deviations of the scores of all folds, and the folds in order. */
export function scoreFolds(scores: readonly FoldScore[]) {
  const folds = [...scores].sort((a, b) => a.fold - b.fold)
  return {
    folds,
    accuracy: meanAndSpread(folds.map(({ accuracy }) => accuracy)),
    loss: meanAndSpread(folds.map(({ loss }) => loss)),
  }
}
