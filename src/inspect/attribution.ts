/**
 * Attributions: how much each number of an image contributed to a score. This file holds what all methods share. They
 * all return raw numbers; scaling them for display is a separate step (`heatMap` of `fovea/plot`), which keeps a map of
 * zeros zero.
 */
import type { Captured, Images, Inspector } from './inspector.ts'
import type { ImageSpace } from './network.ts'
import { layerOf, type Score } from './score.ts'

/** Options that all attributions have. */
export interface AttributionOptions {
  /** The score S; the logit of the predicted class by default. */
  readonly of?: Score
  /**
   * The values of the image: `'pixels'` of 0 … 1, the default, or the `'normalized'` values that the network computes
   * with, the default of networks without preprocessing.
   */
  readonly space?: ImageSpace
  /** Called with how many of the passes through the network are done. */
  readonly onProgress?: (passes: number, of: number) => void
}

/** An attribution for each image of a batch. */
export interface Attribution {
  /** `[N, C, H, W]` for one number per channel, `[N, H, W]` for one per position. */
  readonly map: Captured
  /** S of each image. */
  readonly scores: Float32Array
}

/** Images as floats, and a score that stays the same however they are changed. */
export interface Question {
  readonly inspector: Inspector
  /** `[N, C, H, W]`, or whatever preprocessing gives. */
  readonly images: Float32Array
  readonly count: number
  /** Numbers of one image. */
  readonly size: number
  readonly space: ImageSpace
  readonly score: Exclude<Score, 'predicted'>
  /** S of each image. */
  readonly scores: Float32Array
}

/**
 * Fixes the score of an attribution: the predicted class is that of the original image, not of the images made from it.
 */
export async function ask(inspector: Inspector, images: Images, options: AttributionOptions): Promise<Question> {
  const space = options.space ?? (inspector.takes === 'bytes' ? 'pixels' : 'normalized')
  const given = await inspector.floats(images, space)
  const { of = 'predicted' } = options
  const { predicted, scores, images: count } = await inspector.capture(given, [], { space, gradientsOf: of })
  const score = of === 'predicted' ? predicted : of
  return { inspector, images: given, count, size: given.length / count, space, score, scores }
}

/** The score of image `n` for each of the `times` images made from it. */
export function scoreOf({ inspector, score, count }: Question, n: number, times: number): Score {
  if (typeof score === 'number' || !isList(score)) {
    if (typeof score === 'number' || !('weights' in score) || count === 1) return score
    const size = inspector.point(layerOf(score)).shape.reduce((a, b) => a * b, 1)
    if (score.weights.length === size) return score
    return { ...score, weights: Array.from({ length: size }, (_, i) => score.weights[n * size + i]) }
  }
  return new Array<number>(times).fill(score[n])
}

const isList = (score: object): score is readonly number[] => Array.isArray(score)

/** The image `n` of a question. */
export const imageOf = ({ images, size }: Question, n: number): Float32Array =>
  images.subarray(n * size, (n + 1) * size)

/** A whole number ≥ 1, or a RangeError that names it. */
export function checkWhole(method: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${method}: ${name} (=${value}) must be a whole number ≥ 1`)
  }
}
