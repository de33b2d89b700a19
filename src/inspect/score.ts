/**
 * What a gradient is the gradient of: a score S of each image, linear in one value of the network. By default the logit
 * of a class, and never its probability: a softmax mixes the logits of all classes, and its slope vanishes where it is
 * sure.
 */
import { formatShape, ShapeError, sizeOf } from '../graph/shape.ts'

/** The mean over a channel of a layer, or one of its units. */
export interface ChannelScore {
  /** Name of the layer's value, `layer3` or `conv1`. */
  readonly layer: string
  readonly channel: number
  /** Row and column of one unit; the mean over all of the channel when absent. */
  readonly cell?: readonly [row: number, column: number]
}

/** Any weighted sum Σ w · v over a value v of the network. */
export interface WeightedScore {
  /** Name of the value; the logits when absent. */
  readonly layer?: string
  /** One weight an element of one image, the same for all images, or one an element of every image. */
  readonly weights: ArrayLike<number>
}

/**
 * A score: the logit of the class that is predicted for each image; the logit of one class; of a class for each image;
 * or a sum over a value inside.
 */
export type Score = 'predicted' | number | readonly number[] | ChannelScore | WeightedScore

/** A score as a program computes it: Σ seed ⊙ value, image by image. */
export interface SeededScore {
  /** Name of the value. */
  readonly layer: string
  /** As many numbers as the value has, for all images. */
  readonly seed: Float32Array
}

/** The name of the value that a score is made of. */
export const layerOf = (score: Score): string =>
  typeof score === 'object' && 'layer' in score && score.layer !== undefined ? score.layer : 'output'

/**
 * The score as weights of a value `shape` `[N, …]`.
 * @param predicted the class that each image has the largest logit of
 * @throws RangeError for classes, channels and cells that do not exist; ShapeError when weights do not fit the value.
 */
export function seedOf(score: Score, shape: readonly number[], predicted: readonly number[]): SeededScore {
  const layer = layerOf(score)
  const [images, ...rest] = shape
  const size = sizeOf(rest)
  const seed = new Float32Array(images * size)
  if (typeof score === 'object' && 'weights' in score) {
    const { length } = score.weights
    if (length !== size && length !== images * size) {
      throw new ShapeError(`score: ${length} weights do not fit ${layer} ${formatShape(rest)}`)
    }
    for (let i = 0; i < seed.length; i++) seed[i] = score.weights[i % length]
  } else if (typeof score === 'object' && 'channel' in score) {
    for (let n = 0; n < images; n++) fillChannel(seed.subarray(n * size, (n + 1) * size), rest, score)
  } else {
    classesOf(score, images, size, predicted).forEach((label, n) => {
      seed[n * size + label] = 1
    })
  }
  return { layer, seed }
}

/** The class whose logit is the score of each image. @throws RangeError for a class that does not exist. */
export function classesOf(
  score: 'predicted' | number | readonly number[],
  images: number,
  classes: number,
  predicted: readonly number[],
): readonly number[] {
  if (score === 'predicted') return predicted
  const list = typeof score === 'number' ? new Array<number>(images).fill(score) : score
  if (list.length !== images) throw new RangeError(`score: ${list.length} classes for ${images} images`)
  for (const label of list) {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new RangeError(`score: class (=${label}) must be a whole number in 0 … ${classes - 1}`)
    }
  }
  return list
}

function fillChannel(seed: Float32Array, shape: readonly number[], { layer, channel, cell }: ChannelScore): void {
  const [channels, rows = 1, columns = 1] = shape
  const check = (what: string, value: number, count: number): void => {
    if (!Number.isInteger(value) || value < 0 || value >= count) {
      throw new RangeError(`score: ${layer}: ${what} (=${value}) must be a whole number in 0 … ${count - 1}`)
    }
  }
  check('channel', channel, channels)
  const area = sizeOf(shape.slice(1))
  if (!cell) {
    seed.fill(1 / area, channel * area, (channel + 1) * area)
    return
  }
  check('row', cell[0], rows)
  check('column', cell[1], columns)
  seed[channel * area + cell[0] * columns + cell[1]] = 1
}
