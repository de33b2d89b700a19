/** `fovea import`: weights from PyTorch or safetensors files, as a run folder that `eval` and `predict` take. */

import { rm } from 'node:fs/promises'
import { parse } from 'node:path'
import { sizeOf } from '../../../graph/shape.ts'
import type { HostTensor } from '../../../graph/variable.ts'
import { findModel, modelNameOf } from '../../../models/index.ts'
import type { ImageClassifier } from '../../../nn/imageClassifier.ts'
import type { NormalizeOptions } from '../../../nn/normalize.ts'
import { folderOf } from '../../../recipe/folderSource.ts'
import { imagesOf } from '../../../recipe/images.ts'
import { createModel } from '../../../recipe/model.ts'
import { isOnnxFile, type NetworkFile, openNetworkFile, pictureShape } from '../../../recipe/networkFile.node.ts'
import { dataName, type Recipe } from '../../../recipe/recipe.ts'
import { loadSetup, readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { usualNormalization } from '../../../recipe/usualNormalization.ts'
import { mustExist } from '../../../runs/missing.node.ts'
import { RunFolder } from '../../../runs/runFolder.node.ts'
import { formatCount } from '../../../text/format.ts'
import { predictionProgram } from '../../../train/programs.ts'
import { loadWeights } from '../../../train/weights.node.ts'
import { checkPair, imageShape } from '../../modelFile.ts'
import { defaultRuns } from '../../options.ts'
import { resolveOptions } from '../../recipeOptions.ts'
import { CommandError, UsageError } from '../../terminal/errors.ts'
import { note, print } from '../../terminal/output.ts'

/** Options of {@link importWeights}. */
export interface ImportOptions {
  /** The model that the weights are for; absent for an ONNX file, which is its own model. */
  readonly model?: string
  readonly data: string
  /** Mean and standard deviation of each channel, of pixels from 0 to 1, that the weights were trained with. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** `[channels, height, width]` of an ONNX file's pictures, where it leaves them open. */
  readonly input?: readonly [number, number, number]
  /** Prefix of the names in the file; detected when absent. */
  readonly prefix?: string
  /** False for the weights of the last step when a file also has averaged weights. */
  readonly average?: boolean
  readonly out?: string
  readonly name?: string
}

/**
 * Makes a run folder from a file of weights. Either the run can predict, or no folder is made.
 * @param file its path or address
 * @returns the exit code
 * @throws UsageError for invalid options; Error naming the file and what does not fit: a broken file, missing,
 * unexpected or
 *   mis-shaped tensors, a network that does not fit the images or the classes of the data.
 */
export async function importWeights(file: string, options: ImportOptions): Promise<number> {
  const { prefix, average, out = defaultRuns } = options
  const name = options.model ?? parse(file).name
  mustExist(file)
  const network = isOnnxFile(file) ? await openNetwork(file, options) : undefined
  const recipe = network ? await networkRecipe(file, network, options) : recipeOf(options)
  const model = createModel(await loadSetup(recipe))
  // Nothing has to be matched for an ONNX file: it contains its network with the weights.
  const { missing, notes } = network
    ? { missing: [] as readonly string[], notes: network.network.notes }
    : await loadWeights(model, file, {
        ...(prefix !== undefined && { prefix }),
        ...(average !== undefined && { average }),
      })
  checkAnswers(model, recipe)
  checkFinite(model, file)
  // Taken from the model, so that types and names are those that a training run would have saved.
  const tensors = new Map<string, HostTensor>()
  for (const [path, { shape, value }] of model.variables()) tensors.set(`model.${path}`, { shape, values: value })
  const folder = await RunFolder.create(out, options.name ?? name, recipe)
  try {
    await folder.save({ tensors, progress: { epoch: 1, batch: 0, step: 0, imported: file }, recipe })
  } catch (error) {
    await folder.close()
    await rm(folder.path, { recursive: true, force: true })
    throw error
  }
  await folder.close()
  let parameters = 0
  for (const [path, { shape }] of model.parameters()) if (!missing.includes(path)) parameters += sizeOf(shape)
  for (const text of notes) note(`${file}: ${text}`)
  const { mean, std } = recipe.data.normalize as NormalizeOptions
  const whose = options.mean ? '' : ` (usual for ${name} on ${dataName(recipe)}; --mean and --std set others)`
  print(
    `${formatCount(parameters)} parameters of ${name} from ${file}`,
    `normalized by  mean ${mean.join(', ')}, std ${std.join(', ')}${whose}`,
    `run folder     ${folder.path}`,
  )
  return 0
}

/**
 * The recipe of the run. Your own pictures are normalized as in the training of the weights, never by their own
 * statistics.
 */
function recipeOf({ model: name, data, mean, std, input }: ImportOptions): Recipe {
  checkPair(mean, std)
  if (input) throw new UsageError(`--input ${input.join('x')}: is for ONNX files; a model has a size of its own`)
  if (name === undefined) throw new UsageError('--model is missing: name the model that the weights are for')
  const given = mean && std && { mean: [...mean], std: [...std] }
  // The recipe refuses an unknown name.
  const own = folderOf(data) !== undefined && modelNameOf(name) ? findModel(name) : undefined
  const normalize = given ?? (own && usualNormalization(imageShape(own.inputShape)))
  const base = own ? { data: { name: 'folder', channels: own.inputShape[0] } } : {}
  return resolveOptions({ model: name, data, ...(normalize && { normalize }) }, [], base)
}

/** @throws UsageError for options that are not for a network's own file; RecipeError, OnnxError */
async function openNetwork(file: string, options: ImportOptions): Promise<NetworkFile> {
  const { model, prefix, average, mean, std } = options
  if (model !== undefined) throw new UsageError(`--model ${model}: ${file} is a network itself`)
  if (prefix !== undefined || average === false) {
    const option = average === false ? '--no-average' : `--prefix ${prefix}`
    throw new UsageError(`${option}: is for files of weights; ${file} has those of its network only`)
  }
  checkPair(mean, std)
  return openNetworkFile(file)
}

/** The recipe for the run of an ONNX file, which gives the size of its pictures. */
async function networkRecipe(file: string, network: NetworkFile, options: ImportOptions): Promise<Recipe> {
  const { data, mean, std, input } = options
  const given = mean && std && { mean: [...mean], std: [...std] }
  if (input && folderOf(data) === undefined) {
    throw new UsageError(`--input ${input.join('x')}: the pictures of ${data} have a size of their own; leave it out`)
  }
  const base = await readRecipeFile(file, { data })
  if (folderOf(data) === undefined) return resolveOptions({ data, ...(given && { normalize: given }) }, [], base)
  const shape = pictureShape(file, network, input && imageShape(input))
  const [height, width, channels] = shape
  const pictures = { name: 'folder', channels, size: [height, width] }
  return resolveOptions({ data, normalize: given ?? usualNormalization(shape) }, [], { ...base, data: pictures })
}

/** @throws CommandError when the network does not take the images, or has another number of classes */
function checkAnswers(model: ImageClassifier, recipe: Recipe): void {
  const { classes, shape } = imagesOf(recipe)
  const fail = (reason: string): never => {
    throw new CommandError(`the run could not predict on ${dataName(recipe)}: ${reason}`)
  }
  try {
    const { outputs } = predictionProgram(model, shape, model.fixedBatch ?? 1, false)
    const size = outputs.probabilities?.shape.at(-1)
    if (size !== classes.length) fail(`${size} outputs for ${classes.length} classes`)
  } catch (error) {
    if (error instanceof CommandError) throw error
    fail((error as Error).message)
  }
}

/** @throws CommandError when the weights make every answer NaN */
function checkFinite(model: ImageClassifier, file: string): void {
  for (const [path, { value }] of model.variables()) {
    const at = (value as Float32Array).findIndex(number => !Number.isFinite(number))
    if (at >= 0) throw new CommandError(`${file}: ${path} is ${value[at]} at ${at}: such weights cannot predict`)
  }
}
