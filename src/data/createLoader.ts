/** The source of batches for a subset: of images in memory, or of images that are read when they are needed. */
import type { BatchSource, LoaderOptions } from './batches.ts'
import {
  type ImageCollection,
  type ImageDataset,
  isInMemory,
  isStored,
  type StoredImages,
  type Subset,
} from './dataset.ts'
import { DatasetError } from './errors.ts'
import { BatchLoader } from './loader.ts'
import { inlineProducer, PrefetchLoader } from './prefetch.ts'

/**
 * A source of batches on the calling thread.
 * @throws DatasetError when the data set has neither pixels nor a way to read them, or an option is out of its range;
 * LabelSafetyError when augmentation would make labels wrong.
 */
export function createLoader(subset: Subset<ImageCollection>, options: LoaderOptions): BatchSource {
  const { dataset } = subset
  if (isInMemory(dataset)) return new BatchLoader(subset as Subset<ImageDataset>, options)
  if (!isStored(dataset)) throw new DatasetError(`${dataset.name}: has neither \`images\` nor \`read\``)
  const stored = subset as Subset<StoredImages>
  return new PrefetchLoader(stored, options, inlineProducer(stored, options))
}
