/**
 * The lectures' one-line pattern of a convolutional network: [(CONV-RELU)·N-POOL?]·M-(FC-RELU)·K, SOFTMAX. The softmax
 * is in the loss; the network ends in logits.
 */
import { relu } from '../nn/activations.ts'
import { batchNorm2d } from '../nn/batchNorm.ts'
import { conv2d } from '../nn/convolution.ts'
import { dropout } from '../nn/dropout.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { heNormal } from '../nn/initializers.ts'
import { linear } from '../nn/linear.ts'
import type { Module } from '../nn/module.ts'
import { maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** Options of {@link convPattern}. */
export interface ConvPatternOptions {
  /** Convolutions before each pool, at least 1; usually up to 5. */
  readonly N: number
  /** Stacks of convolutions, at least 1. */
  readonly M: number
  /** Hidden fully connected layers, 0 or more; usually up to 2. */
  readonly K: number
  /** Number of outputs, 10 by default. */
  readonly classes?: number
  /** `[channels, height, width]` of one image, `[3, 32, 32]` by default. */
  readonly input?: readonly [number, number, number]
  /** End each stack with a 2×2 max pool; true by default. */
  readonly pool?: boolean
  /**
   * Maps of the convolutions in each stack, or in the first stack, each later stack then having twice as many; 32 by
   * default.
   */
  readonly maps?: number | readonly number[]
  /** Size of the kernels, which must be odd, 3 by default; padding keeps the image's size. */
  readonly kernel?: number
  /** Units of the hidden fully connected layers, 128 by default. */
  readonly hidden?: number
  /** Batch normalization after every convolution, false by default. */
  readonly batchNorm?: boolean
  /** Probability of dropout after every hidden fully connected layer, 0 (none) by default. */
  readonly dropout?: number
}

/** The parts of {@link convPattern}. */
export type ConvPattern = Sequential<{
  readonly features: Sequential
  readonly flatten: Flatten
  readonly classifier: Sequential
}>

/**
 * [(CONV-RELU)·N-POOL?]·M-(FC-RELU)·K for images `[N, channels, height, width]`, with logits `[N, classes]`.
 * Initialized by He's rule.
 * @throws RangeError when a number is out of its range, or the pools reduce the image to nothing.
 * @example const model = convPattern({ N: 2, M: 3, K: 1, classes: 10 }).initialize(0)
 */
export function convPattern(options: ConvPatternOptions): ConvPattern {
  const { N, M, K, classes = 10, input = [3, 32, 32], pool = true, maps = 32, kernel = 3 } = options
  const { hidden = 128, batchNorm = false, dropout: probability = 0 } = options
  checkWhole({ N, M, classes, kernel, hidden, channels: input[0], height: input[1], width: input[2] }, 1)
  checkWhole({ K }, 0)
  if (kernel % 2 === 0) throw new RangeError(`convPattern: kernel (=${kernel}) must be odd`)
  const widths = typeof maps === 'number' ? Array.from({ length: M }, (_, stack) => maps * 2 ** stack) : maps
  if (widths.length !== M) throw new RangeError(`convPattern: maps (=${widths.join(', ')}) must be M (=${M}) numbers`)
  const shrink = pool ? 2 ** M : 1
  const [height, width] = [Math.floor(input[1] / shrink), Math.floor(input[2] / shrink)]
  if (height < 1 || width < 1) {
    throw new RangeError(`convPattern: M (=${M}) pools leave nothing of an image of ${input[1]}×${input[2]}`)
  }

  const init = heNormal()
  const features: Module[] = []
  let channels = input[0]
  for (const count of widths) {
    for (let layer = 0; layer < N; layer++) {
      features.push(conv2d(channels, count, kernel, { padding: (kernel - 1) / 2, init }))
      if (batchNorm) features.push(batchNorm2d(count))
      features.push(relu())
      channels = count
    }
    if (pool) features.push(maxPool2d(2))
  }
  const classifier: Module[] = []
  let units = channels * height * width
  for (let layer = 0; layer < K; layer++) {
    classifier.push(linear(units, hidden, { init }), relu())
    if (probability > 0) classifier.push(dropout(probability))
    units = hidden
  }
  classifier.push(linear(units, classes, { init }))
  return sequential({ features: sequential(...features), flatten: flatten(), classifier: sequential(...classifier) })
}

function checkWhole(values: Readonly<Record<string, number>>, least: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isInteger(value) || value < least) {
      throw new RangeError(`convPattern: ${name} (=${value}) must be a whole number ≥ ${least}`)
    }
  }
}
