/** Pictures as a page has them, as the input of a model. */
import { raster } from 'fovea/augment'
import { type InputShape, prepareRaster } from 'fovea/data'

/** @returns bytes `[height, width, channels]`: of `[28, 28, 1]` the digit that is on the picture, else its middle, scaled to cover */
export async function inputOf(source: ImageBitmapSource, shape: InputShape): Promise<Uint8Array> {
  const picture = await createImageBitmap(source)
  const { width, height } = picture
  const context = new OffscreenCanvas(width, height).getContext('2d')
  if (!context) throw new Error('this browser does not draw')
  context.drawImage(picture, 0, 0)
  const { data } = context.getImageData(0, 0, width, height)
  return prepareRaster('the picture', raster(data, [height, width, 4]), shape)
}
