/**
 * What the units of layers do on many images: how large their values are, how often they are above zero, and which of
 * them never are (dead), collected part by part; and the parts of images that make a channel largest (Girshick et al.
 * 2014).
 */

import { type ImageWindow, windowSeenBy } from './imageWindow.ts'
import type { Captured, Images, Inspector } from './inspector.ts'

/** Of the values of one channel, or feature, over all images and positions. */
export interface ChannelStatistics {
  readonly mean: number
  /** Standard deviation, of all values (not of a sample). */
  readonly std: number
  readonly min: number
  readonly max: number
  /** The fraction of the values above zero. */
  readonly active: number
}

/** What a layer did. */
export interface LayerStatistics {
  readonly layer: string
  /** Values of each channel: images times positions. */
  readonly count: number
  readonly channels: readonly ChannelStatistics[]
  /** Channels whose values were all ≤ 0: after a rectifier they give nothing and learn nothing. */
  readonly dead: readonly number[]
}

/**
 * Statistics of the channels of layers over images.
 * @param layers names and patterns
 * @throws PointError for a name that matches nothing; ShapeError when images do not fit.
 * @example for (const { layer, dead } of await layerStatistics(inspector, bytes, '**relu*')) console.log(layer, dead.length)
 */
export async function layerStatistics(
  inspector: Inspector,
  images: Images,
  layers: string | readonly string[],
  options: { readonly onProgress?: (images: number) => void } = {},
): Promise<LayerStatistics[]> {
  const { values } = await inspector.capture(images, layers, options)
  return [...values].map(([layer, value]) => {
    const [count, channels] = value.shape
    const area = value.values.length / (count * channels)
    const statistics = Array.from({ length: channels }, (_, c) => statisticsOf(value, c, area))
    const dead = [...statistics.keys()].filter(c => !(statistics[c].max > 0))
    return { layer, count: count * area, channels: statistics, dead }
  })
}

function statisticsOf(
  { shape: [images, channels], values }: Captured,
  channel: number,
  area: number,
): ChannelStatistics {
  let [sum, min, max, active] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  const each = (visit: (value: number) => void): void => {
    for (let n = 0; n < images; n++) {
      const first = (n * channels + channel) * area
      for (let i = 0; i < area; i++) visit(values[first + i])
    }
  }
  each(value => {
    sum += value
    min = Math.min(min, value)
    max = Math.max(max, value)
    if (value > 0) active++
  })
  const count = images * area
  const mean = sum / count
  let squares = 0
  each(value => {
    squares += (value - mean) ** 2
  })
  return { mean, std: Math.sqrt(squares / count), min, max, active: active / count }
}

/** A place where a channel was large. */
export interface Patch {
  /** Position of the image among those given. */
  readonly image: number
  readonly row: number
  readonly column: number
  readonly value: number
  /** The part of the image that the unit sees, cut off at the image's edges. */
  readonly window: ImageWindow
}

/**
 * The parts of images that make each channel of a layer largest, at most one an image, largest first.
 * @param options.count patches of each channel, 9 by default
 * @returns a list for each channel
 * @throws PointError for a layer that does not exist; RangeError for one that does not depend on the image.
 * @example const [first] = await topPatches(inspector, bytes, 'conv2')
 */
export async function topPatches(
  inspector: Inspector,
  images: Images,
  layer: string,
  options: { readonly count?: number; readonly onProgress?: (images: number) => void } = {},
): Promise<Patch[][]> {
  const { count = 9 } = options
  const { name, receptiveField } = inspector.point(layer)
  if (!receptiveField) throw new RangeError(`topPatches: ${name} does not depend on the image`)
  const { values } = await inspector.capture(images, name, options)
  const found = values.get(name)!
  const [total, channels, , columns = 1] = found.shape
  const area = found.values.length / (total * channels)
  return Array.from({ length: channels }, (_, c) => {
    const best = Array.from({ length: total }, (_, image) => {
      const first = (image * channels + c) * area
      let at = 0
      for (let i = 1; i < area; i++) if (found.values[first + i] > found.values[first + at]) at = i
      return { image, row: Math.floor(at / columns), column: at % columns, value: found.values[first + at] }
    })
    return best
      .sort((a, b) => b.value - a.value || a.image - b.image)
      .slice(0, count)
      .map(patch => ({ ...patch, window: windowSeenBy(receptiveField, [patch.row, patch.column], inspector.shape) }))
  })
}
