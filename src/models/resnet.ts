/**
 * ResNet for ImageNet (He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015): blocks that add
 * their result to their input, y = relu(F(x) + x), with torchvision's parameter names.
 */
import { add } from '../graph/ops/elementwise.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type ReLU, relu } from '../nn/activations.ts'
import { type AdaptiveAveragePool2d, globalAveragePool2d } from '../nn/adaptivePooling.ts'
import { type BatchNorm2d, batchNorm2d } from '../nn/batchNorm.ts'
import { type Conv2d, conv2d } from '../nn/convolution.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { heNormal } from '../nn/initializers.ts'
import { type Linear, linear } from '../nn/linear.ts'
import { type ForwardContext, Module } from '../nn/module.ts'
import { type MaxPool2d, maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** Options of {@link resnet}. */
export interface ResNetOptions {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /**
   * Where a bottleneck has its stride: with `v1.5` (the default, as in torchvision and Nvidia's code) in the 3×3
   * convolution, with `v1` (as in the paper and Caffe's weights) in the first 1×1 one. Weights have equal shapes in
   * both versions, and blocks of two convolutions do not differ.
   */
  readonly version?: 'v1' | 'v1.5'
}

/** The layers of {@link resnet}. */
export type ResNet = Sequential<{
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly relu: ReLU
  readonly maxpool: MaxPool2d
  readonly layer1: Sequential
  readonly layer2: Sequential
  readonly layer3: Sequential
  readonly layer4: Sequential
  readonly avgpool: AdaptiveAveragePool2d
  readonly flatten: Flatten
  readonly fc: Linear
}>

/** Depths of {@link resnet}: the kind of block, and the number of blocks in each of the four stages. */
const depths = {
  18: { bottleneck: false, blocks: [2, 2, 2, 2] },
  34: { bottleneck: false, blocks: [3, 4, 6, 3] },
  50: { bottleneck: true, blocks: [3, 4, 6, 3] },
  101: { bottleneck: true, blocks: [3, 4, 23, 3] },
  152: { bottleneck: true, blocks: [3, 8, 36, 3] },
} as const

/** A depth of {@link resnet}. */
export type ResNetDepth = 18 | 34 | 50 | 101 | 152

/**
 * The kind of block and the stages for a depth, for residual networks of any kind.
 * @throws RangeError naming the network and the available depths.
 */
export function stagesOf(depth: ResNetDepth, network: string): (typeof depths)[ResNetDepth] {
  if (!Object.hasOwn(depths, depth)) {
    throw new RangeError(`${network}: depth (=${depth}) must be one of ${Object.keys(depths).join(', ')}`)
  }
  return depths[depth]
}

/** The convolution of residual networks: no bias, because batch norm follows; "same" padding; He's initialization. */
export function plainConv(inChannels: number, outChannels: number, kernel: number, stride = 1): Conv2d {
  return conv2d(inChannels, outChannels, kernel, { stride, padding: (kernel - 1) / 2, bias: false, init: heNormal() })
}

/** Shortcut B: a 1×1 convolution with batch norm where the shape changes, the identity elsewhere. */
export function projection(inChannels: number, outChannels: number, stride: number): Sequential | undefined {
  if (inChannels === outChannels && stride === 1) return undefined
  return sequential(plainConv(inChannels, outChannels, 1, stride), batchNorm2d(outChannels))
}

/** Two 3×3 convolutions and a shortcut: `[N, inChannels, H, W] → [N, channels, ⌈H / stride⌉, ⌈W / stride⌉]`. */
export class BasicBlock extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly relu = relu()
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly downsample: Sequential | undefined

  constructor(inChannels: number, channels: number, stride = 1) {
    super()
    this.conv1 = plainConv(inChannels, channels, 3, stride)
    this.bn1 = batchNorm2d(channels)
    this.conv2 = plainConv(channels, channels, 3)
    this.bn2 = batchNorm2d(channels)
    this.downsample = projection(inChannels, channels, stride)
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { conv1, bn1, relu, conv2, bn2, downsample } = this
    const y = relu.forward(bn1.forward(conv1.forward(x, context), context), context)
    const main = bn2.forward(conv2.forward(y, context), context)
    return relu.forward(add(main, downsample ? downsample.forward(x, context) : x), context)
  }
}

