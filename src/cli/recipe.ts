/**
 * A recipe: everything that decides what a training run computes, with every default filled in. `recipe.json` in a run
 * folder is exactly this, so a run can be resumed, scored and repeated from its folder alone. What does not change
 * the result (threads, where the folder is, what is shown) is no part of it.
 */
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { AugmentationSpec } from '../augment/compose.ts'
import { nearestName } from '../models/catalog.ts'
import { findModel, models } from '../models/index.ts'
import { findDataset } from './datasets.ts'
import {
  backendNames,
  defaultData,
  defaultModel,
  preprocessNames,
  scheduleNames,
  trainingDefaults,
} from './defaults.ts'
import { UsageError } from './errors.ts'
import { unknownName } from './names.ts'
import { foveaVersion } from './version.ts'

/** A number that fits a rule; the rule is the message when it does not. */
const number = (rule: string, fits: (value: number) => boolean) =>
  z.custom<number>(value => typeof value === 'number' && Number.isFinite(value) && fits(value), `must be ${rule}`)

const wholeFrom1 = number('a whole number of at least 1', value => Number.isSafeInteger(value) && value >= 1)
const text = z.string('must be a text')
const flag = z.boolean('must be true or false')
const perChannel = (rule: string, fits: (value: number) => boolean) => z.array(number(rule, fits), 'must be a list')

const schema = z.strictObject({
  /** Version of Fovea that resolved the recipe. */
  fovea: text,
  model: text,
  data: text,
  /** Folder of the data set's files; absent when the data set comes by itself. */
  dataDir: text.optional(),
  /** Only so many of the first training images are used, for quick tries. */
  limit: wholeFrom1.optional(),
  /** Images held back from training: their number, or a share below 1. */
  validation: number(
    'a share below 1 or a whole number of images',
    value => value >= 0 && (value < 1 || Number.isInteger(value)),
  ),
  normalize: z.strictObject({
    mean: perChannel('a number', () => true),
    std: perChannel('a number above 0', value => value > 0),
  }),
  /** Preprocessing that is fitted to the training images; `normalize` when absent. */
  preprocess: z.enum(preprocessNames, `must be one of ${preprocessNames.join(', ')}`).optional(),
  /** What is done to the training images, as `Augmentation.spec()` gives it; nothing when absent. */
  augment: z
    .strictObject({
      transforms: z.array(z.strictObject({ name: text, options: z.record(z.string(), z.unknown()) }), 'must be a list'),
      allowLabelChanges: flag.optional(),
    })
    .optional(),
  epochs: wholeFrom1,
  batchSize: wholeFrom1,
  optimizer: z.literal('sgd', "must be 'sgd'"),
  lr: number('a number above 0', value => value > 0),
  momentum: number('at least 0 and less than 1', value => value >= 0 && value < 1),
  weightDecay: number('a number of at least 0', value => value >= 0),
  schedule: z.enum(scheduleNames, `must be one of ${scheduleNames.join(', ')}`),
  /** Decides the split, the initial weights, the order of the images, and all random operations. */
  seed: number(
    'a whole number from 0 to 4294967295',
    value => Number.isInteger(value) && value >= 0 && value < 2 ** 32,
  ),
  /** Whether the test set is read at the end. */
  test: flag,
  backend: z.enum(backendNames, `must be one of ${backendNames.join(', ')}`),
  /** Without relaxed SIMD: the same bits on every machine. */
  precise: flag,
})

/** A resolved recipe. */
export type Recipe = z.infer<typeof schema>

/** What a person may say about a recipe; the rest is filled in. */
export type RecipeOptions = Partial<Omit<Recipe, 'fovea' | 'optimizer' | 'augment'>> & {
  /** A pipeline, or `'none'` where the data set has a usual one. */
  readonly augment?: AugmentationSpec | 'none' | undefined
}

/**
 * Fills in the defaults. With `limit`, and without `validation`, the default share of the images is held back.
 * @throws UsageError naming the field, its value and the rule.
 * @example resolveRecipe({ epochs: 3 }).model // 'lenet5'
 */
