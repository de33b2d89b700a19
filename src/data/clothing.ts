/**
 * Turns a photograph of one piece of clothing on a plain background into a model's input, the way Fashion-MNIST was
 * made: the picture is trimmed, its longer side resized to 28 pixels, its shorter side extended to 28 with the piece in
 * the middle, and its intensities negated (Xiao, Rasul, Vollgraf 2017, section 2). Their sharpening is left out.
 */
import { type DigitOptions, type GrayImage, type ObjectStyle, prepareGrayObject } from './digit.ts'

const clothingStyle: ObjectStyle = { boxSide: 28, center: 'box', stretches: false, boxThreshold: 0.1 }

/**
 * The picture of one piece of clothing as a model's input `[28, 28, 1]`: light on black, gray levels as in the picture.
 * Polarity, and pictures of exactly 28 × 28 pixels, are as in `prepareGrayDigit`.
 *
 * @throws ImageError when the picture shows nothing, or is smaller than 4 × 4 pixels.
 */
export function prepareGrayClothing(image: GrayImage, options: DigitOptions = {}): Uint8Array {
  return prepareGrayObject(image, options, clothingStyle)
}
