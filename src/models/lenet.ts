/**
 * LeNet-5 (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998) in its
 * modern form: ReLU instead of tanh, max pooling instead of trainable subsampling, every map of C3 connected to all
 * six of S2, and a linear output layer with softmax cross-entropy instead of radial basis functions.
 */

import { type ReLU, relu } from '../nn/activations.ts'
import { type Conv2d, conv2d } from '../nn/convolution.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { type Linear, linear } from '../nn/linear.ts'
import { type MaxPool2d, maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** Options of {@link lenet5}. */
export interface LeNet5Options {
  /** Number of outputs, 10 by default. */
  readonly classes?: number
  /** Channels of the images, 1 by default. */
  readonly channels?: number
  /** Rows and columns of the images, 28 by default; the first layer pads them by 2 on each side, to the paper's 32. */
  readonly size?: number
}

/** The layers of {@link lenet5}, in order. */
export type LeNet5 = Sequential<{
  readonly conv1: Conv2d
  readonly relu1: ReLU
  readonly pool1: MaxPool2d
  readonly conv2: Conv2d
  readonly relu2: ReLU
  readonly pool2: MaxPool2d
  readonly flatten: Flatten
  readonly fc1: Linear
  readonly relu3: ReLU
  readonly fc2: Linear
  readonly relu4: ReLU
  readonly fc3: Linear
}>

/**
 * LeNet-5 for images `[N, channels, size, size]`, with logits `[N, classes]`: with the defaults, 61,706 parameters and
 * 416,520 multiply-adds per image.
 * @throws RangeError when `size` is below 12, for which the second pooling leaves nothing.
 * @example const model = lenet5().initialize(0)
 */
export function lenet5({ classes = 10, channels = 1, size = 28 }: LeNet5Options = {}): LeNet5 {
  // size → conv1 keeps it → pool1 ⌊/2⌋ → conv2 −4 → pool2 ⌊/2⌋
  const rows = Math.floor((Math.floor(size / 2) - 4) / 2)
  if (!Number.isInteger(size) || rows < 1) throw new RangeError(`lenet5: size (=${size}) must be a whole number ≥ 12`)
  return sequential({
    conv1: conv2d(channels, 6, 5, { padding: 2 }), // N × 6 × 28 × 28
    relu1: relu(),
    pool1: maxPool2d(2), // N × 6 × 14 × 14
    conv2: conv2d(6, 16, 5), // N × 16 × 10 × 10
    relu2: relu(),
    pool2: maxPool2d(2), // N × 16 × 5 × 5
    flatten: flatten(), // N × 400
    fc1: linear(16 * rows * rows, 120),
    relu3: relu(),
    fc2: linear(120, 84),
    relu4: relu(),
    fc3: linear(84, classes),
  })
}
