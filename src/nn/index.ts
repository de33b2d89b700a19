/**
 * Layers, losses and initializers, and, as `ops`, the operations for the `forward` of your own networks.
 * @module fovea/nn
 */
/** The operations on graph values, those of the door `fovea`: `ops.relu(x)` computes, where `relu()` makes a layer. */
export * as ops from '../graph/index.ts'
export type { Tensor } from '../graph/tensor.ts'
export {
  Activation,
  ELU,
  elu,
  GELU,
  type GELUOptions,
  gelu,
  HardSigmoid,
  HardSwish,
  hardSigmoid,
  hardSwish,
  LeakyReLU,
  leakyRelu,
  ReLU,
  ReLU6,
  relu,
  relu6,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  selu,
  sigmoid,
  silu,
  softmax,
  Tanh,
  tanh,
} from './activations.ts'
export {
  AdaptiveAveragePool2d,
  AdaptiveMaxPool2d,
  adaptiveAveragePool2d,
  adaptiveMaxPool2d,
  globalAveragePool2d,
  globalMaxPool2d,
} from './adaptivePooling.ts'
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions, batchNorm1d, batchNorm2d } from './batchNorm.ts'
export { Conv2d, type Conv2dLayerOptions, conv2d } from './convolution.ts'
export {
  ConvTranspose2d,
  type ConvTranspose2dLayerOptions,
  convTranspose2d,
} from './convTranspose.ts'
export { Dropout, dropout } from './dropout.ts'
export { Flatten, flatten } from './flatten.ts'
export { FractionalMaxPool2d, type FractionalMaxPoolOptions, fractionalMaxPool2d } from './fractionalPooling.ts'
export { type HeadLayer, type ReplaceHeadOptions, replaceHead } from './head.ts'
export { ImageClassifier } from './imageClassifier.ts'
export {
  constant,
  dirac,
  fanInOf,
  fanInUniform,
  fanOutOf,
  gaussian,
  heNormal,
  orthogonal,
  truncatedGaussian,
  uniform,
  xavierNormal,
  xavierUniform,
  zeros,
} from './initializers.ts'
export { Linear, type LinearOptions, linear } from './linear.ts'
export { LocalResponseNorm, type LocalResponseNormOptions, localResponseNorm } from './localResponseNorm.ts'
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  type Loss,
  type MulticlassHingeOptions,
  multiclassHinge,
  type SquaredErrorOptions,
  squaredError,
} from './losses.ts'
export {
  type AuxiliaryOutput,
  type ForwardContext,
  type Initializer,
  inference,
  ModelBuffer,
  Module,
  type OverParts,
  Parameter,
} from './module.ts'
export {
  GroupNorm,
  groupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  instanceNorm1d,
  instanceNorm2d,
  LayerNorm,
  layerNorm,
  type NormalizationOptions,
} from './normalization.ts'
export { Normalize, type NormalizeOptions, normalize } from './normalize.ts'
export {
  type NaiveInception,
  type NaiveInceptionWidths,
  naiveInception,
  Parallel,
  parallel,
} from './parallel.ts'
export { PatchWhitening, type PatchWhiteningOptions, patchWhitening } from './patchWhitening.ts'
export type { Bins } from './poolGeometry.ts'
export {
  AveragePool2d,
  type AveragePoolOptions,
  averagePool2d,
  MaxPool2d,
  type MaxPoolOptions,
  maxPool2d,
} from './pooling.ts'
export {
  DistanceWeightedAveragePool2d,
  type DistanceWeightedPoolOptions,
  distanceWeightedAveragePool2d,
  L2Pool2d,
  l2Pool2d,
  type PoolOptions,
  StochasticPool2d,
  stochasticPool2d,
} from './poolingVariants.ts'
export { crossChannelMaxPool, Maxout, maxout, PReLU, prelu } from './prelu.ts'
export { Standardize, type StandardizeOptions, standardize, Whiten, type WhitenOptions, whiten } from './preprocess.ts'
export {
  DropConnect,
  type DropConnectOptions,
  dropConnect,
  StochasticDepth,
  stochasticDepth,
  VanillaDropout,
  vanillaDropout,
} from './randomLayers.ts'
export { type Layers, Sequential, sequential } from './sequential.ts'
export {
  Conv1d,
  type Conv1dOptions,
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  conv1d,
  convTranspose1d,
} from './series.ts'
export {
  AdaptiveAveragePool1d,
  AdaptiveMaxPool1d,
  AveragePool1d,
  type AveragePool1dOptions,
  adaptiveAveragePool1d,
  adaptiveMaxPool1d,
  averagePool1d,
  globalAveragePool1d,
  globalMaxPool1d,
  L2Pool1d,
  l2Pool1d,
  MaxPool1d,
  type MaxPool1dOptions,
  maxPool1d,
  type Pool1dOptions,
} from './seriesPooling.ts'
export { type LoadReport, type LoadStateOptions, loadState, StateError } from './state.ts'
