/** `fovea import`: weights from PyTorch or safetensors files, as a run folder that `eval` and `predict` take. */
import { readFile } from 'node:fs/promises'
import { readPyTorch, readSafetensors, stateDict, tensorValues } from '../formats/index.ts'
import { loadState, type StoredTensor } from '../nn/state.ts'
import type { StoredTensor as SavedTensor } from '../train/checkpoint.ts'
import { RunFolder } from '../train/runFolder.node.ts'
import { defaultRuns } from './defaults.ts'
import { type RecipeOptions, resolveRecipe } from './recipe.ts'
import { createModel, naming } from './setup.ts'

/** Options of {@link importWeights}. */
export interface ImportOptions {
  readonly model: string
  readonly data: string
  /** Mean and standard deviation of each channel, of pixels from 0 to 1, that the weights were trained with. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** What the names in the file begin with; found out when absent. */
  readonly prefix?: string
  readonly out?: string
  readonly name?: string
}

/**
 * Makes a run folder of a file of weights.
 * @returns the exit code
 * @throws Error naming the file and what does not fit: a broken file, missing, unexpected or mis-shaped tensors.
 */
export async function importWeights(file: string, options: ImportOptions): Promise<number> {
  const { model: name, data, mean, std, prefix, out = defaultRuns } = options
  const recipe = resolveRecipe({
    model: name,
    data,
    ...(mean && std && { normalize: { mean: [...mean], std: [...std] } }),
  } satisfies RecipeOptions)
  const weights = await readWeights(file, prefix)
  const model = createModel(recipe)
  // Batch norm's counters are younger than PyTorch 0.4.1; weights from before it have none.
  for (const [path, { shape, value }] of model.variables()) {
    if (path.endsWith('.num_batches_tracked') && !weights.has(path)) weights.set(path, { shape, values: value })
  }
  await naming(file, () => loadState(model, weights))
  // The model's own values, so that types and names are those that a training run would have saved.
  const tensors = new Map<string, SavedTensor>()
  for (const [path, { shape, value }] of model.variables()) tensors.set(`model.${path}`, { shape, values: value })
  const folder = await RunFolder.create(out, options.name ?? name, recipe)
  try {
    await folder.save({ tensors, progress: { epoch: 1, batch: 0, step: 0, imported: file }, recipe })
  } finally {
    await folder.close()
  }
  let parameters = 0
  for (const parameter of model.parameters().values()) parameters += parameter.value.length
  console.log(`${parameters.toLocaleString('en-US')} parameters of ${name} from ${file}`)
  console.log(`run folder     ${folder.path}`)
  return 0
}

/** Reads a file by its contents: safetensors begin with the length of a JSON header, PyTorch files do not. */
async function readWeights(file: string, prefix: string | undefined): Promise<Map<string, StoredTensor>> {
  const contents = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${file}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`)
  })
  const bytes = new Uint8Array(contents.buffer, contents.byteOffset, contents.length)
  if (bytes[8] !== 0x7b) {
    return stateDict(readPyTorch(bytes, file), prefix === undefined ? {} : { prefix })
  }
  const found = new Map<string, StoredTensor>()
  for (const [path, tensor] of readSafetensors(bytes, file).tensors) {
    if (prefix !== undefined && !path.startsWith(prefix)) continue
    found.set(path.slice(prefix?.length ?? 0), {
      shape: tensor.shape,
      values: tensorValues(tensor) as ArrayLike<number>,
    })
  }
  return found
}
