/** Pictures as a page has them, as the bytes that models take. */
import type { GrayImage } from 'fovea/data'

/** Draws a picture on white paper of some size, and gives its pixels: red, green, blue and opacity. */
function drawn(width: number, height: number, draw: (context: OffscreenCanvasRenderingContext2D) => void) {
  const context = new OffscreenCanvas(width, height).getContext('2d')
  if (!context) throw new Error('this browser does not draw')
  context.fillStyle = 'white'
  context.fillRect(0, 0, width, height)
  context.imageSmoothingQuality = 'high'
  draw(context)
  return context.getImageData(0, 0, width, height).data
}

/** A picture in gray at its own size, for `prepareGrayDigit`, which finds the digit and brings it to size. */
export function grayPixels(picture: ImageBitmap): GrayImage {
  const { width, height } = picture
  const rgba = drawn(width, height, context => context.drawImage(picture, 0, 0))
  const gray = (k: number) => Math.round(0.299 * rgba[k] + 0.587 * rgba[k + 1] + 0.114 * rgba[k + 2])
  return { name: 'picture', width, height, pixels: Uint8Array.from({ length: width * height }, (_, k) => gray(4 * k)) }
}

/** A picture as the input `[height, width, 3]` of a model of colored images: covers it, and is cut to the middle. */
export function colorPixels(picture: ImageBitmap, height: number, width: number): Uint8Array {
  const scale = Math.max(height / picture.height, width / picture.width)
  const [h, w] = [picture.height * scale, picture.width * scale]
  const rgba = drawn(width, height, context => context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h))
  return Uint8Array.from(rgba.filter((_, k) => k % 4 !== 3))
}
