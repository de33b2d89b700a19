/** What a resolved recipe may hold: every field with its rule. */
import { z } from 'zod'
import type { ModelName } from '../models/catalog.ts'
import { models } from '../models/index.ts'
import { backendNames, preprocessNames } from './defaults.ts'
import {
  anyNumber,
  atLeast0,
  below1,
  fields,
  flag,
  list,
  named,
  number,
  oneOf,
  orCode,
  pattern,
  positive,
  share,
  text,
  wholeFrom0,
  wholeFrom1,
} from './rules.ts'

const pairOf = <S extends z.ZodType>(item: S) => z.tuple([item, item], 'must be a list of two')

/** What every optimizer can be told. */
const common = {
  lr: positive,
  weightDecay: atLeast0.optional(),
  decay: oneOf(['all', 'weights']).optional(),
  groups: list(
    fields({
      match: pattern,
      lrFactor: atLeast0.optional(),
      weightDecay: atLeast0.optional(),
      frozen: flag.optional(),
    }),
  ).optional(),
}
const coupled = { ...common, decoupled: flag.optional() }
const moments = { ...coupled, betas: pairOf(below1).optional(), eps: atLeast0.optional() }

const optimizer = named({
  sgd: { ...coupled, momentum: below1.optional(), nesterov: flag.optional(), dampening: atLeast0.optional() },
  classicMomentum: { ...coupled, momentum: below1.optional(), nesterov: flag.optional() },
  adagrad: { ...coupled, lrDecay: atLeast0.optional(), initialSum: atLeast0.optional(), eps: atLeast0.optional() },
  adadelta: { ...coupled, rho: below1.optional(), eps: atLeast0.optional() },
  rmsprop: {
    ...coupled,
    alpha: below1.optional(),
    eps: atLeast0.optional(),
    momentum: below1.optional(),
    centered: flag.optional(),
  },
  adam: { ...moments, amsgrad: flag.optional() },
  adamW: { ...moments, amsgrad: flag.optional() },
  adamax: moments,
  nadam: { ...moments, momentumDecay: atLeast0.optional() },
  radam: moments,
  lars: {
    ...common,
    momentum: below1.optional(),
    trust: positive.optional(),
    eps: atLeast0.optional(),
    adapt: oneOf(['all', 'weights']).optional(),
  },
  lion: { ...common, betas: pairOf(below1).optional() },
})

const warmup = {
  warmup: number(
    'a whole number of steps or a share below 1',
    n => n >= 0 && (n < 1 || Number.isInteger(n)),
  ).optional(),
  warmupStart: share.optional(),
}
const anneal = oneOf(['cosine', 'linear']).optional()

const schedule = named({
  constant: warmup,
  step: { ...warmup, every: positive.optional(), factor: atLeast0.optional() },
  multiStep: { ...warmup, at: list(share).optional(), factor: atLeast0.optional() },
  exponential: { ...warmup, end: positive.optional() },
  polynomial: { ...warmup, end: share.optional(), power: atLeast0.optional() },
  cosine: { ...warmup, end: share.optional() },
  cosineWithRestarts: {
    ...warmup,
    end: share.optional(),
    cycles: number('a whole number from 1 to 10000', n => Number.isInteger(n) && n >= 1 && n <= 10_000).optional(),
    growth: positive.optional(),
  },
  oneCycle: { rise: share.optional(), startDivisor: positive.optional(), endDivisor: positive.optional(), anneal },
  onPlateau: {
    ...warmup,
    metric: oneOf(['loss', 'accuracy']).optional(),
    factor: below1.optional(),
    patience: wholeFrom0.optional(),
    threshold: atLeast0.optional(),
    thresholdMode: oneOf(['relative', 'absolute']).optional(),
    cooldown: wholeFrom0.optional(),
    end: share.optional(),
  },
})

const loss = named({
  crossEntropy: { labelSmoothing: share.optional() },
  multiclassHinge: { margin: positive.optional(), squared: flag.optional(), divideByClasses: flag.optional() },
  squaredError: { scale: oneOf(['half', 'mean']).optional() },
  binaryCrossEntropyWithLogits: {},
})

const elasticNet = { l1: atLeast0.optional(), l2: atLeast0.optional(), match: pattern.optional() }

const gradients = named({
  clipByValue: { limit: positive },
  clipByGlobalNorm: { limit: positive },
  clipByMedianNorm: { factor: positive.optional(), window: wholeFrom1.optional(), warmup: wholeFrom0.optional() },
  centralize: {},
  oneBit: {},
})

const weights = named({ proximal: elasticNet, maxNorm: { limit: positive, match: pattern.optional() } })

