/**
 * GoogLeNet (Szegedy et al., "Going deeper with convolutions", 2014) in two forms: the paper's, with 5×5 convolutions
 * and without batch normalization, and torchvision's, with batch normalization and 3×3 where the paper has 5×5 (a
 * known mistake that came with the converted weights and is kept for them). Both forms use torchvision's parameter
 * names.
 */
import { concat } from '../graph/ops/concat.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { relu } from '../nn/activations.ts'
import { type AdaptiveAveragePool2d, adaptiveAveragePool2d, globalAveragePool2d } from '../nn/adaptivePooling.ts'
import { batchNorm2d } from '../nn/batchNorm.ts'
import { type Conv2d, conv2d } from '../nn/convolution.ts'
import { dropout } from '../nn/dropout.ts'
import { flatten } from '../nn/flatten.ts'
import { heNormal } from '../nn/initializers.ts'
import { linear } from '../nn/linear.ts'
import { localResponseNorm } from '../nn/localResponseNorm.ts'
import { type ForwardContext, Module } from '../nn/module.ts'
import { type AveragePool2d, averagePool2d, maxPool2d } from '../nn/pooling.ts'
import { type Sequential, sequential } from '../nn/sequential.ts'

/** Options of {@link googlenet} and {@link googlenet2014}. */
export interface GoogLeNetOptions {
  /** Number of outputs, 1000 by default. */
  readonly classes?: number
  /**
   * Adds the two auxiliary classifiers of the paper; true by default, as in torchvision. Only training uses them: their
   * losses are added with weight 0.3 each. Inference does not use them, and weights load with or without them.
   */
  readonly auxiliary?: boolean
  /** Probability of dropout before the last layer: 0.4 by default in the paper's form, 0.2 in torchvision's. */
  readonly dropout?: number
  /** Probability of dropout in the auxiliary classifiers, 0.7 by default. */
  readonly auxiliaryDropout?: number
}

/** Maps of an inception module, in the order of the paper's table 1. */
export interface InceptionWidths {
  /** #1×1 */
  readonly ones: number
  /** #3×3 reduce */
  readonly threesReduce: number
  /** #3×3 */
  readonly threes: number
  /** #5×5 reduce */
  readonly fivesReduce: number
  /** #5×5 (3×3 in torchvision's form) */
  readonly fives: number
  /** pool proj */
  readonly poolProjection: number
}

/** One of the two published forms. */
export type GoogLeNetForm = 'paper' | 'torchvision'

/** A convolution followed by batch norm (in torchvision's form) and ReLU. */
export class BasicConv2d extends Module {
  readonly conv: Conv2d
  readonly bn
  readonly relu = relu()

  constructor(form: GoogLeNetForm, inChannels: number, outChannels: number, kernel: number, stride = 1, padding = 0) {
    super()
    this.conv = conv2d(inChannels, outChannels, kernel, { stride, padding, bias: form === 'paper', init: heNormal() })
    this.bn = form === 'torchvision' ? batchNorm2d(outChannels, { eps: 1e-3 }) : undefined
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const y = this.conv.forward(x, context)
    return this.relu.forward(this.bn ? this.bn.forward(y, context) : y, context)
  }
}

/**
 * The inception module with reductions: 1×1, 3×3, 5×5 and pooling side by side, joined along the channels,
 * `[N, inChannels, H, W] → [N, ones + threes + fives + poolProjection, H, W]`.
 */
export class Inception extends Module {
  readonly branch1: BasicConv2d
  readonly branch2: Sequential
  readonly branch3: Sequential
  readonly branch4: Sequential
  readonly outChannels: number

  constructor(form: GoogLeNetForm, inChannels: number, widths: InceptionWidths) {
    super()
    const { ones, threesReduce, threes, fivesReduce, fives, poolProjection } = widths
    const large = form === 'paper' ? 5 : 3
    this.branch1 = new BasicConv2d(form, inChannels, ones, 1)
    this.branch2 = sequential(
      new BasicConv2d(form, inChannels, threesReduce, 1),
      new BasicConv2d(form, threesReduce, threes, 3, 1, 1),
    )
    this.branch3 = sequential(
      new BasicConv2d(form, inChannels, fivesReduce, 1),
      new BasicConv2d(form, fivesReduce, fives, large, 1, (large - 1) / 2),
    )
    this.branch4 = sequential(
      maxPool2d(3, { stride: 1, padding: 1 }),
      new BasicConv2d(form, inChannels, poolProjection, 1),
    )
    this.outChannels = ones + threes + fives + poolProjection
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const branches = [this.branch1, this.branch2, this.branch3, this.branch4]
    return this.label(
      concat(
        branches.map(branch => branch.forward(x, context)),
        1,
      ),
    )
  }
}

