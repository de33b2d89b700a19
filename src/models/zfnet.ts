/**
 * ZFNet (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2013): AlexNet with a smaller first
 * filter (7×7 at stride 2 instead of 11×11 at stride 4), so that the first layers keep more of the image.
 */
import { type ReLU, relu } from '../nn/activations.ts'
import { type Conv2d, conv2d } from '../nn/convolution.ts'
import { type Dropout, dropout } from '../nn/dropout.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { gaussian } from '../nn/initializers.ts'
import { type Linear, linear } from '../nn/linear.ts'
import { type LocalResponseNorm, localResponseNorm } from '../nn/localResponseNorm.ts'
import { type MaxPool2d, maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** Options of {@link zfnet}. */
export interface ZFNetOptions {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /**
   * True for 512, 1024 and 512 maps in conv3, conv4 and conv5, the wider network of the paper's experiments that the
   * lectures describe; false by default, for the 384, 384 and 256 maps of the paper's figure 3.
   */
  readonly wide?: boolean
  /** Probability of dropout after both hidden fully connected layers, 0.5 by default. */
  readonly dropout?: number
}

/** The layers of {@link zfnet}, in order. */
export type ZFNet = Sequential<{
  readonly conv1: Conv2d
  readonly relu1: ReLU
  readonly pool1: MaxPool2d
  readonly norm1: LocalResponseNorm
  readonly conv2: Conv2d
  readonly relu2: ReLU
  readonly pool2: MaxPool2d
  readonly norm2: LocalResponseNorm
  readonly conv3: Conv2d
  readonly relu3: ReLU
  readonly conv4: Conv2d
  readonly relu4: ReLU
  readonly conv5: Conv2d
  readonly relu5: ReLU
  readonly pool5: MaxPool2d
  readonly flatten: Flatten
  readonly fc6: Linear
  readonly relu6: ReLU
  readonly drop6: Dropout
  readonly fc7: Linear
  readonly relu7: ReLU
  readonly drop7: Dropout
  readonly fc8: Linear
}>

/**
 * ZFNet for images `[N, 3, 224, 224]`, with logits `[N, classes]`: 62,357,608 parameters. One tower, with the volumes
 * of the paper's figure 3 (110, 55, 26, 13, 13, 13, 6) and contrast normalization across maps after the first two
 * pools, with AlexNet's constants, as the paper gives none. Initialized as in the paper: N(0, 0.01²), biases 0.
 * @example const model = zfnet({ classes: 10 }).initialize(0)
 */
export function zfnet({ classes = 1000, wide = false, dropout: probability = 0.5 }: ZFNetOptions = {}): ZFNet {
  const [third, fourth, fifth] = wide ? [512, 1024, 512] : [384, 384, 256]
  const init = gaussian(0.01)
  const norm = (): LocalResponseNorm => localResponseNorm(5, { alpha: 1e-4, beta: 0.75, k: 2 })
  return sequential({
    conv1: conv2d(3, 96, 7, { stride: 2, padding: 1, init }), // N × 96 × 110 × 110
    relu1: relu(),
    pool1: maxPool2d(3, { stride: 2, padding: 1 }), // N × 96 × 55 × 55
    norm1: norm(),
    conv2: conv2d(96, 256, 5, { stride: 2, init }), // N × 256 × 26 × 26
    relu2: relu(),
    pool2: maxPool2d(3, { stride: 2, padding: 1 }), // N × 256 × 13 × 13
    norm2: norm(),
    conv3: conv2d(256, third, 3, { padding: 1, init }), // N × 384 (512) × 13 × 13
    relu3: relu(),
    conv4: conv2d(third, fourth, 3, { padding: 1, init }),
    relu4: relu(),
    conv5: conv2d(fourth, fifth, 3, { padding: 1, init }), // N × 256 (512) × 13 × 13
    relu5: relu(),
    pool5: maxPool2d(3, { stride: 2 }), // N × 256 (512) × 6 × 6
    flatten: flatten(), // N × 9216 (18432)
    fc6: linear(fifth * 6 * 6, 4096, { init }),
    relu6: relu(),
    drop6: dropout(probability),
    fc7: linear(4096, 4096, { init }),
    relu7: relu(),
    drop7: dropout(probability),
    fc8: linear(4096, classes, { init }),
  })
}
