/**
 * A decoded picture of any size as the input of a model, in any JavaScript environment: what `prepareImage` does with a
 * file's pixels, and what a page does with those of a canvas.
 */
import { centerCropOf, refuseSmall } from '../augment/crop.ts'
import type { Raster } from '../augment/raster.ts'
import { cover, resizeShorterSide } from '../augment/resize.ts'
import { paper, withChannels } from './channels.ts'
import { prepareGrayClothing } from './clothing.ts'
import { type DigitOptions, digitSide, type GrayImage, prepareGrayDigit } from './digit.ts'
import { ImageError } from './errors.ts'

/** Options of {@link prepareRaster}. */
export interface PrepareOptions extends DigitOptions {
  /**
   * The subject: a `digit` (`prepareGrayDigit`), `clothing` (`prepareGrayClothing`), or anything: a `picture`, which is
   * scaled so that it covers the input and cut to its center. By default inputs `[28, 28, 1]` are digits, all others
   * pictures.
   */
  readonly subject?: 'digit' | 'clothing' | 'picture'
  /**
   * For a `picture`: the number of pixels to which its shorter side is scaled before the center is cropped, as image
   * folders are read for evaluation; by default only as much is cropped as the aspect ratio requires.
   */
  readonly shorterSide?: number
}

/**
 * The number of pixels to which the shorter side of a picture is scaled before its center is cut out: 8/7 of the larger
 * side, 256 for 224, as is usual for ImageNet.
 */
export const usualShorterSide = ([height, width]: readonly [number, number, ...unknown[]]): number =>
  Math.round((Math.max(height, width) * 8) / 7)

/** Shape of a model's input. */
export type InputShape = readonly [height: number, width: number, channels: number]

/**
 * A picture of 1 (gray), 2 (gray, alpha), 3 (color) or 4 channels (color, alpha) as the input of a model. Transparent
 * parts count as white; in digits and clothing they count as black when nothing shows on white. `resize` changes sizes,
 * bit for bit as Pillow does.
 *
 * @param name what to call the picture in error messages
 * @returns bytes `[height, width, channels]`
 * @throws ImageError for an empty picture, or an input without a rule; AugmentError when the shorter side
 * is smaller than the input.
 *
 * @example
 * const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height)
 * const input = prepareRaster('canvas', raster(data, [height, width, 4]), [224, 224, 3])
 */
export function prepareRaster(
  name: string,
  image: Raster,
  shape: InputShape,
  options: PrepareOptions = {},
): Uint8Array {
  const subject = subjectOf(shape, options)
  if (image.channels > 4) {
    throw new ImageError(
      `${name}: the picture has ${image.channels} channels, expected 1 (gray), 2 (gray, alpha), 3 (color) or 4 (color, alpha)`,
    )
  }
  if (subject === 'digit') return prepareObject(name, image, options, prepareGrayDigit)
  if (subject === 'clothing') return prepareObject(name, image, options, prepareGrayClothing)
  const [height, width, channels] = shape
  const { shorterSide } = options
  const picture = withChannels(image, channels as 1 | 3)
  if (shorterSide === undefined) return cover(picture, height, width).pixels
  const scaled = resizeShorterSide(picture, shorterSide)
  refuseSmall(`${name}: shorterSide ${shorterSide}`, scaled, { height, width })
  return centerCropOf(scaled, height, width).pixels
}

/** The subject of a picture. @throws ImageError when no rule makes it into an input of that shape. */
export function subjectOf(shape: InputShape, { subject }: PrepareOptions): 'digit' | 'clothing' | 'picture' {
  const [height, width, channels] = shape
  const isDigitSize = channels === 1 && height === digitSide && width === digitSide
  const wanted = subject ?? (isDigitSize ? 'digit' : 'picture')
  if (wanted === 'picture' ? channels === 1 || channels === 3 : isDigitSize) return wanted
  const expected = wanted === 'picture' ? '[H, W, 1] or [H, W, 3]' : '[28, 28, 1]'
  const what = wanted === 'clothing' ? wanted : `a ${wanted}`
  throw new ImageError(`no rule to make ${what} into an input of shape [${shape.join(', ')}]: expected ${expected}`)
}

function prepareObject(
  name: string,
  image: Raster,
  options: DigitOptions,
  prepare: (image: GrayImage, options: DigitOptions) => Uint8Array,
): Uint8Array {
  const hasAlpha = image.channels % 2 === 0
  try {
    return prepare({ name, ...withChannels(image, 1) }, options)
  } catch (error) {
    if (!(error instanceof ImageError && hasAlpha)) throw error
    return prepare({ name, ...withChannels(image, 1, paper.black) }, options)
  }
}
