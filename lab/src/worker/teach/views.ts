/**
 * Augmentation of a picture: views of it, cut up to an eighth of a side away, lighter or darker, the last of them mirrored. They
 * depend on the picture alone: it has the same ones whenever and in whatever order it is added.
 */
import { colorJitter } from '../../../../src/augment/color.ts'
import { compose } from '../../../../src/augment/compose.ts'
import { randomCrop } from '../../../../src/augment/crop.ts'
import { flipHorizontally } from '../../../../src/augment/flip.ts'
import { raster } from '../../../../src/augment/raster.ts'
import type { InputShape } from '../../../../src/data/prepare.ts'
import { crc32 } from '../../../../src/formats/crc32.ts'
import { movedViews, viewCount } from './protocol.ts'

/**
 * Views of a picture: {@link movedViews}, and then those that are mirrored as well.
 * @param pixels `u8 [height, width, channels]`, as a trunk takes them
 */
export function viewsOf(pixels: Uint8Array, shape: InputShape): Uint8Array[] {
  const [height, width] = shape
  // 4 pixels of 32, as CIFAR's networks are trained with (He et al. 2016); what comes in at the border is mirrored.
  const padding = Math.max(1, Math.round(Math.min(height, width) / 8))
  const augment = compose([
    randomCrop({ size: [height, width], padding, border: 'symmetric' }),
    colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2 }),
  ])
  const image = raster(pixels, shape)
  const index = crc32(pixels)
  return Array.from({ length: viewCount }, (_, k) => {
    const view = augment.apply(image, { seed: 0, epoch: k, index })
    return (k < movedViews ? view : flipHorizontally(view)).pixels
  })
}
