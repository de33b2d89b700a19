/**
 * A resolved recipe: everything that decides what a training run computes, with every default filled in. `recipe.json` in
 * a run folder is exactly this, so a run can be resumed, scored and repeated from its folder alone. What does not change
 * the result (threads, where the folder is, what is shown) is no part of it.
 */
import { basename, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import type { AugmentationSpec } from '../augment/compose.ts'
import { isAddress } from '../formats/download.ts'
import { models } from '../models/index.ts'
import { isRecord } from '../train/json.ts'
import { dataInfo, datasets, findDataset } from './datasets.ts'
import { defaultData, defaultModel, type ScheduleName, scheduleFunctions, trainingDefaults } from './defaults.ts'
import { UsageError } from '../cli/errors.ts'
import { unknownName } from '../text/names.ts'
import { applyOverrides } from './overrides.ts'
import { recipeFromFlat } from './flat.ts'
import { partProblem } from './parts.ts'
import { cacheProblem, ignoredProblem, sizeProblem } from './problems.ts'
import { describeIssues, display, isCode } from './rules.ts'
import { recipeSchema } from './schema.ts'
import { relativePath, withRelativePaths } from '../cli/relativePaths.ts'
import { foveaVersion } from '../cli/version.ts'

/** A resolved recipe. */
export type Recipe = z.infer<typeof recipeSchema>

/** Options of the command line that say something about a recipe; the rest is filled in. */
export interface RecipeOptions {
  readonly model?: string
  /** A data set, or `folder:PATH`. */
  readonly data?: string
  readonly dataDir?: string
  readonly limit?: number
  readonly validation?: number
  readonly normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] }
  readonly preprocess?: string
  /** A pipeline, or `'none'` where the data set has a usual one. */
  readonly augment?: AugmentationSpec | 'none' | undefined
  readonly epochs?: number
  readonly batchSize?: number
  readonly dropLast?: boolean
  readonly lr?: number
  readonly momentum?: number
  readonly weightDecay?: number
  readonly schedule?: ScheduleName
  readonly seed?: number
  readonly test?: boolean
  readonly backend?: string
  readonly precise?: boolean
}

/** A recipe as a file gives it: JSON, functions replaced by references; short forms are allowed. */
export type RawRecipe = Readonly<Record<string, unknown>>

/** Where each option stands in a recipe. */
const places: Readonly<Record<keyof RecipeOptions, readonly string[]>> = {
  model: ['model', 'name'],
  data: ['data', 'name'],
  dataDir: ['data', 'directory'],
  limit: ['data', 'limit'],
  validation: ['data', 'validation'],
  normalize: ['data', 'normalize'],
  preprocess: ['data', 'preprocess'],
  augment: ['data', 'augment'],
  epochs: ['epochs'],
  batchSize: ['batchSize'],
  dropLast: ['dropLast'],
  lr: ['optimizer', 'lr'],
  momentum: ['optimizer', 'momentum'],
  weightDecay: ['optimizer', 'weightDecay'],
  schedule: ['schedule', 'name'],
  seed: ['seed'],
  test: ['test'],
  backend: ['backend'],
  precise: ['precise'],
}

/**
 * Fills in the defaults of what a file and the command line say. With `limit`, and without `validation`, the default share of
 * the images is held back.
 * @param options of the command line, which override the file
 * @param sets of the form `optimizer.lr=0.05`, which override both
 * @param base what a recipe file says
 * @throws UsageError naming the field, its value and the rule.
 * @example resolveRecipe({ epochs: 3 }).model // { name: 'lenet5' }
 */
export function resolveRecipe(options: RecipeOptions = {}, sets: readonly string[] = [], base: RawRecipe = {}): Recipe {
  const given = longForms(base)
  if (options.model !== undefined) given.model = named(given.model, options.model)
  if (options.data !== undefined) setData(given, options.data)
  for (const [option, value] of Object.entries(options)) {
    const place = places[option as keyof RecipeOptions]
    if (value === undefined || option === 'model' || option === 'data') continue
    const [part, field] = place as readonly [string, string | undefined]
    if (field === undefined) given[part] = value
    else if (option === 'schedule') given.schedule = { name: scheduleFunctions[value as ScheduleName] }
    else given[part] = { ...defaultPart(part, given), [field]: value }
  }
  const overridden = applyOverrides(given, sets, part => defaultPart(part, given))
  const recipe = check(complete(longForms(overridden)), wrong)
  const problem = ignoredProblem(recipe) ?? partProblem(recipe)
  if (problem !== undefined) throw wrong(problem)
  return recipe
}

