/**
 * SqueezeNet (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016): fire modules that
 * squeeze to a few maps with 1×1 convolutions and expand with 1×1 and 3×3 ones. Version 1.1 (2016) needs 2.4 times
 * fewer multiply-adds at the same accuracy. Parameter names are torchvision's.
 */
import { concat } from '../graph/ops/concat.ts'
import type { Tensor } from '../graph/tensor.ts'
import { relu } from '../nn/activations.ts'
import { globalAveragePool2d } from '../nn/adaptivePooling.ts'
import { conv2d } from '../nn/convolution.ts'
import { dropout } from '../nn/dropout.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { gaussian, heNormal } from '../nn/initializers.ts'
import { type ForwardContext, Module } from '../nn/module.ts'
import { maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** Options of {@link squeezenet}. */
export interface SqueezeNetOptions {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /** Probability of dropout before the last convolution, 0.5 by default. */
  readonly dropout?: number
}

/** The parts of {@link squeezenet}; the global pool is the last layer of `classifier`, as in torchvision. */
export type SqueezeNet = Sequential<{
  readonly features: Sequential
  readonly classifier: Sequential
  readonly flatten: Flatten
}>

/** Squeezes with 1×1, then expands with 1×1 and 3×3 side by side: `[N, C, H, W] → [N, 2 · expand, H, W]`. */
export class Fire extends Module {
  readonly squeeze
  readonly squeeze_activation = relu()
  readonly expand1x1
  readonly expand1x1_activation = relu()
  readonly expand3x3
  readonly expand3x3_activation = relu()

  constructor(inChannels: number, squeeze: number, expand: number) {
    super()
    const init = heNormal()
    this.squeeze = conv2d(inChannels, squeeze, 1, { init })
    this.expand1x1 = conv2d(squeeze, expand, 1, { init })
    this.expand3x3 = conv2d(squeeze, expand, 3, { padding: 1, init })
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const squeezed = this.squeeze_activation.forward(this.squeeze.forward(x, context), context)
    const small = this.expand1x1_activation.forward(this.expand1x1.forward(squeezed, context), context)
    const large = this.expand3x3_activation.forward(this.expand3x3.forward(squeezed, context), context)
    return this.label(concat([small, large], 1))
  }
}

/** Fire modules `[squeeze, expand]` and pools (3×3 at stride 2, sizes rounded up) after the first convolution. */
const versions = {
  '1.0': {
    first: [96, 7],
    rest: [
      'pool',
      [16, 64],
      [16, 64],
      [32, 128],
      'pool',
      [32, 128],
      [48, 192],
      [48, 192],
      [64, 256],
      'pool',
      [64, 256],
    ],
  },
  '1.1': {
    first: [64, 3],
    rest: [
      'pool',
      [16, 64],
      [16, 64],
      'pool',
      [32, 128],
      [32, 128],
      'pool',
      [48, 192],
      [48, 192],
      [64, 256],
      [64, 256],
    ],
  },
} as const

/**
 * SqueezeNet for images `[N, 3, 224, 224]` (21×21 and up), with logits `[N, classes]`. Version 1.0: 1,248,424
 * parameters and 819 million multiply-adds; 1.1: 1,235,496 and 349 million.
 * @throws RangeError for another version.
 * @example const model = squeezenet('1.1', { classes: 10 }).initialize(0)
 */
export function squeezenet(version: '1.0' | '1.1', options: SqueezeNetOptions = {}): SqueezeNet {
  const { classes = 1000, dropout: probability = 0.5 } = options
  if (!Object.hasOwn(versions, version)) throw new RangeError(`squeezenet: version (='${version}') must be 1.0 or 1.1`)
  const { first, rest } = versions[version]
  let [channels] = first as readonly [number, number]
  const layers: Module[] = [conv2d(3, channels, first[1], { stride: 2, init: heNormal() }), relu()]
  for (const item of rest) {
    if (item === 'pool') layers.push(maxPool2d(3, { stride: 2, ceilMode: true }))
    else {
      const [squeeze, expand] = item
      layers.push(new Fire(channels, squeeze, expand))
      channels = 2 * expand
    }
  }
  return sequential({
    features: sequential(...layers), // N × 512 × 13 × 13
    classifier: sequential(
      dropout(probability),
      conv2d(512, classes, 1, { init: gaussian(0.01) }),
      relu(),
      globalAveragePool2d(), // N × classes × 1 × 1
    ),
    flatten: flatten(),
  })
}
