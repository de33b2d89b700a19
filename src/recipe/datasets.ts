/** The data sets that recipes know by name, and facts about them that need no files. */
import type { Augmentation } from '../augment/compose.ts'
import { cifarAugmentation } from '../augment/recipes.ts'
import { cifar10Classes, cifar100Classes } from '../data/cifar.ts'
import { fashionMnistClasses } from '../data/fashionMnist.ts'
import type { NormalizeOptions } from '../nn/normalize.ts'
import { unknownName } from '../text/names.ts'
import { RecipeError } from './errors.ts'

/** A data set by name. */
export interface DatasetEntry {
  /** Names of the classes. */
  readonly classes: readonly string[]
  /** `[height, width, channels]` of one image. */
  readonly shape: readonly [number, number, number]
  /** What its images show, which decides how other pictures become such images; pictures when absent. */
  readonly subject?: 'digit' | 'clothing'
  /** Images to train on. */
  readonly trainImages: number
  /** Mean and standard deviation of the training images, of pixels from 0 to 1. */
  readonly normalize: NormalizeOptions
  /** The usual augmentation of the training images; none when absent. */
  readonly augment?: () => Augmentation
}

/** All data sets by name. */
export const datasets = {
  mnist: {
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    shape: [28, 28, 1],
    subject: 'digit',
    trainImages: 60_000,
    normalize: { mean: [0.1307], std: [0.3081] },
  },
  'fashion-mnist': {
    classes: fashionMnistClasses,
    shape: [28, 28, 1],
    subject: 'clothing',
    trainImages: 60_000,
    normalize: { mean: [0.286], std: [0.353] },
  },
  cifar10: {
    classes: cifar10Classes,
    shape: [32, 32, 3],
    trainImages: 50_000,
    normalize: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
    /** That of the papers. */
    augment: cifarAugmentation,
  },
  cifar100: {
    classes: cifar100Classes,
    shape: [32, 32, 3],
    trainImages: 50_000,
    normalize: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
    /** That of the papers. */
    augment: cifarAugmentation,
  },
} as const satisfies Readonly<Record<string, DatasetEntry>>

/** A name in {@link datasets}. */
export type DatasetName = keyof typeof datasets

/**
 * The entry of a data set.
 * @throws RecipeError for an unknown name, with the names that exist and the nearest of them.
 */
export function findDataset(name: string): DatasetEntry {
  if (isDataset(name)) return datasets[name]
  throw new RecipeError(unknownName('data set', name, Object.keys(datasets)), { field: 'data.name', value: name })
}

/** Whether a name is that of a data set. */
export const isDataset = (name: string): name is DatasetName => Object.hasOwn(datasets, name)