const wrong = (message: string): UsageError => new UsageError(message)

/**
 * The recipe of a run folder.
 * @param file what to call it in messages
 * @throws UsageError naming the file, the field and the rule; or the model or data set that this version does not know.
 */
export function parseRecipe(value: unknown, file: string): Recipe {
  return check(recipeFromFlat(value), message => wrong(`${file}: ${message}`))
}

/**
 * Refuses options that say something else than the recipe of the run to be resumed.
 * @throws UsageError naming the option, its value and the recipe's.
 */
export function refuseConflicts(options: RecipeOptions, recipe: Recipe): void {
  for (const [option, value] of Object.entries(options)) {
    // Where the images lie does not matter: whether they are the same is checked by their fingerprint.
    if (value === undefined || option === 'dataDir') continue
    const known = at(recipe, places[option as keyof RecipeOptions])
    const wanted = wantedValue(option, value)
    if (isDeepStrictEqual(wanted, known)) continue
    if (option === 'augment') {
      throw new UsageError('--augment conflicts with --resume: a resumed run takes everything from its recipe')
    }
    const has = known === undefined ? `no ${option}` : `${option} ${String(known)}`
    throw new UsageError(
      `${optionOf(option, value)} conflicts with --resume: a resumed run takes everything from its recipe, which has ${has}`,
    )
  }
}

/**
 * The command that repeats a run: every number spelled out, or the recipe's file where it holds more than options can say.
 * @example commandOf(recipe) // 'fovea train lenet5 --data mnist --epochs 5 …'
 */
export function commandOf(recipe: Recipe): string {
  const { data } = recipe
  const options = optionsOf(recipe)
  // The classes of a folder are its sub-folders, in alphabetical order; it may not be there any more.
  const base = data.classes && { data: { classes: [...data.classes].sort() } }
  const again = options && { ...resolveRecipe(options, [], base), fovea: recipe.fovea }
  if (!options || !isDeepStrictEqual(again, JSON.parse(JSON.stringify(recipe)))) return 'fovea train recipe.json'
  const usual: Partial<RecipeOptions> = { backend: 'wasm', precise: false, test: true }
  const words = Object.entries(options).flatMap(([option, value]) => {
    if (option === 'model' || value === undefined || value === usual[option as keyof RecipeOptions]) return []
    if (option === 'augment') return ['--augment', value === 'none' ? 'none' : 'recipe.json']
    if (option === 'dataDir') return [optionOf(option, relativePath(String(value)))]
    if (option === 'data' && data.name === 'folder')
      return [optionOf(option, `folder:${dataName({ data: withRelativePaths(data) })}`)]
    return [optionOf(option, value)]
  })
  return ['fovea train', options.model, ...words].join(' ')
}

/** The model's name, or the file of a function. */
export const modelName = ({ model }: Recipe): string => (isCode(model) ? model.file : model.name)

/** What a run folder is called: as its recipe file, or, without one, as its model. */
export function runName({ model }: Recipe, file?: string): string {
  const named = file !== undefined && !file.endsWith('.json') ? file : isCode(model) ? model.file : undefined
  if (named !== undefined) return basename(named).replace(/\.[^.]*$/, '')
  return isCode(model) ? 'run' : model.name
}

/** The data set's name, or the folder. */
export const dataName = ({ data }: Pick<Recipe, 'data'>): string =>
  data.name === 'folder' ? (data.directory ?? 'folder') : data.name

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** Parts that may be given by their name alone. */
const shortForms = ['model', 'data', 'optimizer', 'schedule', 'loss', 'momentum', 'average'] as const

function longForms(raw: RawRecipe): Record<string, unknown> {
  const long: Record<string, unknown> = { ...raw }
  for (const part of shortForms) {
    const value = long[part]
    if (typeof value === 'string') long[part] = { name: value }
  }
  const { data } = long
  if (isRecord(data) && typeof data.name === 'string' && data.name.startsWith('folder:')) setData(long, data.name)
  return long
}

