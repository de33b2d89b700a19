/** The data sets that the command line knows by name, with what is known of them before a file is read. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Augmentation } from '../augment/compose.ts'
import { cifarAugmentation } from '../augment/recipes.ts'
import { cifar10Classes, cifar100Classes } from '../data/cifar.ts'
import { classFolders } from '../data/classFolders.node.ts'
import type { DatasetSplits } from '../data/dataset.ts'
import { DatasetError } from '../data/errors.ts'
import { fashionMnistClasses } from '../data/fashionMnist.ts'
import type { NormalizeOptions } from '../nn/normalize.ts'
import { UsageError } from '../cli/errors.ts'
import { unknownName } from '../text/names.ts'
import { downloadProgress } from '../cli/progressLines.ts'

/** What is known of a recipe's images before one is read. */
export interface DataInfo {
  readonly classes: readonly string[]
  /** `[height, width, channels]` of what the model gets; absent for a folder whose recipe leaves it to the model. */
  readonly shape?: readonly [number, number, number]
}

/** A data set by name. */
export interface DatasetEntry {
  /** Reads both splits, from a folder or from where the set comes by itself. */
  load(directory?: string): Promise<DatasetSplits>
  /** Names of the classes. */
  readonly classes: readonly string[]
  /** `[height, width, channels]` of one image. */
  readonly shape: readonly [number, number, number]
  /** Images to train on. */
  readonly trainImages: number
  /** Mean and standard deviation of the training images, of pixels from 0 to 1. */
  readonly normalize: NormalizeOptions
  /** What is usually done to the training images; nothing when absent. */
  readonly augment?: () => Augmentation
}

/** Where a data set that is downloaded comes from. */
const sourceOf = (name: string, directory: string | undefined) =>
  directory === undefined ? { onProgress: downloadProgress(name) } : { directory }

/** All data sets by name. */
export const datasets: Readonly<Record<string, DatasetEntry>> = {
  mnist: {
    async load(directory) {
      const { mnist } = await import('../data/mnist.node.ts')
      return mnist(directory === undefined ? {} : { directory })
    },
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    shape: [28, 28, 1],
    trainImages: 60_000,
    normalize: { mean: [0.1307], std: [0.3081] },
  },
  cifar10: {
    async load(directory) {
      const { cifar10 } = await import('../data/cifar.node.ts')
      return cifar10(sourceOf('cifar10', directory))
    },
    classes: cifar10Classes,
    shape: [32, 32, 3],
    trainImages: 50_000,
    normalize: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
    augment: cifarAugmentation,
  },
  cifar100: {
    async load(directory) {
      const { cifar100 } = await import('../data/cifar.node.ts')
      return cifar100(sourceOf('cifar100', directory))
    },
    classes: cifar100Classes,
    shape: [32, 32, 3],
    trainImages: 50_000,
    normalize: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
    augment: cifarAugmentation,
  },
  'fashion-mnist': {
    async load(directory) {
      const { fashionMnist } = await import('../data/fashionMnist.node.ts')
      return fashionMnist(sourceOf('fashion-mnist', directory))
    },
    classes: fashionMnistClasses,
    shape: [28, 28, 1],
    trainImages: 60_000,
    normalize: { mean: [0.286], std: [0.353] },
  },
}

/**
 * The entry of a data set.
 * @throws UsageError for an unknown name, with the names that exist and the nearest of them.
 */
export function findDataset(name: string): DatasetEntry {
  const found = Object.hasOwn(datasets, name) ? datasets[name] : undefined
  if (!found) throw new UsageError(unknownName('data set', name, Object.keys(datasets)))
  return found
}

/** The sub-folder of a split, by its usual names, when a folder has any. */
export function splitFolder(directory: string, split: 'train' | 'validation' | 'test'): string | undefined {
  const names = split === 'validation' ? ['val', 'validation', 'valid'] : [split]
  return names.map(name => join(directory, name)).find(path => existsSync(path))
}

/**
 * Classes and shape of a recipe's images.
 * @throws UsageError when the classes are to be found in a folder that is none.
 */
export function dataInfo(data: {
  readonly name: string
  readonly directory?: string | undefined
  readonly size?: readonly [number, number] | undefined
  readonly channels?: number | undefined
  readonly classes?: readonly string[] | undefined
}): DataInfo {
  if (data.name !== 'folder') return findDataset(data.name)
  const { directory = '.', size, channels = 3 } = data
  const classes = data.classes ?? classNames(splitFolder(directory, 'train') ?? directory)
  return { classes, ...(size && { shape: [size[0], size[1], channels] as const }) }
}

/** @throws UsageError when the folder that the command line names is no folder of classes. */
function classNames(directory: string): string[] {
  try {
    return classFolders(directory).map(({ name }) => name)
  } catch (error) {
    if (error instanceof DatasetError) throw new UsageError(error.message)
    throw error
  }
}
