/** `fovea import`: weights from PyTorch or safetensors files, as a run folder that `eval` and `predict` take. */
import { sizeOf } from '../graph/shape.ts'
import type { StoredTensor } from '../train/checkpoint.ts'
import { RunFolder } from '../train/runFolder.node.ts'
import { loadWeights } from '../train/weights.node.ts'
import { defaultRuns } from './defaults.ts'
import { type RecipeOptions, resolveRecipe } from './recipe.ts'
import { createModel } from './setup.ts'

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
  const model = createModel(recipe)
  const { missing } = await loadWeights(model, file, prefix === undefined ? {} : { prefix })
  // The model's own values, so that types and names are those that a training run would have saved.
  const tensors = new Map<string, StoredTensor>()
  for (const [path, { shape, value }] of model.variables()) tensors.set(`model.${path}`, { shape, values: value })
  const folder = await RunFolder.create(out, options.name ?? name, recipe)
  try {
    await folder.save({ tensors, progress: { epoch: 1, batch: 0, step: 0, imported: file }, recipe })
  } finally {
    await folder.close()
  }
  let parameters = 0
  for (const [path, { shape }] of model.parameters()) if (!missing.includes(path)) parameters += sizeOf(shape)
  console.log(`${parameters.toLocaleString('en-US')} parameters of ${name} from ${file}`)
  console.log(`run folder     ${folder.path}`)
  return 0
}
