/** Single images of a data set, as they are stored. */
import { checkedRaster, type Raster, raster } from '../augment/raster.ts'
import { type ImageCollection, isInMemory, isStored } from './dataset.ts'
import { DatasetError } from './errors.ts'

/**
 * An image of a data set: of the data set's `shape` when in memory, otherwise at its stored size.
 * @throws DatasetError for an index out of range; ImageError when it cannot be read.
 */
export async function rasterOf(dataset: ImageCollection, index: number): Promise<Raster> {
  const { name, labels, shape } = dataset
  if (!Number.isInteger(index) || index < 0 || index >= labels.length) {
    throw new DatasetError(`${name}: no image ${index} of ${labels.length}`)
  }
  if (isStored(dataset)) return checkedRaster(await dataset.read(index))
  if (!isInMemory(dataset)) throw new DatasetError(`${name}: has neither \`images\` nor \`read\``)
  const bytes = shape[0] * shape[1] * shape[2]
  return raster(dataset.images.subarray(index * bytes, (index + 1) * bytes), shape)
}
