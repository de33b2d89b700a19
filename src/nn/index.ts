/**
 * Layers, losses and initializers.
 * @module fovea/nn
 */
export {
  Activation,
  ELU,
  elu,
  LeakyReLU,
  leakyRelu,
  ReLU,
  relu,
  Sigmoid,
  SiLU,
  sigmoid,
  silu,
  Tanh,
  tanh,
} from './activations.ts'
export { Conv2d, type Conv2dLayerOptions, conv2d } from './convolution.ts'
export { Dropout, dropout } from './dropout.ts'
export { Flatten, flatten } from './flatten.ts'
export { ImageClassifier } from './imageClassifier.ts'
export { constant, fanInOf, fanInUniform, gaussian, he, uniform, xavier, zeros } from './initializers.ts'
export { Linear, type LinearOptions, linear } from './linear.ts'
export { crossEntropy, type Loss } from './losses.ts'
export { type ForwardContext, type Initializer, inference, ModelBuffer, Module, Parameter } from './module.ts'
export { Normalize, type NormalizeOptions, normalize } from './normalize.ts'
export {
  AveragePool2d,
  type AveragePoolOptions,
  averagePool2d,
  MaxPool2d,
  type MaxPoolOptions,
  maxPool2d,
} from './pooling.ts'
export { type Layers, Sequential, sequential } from './sequential.ts'
export { type LoadReport, loadState, StateError, type StoredTensor } from './state.ts'
