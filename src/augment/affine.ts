/**
 * Rotation, scaling, translation and shear about the middle of a picture. The inverse map gives the source place of
 * every new pixel; its value comes from bilinear interpolation or from the nearest pixel.
 *
 * The map is torchvision's: M = T · C · R(angle) · scale · shear · C⁻¹, with C the shift to the middle and T the
 * translation.
 */
import { blankRaster, type Fill, fillBytes, type Raster, roundHalfEven, shapeOf } from './raster.ts'
import { between, check, checkFill, checkInterval, defineTransform, type Transform } from './transform.ts'

/** Rule for values between pixels. */
export type Interpolation = 'bilinear' | 'nearest'

/** Parameters of {@link affine}. */
export interface AffineParameters {
  /** Degrees, clockwise. 0 by default. */
  readonly angle?: number
  /** Pixels to the right and down, `[0, 0]` by default. */
  readonly translate?: readonly [right: number, down: number]
  /** Factor of size, 1 by default. */
  readonly scale?: number
  /** Degrees of the shear along x and along y, `[0, 0]` by default. */
  readonly shear?: readonly [x: number, y: number]
  /** `bilinear` by default. */
  readonly interpolation?: Interpolation
  /**
   * Color outside the picture. As in torchvision, border pixels that are partly outside are blended with black first,
   * then with this color; without a color, with black alone.
   */
  readonly fill?: Fill
}

/** A picture rotated, scaled, sheared and moved about its middle; its size stays. */
export function affine(image: Raster, parameters: AffineParameters): Raster {
  const { interpolation = 'bilinear', fill } = parameters
  const { height, width, channels } = image
  const color = fill === undefined ? undefined : fillBytes('affine', fill, channels)
  const sample = interpolation === 'nearest' ? sampleNearest : sampleBilinear
  const map = inverseMap(parameters)
  const columnOf = alongAxis(map.slice(0, 3), width)
  const rowOf = alongAxis(map.slice(3), height)
  const out = blankRaster(shapeOf(image))
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += channels) {
      // Places are counted from the middle of the picture, and pixels have their values at their centers.
      const dx = x + 0.5 - width / 2
      const dy = y + 0.5 - height / 2
      sample(image, rowOf(dx, dy), columnOf(dx, dy), color, out.pixels, to)
    }
  }
  return out
}

/** A picture turned by degrees, counterclockwise as in mathematics; its size stays. */
export function rotate(
  image: Raster,
  degrees: number,
  options: Pick<AffineParameters, 'interpolation' | 'fill'> = {},
): Raster {
  return affine(image, { ...options, angle: -degrees })
}

/** Options of {@link randomRotation}. */
export interface RandomRotationOptions {
  /** Largest angle to either side, or an interval, in degrees counter-clockwise. */
  readonly degrees: number | readonly [number, number]
  readonly interpolation?: Interpolation
  readonly fill?: Fill
}

/**
 * A transform that turns pictures by a random angle, each equally likely. Angles beyond ±90° are refused for digits and
 * letters: a 6 upside down is a 9.
 * @throws AugmentError for options out of range.
 * @example randomRotation({ degrees: 15 })
 */
export function randomRotation(options: RandomRotationOptions): Transform {
  const { interpolation = 'bilinear', fill = 0 } = options
  const degrees = symmetric('randomRotation', 'degrees', options.degrees, 360)
  checkSampling('randomRotation', interpolation, fill)
  return defineTransform(
    'randomRotation',
    { degrees, interpolation, fill },
    (image, random) => rotate(image, between(random, degrees), { interpolation, fill }),
    riskOf(degrees),
  )
}

/** Options of {@link randomAffine}. */
export interface RandomAffineOptions {
  /** Largest angle to either side, or an interval, in degrees clockwise; 0 by default. */
  readonly degrees?: number | readonly [number, number]
  /** Largest move to either side as fractions of width and height, `[0, 0]` by default. */
  readonly translate?: readonly [number, number]
  /** Interval of the factor of size, `[1, 1]` by default. */
  readonly scale?: readonly [number, number]
  /** Largest shear along x to either side, or an interval, in degrees; 0 by default. */
  readonly shear?: number | readonly [number, number]
  readonly interpolation?: Interpolation
  readonly fill?: Fill
}

/**
 * A transform that rotates, moves, scales and shears pictures at random, each value equally likely.
 * @throws AugmentError for options out of range.
 * @example randomAffine({ degrees: 10, translate: [0.1, 0.1], scale: [0.9, 1.1] }) // digits
 */
export function randomAffine(options: RandomAffineOptions): Transform {
  const { translate = [0, 0], scale = [1, 1], interpolation = 'bilinear', fill = 0 } = options
  const degrees = symmetric('randomAffine', 'degrees', options.degrees ?? 0, 360)
  const shear = symmetric('randomAffine', 'shear', options.shear ?? 0, 89)
  const isShare = translate.length === 2 && translate.every(share => share >= 0 && share <= 1)
  check('randomAffine', 'translate', translate, 'two shares from 0 to 1', isShare)
  checkInterval('randomAffine', 'scale', scale, [Number.MIN_VALUE, Number.MAX_VALUE])
  checkSampling('randomAffine', interpolation, fill)
  return defineTransform(
    'randomAffine',
    { degrees, translate, scale, shear, interpolation, fill },
    (image, random) => {
      const angle = between(random, degrees)
      const [x, y] = [translate[0] * image.width, translate[1] * image.height]
      const right = Math.round(between(random, [-x, x]))
      const down = Math.round(between(random, [-y, y]))
      const factor = between(random, scale)
      const slant = between(random, shear)
      return affine(image, {
        angle,
        translate: [right, down],
        scale: factor,
        shear: [slant, 0],
        interpolation,
        fill,
      })
    },
    riskOf(degrees),
  )
}

