/**
 * What a training of the Lab is made of: a recipe, and what a person changed on the way. Both together decide every weight at
 * every step, to the bit; that is why a link can hold a trained network. On graphics processors only the same one gives the
 * same bits.
 */
import { describeEdits, type ImageEdits, noEdits, parseEdits } from './edits.ts'

/** Optimizers of the Lab. */
export const optimizers = ['sgd', 'adam', 'rmsprop'] as const
export type OptimizerName = (typeof optimizers)[number]

/** Data sets of the Lab, with their names for people. */
export const dataNames = {
  mnist: 'MNIST',
  'fashion-mnist': 'Fashion-MNIST',
  cifar10: 'CIFAR-10',
  circles: 'circles',
  moons: 'moons',
  xor: 'XOR',
  spirals: 'spirals',
  own: 'your pictures',
} as const
export type DataName = keyof typeof dataNames

/** Data sets whose samples are points of a plane. */
export const pointSets = ['circles', 'moons', 'xor', 'spirals'] as const
export type PointSet = (typeof pointSets)[number]

/** Whether a data set has points for pictures. */
export const isPointSet = (data: DataName): data is PointSet => (pointSets as readonly string[]).includes(data)

const pictureSets = ['mnist', 'fashion-mnist', 'cifar10', 'own'] as const satisfies readonly DataName[]

interface NetworkEntry {
  /** Its name for people. */
  readonly title: string
  /** One sentence about it. */
  readonly about: string
  /** What it can be trained on; the first is its usual data set. */
  readonly data: readonly DataName[]
  /** Controls that usually work for it. */
  readonly controls: Controls
  /** Passes through the training images after which training stops by itself; play goes on. */
  readonly epochs: number
}

const usual: Controls = { rate: 0.01, momentum: 0.9, decay: 0.0005, batch: 64, optimizer: 'sgd' }
const forPoints: Controls = { rate: 0.03, momentum: 0.9, decay: 0, batch: 32, optimizer: 'adam' }

/** The networks of the Lab. */
export const networks = {
  lenet5: {
    title: 'LeNet-5',
    about: 'Two convolutions and three fully connected layers (LeCun et al. 1998).',
    data: pictureSets,
    controls: usual,
    epochs: 5,
  },
  convnet: {
    title: 'ConvNet',
    about: 'Three convolutions of 5 × 5 with pooling and one fully connected layer, as in ConvNetJS for CIFAR-10.',
    data: ['cifar10', 'mnist', 'fashion-mnist', 'own'],
    controls: { ...usual, decay: 0.0001 },
    epochs: 5,
  },
  resnet20: {
    title: 'ResNet-20',
    about: 'Nineteen convolutions with batch normalization and shortcuts (He et al. 2015). A step takes its time.',
    data: ['cifar10', 'mnist', 'fashion-mnist', 'own'],
    controls: { ...usual, rate: 0.05, decay: 0.0001 },
    epochs: 5,
  },
  mlp: {
    title: 'MLP',
    about: 'Two hidden layers of sixteen units between a point and its class.',
    data: ['circles', 'moons', 'xor', 'spirals'],
    controls: forPoints,
    epochs: 100,
  },
  perceptron: {
    title: 'Perceptron',
    about: 'One layer: it can draw one straight line through the plane.',
    data: ['moons', 'circles', 'xor', 'spirals'],
    controls: forPoints,
    epochs: 100,
  },
  custom: {
    title: 'Your network',
    about: 'Layer by layer, as it was built.',
    data: pictureSets,
    controls: usual,
    epochs: 5,
  },
} as const satisfies Readonly<Record<string, NetworkEntry>>
export type NetworkName = keyof typeof networks

/** Training samples of each data set; of one's own pictures as many as there are. */
const trainCounts: Readonly<Record<DataName, number>> = {
  mnist: 60_000,
  'fashion-mnist': 60_000,
  cifar10: 50_000,
  circles: 400,
  moons: 400,
  xor: 400,
  spirals: 400,
  own: 100_000,
}

/** Pictures of data sets that are always the same: sides, channels and classes. */
const pictureSizes: Readonly<Partial<Record<DataName, string>>> = {
  mnist: '28×28×1, 10',
  'fashion-mnist': '28×28×1, 10',
  cifar10: '32×32×3, 10',
}

/**
 * What a network can be trained on. The layers of one's own network were made for pictures of one size and so many
 * classes: for that it is data whose pictures are of the same.
 * @param made the data set that the network of one's own was made for
 */
export function dataFor(name: NetworkName, made: DataName): readonly DataName[] {
  const { data } = networks[name]
  if (name !== 'custom') return data
  return data.filter(other => other === made || (pictureSizes[other] ?? '') === (pictureSizes[made] ?? 'none'))
}

