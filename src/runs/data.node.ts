/** The images of a run, divided according to its recipe. */

import { caseTwin } from '../data/classFolders.node.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { splitDataset, subsetOf } from '../data/split.ts'
import { findModel } from '../models/index.ts'
import { loadDataset } from '../recipe/datasets.node.ts'
import { capitalSplits, splitFolder } from '../recipe/files.node.ts'
import { imagesOf } from '../recipe/images.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { isCode } from '../recipe/rules.ts'
import { bootstrapIndices, foldSplit } from '../study/folds.ts'
import { mustExist } from './missing.node.ts'
import { type DataListener, openPictures } from './pictures.node.ts'

/** The images of a run. */
export interface RunData {
  readonly train: Subset<ImageCollection>
  /** Absent when nothing is held back. */
  readonly validation?: Subset<ImageCollection>
  /** Absent for an image folder without a test split. */
  readonly test?: Subset<ImageCollection>
  /** Notes for a person who trains on the images, such as a class without images. */
  readonly notes: readonly string[]
}

/** Options for reading images. */
export interface OpenDataOptions extends DataListener {
  /** Folder to read from instead of the recipe's. */
  readonly directory?: string | undefined
}

/**
 * Reads the data set and separates the validation images from the training images.
 * @throws DatasetError for files that are missing or broken, or a split that leaves nothing to train on; Error when the
 * images do not have the size that the model takes.
 */
export async function loadData(recipe: Recipe, options: OpenDataOptions = {}): Promise<RunData> {
  return divideData(recipe, await openData(recipe, options))
}

/** A recipe's images before they are split. */
export interface DataSources {
  readonly train: ImageCollection
  /** Absent when they are to be held back from the training images. */
  readonly validation?: ImageCollection
  readonly test?: ImageCollection
}

/** The first half of {@link loadData}. */
export async function openData(recipe: Recipe, options: OpenDataOptions = {}): Promise<DataSources> {
  const { directory = recipe.data.directory, ...listener } = options
  if (directory !== undefined) mustExist(directory, 'folder')
  if (recipe.data.name === 'folder') return openFolder(recipe, directory!, listener)
  return loadKnown(recipe, directory, listener)
}

/** The second half of {@link loadData}. */
export function divideData(recipe: Recipe, sources: DataSources): RunData {
  const { data, seed } = recipe
  const splitSeed = data.seed ?? seed
  const whole = subsetOf(sources.train, data.limit, splitSeed)
  const { train, validation } = sources.validation
    ? { train: whole, validation: subsetOf(sources.validation) }
    : data.fold
      ? foldSplit(whole, { ...data.fold, seed: foldSeed })
      : splitDataset(whole, { validation: data.validation, seed: splitSeed })
  const drawn = data.bootstrap ? { ...train, indices: bootstrapIndices(train.indices, seed) } : train
  const parts = {
    train: drawn,
    ...(validation.indices.length > 0 && { validation }),
    ...(sources.test && { test: subsetOf(sources.test) }),
  }
  return { ...parts, notes: notesOn(recipe, sources.train, parts) }
}

/** The division into folds is the same for all runs, whatever their seeds, so that their folds fit together. */
const foldSeed = 0

/** Notes on what may be unexpected. */
function notesOn({ data }: Recipe, all: ImageCollection, parts: Omit<RunData, 'notes'>): string[] {
  const notes: string[] = []
  const total = all.labels.length
  if (data.limit !== undefined && data.limit > total) {
    notes.push(`data.limit (=${data.limit}): there are only ${total} training images, all of them are used`)
  }
  if (data.validation > 0 && !parts.validation) {
    notes.push(
      `data.validation (=${data.validation}) of ${parts.train.indices.length} images rounds to none: no image is held back`,
    )
  }
  for (const [part, { dataset, indices }] of Object.entries(parts)) {
    const present = new Set(Array.from(indices, index => dataset.labels[index]!))
    const absent = dataset.classes.filter((_, label) => !present.has(label))
    if (absent.length > 0) notes.push(`${dataset.name}: no ${part} images of ${listOf(absent)}`)
  }
  const twins = all.classes.filter(name => caseTwin(name, all.classes) !== undefined)
  if (twins.length > 0) notes.push(`${all.name}: classes differ in upper and lower case only: ${listOf(twins)}`)
  return notes
}

/** The first few names. */
const listOf = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more classes` : names.join(', ')

async function loadKnown(
  { data, model }: Recipe,
  directory: string | undefined,
  { downloading }: DataListener,
): Promise<DataSources> {
  const splits = await loadDataset(data.name, { directory, onProgress: downloading?.(data.name) })
  if (isCode(model) || model.options?.size !== undefined || model.options?.channels !== undefined) return splits
  const [channels, height, width] = findModel(model.name).inputShape
  const expected = [height, width, channels].join('×')
  for (const { shape } of [splits.train, splits.test]) {
    if (shape.join('×') === expected) continue
    throw new Error(`${data.name}: the images are ${shape.join('×')}, but ${model.name} takes ${expected}`)
  }
  return splits
}

/** A folder that contains `train`, `val` and `test`, or a single folder of classes. */
async function openFolder(recipe: Recipe, directory: string, listener: DataListener): Promise<DataSources> {
  const { classes, shape } = imagesOf(recipe)
  const { corrupt = 'refuse' } = recipe.data
  // Scored images must all be readable: a score is wrong when another picture replaces an unreadable one.
  const open = (path: string, isScored: boolean, isTrained: boolean): Promise<ImageCollection> => {
    const check = corrupt === 'skip' && isScored ? 'pixels' : 'headers'
    const emptyClasses = isTrained ? 'refuse' : 'allow'
    return openPictures(path, '--set data.corrupt=skip', { shape, classes, corrupt, check, emptyClasses }, listener)
  }
  const capitals = capitalSplits(directory)
  if (capitals.length > 0) {
    const expected = capitals.map(name => name.toLowerCase()).join(', ')
    listener.warn?.(`${directory}: not taken for splits: ${capitals.join(', ')}; they must be named ${expected}`)
  }
  const train = splitFolder(directory, 'train')
  if (train === undefined) return { train: await open(directory, true, true) }
  const [validation, test] = [splitFolder(directory, 'validation'), splitFolder(directory, 'test')]
  return {
    train: await open(train, false, true),
    ...(validation !== undefined && { validation: await open(validation, true, false) }),
    ...(test !== undefined && { test: await open(test, true, false) }),
  }
}
