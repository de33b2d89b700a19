/** Weights from files on disk. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { WeightsSource } from '../formats/index.ts'
import type { Module } from '../nn/module.ts'
import type { LoadReport } from '../nn/state.ts'
import { type LoadWeightsOptions, loadWeights as loadContents } from './weights.ts'

/**
 * Loads a file of weights into a model: safetensors, or a file of `torch.save` in either form, told apart by its contents.
 * Names are matched after wrappers and prefixes such as `state_dict` and `module.` have been taken off. All or nothing:
 * when something does not fit, the model is unchanged.
 *
 * @param source the path of the file; its `file:` or `https:` address; or its contents, as bytes or a `Blob`. In a browser,
 *   which has no paths, a text is no source.
 * @returns what was not used and not found
 * @throws StateError naming the file and listing every missing, unexpected and mis-shaped tensor; PyTorchFileError or
 *   SafetensorsError for a file that is broken or is none; Error when it cannot be read.
 * @example
 * const model = resnet(18)
 * await loadWeights(model, 'resnet18-f37072fd.pth')
 * @example
 * // Another number of classes: everything but the last layer, which starts anew.
 * const model = resnet(18, { classes: 5 }).initialize(0)
 * const { misshaped } = await loadWeights(model, 'resnet18.pth', { skipMisshaped: true }) // ['fc.weight', 'fc.bias']
 */
export async function loadWeights(
  model: Module,
  source: WeightsSource | URL | string,
  options: LoadWeightsOptions = {},
): Promise<LoadReport> {
  const path = source instanceof URL && source.protocol === 'file:' ? fileURLToPath(source) : source
  if (typeof path !== 'string') return loadContents(model, path, options)
  const contents = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`, { cause: error })
  })
  return loadContents(model, contents, { file: path, ...options })
}
