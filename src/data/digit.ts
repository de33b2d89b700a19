/**
 * Turns any gray picture of one digit into an input of a digit model, the way MNIST itself was made: "the original
 * images were size normalized to fit in a 20 × 20 pixel box while preserving their aspect ratio … centered in a 28 × 28
 * image by computing the center of mass of the pixels, and translating the image so as to position this point at the
 * center" (LeCun et al. 1998).
 *
 * Measured on MNIST: the longer side of the ink is 20 pixels in 99.97 % of the test images and the brightest pixel
 * 254.9 on average; the center of mass of every training image lies within half a pixel of pixel (14, 14).
 */
import { pixelProblem } from '../augment/raster.ts'
import { ImageError } from './errors.ts'

/** A gray picture in memory. */
export interface GrayImage {
  /** Name of the picture in error messages, usually its file. */
  readonly name: string
  readonly width: number
  readonly height: number
  /** `[height, width]`, 0 (black) … 255 (white). */
  readonly pixels: Uint8Array
}

/** Options of {@link prepareGrayDigit}. */
export interface DigitOptions {
  /**
   * `true`: dark strokes on light paper; `false`: light strokes on dark; `'auto'` (default): decided by the picture's
   * border.
   */
  readonly invert?: 'auto' | boolean
}

/** Side of the model's input, in pixels. */
export const digitSide = 28

/** The form of objects in a data set. */
export interface ObjectStyle {
  /** Longer side of the object inside the input, in pixels. */
  readonly boxSide: number
  /** The point that is placed in the middle: the object's center of mass, or the center of its box. */
  readonly center: 'mass' | 'box'
  /** True when the darkest ink becomes 255; otherwise levels stay as they are. */
  readonly stretches: boolean
  /** Ink below this share of the strongest is not part of the object when its box is sought. */
  readonly boxThreshold: number
}

const digitStyle: ObjectStyle = { boxSide: 20, center: 'mass', stretches: true, boxThreshold: 0.25 }
/**
 * A picture whose strokes differ from the paper by less than this (of 255) is blank: sensor and JPEG noise stay below.
 */
const minContrast = 25
/** Ink below this share of the strongest is paper texture, and is removed. */
const paperNoise = 0.1

/**
 * The picture of one digit as a model's input `[28, 28, 1]`: light strokes on black.
 *
 * - *Polarity.* When the median of the border's pixels is lighter than the middle between the picture's darkest and
 *   lightest pixel, the picture shows dark strokes on light paper and is inverted; `invert` overrules this.
 * - *A picture of exactly 28 × 28 pixels* is used unchanged, apart from polarity.
 * - *Any other size:* the paper (the border's median) becomes 0 and the strongest ink 255; the box around the ink is
 *   scaled so that its longer side is 20 pixels, and placed with its center of mass in the middle.
 *
 * @throws ImageError for a picture without strokes, when the picture is smaller than 4 × 4 pixels, or its pixels do not
 * fit its size.
 */
export function prepareGrayDigit(image: GrayImage, options: DigitOptions = {}): Uint8Array {
  return prepareGrayObject(image, options, digitStyle)
}

