/** Reads the data sets that recipes know by name. */
import type { DatasetSplits } from '../data/dataset.ts'
import { type DatasetName, findDataset } from './datasets.ts'

/** Options of {@link loadDataset}. */
export interface LoadDatasetOptions {
  /** Folder of the data set's files; by default the data set finds or downloads them. */
  readonly directory?: string | undefined
  /** Called with the number of downloaded bytes, and the total if it is known. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined
}

type Source = { readonly directory: string } | { readonly onProgress?: NonNullable<LoadDatasetOptions['onProgress']> }

/** The reader of each data set, loaded when it is needed. */
const loaders: Readonly<Record<DatasetName, (source: Source) => Promise<DatasetSplits>>> = {
  async mnist(source) {
    const { mnist } = await import('../data/mnist.node.ts')
    return mnist('directory' in source ? source : {})
  },
  async 'fashion-mnist'(source) {
    const { fashionMnist } = await import('../data/fashionMnist.node.ts')
    return fashionMnist(source)
  },
  async cifar10(source) {
    const { cifar10 } = await import('../data/cifar.node.ts')
    return cifar10(source)
  },
  async cifar100(source) {
    const { cifar100 } = await import('../data/cifar.node.ts')
    return cifar100(source)
  },
}

/**
 * Both splits of a data set.
 * @throws RecipeError for an unknown name; DatasetError naming a file that is missing or broken
 */
export async function loadDataset(
  name: string,
  { directory, onProgress }: LoadDatasetOptions = {},
): Promise<DatasetSplits> {
  findDataset(name)
  const source = directory === undefined ? { ...(onProgress && { onProgress }) } : { directory }
  return loaders[name as DatasetName](source)
}