const average = named({
  ema: { decay: below1.optional(), warmup: flag.optional() },
  swa: { start: share.optional(), every: wholeFrom1.optional(), statisticsBatches: wholeFrom0.optional() },
})

/** Options of the networks, by the beginnings of their names. */
const modelOptions: readonly (readonly [RegExp, z.ZodRawShape])[] = [
  [/^lenet5$/, { channels: wholeFrom1.optional(), size: wholeFrom1.optional() }],
  [
    /^alexnet-2012$/,
    {
      dropout: below1.optional(),
      towers: number('1 or 2', n => n === 1 || n === 2).optional(),
      normalization: oneOf(['beforePooling', 'afterPooling']).optional(),
    },
  ],
  [/^(alexnet|vgg|squeezenet)/, { dropout: below1.optional() }],
  [/^zfnet/, { dropout: below1.optional(), wide: flag.optional() }],
  [/^googlenet/, { dropout: below1.optional(), auxiliary: flag.optional(), auxiliaryDropout: below1.optional() }],
  [/^(se-resnet|senet)/, { reduction: wholeFrom1.optional() }],
  [/^mobilenet/, { dropout: below1.optional(), width: positive.optional() }],
]

const model = named(
  Object.fromEntries(
    Object.keys(models).map(name => {
      const shape = modelOptions.find(([names]) => names.test(name))?.[1] ?? {}
      return [name, { options: fields(shape).optional() }]
    }),
  ) as unknown as Readonly<Record<ModelName, z.ZodRawShape>>,
)

const seed = number('a whole number from 0 to 4294967295', n => Number.isInteger(n) && n >= 0 && n < 2 ** 32)

const data = fields({
  name: oneOf(['mnist', 'fashion-mnist', 'cifar10', 'cifar100', 'folder']),
  directory: text.optional(),
  size: pairOf(wholeFrom1).optional(),
  channels: number('1 or 3', n => n === 1 || n === 3).optional(),
  corrupt: oneOf(['refuse', 'skip']).optional(),
  classes: list(text).optional(),
  limit: wholeFrom1.optional(),
  validation: number('a share below 1 or a whole number of images', n => n >= 0 && (n < 1 || Number.isInteger(n))),
  fold: fields({
    of: number('a whole number of at least 2', n => Number.isInteger(n) && n >= 2),
    index: wholeFrom0,
  }).optional(),
  bootstrap: flag.optional(),
  /** Decides the split; the run's seed by default. */
  seed: seed.optional(),
  normalize: fields({
    mean: list(anyNumber),
    std: list(number('a number above 0', value => value > 0)),
  }).optional(),
  preprocess: oneOf(preprocessNames).optional(),
  augment: fields({
    transforms: list(
      fields({ name: text, options: z.record(z.string(), z.unknown(), 'must be an object of options').default({}) }),
    ),
    allowLabelChanges: flag.optional(),
  }).optional(),
})

/** A resolved recipe. */
export const recipeSchema = fields({
  /** Version of Fovea that resolved the recipe. */
  fovea: text,
  model: orCode(model as z.ZodType<{ readonly name: string; readonly options?: Readonly<Record<string, unknown>> }>),
  data,
  pretrained: fields({
    weights: text,
    prefix: text.optional(),
    average: flag.optional(),
    classes: wholeFrom1.optional(),
  }).optional(),
  freeze: list(fields({ match: pattern, until: wholeFrom1.optional() })).optional(),
  cacheFeatures: z
    .union(
      [flag, fields({ maxBytes: positive.optional() })],
      'must be true, false, or { maxBytes } with a number of bytes above 0',
    )
    .optional(),
  optimizer: orCode(optimizer),
  schedule: orCode(schedule),
  momentum: named({
    oneCycleMomentum: { rise: share.optional(), low: share.optional(), high: share.optional(), anneal },
  }).optional(),
  loss: orCode(loss),
  penalty: fields(elasticNet).optional(),
  gradients: list(gradients).optional(),
  weights: list(weights).optional(),
  average: average.optional(),
  epochs: wholeFrom1,
  batchSize: wholeFrom1,
  dropLast: flag.optional(),
  accumulate: wholeFrom1.optional(),
  seed,
  earlyStopping: fields({
    metric: oneOf(['accuracy', 'loss']).optional(),
    patience: wholeFrom1,
    minDelta: atLeast0.optional(),
  }).optional(),
  checkpoints: fields({
    keep: wholeFrom1.optional(),
    every: wholeFrom1.optional(),
    best: oneOf(['accuracy', 'loss']).optional(),
  }).optional(),
  alarms: flag.optional(),
  /** Whether the test set is read at the end. */
  test: flag,
  backend: oneOf(backendNames),
  precise: flag,
})
