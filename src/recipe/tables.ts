/**
 * The parts of a recipe that have names: for each name the function that makes the part, and the rules for its options.
 * A table says everything about a part: the types of recipes, their rules and the reference are made from it.
 */
import { binaryCrossEntropyWithLogits, crossEntropy, multiclassHinge, squaredError } from '../nn/losses.ts'
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  centralize,
  classicMomentum,
  clipByGlobalNorm,
  clipByMedianNorm,
  clipByValue,
  constant,
  cosine,
  cosineWithRestarts,
  ema,
  exponential,
  lars,
  lion,
  maxNorm,
  multiStep,
  nadam,
  oneBit,
  oneCycle,
  oneCycleMomentum,
  onPlateau,
  polynomial,
  proximal,
  radam,
  rmsprop,
  sgd,
  step,
  swa,
} from '../optim/index.ts'
import {
  atLeast0,
  below1,
  fields,
  flag,
  list,
  number,
  oneOf,
  optional,
  pairOf,
  positive,
  type Rule,
  share,
  wholeFrom0,
  wholeFrom1,
} from '../rules/rules.ts'
import type { ScheduleName } from './defaults.ts'
import { pattern } from './rules.ts'

/** A part by name. */
export interface PartEntry<O extends object, T> {
  /** Makes the part. */
  create(options: O): T
  /** What each option must be. */
  readonly options: Readonly<Record<string, Rule>>
  /** The usual learning rate, for optimizers that have one. */
  readonly usualRate?: number
}

/** A function that makes a part from its options. */
type Create = (options: never) => unknown
type OptionsOf<C extends Create> = NonNullable<Parameters<C>[0]>

/** A rule for every option: a missing rule does not compile. */
type RulesOf<O> = { readonly [K in keyof O]-?: Rule }

const part = <C extends Create>(
  create: C,
  options: RulesOf<OptionsOf<C>>,
  usualRate?: number,
): PartEntry<OptionsOf<C>, ReturnType<C>> => ({
  create: create as (options: OptionsOf<C>) => ReturnType<C>,
  options: options as Readonly<Record<string, Rule>>,
  ...(usualRate !== undefined && { usualRate }),
})

/** A part without options. */
const plain = <T>(create: () => T): PartEntry<Record<never, never>, T> => ({ create, options: {} })

/** The options of every optimizer; `lr` may be omitted when there is a usual rate. */
const common = {
  lr: positive,
  weightDecay: optional(atLeast0),
  decay: optional(oneOf(['all', 'weights'])),
  groups: optional(
    list(
      fields({
        match: pattern,
        lrFactor: optional(atLeast0),
        weightDecay: optional(atLeast0),
        frozen: optional(flag),
      }),
    ),
  ),
}
const coupled = { ...common, decoupled: optional(flag) }
const moments = { ...coupled, betas: optional(pairOf(below1)), eps: optional(atLeast0) }

/** The optimizers. */
export const optimizers = {
  sgd: part(sgd, {
    ...coupled,
    momentum: optional(below1),
    nesterov: optional(flag),
    dampening: optional(atLeast0),
  }),
  classicMomentum: part(classicMomentum, { ...coupled, momentum: optional(below1), nesterov: optional(flag) }),
  adagrad: part(
    adagrad,
    { ...coupled, lrDecay: optional(atLeast0), initialSum: optional(atLeast0), eps: optional(atLeast0) },
    0.01,
  ),
  adadelta: part(adadelta, { ...coupled, rho: optional(below1), eps: optional(atLeast0) }, 1),
  rmsprop: part(
    rmsprop,
    {
      ...coupled,
      alpha: optional(below1),
      eps: optional(atLeast0),
      momentum: optional(below1),
      centered: optional(flag),
    },
    0.01,
  ),
  adam: part(adam, { ...moments, amsgrad: optional(flag) }, 1e-3),
  adamW: part(adamW, { ...moments, amsgrad: optional(flag) }, 1e-3),
  adamax: part(adamax, moments, 2e-3),
  nadam: part(nadam, { ...moments, momentumDecay: optional(atLeast0) }, 2e-3),
  radam: part(radam, moments, 1e-3),
  lars: part(lars, {
    ...common,
    momentum: optional(below1),
    trust: optional(positive),
    eps: optional(atLeast0),
    adapt: optional(oneOf(['all', 'weights'])),
  }),
  lion: part(lion, { ...common, betas: optional(pairOf(below1)) }, 1e-4),
}

