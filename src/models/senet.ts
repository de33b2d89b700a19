/**
 * Squeeze-and-excitation networks (Hu, Shen and Sun, "Squeeze-and-excitation networks", 2017): residual networks whose
 * blocks scale their maps by weights that a small network computes from the maps' means. Parameter names are those of
 * Cadene's `pretrained-models` and timm's `legacy_seresnet…` and `legacy_senet154`.
 */
import { add, mul } from '../graph/ops/elementwise.ts'
import type { Tensor } from '../graph/tensor.ts'
import { relu, sigmoid } from '../nn/activations.ts'
import { globalAveragePool2d } from '../nn/adaptivePooling.ts'
import { type BatchNorm2d, batchNorm2d } from '../nn/batchNorm.ts'
import { type Conv2d, conv2d } from '../nn/convolution.ts'
import { dropout } from '../nn/dropout.ts'
import { flatten } from '../nn/flatten.ts'
import { heNormal } from '../nn/initializers.ts'
import { linear } from '../nn/linear.ts'
import { type ForwardContext, Module } from '../nn/module.ts'
import { maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'
import { plainConv, projection, type ResNetDepth, stagesOf } from './resnet.ts'

/** Options of {@link seResnet} and {@link senet154}. */
export interface SENetOptions {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /** Ratio of maps to units of the small network, 16 by default. */
  readonly reduction?: number
}

/** Squeeze-and-excitation: x · σ(W₂ relu(W₁ mean(x))), one factor per map; `[N, C, H, W] → [N, C, H, W]`. */
export class SEModule extends Module {
  readonly avg_pool = globalAveragePool2d()
  readonly fc1: Conv2d
  readonly relu = relu()
  readonly fc2: Conv2d
  readonly sigmoid = sigmoid()

  constructor(channels: number, reduction: number) {
    super()
    const units = Math.floor(channels / reduction)
    if (units < 1) throw new RangeError(`seModule: reduction (=${reduction}) must be at most channels (=${channels})`)
    this.fc1 = conv2d(channels, units, 1)
    this.fc2 = conv2d(units, channels, 1)
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { avg_pool, fc1, relu, fc2, sigmoid } = this
    const units = relu.forward(fc1.forward(avg_pool.forward(x, context), context), context)
    return this.label(mul(x, sigmoid.forward(fc2.forward(units, context), context)))
  }
}

/**
 * Two 3×3 convolutions, squeeze-and-excitation, shortcut (SE-ResNet-18 and -34). The paper's authors published no block
 * with two convolutions; this one is timm's, whose weights expect a ReLU before the squeeze.
 */
export class SEBasicBlock extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly relu = relu()
  readonly se_module: SEModule
  readonly downsample: Sequential | undefined

  constructor(inChannels: number, channels: number, stride: number, reduction: number) {
    super()
    this.conv1 = plainConv(inChannels, channels, 3, stride)
    this.bn1 = batchNorm2d(channels)
    this.conv2 = plainConv(channels, channels, 3)
    this.bn2 = batchNorm2d(channels)
    this.se_module = new SEModule(channels, reduction)
    this.downsample = projection(inChannels, channels, stride)
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { conv1, bn1, conv2, bn2, relu, se_module, downsample } = this
    const y = relu.forward(bn1.forward(conv1.forward(x, context), context), context)
    const main = se_module.forward(relu.forward(bn2.forward(conv2.forward(y, context), context), context), context)
    return relu.forward(add(main, downsample ? downsample.forward(x, context) : x), context)
  }
}

/** The convolutions of an {@link SEBottleneck}. */
export interface BottleneckConvolutions {
  readonly conv1: Conv2d
  readonly conv2: Conv2d
  readonly conv3: Conv2d
  readonly downsample: Sequential | undefined
}

/** 1×1, 3×3, 1×1, squeeze-and-excitation, shortcut. */
export class SEBottleneck extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly conv3: Conv2d
  readonly bn3: BatchNorm2d
  readonly relu = relu()
  readonly se_module: SEModule
  readonly downsample: Sequential | undefined

  constructor({ conv1, conv2, conv3, downsample }: BottleneckConvolutions, reduction: number) {
    super()
    this.conv1 = conv1
    this.bn1 = batchNorm2d(conv1.outChannels)
    this.conv2 = conv2
    this.bn2 = batchNorm2d(conv2.outChannels)
    this.conv3 = conv3
    this.bn3 = batchNorm2d(conv3.outChannels)
    this.se_module = new SEModule(conv3.outChannels, reduction)
    this.downsample = downsample
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { conv1, bn1, conv2, bn2, conv3, bn3, relu, se_module, downsample } = this
    const first = relu.forward(bn1.forward(conv1.forward(x, context), context), context)
    const second = relu.forward(bn2.forward(conv2.forward(first, context), context), context)
    const main = se_module.forward(bn3.forward(conv3.forward(second, context), context), context)
    return relu.forward(add(main, downsample ? downsample.forward(x, context) : x), context)
  }
}