/** Sizes of a batch to choose from. */
export const batchSizes = [16, 32, 64, 128] as const

/** What can be changed while the network learns. */
export interface Controls {
  /** Learning rate. */
  readonly rate: number
  /** Momentum; for Adam β₁. */
  readonly momentum: number
  /** λ of weight decay: λ w joins the gradient. */
  readonly decay: number
  /** Images in a step. */
  readonly batch: number
  readonly optimizer: OptimizerName
}

/** The beginning of a training. */
export interface Recipe extends Controls {
  readonly model: NetworkName
  readonly data: DataName
  /** Training images: the first of the data set. */
  readonly images: number
  /** Decides the first weights and the order of the images. */
  readonly seed: number
  /** Of one's own pictures: the beginning of their SHA-256, by which a link knows them again. */
  readonly pictures?: string
  /** Of a network of one's own: its layers, `conv1:conv2d(1,6,5,{padding:2}),relu1:relu()`. */
  readonly layers?: string
  /** Where a graphics processor computes in place of WebAssembly: its weights are the same bits on the same processor only. */
  readonly backend?: 'webgpu'
}

/** Something that a person changes. */
export type Change =
  | { readonly [K in keyof Controls]: { readonly name: K; readonly value: Controls[K] } }[keyof Controls]
  /** A unit begins again: new weights into it, no bias, no memory of the optimizer's. Value: `fc1.116`. */
  | { readonly name: 'restart'; readonly value: string }
  /** The training images that have other labels or are left out from now on, all of them; see `edits.ts`. */
  | { readonly name: 'images'; readonly value: string }

/** A change made between two steps: the step after `at` steps is the first that it touches. */
export type Intervention = Change & { readonly at: number }

/** The usual recipe of a network on a data set, by default on the network's first. */
export function recipeFor(model: NetworkName, data: DataName = networks[model].data[0]): Recipe {
  return { model, data, images: trainCounts[data], seed: 0, ...networks[model].controls }
}

/** What a first visit trains. */
export const firstRecipe: Recipe = recipeFor('lenet5')

/** Whether a network can be trained on a data set. */
export const fits = (model: NetworkName, data: DataName): boolean =>
  (networks[model].data as readonly DataName[]).includes(data)

/** Rates that usually work, taken when the optimizer is changed: those of the optimizers' papers and of PyTorch's examples. */
export const usualRates: Readonly<Record<OptimizerName, number>> = { sgd: 0.01, adam: 0.001, rmsprop: 0.0003 }

/** Ranges of the controls that are numbers. */
export const ranges = {
  rate: { least: 1e-5, most: 1 },
  momentum: { least: 0, most: 0.99 },
  decay: { least: 0, most: 0.1 },
} as const

/** The controls of the step that follows `step` steps. */
export function controlsAt(recipe: Recipe, interventions: readonly Intervention[], step: number): Controls {
  const { rate, momentum, decay, batch, optimizer } = recipe
  const controls: Record<string, number | string> = { rate, momentum, decay, batch, optimizer }
  for (const { at, name, value } of interventions) if (at <= step && name in controls) controls[name] = value
  return controls as unknown as Controls
}

/** The changes of training images that are in force in the step that follows `step` steps. */
export function editsAt(interventions: readonly Intervention[], step: number): ImageEdits {
  const last = interventions.findLast(({ at, name }) => name === 'images' && at <= step)
  return last ? (parseEdits(String(last.value)) ?? noEdits) : noEdits
}

/** Interventions with another in its place in time; of one control at one step the last counts. */
export function withIntervention(all: readonly Intervention[], added: Intervention): Intervention[] {
  const same = ({ at, name, value }: Intervention): boolean =>
    at === added.at && name === added.name && (name !== 'restart' || value === added.value)
  return [...all.filter(one => !same(one)), added].sort((a, b) => a.at - b.at)
}

/**
 * What decides the weights after `step` steps, as a text: two lines of training with the same text have the same weights.
 * A change at `step` itself touches only what follows.
 */
export function historyKey(interventions: readonly Intervention[], step: number): string {
  return interventions
    .filter(({ at }) => at < step)
    .map(({ at, name, value }) => `${at}:${name}:${value}`)
    .join(',')
}

/** A change in words: `rate 0.02 → 0.05`. */
export function describeIntervention(
  recipe: Recipe,
  interventions: readonly Intervention[],
  { at, name, value }: Intervention,
): string {
  if (name === 'restart') return `${value.replace(/\.(\d+)$/, ' · unit $1')} started again`
  if (name === 'images') return describeEdits(parseEdits(value) ?? noEdits)
  const before = controlsAt(
    recipe,
    interventions.filter(one => one.at < at),
    at,
  )[name]
  return `${name === 'decay' ? 'weight decay' : name} ${before} → ${value}`
}
