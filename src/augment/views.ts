/**
 * Several views of one picture, for test-time augmentation: the answers to all of them are averaged. AlexNet's are the
 * four corners and the middle, and the mirror images of those five.
 */
import { centerCropOf, crop, refuseSmall } from './crop.ts'
import { flipHorizontally } from './flip.ts'
import type { Raster, RasterShape } from './raster.ts'
import { cover } from './resize.ts'
import { check, sizeOption } from './transform.ts'

/** Makes a fixed number of equally sized views of a picture. */
export interface Views {
  readonly name: string
  /** Number of views. */
  readonly count: number
  /** True when a view is a mirror image: not for digits and letters. */
  readonly mirrors: boolean
  /** Shape of a view of a picture of a shape. */
  resultShape(shape: RasterShape): RasterShape
  /** View `k`, 0 … count − 1. @throws AugmentError when the picture is too small. */
  view(image: Raster, k: number): Raster
}

/** The picture and its mirror image. */
export const flipViews = (): Views => ({
  name: 'flipViews',
  count: 2,
  mirrors: true,
  resultShape: shape => shape,
  view: (image, k) => (k === 0 ? image : flipHorizontally(image)),
})

/**
 * The picture, the picture moved by some pixels up and to the left, and down and to the right, each with its mirror image
 * (Jordan 2024). The border that comes in is mirrored.
 * @throws AugmentError when `pixels` is not a whole number ≥ 1; from `view`, when a picture has no such border.
 * @example await evaluator.evaluateViews(test, shiftViews()) // CIFAR-10
 */
export function shiftViews(pixels = 1): Views {
  check('shiftViews', 'pixels', pixels, 'a whole number of at least 1', Number.isInteger(pixels) && pixels >= 1)
  const shifts = [0, pixels, -pixels]
  return {
    name: 'shiftViews',
    count: 2 * shifts.length,
    mirrors: true,
    resultShape: shape => shape,
    view(image, k) {
      const { height, width } = image
      const shift = shifts[k >> 1]!
      const moved = shift === 0 ? image : crop(image, { top: shift, left: shift, height, width }, { border: 'reflect' })
      return k % 2 === 0 ? moved : flipHorizontally(moved)
    },
  }
}

/**
 * The four corners (top left, top right, bottom left, bottom right) and the middle.
 * @param size side of a view, or `[height, width]`
 * @throws AugmentError for an invalid size.
 * @example fiveCrop(28).view(image, 4) // the middle
 */
export function fiveCrop(size: number | readonly [number, number]): Views {
  const [height, width] = sizeOption('fiveCrop', size)
  return {
    name: 'fiveCrop',
    count: 5,
    mirrors: false,
    resultShape: ([, , channels]) => [height, width, channels],
    view(image, k) {
      refuseSmall('fiveCrop', image, { height, width })
      if (k === 4) return centerCropOf(image, height, width)
      const top = k < 2 ? 0 : image.height - height
      const left = k % 2 === 0 ? 0 : image.width - width
      return crop(image, { top, left, height, width })
    },
  }
}

/** The five crops, then those of the mirror image. @throws AugmentError for an invalid size. */
export function tenCrop(size: number | readonly [number, number]): Views {
  const five = fiveCrop(size)
  return {
    ...five,
    name: 'tenCrop',
    count: 10,
    mirrors: true,
    view: (image, k) => five.view(k < 5 ? image : flipHorizontally(image), k % 5),
  }
}

/** One view: the picture scaled to cover a size, and cut to its middle. Evaluation uses it for pictures of any size. */
export function coverView(size: number | readonly [number, number]): Views {
  const [height, width] = sizeOption('coverView', size)
  return {
    name: 'coverView',
    count: 1,
    mirrors: false,
    resultShape: ([, , channels]) => [height, width, channels],
    view: image => cover(image, height, width),
  }
}
