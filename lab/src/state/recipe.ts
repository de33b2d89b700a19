/**
 * What a training of the Lab is made of: a recipe, and what a person changed on the way. Both together decide every weight at
 * every step, to the bit; that is why a link can hold a trained network.
 */

/** Optimizers of the Lab. */
export const optimizers = ['sgd', 'adam', 'rmsprop'] as const
export type OptimizerName = (typeof optimizers)[number]

/** Data sets of the Lab, with their names for people. */
export const dataNames = { mnist: 'MNIST', 'fashion-mnist': 'Fashion-MNIST', cifar10: 'CIFAR-10' } as const
export type DataName = keyof typeof dataNames

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
  readonly model: 'lenet5'
  readonly data: DataName
  /** Training images: the first of the data set. */
  readonly images: number
  /** Decides the first weights and the order of the images. */
  readonly seed: number
}

/** Something that a person changes. */
export type Change =
  | { readonly [K in keyof Controls]: { readonly name: K; readonly value: Controls[K] } }[keyof Controls]
  /** A unit begins again: new weights into it, no bias, no memory of the optimizer's. Value: `fc1.116`. */
  | { readonly name: 'restart'; readonly value: string }

/** A change made between two steps: the step after `at` steps is the first that it touches. */
export type Intervention = Change & { readonly at: number }

/** What a first visit trains. */
export const firstRecipe: Recipe = {
  model: 'lenet5',
  data: 'mnist',
  images: 60_000,
  seed: 0,
  rate: 0.01,
  momentum: 0.9,
  decay: 0.0005,
  batch: 64,
  optimizer: 'sgd',
}

/** Rates that usually work, taken when the optimizer is changed: those of the optimizers' papers and of PyTorch's examples. */
export const usualRates: Readonly<Record<OptimizerName, number>> = { sgd: 0.01, adam: 0.001, rmsprop: 0.0003 }

/** Ranges of the controls that are numbers. */
export const ranges = {
  rate: { least: 1e-5, most: 1 },
  momentum: { least: 0, most: 0.99 },
  decay: { least: 0, most: 0.1 },
} as const

/** Passes through the training images after which training stops by itself; play goes on. */
export const plannedEpochs = 5

/** The controls of the step that follows `step` steps. */
export function controlsAt(recipe: Recipe, interventions: readonly Intervention[], step: number): Controls {
  const { rate, momentum, decay, batch, optimizer } = recipe
  const controls: Record<string, number | string> = { rate, momentum, decay, batch, optimizer }
  for (const { at, name, value } of interventions) if (at <= step && name !== 'restart') controls[name] = value
  return controls as unknown as Controls
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
  const before = controlsAt(
    recipe,
    interventions.filter(one => one.at < at),
    at,
  )[name]
  return `${name === 'decay' ? 'weight decay' : name} ${before} → ${value}`
}
