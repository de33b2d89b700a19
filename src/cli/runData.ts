/** The images of a run, as its recipe divides them. */
import type { ImageCollection } from '../data/dataset.ts'
import { type Subset, splitDataset, subsetOf } from '../data/split.ts'
import { findModel } from '../models/index.ts'
import { bootstrapIndices, foldSplit } from '../study/folds.ts'
import { openPictures } from './corrupt.ts'
import { findDataset, splitFolder } from './datasets.ts'
import { imagesOf } from './images.ts'
import type { Recipe } from './recipe.ts'
import { isCode } from './recipeRules.ts'

/** The images of a run. */
export interface RunData {
  readonly train: Subset<ImageCollection>
  /** Absent when nothing is held back. */
  readonly validation?: Subset<ImageCollection>
  /** Absent for an image folder without one. */
  readonly test?: Subset<ImageCollection>
}

/**
 * Reads the data set and splits the validation images from those for training.
 * @param directory to read from in place of the recipe's
 * @throws DatasetError for files that are missing or broken, or a split that leaves nothing to train on; Error when the
 * images are of another size than the model takes.
 */
export async function loadData(recipe: Recipe, directory = recipe.data.directory): Promise<RunData> {
  const { data, seed } = recipe
  const sources = data.name === 'folder' ? await openFolder(recipe, directory!) : await loadKnown(recipe, directory)
  const whole = subsetOf(sources.train, data.limit)
  const { train, validation } = sources.validation
    ? { train: whole, validation: subsetOf(sources.validation) }
    : data.fold
      ? foldSplit(whole, { ...data.fold, seed: foldSeed })
      : splitDataset(whole, { validation: data.validation, seed: data.seed ?? seed })
  const drawn = data.bootstrap ? { ...train, indices: bootstrapIndices(train.indices, seed) } : train
  return {
    train: drawn,
    ...(validation.indices.length > 0 && { validation }),
    ...(sources.test && { test: subsetOf(sources.test) }),
  }
}

/** The division into folds is the same for all runs, whatever their seeds: they are parts of one whole. */
const foldSeed = 0

interface Sources {
  readonly train: ImageCollection
  readonly validation?: ImageCollection
  readonly test?: ImageCollection
}

async function loadKnown({ data, model }: Recipe, directory: string | undefined): Promise<Sources> {
  const splits = await findDataset(data.name).load(directory)
  if (isCode(model) || model.options?.size !== undefined || model.options?.channels !== undefined) return splits
  const [channels, height, width] = findModel(model.name).inputShape
  const expected = [height, width, channels].join('×')
  for (const { shape } of [splits.train, splits.test]) {
    if (shape.join('×') === expected) continue
    throw new Error(`${data.name}: the images are ${shape.join('×')}, but ${model.name} takes ${expected}`)
  }
  return splits
}

/** A folder with `train`, `val` and `test` in it, or one that is all there is. */
async function openFolder(recipe: Recipe, directory: string): Promise<Sources> {
  const { classes, shape } = imagesOf(recipe)
  const { corrupt = 'refuse' } = recipe.data
  // What is scored must be there whole: a score is no score when another picture stands for one that cannot be read.
  const open = (path: string, isScored: boolean): Promise<ImageCollection> => {
    const check = corrupt === 'skip' && isScored ? 'pixels' : 'headers'
    return openPictures(path, '--set data.corrupt=skip', { shape, classes, corrupt, check })
  }
  const train = splitFolder(directory, 'train')
  if (train === undefined) return { train: await open(directory, true) }
  const [validation, test] = [splitFolder(directory, 'validation'), splitFolder(directory, 'test')]
  return {
    train: await open(train, false),
    ...(validation !== undefined && { validation: await open(validation, true) }),
    ...(test !== undefined && { test: await open(test, true) }),
  }
}
