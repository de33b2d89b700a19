/**
 * The networks of the lectures, and a catalog of them by name.
 * @module fovea/models
 */

export type { FieldsOf, Optional, Problem, Rule, RulesByName, ValueOf } from '../rules/rules.ts'
export { type AlexNet2012, type AlexNet2012Options, type AlexNetOptions, alexnet, alexnet2012 } from './alexnet.ts'
export { findModel, type ModelAlias, type ModelEntry, type ModelName, modelNameOf, models } from './catalog.ts'
export {
  CifarBlock,
  type CifarResNet,
  type CifarResNetOptions,
  cifarPlain,
  cifarResnet,
  ZeroPadShortcut,
} from './cifarResnet.ts'
export { type FittingModel, fittingModel, type NearestModel, nearestModel, type TensorShapes } from './fitting.ts'
export {
  BasicConv2d,
  GoogLeNet,
  type GoogLeNetForm,
  type GoogLeNetOptions,
  type GoogLeNetOutputs,
  googlenet,
  googlenet2014,
  Inception,
  InceptionAux,
  type InceptionWidths,
} from './googlenet.ts'
export { type LeNet5, type LeNet5Options, lenet5 } from './lenet.ts'
export {
  connectionTable,
  type LeNet5In1998,
  type LeNet5In1998Options,
  lenet5In1998,
  RadialBasis,
  ScaledTanh,
  Subsampling,
  TableConv2d,
} from './lenet1998.ts'
export { InvertedResidual, type MobileNetV2, type MobileNetV2Options, mobilenetV2 } from './mobilenet.ts'
export { type ConvPattern, type ConvPatternOptions, convPattern } from './pattern.ts'
export {
  BasicBlock,
  Bottleneck,
  type ResNet,
  type ResNetDepth,
  type ResNetOptions,
  resnet,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
} from './resnet.ts'
export {
  type BottleneckConvolutions,
  SEBasicBlock,
  SEBottleneck,
  SEModule,
  type SENet,
  type SENetOptions,
  senet154,
  seResnet,
} from './senet.ts'
export { Fire, type SqueezeNet, type SqueezeNetOptions, squeezenet } from './squeezenet.ts'
export {
  type FeaturesAndClassifier,
  type VggConfiguration,
  type VggOptions,
  vgg,
  vgg11,
  vgg11Lrn,
  vgg13,
  vgg16,
  vgg16With1x1,
  vgg19,
} from './vgg.ts'
export { type ZFNet, type ZFNetOptions, zfnet } from './zfnet.ts'
