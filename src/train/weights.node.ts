/** Weights from files on disk. */

import { fileURLToPath } from 'node:url'
import { isAddress } from '../formats/download.ts'
import type { GlobalResponse, GlobalUrl } from '../formats/globals.ts'
import { withFile } from '../formats/source.node.ts'
import type { FileContents } from '../formats/source.ts'
import type { Module } from '../nn/module.ts'
import {
  type LoadWeightsOptions,
  loadWeights as loadContents,
  readMatching,
  setWeights,
  type WeightsReport,
} from './weights.ts'

/**
 * Loads a file of weights into a model: safetensors, or a file of `torch.save` in either form, recognized by its
 * contents. Names match directly, or after the prefix that the model's names have in the file; averaged weights are
 * preferred to those of the last step. Only what the model needs is read, from a file of any size. All or nothing: when
 * something does not fit, the model is unchanged.
 *
 * @param source the path of the file; its address (`https:`, `file:`), as text or `URL`; its contents, as bytes or a
 * `Blob`; or
 *   the answer of a server. In a browser a text is an address, relative to the page.
 * @returns the unused and the missing names, and how names were changed
 * @throws StateError naming the file and listing every missing, unexpected and mis-shaped tensor; WeightsError for a
 * file that
 * is missing, broken or not a file of weights, was changed while it was read, cannot be downloaded, holds several sets
 * that fit, or
 *   keeps a tensor that the model needs in a type that is not read.
 * @example
 * const model = resnet(18)
 * await loadWeights(model, 'resnet18-f37072fd.pth')
 * @example
 * // Another number of classes: everything except the last layer, which stays new.
 * const model = resnet(18, { classes: 5 }).initialize(0)
 * const { misshaped } = await loadWeights(model, 'resnet18.pth', { skipMisshaped: true }) // ['fc.weight', 'fc.bias']
 */
export async function loadWeights(
  model: Module,
  source: FileContents | GlobalUrl | GlobalResponse | string,
  options: LoadWeightsOptions = {},
): Promise<WeightsReport> {
  const from = typeof source === 'string' && isAddress(source) ? new URL(source) : source
  const path = from instanceof URL && from.protocol === 'file:' ? fileURLToPath(from) : from
  if (typeof path !== 'string') return loadContents(model, path, options)
  return setWeights(
    await withFile(path, source => readMatching(model, { ...source, name: options.file ?? path }, options)),
  )
}
