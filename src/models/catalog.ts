/** The models that the command line and the documentation know by name. */
import type { Module } from '../nn/module.ts'
import { below1, flag, number, oneOf, optional, positive, type RulesByName, wholeFrom1 } from '../rules/rules.ts'
import { unknownName } from '../text/names.ts'
import { alexnet, alexnet2012 } from './alexnet.ts'
import { cifarPlain, cifarResnet } from './cifarResnet.ts'
import { googlenet, googlenet2014 } from './googlenet.ts'
import { lenet5 } from './lenet.ts'
import { lenet5In1998 } from './lenet1998.ts'
import { mobilenetV2 } from './mobilenet.ts'
import { type ResNetDepth, resnet } from './resnet.ts'
import { senet154, seResnet } from './senet.ts'
import { squeezenet } from './squeezenet.ts'
import { type VggConfiguration, vgg } from './vgg.ts'
import { zfnet } from './zfnet.ts'

/** A model by name. */
export interface ModelEntry {
  /** A new model with uninitialized parameters; call `initialize(seed)` on it. */
  create(options?: { readonly classes?: number }): Module
  /** Rules for the other options of `create`; absent if there are none. */
  readonly options?: RulesByName
  /** `[channels, height, width]` of one image. */
  readonly inputShape: readonly [number, number, number]
  /** Number of outputs by default. */
  readonly classes: number
  /** One line for lists. */
  readonly description: string
  /** The paper that published the network. */
  readonly reference: string
}

type Create = (options?: { readonly classes?: number }) => Module

/** An entry for a network for ImageNet photographs, 224×224 unless `size` says otherwise. */
const forImageNet = (
  create: Create,
  options: RulesByName,
  description: string,
  reference: string,
  size = 224,
): ModelEntry => ({
  create,
  options,
  inputShape: [3, size, size],
  classes: 1000,
  description,
  reference,
})

/** An entry for a network for the 32×32 images of CIFAR-10. */
const forCifar = (create: Create, description: string): ModelEntry => ({
  create,
  inputShape: [3, 32, 32],
  classes: 10,
  description,
  reference: papers.resnet,
})

/** Rule for the dropout of the hidden fully connected layers. */
const dropout = optional(below1)

const papers = {
  lenet: 'LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86(11), 1998',
  alexnet: 'Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional neural networks, 2012',
  oneTower: 'Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014',
  zfnet: 'Zeiler and Fergus, Visualizing and understanding convolutional networks, 2013',
  vgg: 'Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2014',
  googlenet: 'Szegedy et al., Going deeper with convolutions, 2014',
  resnet: 'He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2015',
  senet: 'Hu, Shen and Sun, Squeeze-and-excitation networks, 2017',
  squeezenet: 'Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016',
  mobilenet: 'Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, 2018',
} as const

const googlenetOptions = { dropout, auxiliary: optional(flag), auxiliaryDropout: optional(below1) }

const vggEntry = (configuration: VggConfiguration, description: string, batchNorm = false): ModelEntry =>
  forImageNet(options => vgg(configuration, { ...options, batchNorm }), { dropout }, description, papers.vgg)

const resnetEntry = (depth: ResNetDepth): ModelEntry =>
  forImageNet(options => resnet(depth, options), {}, `ResNet-${depth}`, papers.resnet)

const resnetV1Entry = (depth: ResNetDepth): ModelEntry =>
  forImageNet(
    options => resnet(depth, { ...options, version: 'v1' }),
    {},
    `ResNet-${depth} with the stride in the first 1×1 convolution, as in the paper`,
    papers.resnet,
  )

const seResnetEntry = (depth: ResNetDepth): ModelEntry =>
  forImageNet(
    options => seResnet(depth, options),
    { reduction: optional(wholeFrom1) },
    `ResNet-${depth} with squeeze-and-excitation in every block`,
    papers.senet,
  )

const cifarEntry = (depth: number): ModelEntry =>
  forCifar(options => cifarResnet(depth, options), `ResNet-${depth} for CIFAR-10, shortcuts without parameters (A)`)

const cifarProjectionEntry = (depth: number): ModelEntry =>
  forCifar(
    options => cifarResnet(depth, { ...options, shortcut: 'B' }),
    `ResNet-${depth} for CIFAR-10, projections where the shape changes (B)`,
  )

const plainEntry = (depth: number): ModelEntry =>
  forCifar(options => cifarPlain(depth, options), `Plain network of ${depth} layers for CIFAR-10, without shortcuts`)

