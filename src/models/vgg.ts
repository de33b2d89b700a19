/**
 * VGG (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014): stacks of
 * 3×3 convolutions, with torchvision's parameter names. Configurations A, A-LRN, B, C, D and E of the paper's table 1.
 */

import { relu } from '../nn/activations.ts'
import { type AdaptiveAveragePool2d, adaptiveAveragePool2d } from '../nn/adaptivePooling.ts'
import { batchNorm2d } from '../nn/batchNorm.ts'
import { conv2d } from '../nn/convolution.ts'
import { dropout } from '../nn/dropout.ts'
import { type Flatten, flatten } from '../nn/flatten.ts'
import { gaussian, heNormal } from '../nn/initializers.ts'
import { linear } from '../nn/linear.ts'
import { localResponseNorm } from '../nn/localResponseNorm.ts'
import type { Module } from '../nn/module.ts'
import { maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** A column of the paper's table 1. */
export type VggConfiguration = 'A' | 'A-LRN' | 'B' | 'C' | 'D' | 'E'

/** Options of {@link vgg}. */
export interface VggOptions {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /** Batch normalization after every convolution (torchvision's `_bn` models), false by default. */
  readonly batchNorm?: boolean
  /** Probability of dropout after both hidden fully connected layers, 0.5 by default. */
  readonly dropout?: number
}

/** A convolutional part, a pool to a fixed size, and a fully connected part, as in torchvision's AlexNet and VGG. */
export type FeaturesAndClassifier = Sequential<{
  readonly features: Sequential
  readonly avgpool: AdaptiveAveragePool2d
  readonly flatten: Flatten
  readonly classifier: Sequential
}>

/** An item of the convolutional part: the maps of a 3×3 convolution, maps and kernel of a 1×1 one, a pool, or LRN. */
type Item = number | readonly [maps: number, kernel: 1] | 'pool' | 'norm'

const configurations: Readonly<Record<VggConfiguration, readonly Item[]>> = {
  A: [64, 'pool', 128, 'pool', 256, 256, 'pool', 512, 512, 'pool', 512, 512, 'pool'],
  'A-LRN': [64, 'norm', 'pool', 128, 'pool', 256, 256, 'pool', 512, 512, 'pool', 512, 512, 'pool'],
  B: [64, 64, 'pool', 128, 128, 'pool', 256, 256, 'pool', 512, 512, 'pool', 512, 512, 'pool'],
  C: [...stacks([256, 256, [256, 1]], [512, 512, [512, 1]])],
  D: [...stacks([256, 256, 256], [512, 512, 512])],
  E: [...stacks([256, 256, 256, 256], [512, 512, 512, 512])],
}

/** The deeper configurations: two stacks of two convolutions, one of `middle`, two of `last`, each with its pool. */
function stacks(middle: readonly Item[], last: readonly Item[]): Item[] {
  return [64, 64, 'pool', 128, 128, 'pool', ...middle, 'pool', ...last, 'pool', ...last, 'pool']
}

/**
 * A VGG network for images `[N, 3, 224, 224]` (32×32 and up), with logits `[N, classes]`. Weights are initialized as in
 * torchvision: He's rule in the convolutions, and N(0, 0.01²) in the fully connected layers.
 *
 * The lectures' memory table for D ends in "24M × 4 bytes ≈ 96 MB", a known slip: its lines add up to 15.2 million
 * numbers.
 * @throws RangeError for an unknown configuration.
 * @example const model = vgg('D', { batchNorm: true }).initialize(0)
 */
export function vgg(configuration: VggConfiguration, options: VggOptions = {}): FeaturesAndClassifier {
  const { classes = 1000, batchNorm = false, dropout: probability = 0.5 } = options
  if (!Object.hasOwn(configurations, configuration)) {
    const known = Object.keys(configurations).join(', ')
    throw new RangeError(`vgg: configuration (='${configuration}') must be one of ${known}`)
  }
  const init = gaussian(0.01)
  return sequential({
    features: features(configurations[configuration], batchNorm), // N × 512 × 7 × 7
    avgpool: adaptiveAveragePool2d(7),
    flatten: flatten(), // N × 25088
    classifier: sequential(
      linear(512 * 7 * 7, 4096, { init }),
      relu(),
      dropout(probability),
      linear(4096, 4096, { init }),
      relu(),
      dropout(probability),
      linear(4096, classes, { init }),
    ),
  })
}

function features(items: readonly Item[], batchNorm: boolean): Sequential {
  const layers: Module[] = []
  let channels = 3
  for (const item of items) {
    if (item === 'pool') layers.push(maxPool2d(2))
    else if (item === 'norm') layers.push(localResponseNorm(5, { alpha: 1e-4, beta: 0.75, k: 2 }))
    else {
      const [maps, kernel] = typeof item === 'number' ? [item, 3] : item
      layers.push(conv2d(channels, maps, kernel, { padding: (kernel - 1) / 2, init: heNormal() }))
      if (batchNorm) layers.push(batchNorm2d(maps))
      layers.push(relu())
      channels = maps
    }
  }
  return sequential(...layers)
}

/** VGG-11, configuration A: 132,863,336 parameters. */
export const vgg11 = (options?: VggOptions): FeaturesAndClassifier => vgg('A', options)
/**
 * VGG-11 with local response normalization after the first convolution, configuration A-LRN: 132,863,336 parameters.
 */
export const vgg11Lrn = (options?: VggOptions): FeaturesAndClassifier => vgg('A-LRN', options)
/** VGG-13, configuration B: 133,047,848 parameters. */
export const vgg13 = (options?: VggOptions): FeaturesAndClassifier => vgg('B', options)
/** VGG-16 with 1×1 convolutions, configuration C: 133,638,952 parameters. */
export const vgg16With1x1 = (options?: VggOptions): FeaturesAndClassifier => vgg('C', options)
/** VGG-16, configuration D: 138,357,544 parameters. */
export const vgg16 = (options?: VggOptions): FeaturesAndClassifier => vgg('D', options)
/** VGG-19, configuration E: 143,667,240 parameters. */
export const vgg19 = (options?: VggOptions): FeaturesAndClassifier => vgg('E', options)
