/**
 * Rotation, scaling, translation and shear about the middle of a picture. For every new pixel the place it comes from is
 * found by the inverse map, and its value by bilinear interpolation or as the nearest pixel.
 *
 * The map is torchvision's: M = T · C · R(angle) · scale · shear · C⁻¹, with C the shift to the middle and T the translation.
 */
import { blankRaster, type Fill, fillBytes, type Raster, shapeOf, toByte } from './raster.ts'
import { between, check, checkFill, checkInterval, defineTransform, type Transform } from './transform.ts'

/** How values between pixels are found. */
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
  /** Color of what lies outside the picture, 0 by default. */
  readonly fill?: Fill
}

/** A picture rotated, scaled, sheared and moved about its middle; its size stays. */
export function affine(image: Raster, parameters: AffineParameters): Raster {
  const { interpolation = 'bilinear', fill = 0 } = parameters
  const { height, width, channels, pixels } = image
  const color = fillBytes('affine', fill, channels)
  const [a, b, c, d, e, f] = inverseMap(parameters)
  const out = blankRaster(shapeOf(image))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // Places are counted from the middle of the picture, and pixels have their values in their middles.
      const dx = x + 0.5 - width / 2
      const dy = y + 0.5 - height / 2
      const sx = a * dx + b * dy + c + width / 2 - 0.5
      const sy = d * dx + e * dy + f + height / 2 - 0.5
      const to = (y * width + x) * channels
      if (interpolation === 'nearest') {
        const column = Math.round(sx)
        const row = Math.round(sy)
        const isInside = column >= 0 && row >= 0 && column < width && row < height
        const from = (row * width + column) * channels
        for (let k = 0; k < channels; k++) out.pixels[to + k] = isInside ? pixels[from + k]! : color[k]!
        continue
      }
      const left = Math.floor(sx)
      const top = Math.floor(sy)
      const right = sx - left
      const down = sy - top
      const topLeft = (top * width + left) * channels
      const hasTop = top >= 0 && top < height
      const hasBottom = top >= -1 && top < height - 1
      const hasLeft = left >= 0 && left < width
      const hasRight = left >= -1 && left < width - 1
      for (let k = 0; k < channels; k++) {
        const outside = color[k]!
        const nw = hasTop && hasLeft ? pixels[topLeft + k]! : outside
        const ne = hasTop && hasRight ? pixels[topLeft + channels + k]! : outside
        const sw = hasBottom && hasLeft ? pixels[topLeft + width * channels + k]! : outside
        const se = hasBottom && hasRight ? pixels[topLeft + (width + 1) * channels + k]! : outside
        const upper = nw + (ne - nw) * right
        const lower = sw + (se - sw) * right
        out.pixels[to + k] = toByte(upper + (lower - upper) * down)
      }
    }
  }
  return out
}

/** A picture turned by degrees, counter-clockwise as in mathematics; its size stays. */
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
 * A transform that turns pictures by a random angle, each equally likely. Angles beyond ±90° are refused for digits and letters:
 * a 6 upside down is a 9.
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
  /** Largest move to either side as shares of width and height, `[0, 0]` by default. */
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
