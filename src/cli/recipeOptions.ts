/** Recipes on the command line: from options to a recipe, and from a recipe to the options that repeat it. */

import { basename, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { AugmentationSpec } from '../augment/compose.ts'
import type { RawRecipe } from '../recipe/complete.ts'
import { findDataset } from '../recipe/datasets.ts'
import { resolveWithFiles } from '../recipe/files.node.ts'
import { folderOf, folderSource } from '../recipe/folderSource.ts'
import { type Assignment, parseAssignment, withFields } from '../recipe/overrides.ts'
import { dataName, type Recipe } from '../recipe/recipe.ts'
import { isCode } from '../recipe/rules.ts'
import { relativePath, withRelativePaths } from '../runs/relativePaths.node.ts'
import { display } from '../text/display.ts'
import { UsageError } from './terminal/errors.ts'

/** Command-line options that set fields of a recipe; other fields get their defaults. */
export interface RecipeOptions {
  readonly model?: string
  /** A data set, or `folder:PATH`. */
  readonly data?: string
  readonly dataDir?: string
  readonly limit?: number
  readonly validation?: number
  readonly normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] }
  readonly preprocess?: string
  /** A pipeline, or `'none'` when the data set has a usual one. */
  readonly augment?: AugmentationSpec | 'none' | undefined
  readonly epochs?: number
  readonly batchSize?: number
  readonly dropLast?: boolean
  readonly lr?: number
  readonly momentum?: number
  readonly weightDecay?: number
  readonly schedule?: string
  readonly seed?: number
  readonly test?: boolean
  readonly backend?: string
  readonly precise?: boolean
}

/** The recipe field of each option. */
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
 * The recipe that a command line requests.
 * @param options of the command line, which override the file
 * @param sets of the form `optimizer.lr=0.05`, which override both
 * @param base contents of a recipe file
 * @throws RecipeError naming the field, its value and the rule.
 * @example resolveOptions({ epochs: 3 }).model // { name: 'lenet5' }
 */
export function resolveOptions(
  options: RecipeOptions = {},
  sets: readonly string[] = [],
  base: RawRecipe = {},
): Recipe {
  // In one go, so that a part that is named by a set keeps what options say of it.
  const asked = Object.entries(options).flatMap(assignmentsOf)
  return resolveWithFiles(withFields(base, [...asked, ...sets.map(set => parseAssignment(set, `--set ${set}`))]))
}

function assignmentsOf([option, value]: readonly [string, unknown]): Assignment[] {
  if (value === undefined) return []
  const said = optionOf(option, value)
  const folder = option === 'data' ? folderOf(String(value)) : undefined
  if (folder !== undefined) {
    return [
      { path: places.data, value: 'folder', said },
      { path: places.dataDir, value: folder, said },
    ]
  }
  return [{ path: places[option as keyof RecipeOptions], value, said }]
}

/**
 * Refuses options that contradict the recipe of the run to be resumed.
 * @throws UsageError naming the option, its value and the recipe's.
 */
export function refuseConflicts(options: RecipeOptions, recipe: Recipe): void {
  for (const [option, value] of Object.entries(options)) {
    // The location of the images does not matter: their fingerprint shows whether they have changed.
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
 * The command that repeats a run: every number spelled out, or the recipe's file when it holds more than options can
 * say.
 * @example commandOf(recipe) // 'fovea train lenet5 --data mnist --epochs 5 …'
 */
export function commandOf(recipe: Recipe): string {
  const { data } = recipe
  const options = optionsOf(recipe)
  // The classes of a folder are its sub-folders, in alphabetical order; it may no longer exist.
  const base = data.classes && { data: { name: 'folder', classes: [...data.classes].sort() } }
  const again = options && { ...resolveOptions(options, [], base), fovea: recipe.fovea }
  if (!options || !isDeepStrictEqual(again, JSON.parse(JSON.stringify(recipe)))) return 'fovea train recipe.json'
  const usual: Partial<RecipeOptions> = { backend: 'wasm', precise: false, test: true }
  const words = Object.entries(options).flatMap(([option, value]) => {
    if (option === 'model' || value === undefined || value === usual[option as keyof RecipeOptions]) return []
    if (option === 'augment') return ['--augment', value === 'none' ? 'none' : 'recipe.json']
    if (option === 'dataDir') return [optionOf(option, relativePath(String(value)))]
    if (option === 'data' && data.name === 'folder')
      return [optionOf(option, folderSource(dataName({ data: withRelativePaths(data) })))]
    return [optionOf(option, value)]
  })
  return ['fovea train', options.model, ...words].join(' ')
}

/** Name of a run folder: that of its recipe file, or else of its model. */
export function runName({ model }: Recipe, file?: string): string {
  const named = file !== undefined && !file.endsWith('.json') ? file : isCode(model) ? model.file : undefined
  if (named !== undefined) return basename(named).replace(/\.[^.]*$/, '')
  return isCode(model) ? 'run' : model.name
}

/** A word, quoted for a shell. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** The options equivalent to a recipe; undefined when it holds more than options can say. */
function optionsOf({ model, data, optimizer, schedule, ...rest }: Recipe): RecipeOptions | undefined {
  if (isCode(model) || isCode(optimizer) || isCode(schedule)) return undefined
  const known = data.name === 'folder' ? undefined : findDataset(data.name)
  const hasUsual = isDeepStrictEqual(data.augment, known?.augment?.().spec())
  const { lr, momentum, weightDecay } = optimizer as unknown as { lr: number; momentum?: number; weightDecay?: number }
  return {
    model: model.name,
    data: data.name === 'folder' ? folderSource(String(data.directory)) : data.name,
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
    schedule: schedule.name,
    seed: rest.seed,
    backend: rest.backend,
    precise: rest.precise,
    test: rest.test,
    ...(!hasUsual && { augment: (data.augment as AugmentationSpec | undefined) ?? ('none' as const) }),
  }
}

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((held, key) => (held as Record<string, unknown> | undefined)?.[key], value)

/** The recipe value that an option sets. */
function wantedValue(option: string, value: unknown): unknown {
  if (option === 'dataDir') return resolve(String(value))
  if (option === 'augment' && value === 'none') return undefined
  if (option === 'data' && folderOf(String(value)) !== undefined) return 'folder'
  return value
}

/** `--batch-size 64`, `--precise`, `--no-test`; for the model its name. */
function optionOf(field: string, value: unknown): string {
  if (field === 'model') return `model ${String(value)}`
  const name = field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  if (typeof value === 'boolean') return value ? `--${name}` : `--no-${name}`
  return `--${name} ${shellWord(typeof value === 'object' ? display(value) : String(value))}`
}
