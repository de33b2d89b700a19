/**
 * The CIFAR-10 networks of He et al. 2015, section 4.2: 6n + 2 layers on 32×32 images, residual or plain. Parameter
 * names are those of akamaster's `pytorch_resnet_cifar10`, whose weights are public.
 */
import { add } from '../graph/ops/elementwise.ts'
import { pad } from '../graph/ops/pad.ts'
import { slice } from '../graph/ops/slice.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type ReLU, relu } from '../nn/activations.ts'
import { type AdaptiveAveragePool2d, globalAveragePool2d } from '../nn/adaptivePooling.ts'
import { type BatchNorm2d, batchNorm2d } from '../nn/batchNorm.ts'
import type { Conv2d } from '../nn/convolution.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { heNormal } from '../nn/initializers.ts'
import { type Linear, linear } from '../nn/linear.ts'
import { type ForwardContext, Module } from '../nn/module.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'
import { plainConv, projection } from './resnet.ts'

/** Options of {@link cifarResnet}. */
export interface CifarResNetOptions {
  /** Number of outputs, 10 by default. */
  readonly classes?: number
  /**
   * The shortcut where the shape changes: `A` (the default, the paper's choice on CIFAR-10) takes every second row
   * and column and adds maps of zeros, without parameters; `B` projects by a 1×1 convolution with batch norm; `none`
   * omits all shortcuts, which makes the plain network.
   */
  readonly shortcut?: 'A' | 'B' | 'none'
}

/** The layers of {@link cifarResnet}. */
export type CifarResNet = Sequential<{
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly relu: ReLU
  readonly layer1: Sequential
  readonly layer2: Sequential
  readonly layer3: Sequential
  readonly avgpool: AdaptiveAveragePool2d
  readonly flatten: Flatten
  readonly linear: Linear
}>

/**
 * Shortcut A: every `stride`-th row and column, with equally many maps of zeros before and after the input's maps, up
 * to
 * `outChannels`. It has no parameters.
 */
export class ZeroPadShortcut extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly stride: number

  constructor(inChannels: number, outChannels: number, stride: number) {
    super()
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.stride = stride
  }

  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const { stride, inChannels, outChannels } = this
    const spaced = slice(x, [0, 0, 0, 0], x.shape, [1, 1, stride, stride])
    const before = Math.floor((outChannels - inChannels) / 2)
    const after = outChannels - inChannels - before
    return this.label(pad(spaced, { before: [0, before, 0, 0], after: [0, after, 0, 0] }))
  }
}

/** Two 3×3 convolutions, with shortcut A, shortcut B or no shortcut. */
export class CifarBlock extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly relu = relu()
  readonly shortcut: Module | undefined
  /** False in a plain network. */
  readonly residual: boolean

  constructor(inChannels: number, channels: number, stride: number, shortcut: 'A' | 'B' | 'none') {
    super()
    this.conv1 = plainConv(inChannels, channels, 3, stride)
    this.bn1 = batchNorm2d(channels)
    this.conv2 = plainConv(channels, channels, 3)
    this.bn2 = batchNorm2d(channels)
    this.residual = shortcut !== 'none'
    const changes = stride !== 1 || inChannels !== channels
    if (shortcut === 'A' && changes) this.shortcut = new ZeroPadShortcut(inChannels, channels, stride)
    if (shortcut === 'B') this.shortcut = projection(inChannels, channels, stride)
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { conv1, bn1, conv2, bn2, relu, shortcut, residual } = this
    const y = relu.forward(bn1.forward(conv1.forward(x, context), context), context)
    const main = bn2.forward(conv2.forward(y, context), context)
    if (!residual) return relu.forward(main, context)
    return relu.forward(add(main, shortcut ? shortcut.forward(x, context) : x), context)
  }
}

/**
 * A network of 6n + 2 layers for images `[N, 3, 32, 32]`, with logits `[N, classes]`: three stages of n blocks with
 * 16, 32 and 64 maps. Parameters with shortcuts A / B, and multiply-adds with A: 20: 269,722 / 272,474, 40.55 M · 32:
 * 464,154 / 466,906, 68.86 M · 44: 658,586 / 661,338, 97.17 M · 56: 853,018 / 855,770, 125.49 M · 110: 1,727,962 /
 * 1,730,714, 252.89 M.
 * @throws RangeError when the depth is not 6n + 2 with n ≥ 1.
 * @example const model = cifarResnet(20).initialize(0)
 */
export function cifarResnet(depth: number, { classes = 10, shortcut = 'A' }: CifarResNetOptions = {}): CifarResNet {
  const n = (depth - 2) / 6
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`cifarResnet: depth (=${depth}) must be 6n + 2: 8, 14, 20, …`)
  const stage = (inChannels: number, channels: number, stride: number): Sequential =>
    sequential(
      ...Array.from({ length: n }, (_, index) =>
        index === 0
          ? new CifarBlock(inChannels, channels, stride, shortcut)
          : new CifarBlock(channels, channels, 1, shortcut),
      ),
    )
  return sequential({
    conv1: plainConv(3, 16, 3), // N × 16 × 32 × 32
    bn1: batchNorm2d(16),
    relu: relu(),
    layer1: stage(16, 16, 1), // N × 16 × 32 × 32
    layer2: stage(16, 32, 2), // N × 32 × 16 × 16
    layer3: stage(32, 64, 2), // N × 64 × 8 × 8
    avgpool: globalAveragePool2d(), // N × 64 × 1 × 1
    flatten: flatten(),
    linear: linear(64, classes, { init: heNormal() }),
  })
}

/** The plain network with these layers but no shortcuts; see {@link cifarResnet}. */
export const cifarPlain = (depth: number, options: Omit<CifarResNetOptions, 'shortcut'> = {}): CifarResNet =>
  cifarResnet(depth, { ...options, shortcut: 'none' })