/** All models by name: the names of torchvision or of the papers, with hyphens. */
export const models = {
  lenet5: {
    /** Makes the modern form. */
    create: options => lenet5(options),
    options: { channels: optional(wholeFrom1), size: optional(wholeFrom1) },
    inputShape: [1, 28, 28],
    classes: 10,
    description: 'LeNet-5 with ReLU and max pooling, for 28×28 digits',
    reference: papers.lenet,
  },
  'lenet5-1998': {
    /** Makes the form of 1998. */
    create: options => lenet5In1998(options),
    inputShape: [1, 28, 28],
    classes: 10,
    description: 'LeNet-5 as published: trainable subsampling, connection table, radial basis functions',
    reference: papers.lenet,
  },
  alexnet: forImageNet(alexnet, { dropout }, 'AlexNet with one tower, as in torchvision', papers.oneTower),
  'alexnet-2012': forImageNet(
    alexnet2012,
    {
      dropout,
      towers: optional(number('1 or 2', n => n === 1 || n === 2)),
      normalization: optional(oneOf(['beforePooling', 'afterPooling'])),
    },
    'AlexNet as published: two towers, local response normalization',
    papers.alexnet,
    227,
  ),
  zfnet: forImageNet(
    zfnet,
    { dropout, wide: optional(flag) },
    'ZFNet: AlexNet with a smaller first filter',
    papers.zfnet,
  ),
  vgg11: vggEntry('A', 'VGG-11, configuration A'),
  'vgg11-bn': vggEntry('A', 'VGG-11 with batch normalization', true),
  'vgg-a-lrn': vggEntry('A-LRN', 'VGG-11 with local response normalization, configuration A-LRN'),
  vgg13: vggEntry('B', 'VGG-13, configuration B'),
  'vgg13-bn': vggEntry('B', 'VGG-13 with batch normalization', true),
  'vgg16-1x1': vggEntry('C', 'VGG-16 with 1×1 convolutions, configuration C'),
  vgg16: vggEntry('D', 'VGG-16, configuration D'),
  'vgg16-bn': vggEntry('D', 'VGG-16 with batch normalization', true),
  vgg19: vggEntry('E', 'VGG-19, configuration E'),
  'vgg19-bn': vggEntry('E', 'VGG-19 with batch normalization', true),
  googlenet: forImageNet(
    googlenet,
    googlenetOptions,
    "GoogLeNet in torchvision's form: batch normalization, no 5×5",
    papers.googlenet,
  ),
  'googlenet-2014': forImageNet(googlenet2014, googlenetOptions, 'GoogLeNet as published', papers.googlenet),
  resnet18: resnetEntry(18),
  resnet34: resnetEntry(34),
  resnet50: resnetEntry(50),
  resnet101: resnetEntry(101),
  resnet152: resnetEntry(152),
  'resnet50-v1': resnetV1Entry(50),
  'resnet101-v1': resnetV1Entry(101),
  'resnet152-v1': resnetV1Entry(152),
  'resnet20-cifar': cifarEntry(20),
  'resnet32-cifar': cifarEntry(32),
  'resnet44-cifar': cifarEntry(44),
  'resnet56-cifar': cifarEntry(56),
  'resnet110-cifar': cifarEntry(110),
  'resnet20-cifar-b': cifarProjectionEntry(20),
  'resnet32-cifar-b': cifarProjectionEntry(32),
  'resnet44-cifar-b': cifarProjectionEntry(44),
  'resnet56-cifar-b': cifarProjectionEntry(56),
  'resnet110-cifar-b': cifarProjectionEntry(110),
  'plain20-cifar': plainEntry(20),
  'plain32-cifar': plainEntry(32),
  'plain44-cifar': plainEntry(44),
  'plain56-cifar': plainEntry(56),
  'se-resnet18': seResnetEntry(18),
  'se-resnet34': seResnetEntry(34),
  'se-resnet50': seResnetEntry(50),
  'se-resnet101': seResnetEntry(101),
  'se-resnet152': seResnetEntry(152),
  senet154: forImageNet(
    senet154,
    { reduction: optional(wholeFrom1) },
    'SENet-154, the winner of ILSVRC 2017',
    papers.senet,
  ),
  'squeezenet1-0': forImageNet(options => squeezenet('1.0', options), { dropout }, 'SqueezeNet 1.0', papers.squeezenet),
  'squeezenet1-1': forImageNet(options => squeezenet('1.1', options), { dropout }, 'SqueezeNet 1.1', papers.squeezenet),
  'mobilenet-v2': forImageNet(mobilenetV2, { dropout, width: optional(positive) }, 'MobileNetV2', papers.mobilenet),
} as const satisfies Record<string, ModelEntry>

/** A name in {@link models}. */
export type ModelName = keyof typeof models

type Underscored<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}_${Underscored<Tail>}`
  : Name

/** A name with underscores for hyphens, as torchvision writes it: `vgg16_bn`, `mobilenet_v2`. */
export type ModelAlias = Exclude<Underscored<ModelName>, ModelName>

/** The name in the catalog for a name or {@link ModelAlias}; undefined for an unknown name. */
export function modelNameOf(name: string): ModelName | undefined {
  const hyphened = name.replaceAll('_', '-')
  return Object.hasOwn(models, hyphened) ? (hyphened as ModelName) : undefined
}

/**
 * The entry of a model, by its name or {@link ModelAlias}.
 * @throws Error for an unknown name, listing the available names and suggesting the nearest.
 * @example const model = findModel('lenet5').create().initialize(0)
 */
export function findModel(name: string): ModelEntry {
  const known = modelNameOf(name)
  if (!known) throw new Error(unknownName('model', name, Object.keys(models)))
  return models[known]
}
