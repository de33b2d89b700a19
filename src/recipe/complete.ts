/** Completes a recipe: expands short forms, and fills in the usual names and their usual numbers. */

import { backendNames } from '../backends/engine.ts'
import { modelNameOf, models } from '../models/index.ts'
import { isRecord } from '../rules/record.ts'
import { unknownName } from '../text/names.ts'
import { datasets, findDataset } from './datasets.ts'
import { defaultData, defaultModel, trainingDefaults } from './defaults.ts'
import { RecipeError } from './errors.ts'
import { folderOf, folderSource } from './folderSource.ts'
import { isCode } from './rules.ts'
import { optimizers } from './tables.ts'
import { version } from './version.ts'

/** A recipe that is not resolved: JSON, functions replaced by references; short forms are allowed. */
export type RawRecipe = Readonly<Record<string, unknown>>

/** Parts that may be given just by name. */
const shortForms = ['model', 'data', 'optimizer', 'schedule', 'loss', 'momentum', 'average', 'exchange'] as const

/**
 * A recipe whose parts are objects: `'adam'` is short for `{ name: 'adam' }`, `'folder:photos'` for a folder of
 * pictures.
 */
export function longForms(raw: RawRecipe): Record<string, unknown> {
  const long: Record<string, unknown> = { ...raw }
  for (const part of shortForms) {
    const value = long[part]
    if (typeof value === 'string') long[part] = { name: value }
  }
  const { data } = long
  const directory = isRecord(data) && typeof data.name === 'string' ? folderOf(data.name) : undefined
  if (directory !== undefined) long.data = { ...(data as object), name: 'folder', directory }
  return long
}

/** A part as given, or its default. */
export function partOf(part: string, given: RawRecipe): unknown {
  return (Object.hasOwn(given, part) ? given[part] : undefined) ?? defaultPart(part)
}

function defaultPart(part: string): Record<string, unknown> {
  const { lr, momentum, weightDecay, schedule } = trainingDefaults
  if (part === 'optimizer') return { name: 'sgd', lr, momentum, weightDecay }
  if (part === 'schedule') return { name: schedule }
  if (part === 'loss') return { name: 'crossEntropy' }
  if (part === 'data') return { name: defaultData }
  if (part === 'model') return { name: defaultModel }
  return {}
}

/**
 * A recipe with every default filled in. Its values are still to be checked against their rules.
 * @throws RecipeError for an unknown model or data set, with the nearest name
 */
export function complete(given: RawRecipe): Record<string, unknown> {
  const { epochs, batchSize, seed } = trainingDefaults
  const data = partOf('data', given)
  const model = withCatalogName(partOf('model', given))
  const optimizer = partOf('optimizer', given)
  if (isRecord(model) && !isCode(model)) refuseUnknown('model', model.name, Object.keys(models))
  return {
    fovea: version,
    ...given,
    model,
    data: isRecord(data) ? completeData(data) : data,
    optimizer: isRecord(optimizer) && !isCode(optimizer) ? withRate(optimizer) : optimizer,
    schedule: partOf('schedule', given),
    loss: partOf('loss', given),
    epochs: given.epochs ?? epochs,
    batchSize: given.batchSize ?? batchSize,
    seed: given.seed ?? seed,
    test: given.test ?? true,
    backend: given.backend ?? backendNames[0],
    precise: given.precise ?? false,
  }
}

/** Stores the catalog's name of a model, whichever of its names was given. */
function withCatalogName(model: unknown): unknown {
  if (!isRecord(model) || isCode(model) || typeof model.name !== 'string') return model
  return { ...model, name: modelNameOf(model.name) ?? model.name }
}

/** An optimizer with the usual learning rate of its kind, unless it has its own. */
function withRate(optimizer: Record<string, unknown>): Record<string, unknown> {
  const name = String(optimizer.name)
  const lr = Object.hasOwn(optimizers, name) ? optimizers[name as keyof typeof optimizers].usualRate : undefined
  return { ...(lr !== undefined && { lr }), ...optimizer }
}

function completeData({ augment: given, ...rest }: Record<string, unknown>): Record<string, unknown> {
  const { name, limit, preprocess, normalize } = rest
  if (name !== 'folder') refuseUnknown('data set', name, [...Object.keys(datasets), folderSource('PATH')])
  // The rules refuse a name that is not a string.
  const known = name === 'folder' || typeof name !== 'string' ? undefined : findDataset(name)
  const augment = given === 'none' ? undefined : (given ?? known?.augment?.().spec())
  const { validation } = trainingDefaults
  const isShort = known && typeof limit === 'number' && limit < known.trainImages
  const held = isShort ? Math.round((limit * validation) / known.trainImages) : known ? validation : 0.2
  return {
    validation: held,
    ...rest,
    ...(normalize === undefined && preprocess === undefined
      ? known
        ? { normalize: known.normalize }
        : { preprocess: 'channel-mean-std' }
      : {}),
    ...(augment === undefined ? {} : { augment }),
  }
}

function refuseUnknown(kind: string, name: unknown, names: readonly string[]): void {
  if (typeof name !== 'string' || names.includes(name)) return
  const field = kind === 'model' ? 'model.name' : 'data.name'
  throw new RecipeError(unknownName(kind, name, names), {
    field,
    value: name,
    rule: `must be one of ${names.join(', ')}`,
  })
}