const warmup = {
  warmup: optional(number('a whole number of steps or a share below 1', n => n >= 0 && (n < 1 || Number.isInteger(n)))),
  warmupStart: optional(share),
}
const anneal = optional(oneOf(['cosine', 'linear']))

/** The learning-rate schedules. */
export const schedules = {
  constant: part(constant, warmup),
  step: part(step, { ...warmup, every: optional(positive), factor: optional(atLeast0) }),
  multiStep: part(multiStep, { ...warmup, at: optional(list(share)), factor: optional(atLeast0) }),
  exponential: part(exponential, { ...warmup, end: optional(positive) }),
  polynomial: part(polynomial, { ...warmup, end: optional(share), power: optional(atLeast0) }),
  cosine: part(cosine, { ...warmup, end: optional(share) }),
  cosineWithRestarts: part(cosineWithRestarts, {
    ...warmup,
    end: optional(share),
    cycles: optional(number('a whole number from 1 to 10000', n => Number.isInteger(n) && n >= 1 && n <= 10_000)),
    growth: optional(positive),
  }),
  oneCycle: part(oneCycle, {
    rise: optional(share),
    startDivisor: optional(positive),
    endDivisor: optional(positive),
    anneal,
  }),
  onPlateau: part(onPlateau, {
    ...warmup,
    metric: optional(oneOf(['loss', 'accuracy'])),
    factor: optional(below1),
    patience: optional(wholeFrom0),
    threshold: optional(atLeast0),
    thresholdMode: optional(oneOf(['relative', 'absolute'])),
    cooldown: optional(wholeFrom0),
    end: optional(share),
  }),
} satisfies Readonly<Record<ScheduleName, unknown>>

/** Schedules of an optimizer's momentum. */
export const momentums = {
  oneCycleMomentum: part(oneCycleMomentum, {
    rise: optional(share),
    low: optional(share),
    high: optional(share),
    anneal,
  }),
}

/** The losses. */
export const losses = {
  crossEntropy: part(crossEntropy, { labelSmoothing: optional(share) }),
  multiclassHinge: part(multiclassHinge, {
    margin: optional(positive),
    squared: optional(flag),
    divideByClasses: optional(flag),
  }),
  squaredError: part(squaredError, { scale: optional(oneOf(['half', 'mean'])) }),
  binaryCrossEntropyWithLogits: plain(binaryCrossEntropyWithLogits),
}

/** L1 and L2 of weights, as a penalty and as a step. */
export const elasticNet = { l1: optional(atLeast0), l2: optional(atLeast0), match: optional(pattern) }

/** Transforms of gradients before the optimizer sees them. */
export const gradientTransforms = {
  clipByValue: part(({ limit }: { readonly limit: number }) => clipByValue(limit), { limit: positive }),
  clipByGlobalNorm: part(({ limit }: { readonly limit: number }) => clipByGlobalNorm(limit), { limit: positive }),
  clipByMedianNorm: part(clipByMedianNorm, {
    factor: optional(positive),
    window: optional(wholeFrom1),
    warmup: optional(wholeFrom0),
  }),
  centralize: plain(centralize),
  oneBit: plain(oneBit),
}

/** Transforms of weights after the optimizer has changed them. */
export const weightTransforms = {
  proximal: part(proximal, elasticNet),
  maxNorm: part(maxNorm, { limit: positive, match: optional(pattern) }),
}

/** Averages of the weights. */
export const averages = {
  ema: part(ema, { decay: optional(below1), warmup: optional(flag) }),
  swa: part(swa, {
    start: optional(share),
    every: optional(wholeFrom1),
    statisticsBatches: optional(wholeFrom0),
  }),
}