/** An auxiliary classifier, which feeds a gradient into the middle of the network: `[N, C, 14, 14] → [N, classes]`. */
export class InceptionAux extends Module {
  readonly pool: AdaptiveAveragePool2d = adaptiveAveragePool2d(4)
  /** The paper's 5×5 pool at stride 3, which reduces 14×14 to 4×4. torchvision pools any size to 4×4. */
  readonly paperPool: AveragePool2d | undefined
  readonly conv: BasicConv2d
  readonly flatten = flatten()
  readonly fc1
  readonly relu = relu()
  readonly dropout
  readonly fc2

  constructor(form: GoogLeNetForm, inChannels: number, classes: number, probability = 0.7) {
    super()
    this.paperPool = form === 'paper' ? averagePool2d(5, { stride: 3 }) : undefined
    this.conv = new BasicConv2d(form, inChannels, 128, 1)
    this.fc1 = linear(128 * 4 * 4, 1024)
    this.dropout = dropout(probability)
    this.fc2 = linear(1024, classes)
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { conv, flatten, fc1, relu, dropout, fc2 } = this
    // For image sizes other than the paper's 224×224, its pool would not give 4×4.
    const pool = this.paperPool && x.shape.slice(2).every(size => size >= 14 && size <= 16) ? this.paperPool : this.pool
    const features = flatten.forward(conv.forward(pool.forward(x, context), context), context)
    return fc2.forward(dropout.forward(relu.forward(fc1.forward(features, context), context), context), context)
  }
}

/** Result of {@link GoogLeNet.forwardAll}: logits `[N, classes]` of the network and of its auxiliary classifiers. */
export interface GoogLeNetOutputs {
  readonly logits: Tensor
  /** After inception 4a and 4d. Add their losses with weight 0.3, as in the paper. */
  readonly auxiliary: readonly [Tensor, Tensor]
}

/** Weight of the loss of each auxiliary classifier while training (section 5 of the paper). */
const auxiliaryWeight = 0.3

/** Rows of the paper's table 1: #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj. */
const inceptionTable = {
  inception3a: [64, 96, 128, 16, 32, 32],
  inception3b: [128, 128, 192, 32, 96, 64],
  inception4a: [192, 96, 208, 16, 48, 64],
  inception4b: [160, 112, 224, 24, 64, 64],
  inception4c: [128, 128, 256, 24, 64, 64],
  inception4d: [112, 144, 288, 32, 64, 64],
  inception4e: [256, 160, 320, 32, 128, 128],
  inception5a: [256, 160, 320, 32, 128, 128],
  inception5b: [384, 192, 384, 48, 128, 128],
} as const

/** The module of a row of {@link inceptionTable}. */
function inception(form: GoogLeNetForm, name: keyof typeof inceptionTable, inChannels: number): Inception {
  const [ones, threesReduce, threes, fivesReduce, fives, poolProjection] = inceptionTable[name]
  return new Inception(form, inChannels, { ones, threesReduce, threes, fivesReduce, fives, poolProjection })
}

/** GoogLeNet; see {@link googlenet} and {@link googlenet2014}. */
export class GoogLeNet extends Module {
  readonly conv1: BasicConv2d
  readonly maxpool1
  readonly norm1
  readonly conv2: BasicConv2d
  readonly conv3: BasicConv2d
  readonly norm2
  readonly maxpool2
  readonly inception3a: Inception
  readonly inception3b: Inception
  readonly maxpool3
  readonly inception4a: Inception
  readonly inception4b: Inception
  readonly inception4c: Inception
  readonly inception4d: Inception
  readonly inception4e: Inception
  readonly maxpool4
  readonly inception5a: Inception
  readonly inception5b: Inception
  readonly aux1: InceptionAux | undefined
  readonly aux2: InceptionAux | undefined
  readonly avgpool = globalAveragePool2d()
  readonly flatten = flatten()
  readonly dropout
  readonly fc

  constructor(form: GoogLeNetForm, options: GoogLeNetOptions = {}) {
    super()
    const { classes = 1000, auxiliary = true, dropout: probability = form === 'paper' ? 0.4 : 0.2 } = options
    const aux = (channels: number): InceptionAux | undefined =>
      auxiliary ? new InceptionAux(form, channels, classes, options.auxiliaryDropout) : undefined
    const pool = (kernel: number) => maxPool2d(kernel, { stride: 2, ceilMode: true })
    const norm = () => (form === 'paper' ? localResponseNorm() : undefined)
    this.conv1 = new BasicConv2d(form, 3, 64, 7, 2, 3) // N × 64 × 112 × 112
    this.maxpool1 = pool(3) // N × 64 × 56 × 56
    this.norm1 = norm()
    this.conv2 = new BasicConv2d(form, 64, 64, 1)
    this.conv3 = new BasicConv2d(form, 64, 192, 3, 1, 1) // N × 192 × 56 × 56
    this.norm2 = norm()
    this.maxpool2 = pool(3) // N × 192 × 28 × 28
    this.inception3a = inception(form, 'inception3a', 192)
    this.inception3b = inception(form, 'inception3b', 256)
    this.maxpool3 = pool(3) // N × 480 × 14 × 14
    this.inception4a = inception(form, 'inception4a', 480)
    this.inception4b = inception(form, 'inception4b', 512)
    this.inception4c = inception(form, 'inception4c', 512)
    this.inception4d = inception(form, 'inception4d', 512)
    this.inception4e = inception(form, 'inception4e', 528)
    this.maxpool4 = pool(form === 'paper' ? 3 : 2) // N × 832 × 7 × 7
    this.inception5a = inception(form, 'inception5a', 832)
    this.inception5b = inception(form, 'inception5b', 832) // N × 1024 × 7 × 7
    this.aux1 = aux(512)
    this.aux2 = aux(528)
    this.dropout = dropout(probability)
    this.fc = linear(1024, classes)
    this.assignPaths()
  }

