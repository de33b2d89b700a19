/** A small classifier of four classes and a photo for it, for tests of pages. */
import sharp from 'sharp'
import { writeClassifier } from '../../src/classifier/index.ts'
import { resnet } from '../../src/models/index.ts'
import { ImageClassifier, normalize } from '../../src/nn/index.ts'

/** Sides of the photo. */
export const [photoWidth, photoHeight] = [50, 37]

/** Its pixels in RGB: neither gray nor square, and no two rows alike. */
const pixels = Uint8Array.from({ length: 3 * photoWidth * photoHeight }, (_, k) => (k * k * 7 + 31 * k) % 251)

/** The photo as the bytes of a PNG. */
export const photoFile = (): Promise<Buffer> =>
  sharp(pixels, { raw: { width: photoWidth, height: photoHeight, channels: 3 } })
    .png()
    .toBuffer()

/** The bytes of a `.fovea` file: a ResNet-18 with random weights for pictures of 32 × 32. */
export function fourClasses(): Uint8Array<ArrayBuffer> {
  const preprocessing = normalize({ mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] })
  const model = new ImageClassifier(preprocessing, resnet(18, { classes: 4 })).initialize(4)
  return writeClassifier(model, {
    name: 'four',
    classes: ['ant', 'bee', 'cat', 'dog'],
    shape: [32, 32, 3],
    subject: 'picture',
    shorterSide: 37,
  })
}