/** Another name: what was said of the old one does not hold for it. */
function named(part: unknown, name: string): unknown {
  const isSame = typeof part === 'object' && part !== null && 'name' in part && part.name === name
  return isSame ? part : { name }
}

function setData(given: Record<string, unknown>, data: string): void {
  const old = given.data as Record<string, unknown> | undefined
  if (data.startsWith('folder:')) given.data = { ...old, name: 'folder', directory: data.slice('folder:'.length) }
  else given.data = old?.name === data ? old : { name: data }
}

/** A part as far as it is known when one of its fields is set. */
function defaultPart(part: string, given: RawRecipe): Record<string, unknown> {
  const value = Object.hasOwn(given, part) ? given[part] : undefined
  if (isCode(value)) throw new UsageError(`${part} is a function of ${value.file}: it has no fields to set`)
  if (value !== undefined && value !== null) return value as Record<string, unknown>
  const { lr, momentum, weightDecay } = trainingDefaults
  if (part === 'optimizer') return { name: 'sgd', lr, momentum, weightDecay }
  if (part === 'schedule') return { name: scheduleFunctions[trainingDefaults.schedule] }
  if (part === 'loss') return { name: 'crossEntropy' }
  if (part === 'data') return { name: defaultData }
  if (part === 'model') return { name: defaultModel }
  return {}
}

/** Learning rates of optimizers that have a usual one. */
const usualRates: Readonly<Record<string, number>> = {
  adagrad: 0.01,
  adadelta: 1,
  rmsprop: 0.01,
  adam: 1e-3,
  adamW: 1e-3,
  adamax: 2e-3,
  nadam: 2e-3,
  radam: 1e-3,
  lion: 1e-4,
}

/** An optimizer with the usual learning rate of its kind, where it has none. */
function withRate(optimizer: Record<string, unknown>): Record<string, unknown> {
  const name = String(optimizer.name)
  return { ...(Object.hasOwn(usualRates, name) && { lr: usualRates[name] }), ...optimizer }
}

function complete(given: Record<string, unknown>): Record<string, unknown> {
  const { epochs, batchSize, seed } = trainingDefaults
  const optimizer = isCode(given.optimizer) ? given.optimizer : defaultPart('optimizer', given)
  const data = defaultPart('data', given)
  const model = isCode(given.model) ? given.model : defaultPart('model', given)
  if (isRecord(model)) refuseUnknown('model', model.name, Object.keys(models))
  return {
    fovea: foveaVersion(),
    ...given,
    model,
    data: isRecord(data) ? completeData(data) : data,
    optimizer: isRecord(optimizer) && !isCode(optimizer) ? withRate(optimizer) : optimizer,
    schedule: isCode(given.schedule) ? given.schedule : defaultPart('schedule', given),
    loss: isCode(given.loss) ? given.loss : defaultPart('loss', given),
    epochs: given.epochs ?? epochs,
    batchSize: given.batchSize ?? batchSize,
    seed: given.seed ?? seed,
    test: given.test ?? true,
    backend: given.backend ?? 'wasm',
    precise: given.precise ?? false,
    ...(given.pretrained ? { pretrained: completePretrained(given.pretrained) } : {}),
  }
}

function completePretrained(given: unknown): unknown {
  const weights = (given as { readonly weights?: unknown }).weights
  const isPath = typeof weights === 'string' && !isAddress(weights)
  return isPath ? { ...(given as object), weights: resolve(weights) } : given
}

function completeData({ augment: given, directory, ...rest }: Record<string, unknown>): Record<string, unknown> {
  const { name, limit, preprocess, normalize } = rest
  if (name !== 'folder') refuseUnknown('data set', name, [...Object.keys(datasets), 'folder:PATH'])
  // What is no name is for the rules to say.
  const known = name === 'folder' || typeof name !== 'string' ? undefined : findDataset(name)
  const augment = given === 'none' ? undefined : (given ?? known?.augment?.().spec())
  const { validation } = trainingDefaults
  const isShort = known && typeof limit === 'number' && limit < known.trainImages
  const held = isShort ? Math.round((limit * validation) / known.trainImages) : known ? validation : 0.2
  return {
    validation: held,
    ...rest,
    ...(directory === undefined ? {} : { directory: typeof directory === 'string' ? resolve(directory) : directory }),
    ...(normalize === undefined && preprocess === undefined
      ? known
        ? { normalize: known.normalize }
        : { preprocess: 'channel-mean-std' }
      : {}),
    ...(augment === undefined ? {} : { augment }),
  }
}