/** The picture of one object, light on black, `[28, 28, 1]`; see {@link prepareGrayDigit}. */
export function prepareGrayObject(image: GrayImage, options: DigitOptions, style: ObjectStyle): Uint8Array {
  const { name, width, height, pixels } = image
  const problem = pixelProblem(pixels, [height, width, 1])
  if (problem !== undefined) throw new ImageError(`${name}: ${problem}`)
  if (width < 4 || height < 4) throw new ImageError(`${name}: ${width} × ${height} pixels are too few to show anything`)
  const paper = borderMedian(image)
  let darkest = 255
  let lightest = 0
  for (const value of pixels) {
    if (value < darkest) darkest = value
    if (value > lightest) lightest = value
  }
  const { invert = 'auto' } = options
  const inverted = invert === 'auto' ? paper > (darkest + lightest) / 2 : invert
  const contrast = inverted ? paper - darkest : lightest - paper
  if (contrast < minContrast) {
    throw new ImageError(
      `${name}: no strokes found (${inverted ? 'darkest' : 'lightest'} pixel ${inverted ? darkest : lightest}, paper ${paper})`,
    )
  }
  if (width === digitSide && height === digitSide) return inverted ? pixels.map(value => 255 - value) : pixels.slice()

  const ink = Uint8Array.from({ length: 256 }, (_, value) => {
    const level = (inverted ? paper - value : value - paper) / contrast
    return level < paperNoise ? 0 : Math.round(255 * Math.min(level, 1))
  })
  const box = inkBox(image, ink, style.boxThreshold)
  const scale = style.boxSide / Math.max(box.width, box.height)
  const small = resize(
    image,
    ink,
    box,
    Math.max(1, Math.round(box.width * scale)),
    Math.max(1, Math.round(box.height * scale)),
  )
  // Without scaling the strongest ink back to 255, thin pen strokes of a large picture would fade away.
  const strongest = style.stretches ? small.levels.reduce((a, b) => Math.max(a, b), 0) : (255 * 255) / contrast
  const middle = style.center === 'mass' ? centerOfMass(small) : { x: small.width / 2, y: small.height / 2 }
  return place({ ...small, levels: small.levels.map(level => level / strongest) }, middle)
}

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The middle value of the pixels along the four sides. */
function borderMedian({ width, height, pixels }: GrayImage): number {
  const border: number[] = []
  for (let x = 0; x < width; x++) border.push(pixels[x]!, pixels[(height - 1) * width + x]!)
  for (let y = 1; y < height - 1; y++) border.push(pixels[y * width]!, pixels[y * width + width - 1]!)
  return border.sort((a, b) => a - b)[border.length >> 1]!
}

function inkBox({ width, height, pixels }: GrayImage, ink: Uint8Array, share: number): Box {
  const threshold = 255 * share
  let left = width
  let right = -1
  let top = height
  let bottom = -1
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[pixels[y * width + x]!]! < threshold) continue
      if (x < left) left = x
      if (x > right) right = x
      if (y < top) top = y
      bottom = y
    }
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}

interface InkImage {
  readonly width: number
  readonly height: number
  readonly levels: Float64Array
}

/** The ink inside the box at another size, 0 … 255. */
function resize(
  { width: stride, pixels }: GrayImage,
  ink: Uint8Array,
  box: Box,
  width: number,
  height: number,
): InkImage {
  const columns = resampling(box.width, width)
  const rows = resampling(box.height, height)
  const narrow = new Float64Array(box.height * width)
  for (let y = 0; y < box.height; y++) {
    const start = (box.y + y) * stride + box.x
    columns.forEach(({ first, weights }, x) => {
      let sum = 0
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * ink[pixels[start + first + i]!]!
      narrow[y * width + x] = sum
    })
  }
  const levels = new Float64Array(height * width)
  rows.forEach(({ first, weights }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * narrow[(first + i) * width + x]!
      levels[y * width + x] = sum
    }
  })
  return { width, height, levels }
}

/** The input pixels that make up each output pixel: area averages when shrinking, linear interpolation when growing. */
function resampling(from: number, to: number): { first: number; weights: Float64Array }[] {
  const scale = from / to
  return Array.from({ length: to }, (_, index) => {
    const begin = scale >= 1 ? index * scale : (index + 0.5) * scale - 0.5
    const end = scale >= 1 ? begin + scale : begin + 1
    const first = Math.max(0, Math.floor(begin))
    const last = Math.min(from - 1, Math.ceil(end - 1e-9) - 1)
    const weights = Float64Array.from({ length: last - first + 1 }, (_, i) =>
      Math.max(0, Math.min(end, first + i + 1) - Math.max(begin, first + i)),
    )
    const sum = weights.reduce((a, b) => a + b, 0)
    return { first, weights: weights.map(weight => weight / sum) }
  })
}

function centerOfMass({ width, height, levels }: InkImage): { x: number; y: number } {
  let mass = 0
  let massX = 0
  let massY = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const level = levels[y * width + x]!
      mass += level
      massX += level * x
      massY += level * y
    }
  }
  return { x: massX / mass, y: massY / mass }
}

/** Places the ink so that a point of it falls on pixel (14, 14), as nearly as whole pixels and the frame allow. */
function place({ width, height, levels }: InkImage, point: { readonly x: number; readonly y: number }): Uint8Array {
  const offset = (center: number, size: number) =>
    Math.min(Math.max(Math.round(digitSide / 2 - center), 0), digitSide - size)
  const left = offset(point.x, width)
  const top = offset(point.y, height)
  const result = new Uint8Array(digitSide * digitSide)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      result[(top + y) * digitSide + left + x] = Math.round(255 * levels[y * width + x]!)
    }
  }
  return result
}
