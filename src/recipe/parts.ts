/** Turns the parts of a recipe, which are data, into the parts of `fovea/optim` and `fovea/nn` that they name. */
import type { Augmentation } from '../augment/compose.ts'
import { augmentationFrom } from '../augment/table.ts'
import { crossEntropy, type Loss } from '../nn/losses.ts'
import {
  chain,
  constant,
  type ElasticNetOptions,
  type Optimizer,
  penalty,
  type Schedule,
  sgd,
  type Transform,
} from '../optim/index.ts'
import type { TrainerOptions } from '../train/trainer.ts'
import type { RecipeFunctions } from './functions.ts'
import { isCode, patternOf } from './rules.ts'
import type { RunSetup } from './runSetup.ts'
import type { Recipe } from './schema.ts'
import {
  averages,
  gradientTransforms,
  losses,
  momentums,
  optimizers,
  type PartEntry,
  schedules,
  weightTransforms,
} from './tables.ts'

/** A part that the rules have checked: a name of the table, and options that fit its function. */
type Part = { readonly name: string; readonly [option: string]: unknown }

function make<T>(table: object, { name, ...options }: Part): T {
  const { groups, match, ...rest } = options as { groups?: { match: unknown }[]; match?: unknown }
  const given = {
    ...rest,
    ...(groups && { groups: groups.map(group => ({ ...group, match: patternOf(group.match) })) }),
    ...(match === undefined ? {} : { match: patternOf(match) }),
  }
  return (table as Readonly<Record<string, PartEntry<object, T>>>)[name]!.create(given)
}

/** The optimizer of a recipe, with its transforms. @throws RangeError for options that do not fit each other. */
export function createOptimizer({ recipe, functions }: RunSetup): Optimizer {
  const { optimizer, gradients = [], weights = [] } = recipe
  const own = isCode(optimizer) ? functions.optimizer!() : make<Optimizer>(optimizers, optimizer)
  if (gradients.length + weights.length === 0) return own
  const transforms = { ...gradientTransforms, ...weightTransforms }
  const made = (part: Part): Transform => make<Transform>(transforms, part)
  return chain(...gradients.map(made), own, ...weights.map(made))
}

/** The learning-rate schedule of a recipe. */
export const createSchedule = ({ recipe: { schedule }, functions }: RunSetup): Schedule =>
  isCode(schedule) ? functions.schedule! : make<Schedule>(schedules, schedule)

/** The loss of a recipe. */
export const createLoss = ({ recipe: { loss }, functions }: RunSetup): Loss =>
  isCode(loss) ? functions.loss!() : make<Loss>(losses, loss)

/**
 * The augmentation of a recipe's training images.
 * @throws AugmentError for transforms that this version does not know.
 */
export const createAugmentation = ({ data: { augment } }: Recipe): Augmentation | undefined =>
  augment && augmentationFrom(augment)

/** Placeholders for functions that are not loaded yet. */
const anyFunctions: RecipeFunctions = {
  optimizer: () => sgd({ lr: 1 }),
  schedule: constant(),
  loss: () => crossEntropy(),
}

/**
 * A problem with the options of a part that only the part itself detects, not a rule: such as nesterov without
 * momentum.
 * @returns undefined when nothing is wrong
 */
export function partProblem(recipe: Recipe): string | undefined {
  try {
    trainingOptions({ recipe, functions: anyFunctions })
    if (recipe.data.augment) augmentationFrom(recipe.data.augment)
    return undefined
  } catch (error) {
    if (error instanceof TypeError) throw error
    return (error as Error).message
  }
}

/** The trainer's options that a recipe decides. */
export type TrainingOptions = Pick<
  TrainerOptions,
  | 'optimizer'
  | 'schedule'
  | 'loss'
  | 'momentum'
  | 'penalty'
  | 'average'
  | 'freeze'
  | 'cacheFeatures'
  | 'epochs'
  | 'batchSize'
  | 'dropLast'
  | 'accumulate'
  | 'seed'
>

/** How a recipe trains, as the trainer's options. */
export function trainingOptions(setup: RunSetup): TrainingOptions {
  const {
    momentum,
    penalty: term,
    average,
    freeze,
    cacheFeatures,
    accumulate,
    dropLast,
    epochs,
    batchSize,
    seed,
  } = setup.recipe
  return {
    optimizer: createOptimizer(setup),
    schedule: createSchedule(setup),
    loss: createLoss(setup),
    ...(momentum && { momentum: make<Schedule>(momentums, momentum) }),
    ...(term && { penalty: penalty({ ...term, ...matchOf(term) } as ElasticNetOptions) }),
    ...(average && { average: make<NonNullable<TrainerOptions['average']>>(averages, average) }),
    ...(freeze && {
      freeze: freeze.map(({ match, until }) => ({ match: patternOf(match), ...(until !== undefined && { until }) })),
    }),
    ...(cacheFeatures && { cacheFeatures: cacheFeatures === true || limitOf(cacheFeatures) }),
    ...(accumulate !== undefined && { accumulate }),
    ...(dropLast !== undefined && { dropLast }),
    epochs,
    batchSize,
    seed,
  }
}

/** An undefined option counts as absent. */
const limitOf = ({ maxBytes }: { readonly maxBytes?: number | undefined }) =>
  maxBytes === undefined ? {} : { maxBytes }

const matchOf = ({ match }: { readonly match?: unknown }) => (match === undefined ? {} : { match: patternOf(match) })