function refuseUnknown(kind: string, name: unknown, names: readonly string[]): void {
  if (typeof name === 'string' && !names.includes(name)) throw new UsageError(unknownName(kind, name, names))
}

function check(value: unknown, failure: (message: string) => Error): Recipe {
  const result = recipeSchema.safeParse(value)
  if (!result.success) throw failure(describeIssues(recipeSchema, result.error, value))
  const recipe = result.data
  const { data, earlyStopping } = recipe
  if (data.fold && data.fold.index >= data.fold.of) {
    throw failure(`data.fold.index (=${data.fold.index}) must be less than data.fold.of (=${data.fold.of})`)
  }
  if (data.name === 'folder' && data.directory === undefined) {
    throw failure('data.directory is missing: it must be the folder of pictures')
  }
  if (data.name === 'folder' && data.classes === undefined) return check(withClasses(recipe), failure)
  if (earlyStopping && data.validation === 0 && data.name !== 'folder' && !data.fold) {
    throw failure('earlyStopping needs validation images: data.validation (=0) holds none back')
  }
  const unfit = sizeProblem(recipe) ?? cacheProblem(recipe)
  if (unfit !== undefined) throw failure(unfit)
  return recipe
}

/** The classes of an image folder are part of its recipe: `predict` names them without the folder. */
const withClasses = (recipe: Recipe): Recipe => ({
  ...recipe,
  data: { ...recipe.data, classes: [...dataInfo(recipe.data).classes] },
})

/** The options that say what a recipe says; undefined when it is more than options can. */
function optionsOf({ model, data, optimizer, schedule, ...rest }: Recipe): RecipeOptions | undefined {
  if (isCode(model) || isCode(optimizer) || isCode(schedule)) return undefined
  const scheduleName = Object.entries(scheduleFunctions).find(([, name]) => name === schedule.name)?.[0]
  const known = data.name === 'folder' ? undefined : findDataset(data.name)
  const hasUsual = isDeepStrictEqual(data.augment, known?.augment?.().spec())
  const { lr, momentum, weightDecay } = optimizer as unknown as { lr: number; momentum?: number; weightDecay?: number }
  const options: RecipeOptions = {
    model: model.name,
    data: data.name === 'folder' ? `folder:${data.directory}` : data.name,
    ...(data.directory !== undefined && data.name !== 'folder' && { dataDir: data.directory }),
    ...(data.limit !== undefined && { limit: data.limit }),
    validation: data.validation,
    epochs: rest.epochs,
    batchSize: rest.batchSize,
    ...(rest.dropLast !== undefined && { dropLast: rest.dropLast }),
    lr,
    ...(momentum !== undefined && { momentum }),
    ...(weightDecay !== undefined && { weightDecay }),
    ...(data.preprocess !== undefined && known && { preprocess: data.preprocess }),
    ...(scheduleName !== undefined && { schedule: scheduleName as ScheduleName }),
    seed: rest.seed,
    backend: rest.backend,
    precise: rest.precise,
    test: rest.test,
    ...(!hasUsual && { augment: (data.augment as AugmentationSpec | undefined) ?? ('none' as const) }),
  }
  return options
}

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((held, key) => (held as Record<string, unknown> | undefined)?.[key], value)

/** What an option wants the recipe to have. */
function wantedValue(option: string, value: unknown): unknown {
  if (option === 'dataDir') return resolve(String(value))
  if (option === 'augment' && value === 'none') return undefined
  if (option === 'schedule') return scheduleFunctions[value as ScheduleName]
  if (option === 'data' && String(value).startsWith('folder:')) return 'folder'
  return value
}

/** `--batch-size 64`, `--precise`, `--no-test`; for the model its name. */
function optionOf(field: string, value: unknown): string {
  if (field === 'model') return `model ${String(value)}`
  const name = field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  if (typeof value === 'boolean') return value ? `--${name}` : `--no-${name}`
  return `--${name} ${shellWord(typeof value === 'object' ? display(value) : String(value))}`
}
