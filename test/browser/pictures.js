/** What the test of pictures calls on its page, over the built package. */
import { affine, raster, resize } from '/package/augment/index.js'
import { prepareRaster } from '/package/data/index.js'

/** A PNG drawn on a canvas, as the input of a model. */
globalThis.prepareDrawn = async ({ png, shape, options }) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob())
  const { width, height } = image
  const context = new OffscreenCanvas(width, height).getContext('2d')
  context.drawImage(image, 0, 0)
  const { data } = context.getImageData(0, 0, width, height)
  return [...prepareRaster('canvas', raster(data, [height, width, 4]), shape, options)]
}

/** A picture at another size, then turned. */
globalThis.resizeAndTurn = ({ pixels, shape, size, turn }) => [
  ...affine(resize(raster(new Uint8Array(pixels), shape), ...size), turn).pixels,
]
