/**
 * Brightness, contrast, saturation and hue, bit for bit as torchvision computes them on bytes: blends of the picture
 * with black, with its mean gray and with its own gray, in single precision and truncated, not rounded.
 */
import type { RandomSequence } from '../random/philox.ts'
import { blankRaster, type Raster, shapeOf } from './raster.ts'
import { between, check, checkInterval, defineTransform, type Transform } from './transform.ts'

const f32 = Math.fround

/** Weights of red, green and blue in gray (ITU-R 601). */
const grayWeights = [f32(0.2989), f32(0.587), f32(0.114)] as const

/** A picture with all values multiplied by a factor: 0 is black, 1 the picture, 2 twice as bright. */
export function adjustBrightness(image: Raster, factor: number): Raster {
  return mapped(image, blendTable(factor, 0))
}

/** A picture blended with its mean gray: 0 is that gray, 1 the picture, above 1 has more contrast. */
export function adjustContrast(image: Raster, factor: number): Raster {
  const gray = grayOf(image)
  let sum = 0
  for (const value of gray) sum += value
  return mapped(image, blendTable(factor, f32(sum / gray.length)))
}

/**
 * A picture blended with its gray: 0 is gray, 1 the picture, above 1 has stronger colors. Gray pictures stay as they
 * are.
 */
export function adjustSaturation(image: Raster, factor: number): Raster {
  if (image.channels !== 3) return image
  const gray = grayOf(image)
  const out = blankRaster(shapeOf(image))
  const own = f32(factor)
  const other = f32(1 - factor)
  for (let i = 0; i < out.pixels.length; i++) {
    out.pixels[i] = cut(f32(f32(own * image.pixels[i]!) + f32(other * gray[(i / 3) | 0]!)))
  }
  return out
}

/**
 * A picture with its hues turned by a fraction of the color circle, −½ … ½: ⅓ makes red green, green blue, blue red.
 * Gray pictures stay as they are.
 */
export function adjustHue(image: Raster, shift: number): Raster {
  if (image.channels !== 3) return image
  const out = blankRaster(shapeOf(image))
  for (let i = 0; i < out.pixels.length; i += 3) turnHue(image.pixels, out.pixels, i, shift)
  return out
}

/** Options of {@link brightness}, {@link contrast} and {@link saturation}. */
export interface FactorOptions {
  /** The factor is from 1 − amount (at least 0) to 1 + amount; or an interval. */
  readonly amount: number | readonly [number, number]
}

/** A transform that makes pictures brighter or darker. @throws AugmentError for an amount below 0. @example brightness({ amount: 0.4 }) */
export const brightness = ({ amount }: FactorOptions): Transform => factorTransform('brightness', amount)

/** A transform that changes contrast. @throws AugmentError for an amount below 0. */
export const contrast = ({ amount }: FactorOptions): Transform => factorTransform('contrast', amount)

/** A transform that makes colors stronger or weaker. @throws AugmentError for an amount below 0. */
export const saturation = ({ amount }: FactorOptions): Transform => factorTransform('saturation', amount)

/** Options of {@link hue}. */
export interface HueOptions {
  /** Largest turn to either side as a fraction of the color circle, at most ½; or an interval. */
  readonly amount: number | readonly [number, number]
}

/** A transform that turns hues. @throws AugmentError for an amount out of −½ … ½. */
export function hue({ amount }: HueOptions): Transform {
  const interval = hueInterval('hue', amount)
  return defineTransform('hue', { amount: interval }, (image, random) => adjustHue(image, between(random, interval)))
}

/** Options of {@link colorJitter}: amounts as for the single transforms, 0 by default. */
export interface ColorJitterOptions {
  readonly brightness?: number | readonly [number, number]
  readonly contrast?: number | readonly [number, number]
  readonly saturation?: number | readonly [number, number]
  readonly hue?: number | readonly [number, number]
}

/**
 * A transform that changes brightness, contrast, saturation and hue, in random order.
 * @throws AugmentError for amounts out of range.
 * @example colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 })
 */
export function colorJitter(options: ColorJitterOptions): Transform {
  const intervals = {
    brightness: factorInterval('colorJitter', options.brightness ?? 0, 'brightness'),
    contrast: factorInterval('colorJitter', options.contrast ?? 0, 'contrast'),
    saturation: factorInterval('colorJitter', options.saturation ?? 0, 'saturation'),
    hue: hueInterval('colorJitter', options.hue ?? 0, 'hue'),
  }
  return defineTransform('colorJitter', intervals, (image, random) => {
    // Every number is drawn, so that leaving one change out does not alter the others.
    const order = shuffle(['brightness', 'contrast', 'saturation', 'hue'] as const, random)
    const factors = {
      brightness: between(random, intervals.brightness),
      contrast: between(random, intervals.contrast),
      saturation: between(random, intervals.saturation),
      hue: between(random, intervals.hue),
    }
    return order.reduce((picture, name) => adjust(picture, name, factors[name]), image)
  })
}

