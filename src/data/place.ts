/** Puts a picture in its place in a batch. */
import { centerCropOf, refuseSmall } from '../augment/crop.ts'
import { checkedRaster, type Raster } from '../augment/raster.ts'
import { DatasetError } from './errors.ts'

/**
 * Copies a picture to its place in a batch.
 * @throws DatasetError when the picture is not of the batch's shape.
 */
export function placeRaster(
  { height, width, channels, pixels }: Raster,
  shape: readonly [number, number, number],
  images: Uint8Array,
  position: number,
): void {
  if (height !== shape[0] || width !== shape[1] || channels !== shape[2]) {
    throw new DatasetError(
      `augmentation made a picture of [${height}, ${width}, ${channels}], the model takes [${shape.join(', ')}]: ` +
        'end with a crop or scaleTo of that size',
    )
  }
  images.set(pixels, position * pixels.length)
}

/**
 * A picture cut to its middle, when it is larger than the model takes: what happens without augmentation.
 * @throws AugmentError when it is smaller, or its pixels do not fit its shape.
 */
export function fitted(image: Raster, [height, width]: readonly [number, number, number]): Raster {
  const given = checkedRaster(image)
  if (given.height === height && given.width === width) return given
  refuseSmall('centerCrop', given, height, width)
  return centerCropOf(given, height, width)
}
