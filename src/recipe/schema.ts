/** The contents of a resolved recipe: every field with its rule. */
import { backendNames } from '../backends/engine.ts'
import { type ModelEntry, type ModelName, models } from '../models/index.ts'
import {
  anObject,
  anyNumber,
  atLeast0,
  either,
  type FieldsOf,
  fields,
  flag,
  list,
  named,
  number,
  type Optional,
  oneOf,
  optional,
  pairOf,
  positive,
  type Rule,
  type RulesByName,
  text,
  wholeFrom0,
  wholeFrom1,
  withDefault,
} from '../rules/rules.ts'
import { type DatasetName, datasets } from './datasets.ts'
import { preprocessNames } from './defaults.ts'
import { orCode, pattern } from './rules.ts'
import * as tables from './tables.ts'

/** A part from a table: its name, and the options for that name. */
const partOf = <N extends string>(table: Readonly<Record<N, { readonly options: RulesByName }>>) =>
  named(rulesOf(table))

const rulesOf = <N extends string>(table: Readonly<Record<N, { readonly options: RulesByName }>>) =>
  Object.fromEntries(Object.keys(table).map(name => [name, table[name as N].options])) as Record<N, RulesByName>

/** A network by name. */
export type ModelPart = { readonly name: ModelName; readonly options?: Readonly<Record<string, unknown>> }

const model = named(
  Object.fromEntries(
    Object.entries<ModelEntry>(models).map(([name, { options = {} }]) => [
      name,
      { options: optional(fields(options)) },
    ]),
  ) as Readonly<Record<string, RulesByName>>,
) as Rule<ModelPart>

const seed = number('a whole number from 0 to 4294967295', n => Number.isInteger(n) && n >= 0 && n < 2 ** 32)

/** How processes exchange gradients. */
export type ExchangeRecipe =
  | { readonly name: 'tree' | 'allReduce'; readonly bucketBytes?: number | undefined }
  | { readonly name: 'oneBit'; readonly fullSteps?: number | undefined }

const buckets = { bucketBytes: optional(wholeFrom1) }

const data = fields({
  name: oneOf([...(Object.keys(datasets) as DatasetName[]), 'folder']),
  directory: optional(text),
  size: optional(pairOf(wholeFrom1)),
  channels: optional(number('1 or 3', n => n === 1 || n === 3)),
  corrupt: optional(oneOf(['refuse', 'skip'])),
  classes: optional(list(text)),
  limit: optional(wholeFrom1),
  validation: number('a share below 1 or a whole number of images', n => n >= 0 && (n < 1 || Number.isInteger(n))),
  fold: optional(
    fields({
      of: number('a whole number of at least 2', n => Number.isInteger(n) && n >= 2),
      index: wholeFrom0,
    }),
  ),
  bootstrap: optional(flag),
  /** Decides the split; the run's seed by default. */
  seed: optional(seed),
  normalize: optional(
    fields({
      mean: list(anyNumber),
      std: list(number('a number above 0', value => value > 0)),
    }),
  ),
  preprocess: optional(oneOf(preprocessNames)),
  augment: optional(
    fields({
      transforms: list(fields({ name: text, options: withDefault(anObject('options'), {}) })),
      allowLabelChanges: optional(flag),
    }),
  ),
})

/** The fields of a resolved recipe. */
export const recipeFields = {
  /** Version of Fovea that resolved the recipe. */
  fovea: text,
  model: orCode(model),
  data,
  pretrained: optional(
    fields({
      weights: text,
      prefix: optional(text),
      average: optional(flag),
      classes: optional(wholeFrom1),
    }),
  ),
  freeze: optional(list(fields({ match: pattern, until: optional(wholeFrom1) }))),
  cacheFeatures: optional(
    either(
      'true, false, or { maxBytes } with a number of bytes above 0',
      flag,
      fields({ maxBytes: optional(positive) }),
    ),
  ),
  optimizer: orCode(partOf(tables.optimizers)),
  schedule: orCode(partOf(tables.schedules)),
  momentum: optional(partOf(tables.momentums)),
  loss: orCode(partOf(tables.losses)),
  penalty: optional(fields(tables.elasticNet)),
  gradients: optional(list(partOf(tables.gradientTransforms))),
  weights: optional(list(partOf(tables.weightTransforms))),
  average: optional(partOf(tables.averages)),
  epochs: wholeFrom1,
  batchSize: wholeFrom1,
  dropLast: optional(flag),
  accumulate: optional(wholeFrom1),
  parts: optional(wholeFrom1),
  syncBatchNorm: optional(flag),
  exchange: optional(
    named({ tree: buckets, allReduce: buckets, oneBit: { fullSteps: optional(wholeFrom0) } }),
  ) as Optional<ExchangeRecipe>,
  seed,
  earlyStopping: optional(
    fields({
      metric: optional(oneOf(['accuracy', 'loss'])),
      patience: wholeFrom1,
      minDelta: optional(atLeast0),
    }),
  ),
  checkpoints: optional(
    fields({
      keep: optional(wholeFrom1),
      every: optional(wholeFrom1),
      best: optional(oneOf(['accuracy', 'loss'])),
    }),
  ),
  alarms: optional(flag),
  /** Whether the test set is read at the end. */
  test: flag,
  backend: oneOf(backendNames),
  precise: flag,
}

/** A resolved recipe. */
export type Recipe = FieldsOf<typeof recipeFields>
