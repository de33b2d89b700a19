/**
 * Pictures at another size, bit for bit as Pillow resizes them (`Image.resize`; torchvision's `Resize` of pictures).
 *
 * Each new pixel is a weighted mean of the pixels around its place, first along rows, then along columns, with bytes in
 * between. The filter is as wide as the interpolation needs when growing, and widens with the factor when shrinking, so
 * that nothing is skipped (antialiasing). Weights are whole numbers of 1 / 2²², so the sums are exact and the same bits
 * everywhere.
 */
import { blankRaster, type Raster } from './raster.ts'

/** Rule that computes new pixels from old ones: a triangle, Keys' cubic (1981, a = −½) or the nearest pixel alone. */
export type Resampling = 'bilinear' | 'bicubic' | 'nearest'

/** Names of the ways to resample. */
export const resamplings: readonly Resampling[] = ['bilinear', 'bicubic', 'nearest']

/**
 * The whole picture at another size. Channels are independent of each other: where one is alpha, lay the picture on a
 * background first.
 * @example resize(image, 224, 224, 'bicubic')
 */
export function resize(image: Raster, height: number, width: number, resampling: Resampling = 'bilinear'): Raster {
  if (resampling === 'nearest') return pickNearest(image, height, width)
  const filter = filters[resampling]
  // Pillow's order: otherwise a thin, tall picture that shrinks would be widened at its full height.
  return image.height > 100 * image.width && height < image.height
    ? withWidth(withHeight(image, height, filter), width, filter)
    : withHeight(withWidth(image, width, filter), height, filter)
}

function withWidth(image: Raster, width: number, filter: Filter): Raster {
  if (width === image.width) return image
  const { height, channels, pixels } = image
  return { height, width, channels, pixels: resizeAxis(pixels, [height, image.width, channels], width, filter) }
}

function withHeight(image: Raster, height: number, filter: Filter): Raster {
  if (height === image.height) return image
  const { width, channels, pixels } = image
  return { height, width, channels, pixels: resizeAxis(pixels, [1, image.height, width * channels], height, filter) }
}

interface Filter {
  /** The filter is 0 beyond this distance. */
  readonly support: number
  readonly weight: (x: number) => number
}

const filters: Readonly<Record<'bilinear' | 'bicubic', Filter>> = {
  bilinear: { support: 1, weight: x => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: signed => {
      const x = Math.abs(signed)
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
    },
  },
}

/** Bits after the point of a weight: with 8 bits of a pixel and two for sums beyond 0 … 255, all that 32 bits hold. */
const precision = 32 - 8 - 2
/** Added to a sum so that it rounds to the nearest byte. */
const half = 1 << (precision - 1)

/** For every new place, the old places it is computed from. */
interface Taps {
  /** Number of old places of each new one, and the first of them. */
  readonly counts: Int32Array
  readonly firsts: Int32Array
  /** `[size, most]`, in units of 2⁻²²; each row sums to 1 except for rounding. */
  readonly weights: Int32Array
  readonly most: number
}

function tapsOf(from: number, to: number, { support, weight }: Filter): Taps {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const reach = support * stretch
  const most = 2 * Math.ceil(reach) + 1
  const taps = {
    counts: new Int32Array(to),
    firsts: new Int32Array(to),
    weights: new Int32Array(to * most),
    most,
  }
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - reach + 0.5))
    const count = Math.min(from, Math.trunc(center + reach + 0.5)) - first
    // Not divided by `stretch`: the product rounds as Pillow's does.
    const raw = Float64Array.from({ length: count }, (_, k) => weight((k + first - center + 0.5) * (1 / stretch)))
    const sum = raw.reduce((a, b) => a + b, 0)
    raw.forEach((value, k) => {
      const share = (value / sum) * (1 << precision)
      taps.weights[i * most + k] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5)
    })
    taps.counts[i] = count
    taps.firsts[i] = first
  }
  return taps
}

/** Bytes `[outer, from, inner]` as `[outer, to, inner]`. */
function resizeAxis(
  bytes: Uint8Array,
  [outer, from, inner]: readonly [number, number, number],
  to: number,
  filter: Filter,
): Uint8Array {
  const { counts, firsts, weights, most } = tapsOf(from, to, filter)
  const out = new Uint8Array(outer * to * inner)
  const clamped = new Uint8ClampedArray(out.buffer)
  for (let row = 0, put = 0; row < outer; row++) {
    for (let i = 0; i < to; i++) {
      const begin = i * most
      const end = begin + counts[i]!
      let start = (row * from + firsts[i]!) * inner
      const stop = start + inner
      // Three neighbors at a time, the channels of a color: half the time of one by one, because each weight is read
      // once.
      for (; start + 3 <= stop; start += 3, put += 3) {
        let a = half
        let b = half
        let c = half
        for (let k = begin, at = start; k < end; k++, at += inner) {
          const weight = weights[k]!
          a += Math.imul(weight, bytes[at]!)
          b += Math.imul(weight, bytes[at + 1]!)
          c += Math.imul(weight, bytes[at + 2]!)
        }
        clamped[put] = a >> precision
        clamped[put + 1] = b >> precision
        clamped[put + 2] = c >> precision
      }
      for (; start < stop; start++, put++) {
        let sum = half
        for (let k = begin, at = start; k < end; k++, at += inner) sum += Math.imul(weights[k]!, bytes[at]!)
        clamped[put] = sum >> precision
      }
    }
  }
  return out
}

function pickNearest(image: Raster, height: number, width: number): Raster {
  const { channels, pixels } = image
  const out = blankRaster([height, width, channels])
  const rows = nearestPlaces(image.height, height)
  const columns = nearestPlaces(image.width, width)
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (rows[y]! * image.width + columns[x]!) * channels
      for (let c = 0; c < channels; c++, to++) out.pixels[to] = pixels[from + c]!
    }
  }
  return out
}

/** The old place under the middle of every new one. */
function nearestPlaces(from: number, to: number): Int32Array {
  const scale = from / to
  // Pillow adds up steps; where the middle is a border between pixels, its rounding decides.
  let middle = scale * 0.5
  return Int32Array.from({ length: to }, () => {
    const place = Math.trunc(middle)
    middle += scale
    return Math.min(place, from - 1)
  })
}