/** The convolutions of SE-ResNet's bottleneck: the stride in the first 1×1, as in the original (Caffe) code. */
function resnetBottleneck(inChannels: number, width: number, stride: number): BottleneckConvolutions {
  return {
    conv1: plainConv(inChannels, width, 1, stride),
    conv2: plainConv(width, width, 3),
    conv3: plainConv(width, 4 * width, 1),
    downsample: projection(inChannels, 4 * width, stride),
  }
}

/** The convolutions of SENet-154's bottleneck: 64 groups, twice the width, half that in the first, 3×3 projections. */
function senetBottleneck(inChannels: number, width: number, stride: number): BottleneckConvolutions {
  const groups = { stride, padding: 1, groups: 64, bias: false, init: heNormal() }
  const changes = stride !== 1 || inChannels !== 4 * width
  return {
    conv1: plainConv(inChannels, 2 * width, 1),
    conv2: conv2d(2 * width, 4 * width, 3, groups),
    conv3: plainConv(4 * width, 4 * width, 1),
    // The first stage keeps the size and projects by 1×1; later stages project by 3×3.
    downsample: changes
      ? sequential(plainConv(inChannels, 4 * width, stride === 1 ? 1 : 3, stride), batchNorm2d(4 * width))
      : undefined,
  }
}

/** Stages of blocks; each makes a module from its input channels, width and stride. */
function makeStages(
  inChannels: number,
  blocks: readonly number[],
  expansion: number,
  make: (inChannels: number, width: number, stride: number) => Module,
): Sequential[] {
  let channels = inChannels
  return blocks.map((count, stage) => {
    const width = 64 * 2 ** stage
    const layers = Array.from({ length: count }, (_, index) => {
      const block = make(channels, width, index === 0 && stage > 0 ? 2 : 1)
      channels = expansion * width
      return block
    })
    return sequential(...layers)
  })
}

/** The layers of {@link seResnet} and {@link senet154}. */
export type SENet = ReturnType<typeof assemble>

function assemble(stem: Sequential, stages: readonly Sequential[], channels: number, classes: number, drop: number) {
  const [layer1, layer2, layer3, layer4] = stages
  return sequential({
    layer0: stem, // N × 64 (128) × 112 × 112
    pool0: maxPool2d(3, { stride: 2, ceilMode: true }), // N × 64 (128) × 56 × 56
    layer1,
    layer2,
    layer3,
    layer4, // N × 512 (2048) × 7 × 7
    avgpool: globalAveragePool2d(),
    flatten: flatten(),
    dropout: dropout(drop),
    last_linear: linear(channels, classes),
  })
}

/**
 * SE-ResNet for images `[N, 3, 224, 224]`, with logits `[N, classes]`. Parameters: 18: 11,778,592 · 34: 21,958,868 ·
 * 50: 28,088,024 · 101: 49,326,872 · 152: 66,821,848. Bottlenecks have their stride in the first 1×1 convolution.
 * @throws RangeError for another depth, or when `reduction` exceeds the 64 maps of the first stage.
 * @example const model = seResnet(50).initialize(0)
 */
export function seResnet(depth: ResNetDepth, { classes = 1000, reduction = 16 }: SENetOptions = {}): SENet {
  const { bottleneck, blocks } = stagesOf(depth, 'seResnet')
  const stem = sequential({
    conv1: conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false, init: heNormal() }),
    bn1: batchNorm2d(64),
    relu1: relu(),
  })
  const stages = makeStages(64, blocks, bottleneck ? 4 : 1, (inChannels, width, stride) =>
    bottleneck
      ? new SEBottleneck(resnetBottleneck(inChannels, width, stride), reduction)
      : new SEBasicBlock(inChannels, width, stride, reduction),
  )
  return assemble(stem, stages, bottleneck ? 2048 : 512, classes, 0)
}

/**
 * SENet-154, the winner of ILSVRC 2017, for images `[N, 3, 224, 224]`, with logits `[N, classes]`: a ResNet-152 with
 * 64 groups (ResNeXt), three 3×3 convolutions instead of the first 7×7, and dropout 0.2; 115,088,984 parameters.
 * @throws RangeError when `reduction` exceeds the 256 maps of the first stage.
 * @example const model = senet154({ classes: 10 }).initialize(0)
 */
export function senet154({ classes = 1000, reduction = 16 }: SENetOptions = {}): SENet {
  const stem = sequential({
    conv1: plainConv(3, 64, 3, 2),
    bn1: batchNorm2d(64),
    relu1: relu(),
    conv2: plainConv(64, 64, 3),
    bn2: batchNorm2d(64),
    relu2: relu(),
    conv3: plainConv(64, 128, 3),
    bn3: batchNorm2d(128),
    relu3: relu(),
  })
  const stages = makeStages(
    128,
    [3, 8, 36, 3],
    4,
    (inChannels, width, stride) => new SEBottleneck(senetBottleneck(inChannels, width, stride), reduction),
  )
  return assemble(stem, stages, 2048, classes, 0.2)
}