  override get trainingOnly(): readonly string[] {
    return ['aux1', 'aux2']
  }

  /**
   * Logits `[N, classes]`. In training, the logits of the auxiliary classifiers go to `context.auxiliary`, if present;
   * in inference they are not computed.
   */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const [after4a, after4d, features] = this.#trunk(x, context)
    if (context.training && context.auxiliary) {
      for (const [classifier, value] of [[this.aux1, after4a] as const, [this.aux2, after4d] as const]) {
        if (classifier) context.auxiliary.push({ logits: classifier.forward(value, context), weight: auxiliaryWeight })
      }
    }
    return this.#head(features, context)
  }

  /**
   * Logits of the network and of both auxiliary classifiers, for a custom training step; `fit` and `trainingProgram`
   * get them from {@link forward}.
   * @throws Error when the network was made without auxiliary classifiers.
   * @example
   * const { logits, auxiliary } = model.forwardAll(images, context)
   * const total = add(loss(logits), mul(add(loss(auxiliary[0]), loss(auxiliary[1])), 0.3))
   */
  forwardAll(x: Tensor, context: ForwardContext): GoogLeNetOutputs {
    const { aux1, aux2 } = this
    if (!aux1 || !aux2) throw new Error('googlenet: made without auxiliary classifiers (auxiliary: false)')
    const [after4a, after4d, features] = this.#trunk(x, context)
    const auxiliary = [aux1.forward(after4a, context), aux2.forward(after4d, context)] as const
    return { logits: this.#head(features, context), auxiliary }
  }

  /** The values after inception 4a, 4d and 5b. */
  #trunk(x: Tensor, context: ForwardContext): readonly [Tensor, Tensor, Tensor] {
    if (x.shape.length !== 4)
      throw new ShapeError(`googlenet: expected images [N, 3, H, W], got ${formatShape(x.shape)}`)
    const chain = (start: Tensor, ...modules: (Module | undefined)[]): Tensor =>
      modules.reduce((value, module) => (module ? module.forward(value, context) : value), start)
    const stem = chain(x, this.conv1, this.maxpool1, this.norm1, this.conv2, this.conv3, this.norm2, this.maxpool2)
    const after4a = chain(stem, this.inception3a, this.inception3b, this.maxpool3, this.inception4a)
    const after4d = chain(after4a, this.inception4b, this.inception4c, this.inception4d)
    return [after4a, after4d, chain(after4d, this.inception4e, this.maxpool4, this.inception5a, this.inception5b)]
  }

  #head(features: Tensor, context: ForwardContext): Tensor {
    const { avgpool, flatten, dropout, fc } = this
    const vector = flatten.forward(avgpool.forward(features, context), context)
    return fc.forward(dropout.forward(vector, context), context)
  }
}

/**
 * torchvision's GoogLeNet for images `[N, 3, 224, 224]`, with logits `[N, classes]`: batch norm (ε = 1e-3) and 3×3
 * instead of 5×5; 6,624,904 parameters, 13,004,888 with the auxiliary classifiers that training uses, and 1.50 G
 * multiply-adds.
 *
 * torchvision's pretrained weights expect its `transform_input`: images normalized to mean 0.5 and deviation 0.5.
 * @example const model = googlenet({ classes: 10, auxiliary: false }).initialize(0) // for inference only
 */
export const googlenet = (options?: GoogLeNetOptions): GoogLeNet => new GoogLeNet('torchvision', options)

/**
 * GoogLeNet as published, for images `[N, 3, 224, 224]`, with logits `[N, classes]`: 5×5 convolutions, biases, local
 * response normalization around the first convolutions, dropout 0.4; 6,998,552 parameters (6,990,272 weights),
 * 13,378,280 with the auxiliary classifiers that training uses, and 1.58 G multiply-adds. The numbers in the paper's
 * table 1 are rounded and in places wrong (it lists 2.7 K parameters for conv1; 7·7·3·64 is 9,408).
 * @example const model = googlenet2014({ classes: 10 }).initialize(0)
 */
export const googlenet2014 = (options?: GoogLeNetOptions): GoogLeNet => new GoogLeNet('paper', options)
