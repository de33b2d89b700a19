/**
 * Weights from files of other programs: whatever the format, matched by name, in one call.
 *
 * Lives here because this is where formats and models meet; `weights.node.ts` adds paths.
 */
import { type ReadWeightsOptions, readWeights, type WeightsSource, weightsName } from '../formats/weights.ts'
import type { Module } from '../nn/module.ts'
import { type LoadReport, type LoadStateOptions, loadState, StateError } from '../nn/state.ts'

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions extends LoadStateOptions, ReadWeightsOptions {}

/**
 * Loads a file of weights into a model: safetensors, or a file of `torch.save` in either form, told apart by its contents.
 * Names are matched after wrappers and prefixes such as `state_dict` and `module.` have been taken off. All or nothing:
 * when something does not fit, the model is unchanged.
 *
 * @param source the bytes of the file; a `File` or `Blob`; or the address to fetch it from
 * @returns what was not used and not found
 * @throws StateError naming the file and listing every missing, unexpected and mis-shaped tensor; PyTorchFileError or
 *   SafetensorsError for a file that is broken or is none; Error when the address does not answer with a file.
 * @example
 * const model = resnet(18)
 * await loadWeights(model, new URL('https://models.example/resnet18.safetensors'))
 * @example
 * // Another number of classes: everything but the last layer, which starts anew.
 * const model = resnet(18, { classes: 5 }).initialize(0)
 * const { misshaped } = await loadWeights(model, file, { skipMisshaped: true }) // ['fc.weight', 'fc.bias']
 */
export async function loadWeights(
  model: Module,
  source: WeightsSource | URL,
  options: LoadWeightsOptions = {},
): Promise<LoadReport> {
  const { file = source instanceof URL ? source.href : weightsName(source) } = options
  const contents = source instanceof URL ? await download(source) : source
  const state = await readWeights(contents, { ...options, file })
  try {
    return loadState(model, state, options)
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    throw new StateError(`${file}: ${error.message}`, { cause: error })
  }
}

async function download(url: URL): Promise<ArrayBuffer> {
  const response = await fetch(url).catch((error: Error) => {
    throw new Error(`${url.href}: cannot be fetched: ${error.message}`, { cause: error })
  })
  if (!response.ok)
    throw new Error(`${url.href}: the server answered ${response.status} ${response.statusText}`.trimEnd())
  return response.arrayBuffer()
}