/** 1×1 down, 3×3, 1×1 up to four times the width, and a shortcut: `[N, inChannels, H, W] → [N, 4 · width, H′, W′]`. */
export class Bottleneck extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly conv3: Conv2d
  readonly bn3: BatchNorm2d
  readonly relu = relu()
  readonly downsample: Sequential | undefined

  constructor(inChannels: number, width: number, stride = 1, version: 'v1' | 'v1.5' = 'v1.5') {
    super()
    this.conv1 = plainConv(inChannels, width, 1, version === 'v1' ? stride : 1)
    this.bn1 = batchNorm2d(width)
    this.conv2 = plainConv(width, width, 3, version === 'v1' ? 1 : stride)
    this.bn2 = batchNorm2d(width)
    this.conv3 = plainConv(width, 4 * width, 1)
    this.bn3 = batchNorm2d(4 * width)
    this.downsample = projection(inChannels, 4 * width, stride)
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { conv1, bn1, conv2, bn2, conv3, bn3, relu, downsample } = this
    const narrow = relu.forward(bn1.forward(conv1.forward(x, context), context), context)
    const wide = relu.forward(bn2.forward(conv2.forward(narrow, context), context), context)
    const main = bn3.forward(conv3.forward(wide, context), context)
    return relu.forward(add(main, downsample ? downsample.forward(x, context) : x), context)
  }
}

/**
 * A residual network for images `[N, 3, 224, 224]` (33×33 and up), with logits `[N, classes]`. Parameters and
 * multiply-adds: 18: 11,689,512, 1.81 G · 34: 21,797,672, 3.66 G · 50: 25,557,032, 4.09 G (v1: 3.86 G) · 101:
 * 44,549,160, 7.80 G (7.57 G) · 152: 60,192,808, 11.51 G (11.28 G). The paper prints 1.8, 3.6, 3.8, 7.6 and 11.3,
 * which is v1.
 *
 * The lectures' table misprints the 152-layer column: the stages have 3, 8, 36 and 3 blocks.
 * @throws RangeError for another depth.
 * @example const model = resnet(18, { classes: 10 }).initialize(0)
 */
export function resnet(depth: ResNetDepth, { classes = 1000, version = 'v1.5' }: ResNetOptions = {}): ResNet {
  const { bottleneck, blocks } = stagesOf(depth, 'resnet')
  let channels = 64
  const stage = (width: number, count: number, stride: number): Sequential =>
    sequential(
      ...Array.from({ length: count }, (_, index) => {
        const step = index === 0 ? stride : 1
        const block = bottleneck
          ? new Bottleneck(channels, width, step, version)
          : new BasicBlock(channels, width, step)
        channels = bottleneck ? 4 * width : width
        return block
      }),
    )
  return sequential({
    conv1: conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false, init: heNormal() }), // N × 64 × 112 × 112
    bn1: batchNorm2d(64),
    relu: relu(),
    maxpool: maxPool2d(3, { stride: 2, padding: 1 }), // N × 64 × 56 × 56
    layer1: stage(64, blocks[0], 1), // N × 64 (256) × 56 × 56
    layer2: stage(128, blocks[1], 2), // N × 128 (512) × 28 × 28
    layer3: stage(256, blocks[2], 2), // N × 256 (1024) × 14 × 14
    layer4: stage(512, blocks[3], 2), // N × 512 (2048) × 7 × 7
    avgpool: globalAveragePool2d(),
    flatten: flatten(),
    fc: linear(channels, classes),
  })
}

/** ResNet-18; see {@link resnet}. */
export const resnet18 = (options?: ResNetOptions): ResNet => resnet(18, options)
/** ResNet-34; see {@link resnet}. */
export const resnet34 = (options?: ResNetOptions): ResNet => resnet(34, options)
/** ResNet-50; see {@link resnet}. */
export const resnet50 = (options?: ResNetOptions): ResNet => resnet(50, options)
/** ResNet-101; see {@link resnet}. */
export const resnet101 = (options?: ResNetOptions): ResNet => resnet(101, options)
/** ResNet-152; see {@link resnet}. */
export const resnet152 = (options?: ResNetOptions): ResNet => resnet(152, options)