/** Options of {@link grayscale}. */
export interface GrayscaleOptions {
  /** Probability that a picture is made gray, 0.1 by default. */
  readonly probability?: number
}

/** A transform that removes the color at random. @throws AugmentError when the probability is not in 0 … 1. */
export function grayscale({ probability = 0.1 }: GrayscaleOptions = {}): Transform {
  check('grayscale', 'probability', probability, 'from 0 to 1', probability >= 0 && probability <= 1)
  return defineTransform('grayscale', { probability }, (image, random) =>
    random.uniform() < probability ? adjustSaturation(image, 0) : image,
  )
}

function adjust(image: Raster, name: 'brightness' | 'contrast' | 'saturation' | 'hue', value: number): Raster {
  if (name === 'hue') return value === 0 ? image : adjustHue(image, value)
  if (value === 1) return image
  if (name === 'brightness') return adjustBrightness(image, value)
  return name === 'contrast' ? adjustContrast(image, value) : adjustSaturation(image, value)
}

function factorTransform(
  name: 'brightness' | 'contrast' | 'saturation',
  amount: number | readonly [number, number],
): Transform {
  const interval = factorInterval(name, amount)
  return defineTransform(name, { amount: interval }, (image, random) => adjust(image, name, between(random, interval)))
}

function factorInterval(
  name: string,
  amount: number | readonly [number, number],
  option = 'amount',
): readonly [number, number] {
  if (typeof amount === 'number') {
    check(name, option, amount, 'a number of at least 0, or an interval', amount >= 0 && Number.isFinite(amount))
    return [Math.max(0, 1 - amount), 1 + amount]
  }
  checkInterval(name, option, amount, [0, Number.MAX_VALUE])
  return amount
}

function hueInterval(
  name: string,
  amount: number | readonly [number, number],
  option = 'amount',
): readonly [number, number] {
  if (typeof amount === 'number') {
    check(name, option, amount, 'from 0 to 0.5, or an interval', amount >= 0 && amount <= 0.5)
    return [-amount, amount]
  }
  checkInterval(name, option, amount, [-0.5, 0.5])
  return amount
}

/** Gray values, one per pixel; the picture's own bytes when it has one channel. */
function grayOf({ channels, pixels }: Raster): Uint8Array {
  if (channels !== 3) return pixels
  const gray = new Uint8Array(pixels.length / 3)
  const [red, green, blue] = grayWeights
  for (let i = 0; i < gray.length; i++) {
    gray[i] = f32(f32(f32(red * pixels[3 * i]!) + f32(green * pixels[3 * i + 1]!)) + f32(blue * pixels[3 * i + 2]!))
  }
  return gray
}

/** Table of every byte blended with a constant. */
function blendTable(factor: number, constant: number): Uint8Array {
  const own = f32(factor)
  const rest = f32(f32(1 - factor) * constant)
  return Uint8Array.from({ length: 256 }, (_, value) => cut(f32(f32(own * value) + rest)))
}

function mapped(image: Raster, table: Uint8Array): Raster {
  const out = blankRaster(shapeOf(image))
  for (let i = 0; i < out.pixels.length; i++) out.pixels[i] = table[image.pixels[i]!]!
  return out
}

const cut = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value))

/** One pixel from RGB to hue, saturation and value, turned, and back. */
function turnHue(source: Uint8Array, target: Uint8Array, i: number, shift: number): void {
  const r = source[i]! / 255
  const g = source[i + 1]! / 255
  const b = source[i + 2]! / 255
  const value = Math.max(r, g, b)
  const span = value - Math.min(r, g, b)
  if (span === 0) {
    for (let k = 0; k < 3; k++) target[i + k] = source[i + k]!
    return
  }
  const saturation = span / value
  // Sixths of the circle, from red.
  const sixths = value === r ? (g - b) / span : value === g ? 2 + (b - r) / span : 4 + (r - g) / span
  const turned = (((sixths / 6 + shift) % 1) + 1) % 1
  const sector = Math.floor(turned * 6)
  const f = turned * 6 - sector
  const p = value * (1 - saturation)
  const q = value * (1 - saturation * f)
  const t = value * (1 - saturation * (1 - f))
  const color = (
    [
      [value, t, p],
      [q, value, p],
      [p, value, t],
      [p, q, value],
      [t, p, value],
      [value, p, q],
    ] as const
  )[sector % 6]!
  // 256 equal intervals, the last one closed: torchvision's conversion to bytes.
  for (let k = 0; k < 3; k++) target[i + k] = Math.trunc(color[k]! * (256 - 1e-3))
}

function shuffle<T>(items: readonly T[], random: RandomSequence): T[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.integer(last + 1)
    const item = order[last]!
    order[last] = order[other]!
    order[other] = item
  }
  return order
}
