/** Pictures in the forms of a page, and as rasters: anything that can be shown becomes pixels. */
import { type Bytes, type Raster, raster } from '../augment/raster.ts'
import { ClassifierError } from './errors.ts'

/** Pixels with their sizes, as a canvas gives them: RGBA. */
export interface PixelData {
  readonly data: Bytes
  readonly width: number
  readonly height: number
}

/** What a browser draws; none of these exist elsewhere. */
type Drawable =
  | GlobalOf<'HTMLImageElement'>
  | GlobalOf<'SVGImageElement'>
  | GlobalOf<'HTMLVideoElement'>
  | GlobalOf<'HTMLCanvasElement'>
  | GlobalOf<'OffscreenCanvas'>
  | GlobalOf<'ImageBitmap'>
  | GlobalOf<'VideoFrame'>
  | GlobalOf<'Blob'>

/** Instances of a class of the page; `never` for a program without DOM types. */
type GlobalOf<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer Instance }> ? Instance : never

/**
 * A picture: pixels (`ImageData`, a raster), or on a page anything that can be drawn: an image, a video's picture, a
 * canvas, an `ImageBitmap`, a `File` or `Blob` of a format that the browser decodes.
 */
export type Picture = Raster | PixelData | Drawable

/** True for pixels with their sizes, under either name. */
export const isPixels = (picture: unknown): picture is Raster | PixelData =>
  typeof picture === 'object' && picture !== null && ('pixels' in picture || 'data' in picture) && 'width' in picture

/**
 * A picture as pixels.
 * @throws ClassifierError for a value that is not a picture, cannot be decoded, or shows nothing yet.
 */
export async function rasterOfPicture(picture: Picture): Promise<Raster> {
  if (isPixels(picture)) return 'pixels' in picture ? picture : raster(picture.data, [picture.height, picture.width, 4])
  const bitmap = await bitmapOf(picture)
  try {
    return pixelsOf(bitmap)
  } finally {
    bitmap.close()
  }
}

/**
 * A drawable object of the page as a bitmap, in its present state.
 * @throws ClassifierError for one that cannot be drawn
 */
export async function bitmapOf(picture: Picture): Promise<ImageBitmap> {
  if (typeof createImageBitmap !== 'function') {
    throw new ClassifierError(
      `${kindOf(picture)} is no picture here: give pixels, or in Node the path or the bytes of a file`,
    )
  }
  return createImageBitmap(picture as ImageBitmapSource, {
    premultiplyAlpha: 'none',
    colorSpaceConversion: 'none',
  }).catch((error: Error) => {
    throw new ClassifierError(`${kindOf(picture)} is no picture that this browser can show: ${error.message}`, {
      cause: error,
    })
  })
}

/** The pixels of a bitmap. */
export function pixelsOf(bitmap: ImageBitmap): Raster {
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (!context) throw new ClassifierError('this browser has no canvas to draw on')
  context.drawImage(bitmap, 0, 0)
  return raster(context.getImageData(0, 0, width, height).data, [height, width, 4])
}

function kindOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value)
  const { name } = value as { name?: unknown }
  return typeof name === 'string' && name !== '' ? name : value.constructor.name
}
