/**
 * MobileNetV2 (Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018): blocks that expand
 * with a 1×1 convolution, filter each map separately with a 3×3 one, and project back without an activation. Parameter
 * names are torchvision's.
 */
import { add } from '../graph/ops/elementwise.ts'
import type { Tensor } from '../graph/tensor.ts'
import { relu6 } from '../nn/activations.ts'
import { type AdaptiveAveragePool2d, globalAveragePool2d } from '../nn/adaptivePooling.ts'
import { batchNorm2d } from '../nn/batchNorm.ts'
import { conv2d } from '../nn/convolution.ts'
import { dropout } from '../nn/dropout.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { gaussian, heNormal } from '../nn/initializers.ts'
import { linear } from '../nn/linear.ts'
import { type ForwardContext, Module } from '../nn/module.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** Options of {@link mobilenetV2}. */
export interface MobileNetV2Options {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /** Factor of all widths, 1 by default; widths are rounded to multiples of 8. */
  readonly width?: number
  /** Probability of dropout before the last layer, 0.2 by default. */
  readonly dropout?: number
}

/** The parts of {@link mobilenetV2}. */
export type MobileNetV2 = Sequential<{
  readonly features: Sequential
  readonly avgpool: AdaptiveAveragePool2d
  readonly flatten: Flatten
  readonly classifier: Sequential
}>

/** The paper's table 2: expansion, maps, blocks and stride of each stage. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const

/** Convolution, batch norm and min(max(0, x), 6). */
function convolution(inChannels: number, outChannels: number, kernel: number, stride = 1, groups = 1): Sequential {
  const padding = (kernel - 1) / 2
  return sequential(
    conv2d(inChannels, outChannels, kernel, { stride, padding, groups, bias: false, init: heNormal() }),
    batchNorm2d(outChannels),
    relu6(),
  )
}

/**
 * Expand, filter depthwise, project; with a shortcut if the shape is kept: `[N, C, H, W] → [N, outChannels, H′, W′]`.
 */
export class InvertedResidual extends Module {
  readonly conv: Sequential
  /** True when the input is added to the output. */
  readonly residual: boolean

  constructor(inChannels: number, outChannels: number, stride: number, expansion: number) {
    super()
    const hidden = Math.round(inChannels * expansion)
    this.conv = sequential(
      ...(expansion === 1 ? [] : [convolution(inChannels, hidden, 1)]),
      convolution(hidden, hidden, 3, stride, hidden),
      conv2d(hidden, outChannels, 1, { bias: false, init: heNormal() }),
      batchNorm2d(outChannels),
    )
    this.residual = stride === 1 && inChannels === outChannels
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const y = this.conv.forward(x, context)
    return this.residual ? this.label(add(x, y)) : y
  }
}

/**
 * MobileNetV2 for images `[N, 3, 224, 224]` (32×32 and up), with logits `[N, classes]`: 3,504,872 parameters and 301
 * million multiply-adds.
 * @throws RangeError when `width` is not positive.
 * @example const model = mobilenetV2({ classes: 10 }).initialize(0)
 */
export function mobilenetV2(options: MobileNetV2Options = {}): MobileNetV2 {
  const { classes = 1000, width = 1, dropout: probability = 0.2 } = options
  if (!(width > 0 && Number.isFinite(width))) throw new RangeError(`mobilenetV2: width (=${width}) must be positive`)
  let channels = multipleOf8(32 * width)
  const layers: Module[] = [convolution(3, channels, 3, 2)] // N × 32 × 112 × 112
  for (const [expansion, maps, count, stride] of stages) {
    const outChannels = multipleOf8(maps * width)
    for (let index = 0; index < count; index++) {
      layers.push(new InvertedResidual(channels, outChannels, index === 0 ? stride : 1, expansion))
      channels = outChannels
    }
  }
  const last = multipleOf8(1280 * Math.max(1, width))
  layers.push(convolution(channels, last, 1)) // N × 1280 × 7 × 7
  return sequential({
    features: sequential(...layers),
    avgpool: globalAveragePool2d(),
    flatten: flatten(),
    classifier: sequential(dropout(probability), linear(last, classes, { init: gaussian(0.01) })),
  })
}

/** The nearest multiple of 8 that is at least 8 and not more than a tenth below `width`. */
function multipleOf8(width: number): number {
  const nearest = Math.max(8, Math.floor((width + 4) / 8) * 8)
  return nearest < 0.9 * width ? nearest + 8 : nearest
}