const f32 = Math.fround

/**
 * The place a·dx + b·dy + c along an axis of `size` pixels, counted from the first pixel's center. It is computed in
 * single precision and in torchvision's steps, through places from −1 to 1: a place halfway between two pixels, as
 * after a quarter turn, then rounds to the same pixel.
 */
function alongAxis([a, b, c]: readonly number[], size: number): (dx: number, dy: number) => number {
  const half = f32(size / 2)
  const [forX, forY, shift] = [f32(f32(a!) / half), f32(f32(b!) / half), f32(f32(c!) / half)]
  return (dx, dy) => f32(f32(f32(f32(f32(dx * forX) + f32(dy * forY)) + shift) + 1) * half) - 0.5
}

/** The value at a place between pixels: that of the nearest pixel. */
function sampleNearest(
  { height, width, channels, pixels }: Raster,
  row: number,
  column: number,
  color: Uint8Array | undefined,
  target: Uint8Array,
  to: number,
): void {
  const y = roundHalfEven(row)
  const x = roundHalfEven(column)
  const isInside = y >= 0 && x >= 0 && y < height && x < width
  const from = (y * width + x) * channels
  for (let k = 0; k < channels; k++) target[to + k] = isInside ? pixels[from + k]! : (color?.[k] ?? 0)
}

/**
 * The value at a place between pixels: the mean of its four neighbors, weighted by nearness, with black outside the
 * picture. With a color, s · value + (1 − s) · color, where s is the weight of the neighbors inside: torchvision's
 * rule.
 */
function sampleBilinear(
  { height, width, channels, pixels }: Raster,
  row: number,
  column: number,
  color: Uint8Array | undefined,
  target: Uint8Array,
  to: number,
): void {
  const top = Math.floor(row)
  const left = Math.floor(column)
  const down = row - top
  const right = column - left
  const upper = top >= 0 && top < height ? 1 - down : 0
  const lower = top >= -1 && top < height - 1 ? down : 0
  const before = left >= 0 && left < width ? 1 - right : 0
  const after = left >= -1 && left < width - 1 ? right : 0
  const share = (upper + lower) * (before + after)
  if (share === 0) {
    for (let k = 0; k < channels; k++) target[to + k] = color?.[k] ?? 0
    return
  }
  // A neighbor outside has weight 0, so any pixel can take its place.
  const first = Math.max(top, 0) * width
  const second = Math.min(top + 1, height - 1) * width
  const begin = Math.max(left, 0)
  const end = Math.min(left + 1, width - 1)
  for (let k = 0; k < channels; k++) {
    const value =
      upper * (before * pixels[(first + begin) * channels + k]! + after * pixels[(first + end) * channels + k]!) +
      lower * (before * pixels[(second + begin) * channels + k]! + after * pixels[(second + end) * channels + k]!)
    target[to + k] = roundHalfEven(color ? share * value + (1 - share) * color[k]! : value)
  }
}

/** The inverse of the map, row by row, for places counted from the middle. */
function inverseMap({ angle = 0, translate = [0, 0], scale = 1, shear = [0, 0] }: AffineParameters) {
  const turn = (angle * Math.PI) / 180
  const sx = (shear[0] * Math.PI) / 180
  const sy = (shear[1] * Math.PI) / 180
  const a = Math.cos(turn - sy) / Math.cos(sy)
  const b = (-Math.cos(turn - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(turn)
  const c = Math.sin(turn - sy) / Math.cos(sy)
  const d = (-Math.sin(turn - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(turn)
  // The determinant of the unscaled map is 1.
  const [ia, ib, ic, id] = [d / scale, -b / scale, -c / scale, a / scale]
  const [tx, ty] = translate
  return [ia, ib, -ia * tx - ib * ty, ic, id, -ic * tx - id * ty] as const
}

/** `15` as `[-15, 15]`. */
function symmetric(
  name: string,
  option: string,
  value: number | readonly [number, number],
  most: number,
): readonly [number, number] {
  if (typeof value === 'number') {
    check(name, option, value, `from 0 to ${most}, or an interval`, value >= 0 && value <= most)
    return [-value, value]
  }
  checkInterval(name, option, value, [-most, most])
  return value
}

function checkSampling(name: string, interpolation: Interpolation, fill: Fill): void {
  check(
    name,
    'interpolation',
    interpolation,
    "'bilinear' or 'nearest'",
    ['bilinear', 'nearest'].includes(interpolation),
  )
  checkFill(name, fill)
}

const riskOf = ([low, high]: readonly [number, number]): Pick<Transform, 'risk'> =>
  Math.max(-low, high) > 90 ? { risk: 'turns pictures upside down' } : {}