export function resolveRecipe(options: RecipeOptions): Recipe {
  const { model = defaultModel, data = defaultData, dataDir, limit, augment: given, ...rest } = options
  const { normalize, trainImages, augment: usual } = findDataset(data)
  const augment = given === 'none' ? undefined : (given ?? usual?.().spec())
  if (!Object.hasOwn(models, model)) throw new UsageError(unknownName('model', model, Object.keys(models)))
  const { validation, ...defaults } = trainingDefaults
  const isShort = limit !== undefined && limit < trainImages && validation >= 1
  return check(
    {
      fovea: foveaVersion(),
      model,
      data,
      ...(dataDir === undefined ? {} : { dataDir: resolve(dataDir) }),
      ...(limit === undefined ? {} : { limit }),
      validation: isShort ? Math.round((limit * validation) / trainImages) : validation,
      normalize,
      ...(augment && { augment }),
      ...defaults,
      optimizer: 'sgd',
      test: true,
      backend: 'wasm',
      precise: false,
      ...rest,
    },
    message => new UsageError(message),
  )
}

/**
 * The recipe of a run folder.
 * @param file what to call it in messages
 * @throws Error naming the file, the field and the rule; or the model or data set that this version does not know.
 */
export function parseRecipe(value: unknown, file: string): Recipe {
  const recipe = check(value, message => new Error(`${file}: ${message}`))
  try {
    findModel(recipe.model)
    findDataset(recipe.data)
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`)
  }
  return recipe
}

/**
 * Refuses options that say something else than the recipe of the run to be resumed.
 * @throws UsageError naming the option, its value and the recipe's.
 */
export function refuseConflicts(options: RecipeOptions, recipe: Recipe): void {
  for (const [field, value] of Object.entries(options)) {
    const known = recipe[field as keyof RecipeOptions]
    const wanted =
      field === 'dataDir' ? resolve(String(value)) : value === 'none' && field === 'augment' ? undefined : value
    if (value === undefined || isDeepStrictEqual(wanted, known)) continue
    if (field === 'augment') {
      throw new UsageError('--augment conflicts with --resume: a resumed run takes everything from its recipe')
    }
    throw new UsageError(
      `${optionOf(field, value)} conflicts with --resume: a resumed run takes everything from its recipe, which has ` +
        (known === undefined ? `no ${field}` : `${field} ${String(known)}`),
    )
  }
}

/**
 * The command that repeats a run, every number spelled out.
 * @example commandOf(recipe) // 'fovea train lenet5 --data mnist --epochs 5 …'
 */
export function commandOf(recipe: Recipe): string {
  const { model, ...rest } = recipe
  const fields = [
    'data',
    'dataDir',
    'limit',
    'validation',
    'epochs',
    'batchSize',
    'lr',
    'momentum',
    'weightDecay',
    'preprocess',
  ] as const
  const last = ['schedule', 'seed', 'backend', 'precise', 'test'] as const
  const usual: Partial<Recipe> = { backend: 'wasm', precise: false, test: true }
  const words = [...fields, ...last].flatMap(field => {
    const value = rest[field]
    return value === undefined || value === usual[field] ? [] : [optionOf(field, value)]
  })
  return ['fovea train', model, ...words, ...augmentOption(recipe)].join(' ')
}

/** How to ask for the recipe's pipeline: not at all when it is the usual one. */
function augmentOption({ data, augment }: Recipe): string[] {
  if (isDeepStrictEqual(augment, findDataset(data).augment?.().spec())) return []
  return ['--augment', augment === undefined ? 'none' : 'recipe.json']
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** `--batch-size 64`, `--precise`, `--no-test`; for the model its name. */
function optionOf(field: string, value: unknown): string {
  if (field === 'model') return `model ${String(value)}`
  const name = field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  if (typeof value === 'boolean') return value ? `--${name}` : `--no-${name}`
  return `--${name} ${shellWord(String(value))}`
}

function check(value: unknown, failure: (message: string) => Error): Recipe {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw failure(result.error.issues.map(issue => describeIssue(issue, value)).join('; '))
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map(key => {
        const nearest = nearestName(key, Object.keys(schema.shape))
        return `unknown field '${key}'${nearest === undefined ? '' : ` (did you mean '${nearest}'?)`}`
      })
      .join('; ')
  }
  if (issue.path.length === 0) return 'the recipe must be an object'
  const found = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value)
  const name = issue.path.map(String).join('.')
  return found === undefined
    ? `${name} is missing: it ${issue.message}`
    : `${name} (=${display(found)}) ${issue.message}`
}

const display = (value: unknown): string => (typeof value === 'number' ? String(value) : JSON.stringify(value))
