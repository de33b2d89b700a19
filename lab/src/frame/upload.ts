/** A file as the model's input. */

/**
 * Reads a picture. Of digits and clothing the object is found and placed as the data set has it.
 * @returns bytes of `shape`
 * @throws Error with a sentence for who chose the file
 */
export async function readPicture(
  file: Blob & { readonly name: string },
  shape: readonly [number, number, number],
): Promise<Uint8Array> {
  const [{ raster }, { prepareRaster }] = await Promise.all([
    import('../../../src/augment/index.ts'),
    import('../../../src/data/prepare.ts'),
  ])
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} cannot be read as a picture. Choose a PNG, JPEG or WebP file.`)
  })
  const { width, height } = picture
  const context = new OffscreenCanvas(width, height).getContext('2d')
  if (!context) throw new Error('This browser gives no canvas to read pictures with. Draw on the probe instead.')
  context.drawImage(picture, 0, 0)
  const { data } = context.getImageData(0, 0, width, height)
  return prepareRaster(file.name, raster(new Uint8Array(data.buffer), [height, width, 4]), shape)
}
