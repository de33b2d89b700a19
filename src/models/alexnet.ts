/**
 * Two versions of AlexNet: the network of 2012 with its two towers (Krizhevsky, Sutskever and Hinton, "ImageNet
 * classification with deep convolutional neural networks"), and the single tower of 2014 that torchvision calls
 * `alexnet` (Krizhevsky, "One weird trick for parallelizing convolutional neural networks"), with torchvision's
 * parameter names.
 */
import { type ReLU, relu } from '../nn/activations.ts'
import { adaptiveAveragePool2d } from '../nn/adaptivePooling.ts'
import { type Conv2d, conv2d } from '../nn/convolution.ts'
import { type Dropout, dropout } from '../nn/dropout.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { constant, gaussian } from '../nn/initializers.ts'
import { type Linear, linear } from '../nn/linear.ts'
import { type LocalResponseNorm, localResponseNorm } from '../nn/localResponseNorm.ts'
import { type MaxPool2d, maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'
import type { FeaturesAndClassifier } from './vgg.ts'

/** Options of {@link alexnet}. */
export interface AlexNetOptions {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /** Probability of dropout before both hidden fully connected layers, 0.5 by default. */
  readonly dropout?: number
}

/**
 * torchvision's AlexNet, for images `[N, 3, 224, 224]` (63×63 and up), with logits `[N, classes]`: one tower with 64,
 * 192, 384, 256 and 256 maps, 61,100,840 parameters and 714 million multiply-adds. Initialized with PyTorch's
 * defaults. See {@link alexnet2012} for the network of the 2012 paper and of the lectures.
 * @example const model = alexnet({ classes: 10 }).initialize(0)
 */
export function alexnet({ classes = 1000, dropout: probability = 0.5 }: AlexNetOptions = {}): FeaturesAndClassifier {
  return sequential({
    features: sequential(
      conv2d(3, 64, 11, { stride: 4, padding: 2 }), // N × 64 × 55 × 55
      relu(),
      maxPool2d(3, { stride: 2 }), // N × 64 × 27 × 27
      conv2d(64, 192, 5, { padding: 2 }), // N × 192 × 27 × 27
      relu(),
      maxPool2d(3, { stride: 2 }), // N × 192 × 13 × 13
      conv2d(192, 384, 3, { padding: 1 }), // N × 384 × 13 × 13
      relu(),
      conv2d(384, 256, 3, { padding: 1 }), // N × 256 × 13 × 13
      relu(),
      conv2d(256, 256, 3, { padding: 1 }), // N × 256 × 13 × 13
      relu(),
      maxPool2d(3, { stride: 2 }), // N × 256 × 6 × 6
    ),
    avgpool: adaptiveAveragePool2d(6),
    flatten: flatten(), // N × 9216
    classifier: sequential(
      dropout(probability),
      linear(256 * 6 * 6, 4096),
      relu(),
      dropout(probability),
      linear(4096, 4096),
      relu(),
      linear(4096, classes),
    ),
  })
}

/** Options of {@link alexnet2012}. */
export interface AlexNet2012Options extends AlexNetOptions {
  /** Number of towers, which are separate in conv2, conv4 and conv5: 2 by default, as on the paper's two GPUs; or 1. */
  readonly towers?: 1 | 2
  /**
   * Position of local response normalization: `beforePooling` (the default, as in the paper: "max-pooling layers
   * follow both response-normalization layers") or `afterPooling` (as in the lectures and Caffe's reference network).
   */
  readonly normalization?: 'beforePooling' | 'afterPooling'
}

/** The layers of {@link alexnet2012}; `norm` and `pool` may be swapped. */
export type AlexNet2012 = Sequential<{
  readonly conv1: Conv2d
  readonly relu1: ReLU
  readonly norm1: LocalResponseNorm
  readonly pool1: MaxPool2d
  readonly conv2: Conv2d
  readonly relu2: ReLU
  readonly norm2: LocalResponseNorm
  readonly pool2: MaxPool2d
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
 * AlexNet as published in 2012, for images `[N, 3, 227, 227]`, with logits `[N, classes]`: two towers with 96, 256,
 * 384, 384 and 256 maps in total and local response normalization; 60,965,224 parameters and 724,406,816
 * multiply-adds. With one tower, as the lectures count it, 62,378,344 parameters.
 *
 * The paper prints 224×224, for which the stride does not divide evenly: (224 − 11)/4 + 1 = 54.25; its actual
 * computation is (227 − 11)/4 + 1 = 55. Initialized as in the paper: N(0, 0.01²), biases 1 in conv2, conv4, conv5 and
 * the hidden fully connected layers, else 0.
 * @example const model = alexnet2012({ classes: 10 }).initialize(0)
 */
export function alexnet2012(options: AlexNet2012Options = {}): AlexNet2012 {
  const { classes = 1000, dropout: probability = 0.5, towers: groups = 2, normalization = 'beforePooling' } = options
  const init = gaussian(0.01)
  const biasInit = constant(1)
  const pool = (): MaxPool2d => maxPool2d(3, { stride: 2 })
  const norm = (): LocalResponseNorm => localResponseNorm(5, { alpha: 1e-4, beta: 0.75, k: 2 })
  const first = normalization === 'beforePooling'
  return sequential({
    conv1: conv2d(3, 96, 11, { stride: 4, init }), // N × 96 × 55 × 55
    relu1: relu(),
    ...(first ? { norm1: norm(), pool1: pool() } : { pool1: pool(), norm1: norm() }), // N × 96 × 27 × 27
    conv2: conv2d(96, 256, 5, { padding: 2, groups, init, biasInit }), // N × 256 × 27 × 27
    relu2: relu(),
    ...(first ? { norm2: norm(), pool2: pool() } : { pool2: pool(), norm2: norm() }), // N × 256 × 13 × 13
    conv3: conv2d(256, 384, 3, { padding: 1, init }), // N × 384 × 13 × 13: the towers meet here
    relu3: relu(),
    conv4: conv2d(384, 384, 3, { padding: 1, groups, init, biasInit }),
    relu4: relu(),
    conv5: conv2d(384, 256, 3, { padding: 1, groups, init, biasInit }), // N × 256 × 13 × 13
    relu5: relu(),
    pool5: pool(), // N × 256 × 6 × 6
    flatten: flatten(), // N × 9216
    fc6: linear(256 * 6 * 6, 4096, { init, biasInit }),
    relu6: relu(),
    drop6: dropout(probability),
    fc7: linear(4096, 4096, { init, biasInit }),
    relu7: relu(),
    drop7: dropout(probability),
    fc8: linear(4096, classes, { init }),
  })
}
