/**
 * Weights from files of other programs: any format, matched by name, in one call.
 *
 * They are loaded here because this is where formats and models meet; `weights.node.ts` adds paths.
 */

import { addressOf, download, isResponse } from '../formats/download.ts'
import { exactNumbers } from '../formats/elements.ts'
import type { GlobalResponse, GlobalUrl } from '../formats/globals.ts'
import { type ByteSource, type FileContents, sourceOf } from '../formats/source.ts'
import { type ChooseWeightsOptions, chooseWeights } from '../formats/weightNames.ts'
import { openSource } from '../formats/weights.ts'
import { type FileTensor, WeightsError } from '../formats/weightsFile.ts'
import type { Module } from '../nn/module.ts'
import {
  type LoadReport,
  type LoadStateOptions,
  matchState,
  StateError,
  type StateMatch,
  setValues,
} from '../nn/state.ts'

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions extends LoadStateOptions, ChooseWeightsOptions {
  /** Name of the file in error messages; its path, address or own name by default. */
  readonly file?: string
}

/** Result of {@link loadWeights}. */
export interface WeightsReport extends LoadReport {
  /** Sentences about how the weights were found, and about anything unusual in them; usually none. */
  readonly notes: readonly string[]
}

/**
 * Loads a file of weights into a model: safetensors, or a file of `torch.save` in either form, recognized by its
 * contents. Names match directly, or after the prefix that the model's names have in the file; averaged weights are
 * preferred to those of the last step. Only what the model needs is read. All or nothing: when something does not fit,
 * the model is unchanged.
 *
 * @param source a file's contents (bytes, a `Blob` or `File`); or its address, which on a page may be relative; or the
 * answer
 *   of a server
 * @returns the unused and the missing names, and how names were changed
 * @throws StateError naming the file and listing every missing, unexpected and mis-shaped tensor; WeightsError for a
 * file that
 * is broken or not a file of weights, cannot be downloaded, holds several sets of weights that fit, or keeps a tensor
 * that the model needs in
 *   a type that is not read.
 * @example
 * const model = resnet(18)
 * await loadWeights(model, 'weights/resnet18.safetensors')
 * @example
 * // Another number of classes: everything except the last layer, which stays new.
 * const model = resnet(18, { classes: 5 }).initialize(0)
 * const { misshaped } = await loadWeights(model, file, { skipMisshaped: true }) // ['fc.weight', 'fc.bias']
 */
export async function loadWeights(
  model: Module,
  source: FileContents | GlobalUrl | GlobalResponse | string,
  options: LoadWeightsOptions = {},
): Promise<WeightsReport> {
  const from = typeof source === 'string' ? addressOf(source) : source
  const isRemote = from instanceof URL || isResponse(from)
  const file = isRemote ? await download(from, options.file) : sourceOf(from, options.file)
  return setWeights(await readMatching(model, file, options))
}

/** The values for a model, read but not yet loaded into it. */
export interface ReadWeights extends Pick<WeightsReport, 'notes'> {
  readonly file: string
  readonly match: StateMatch
  readonly values: ReadonlyMap<string, ArrayLike<number>>
}

/** Finds the weights of a model in a file and reads them. @throws as {@link loadWeights} */
export async function readMatching(
  model: Module,
  source: ByteSource,
  options: LoadWeightsOptions = {},
): Promise<ReadWeights> {
  const file = source.name
  const { tensors, notes } = chooseWeights(await openSource(source), model.variables(), options)
  const match = nameFile(file, () => matchState(model, tensors, options))
  const values = new Map<string, ArrayLike<number>>()
  const odd: string[] = []
  for (const path of match.matched.keys()) {
    const numbers = await numbersOf(tensors.get(path)!, path, file)
    values.set(path, numbers)
    let broken = 0
    for (const value of numbers) if (!Number.isFinite(Math.fround(value))) broken++
    if (broken > 0) odd.push(`${path}: ${broken} of ${numbers.length} values are NaN or infinite`)
  }
  return { file, match, values, notes: [...notes, ...odd] }
}

/** Loads weights into the model that they were read for. @throws StateError when its integers cannot hold them */
export function setWeights({ file, match, values, notes }: ReadWeights): WeightsReport {
  nameFile(file, () => setValues(match.matched, values))
  return { ...match.report, notes }
}

async function numbersOf(tensor: FileTensor, path: string, file: string) {
  const values = await tensor.read()
  try {
    return exactNumbers(values)
  } catch (error) {
    throw error instanceof RangeError ? new WeightsError(file, error.message, path, { cause: error }) : error
  }
}

/** Prefixes matching errors with the file's name. */
function nameFile<T>(file: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw error instanceof StateError ? new StateError(`${file}: ${error.message}`, { cause: error }) : error
  }
}
