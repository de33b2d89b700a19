/** Networks whose layers `fovea summary` can show: of the catalog, a recipe, or a run. */

import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findModel, modelNameOf } from '../../../models/index.ts'
import { ImageClassifier } from '../../../nn/imageClassifier.ts'
import { crossEntropy } from '../../../nn/losses.ts'
import type { Module } from '../../../nn/module.ts'
import { normalize } from '../../../nn/normalize.ts'
import type { OnnxNetwork } from '../../../onnx/network.ts'
import { GradientAccumulator } from '../../../optim/accumulate.ts'
import { AveragedVariables } from '../../../optim/average.ts'
import { sgd } from '../../../optim/index.ts'
import type { Program } from '../../../plan/program.ts'
import { trainingDefaults } from '../../../recipe/defaults.ts'
import { parseStoredRecipe } from '../../../recipe/files.node.ts'
import { imagesOf } from '../../../recipe/images.ts'
import { createNetwork } from '../../../recipe/model.ts'
import { isOnnxFile } from '../../../recipe/networkFile.node.ts'
import { createAugmentation, trainingOptions } from '../../../recipe/parts.ts'
import { createPreprocessing } from '../../../recipe/preprocess.ts'
import { dataName, modelName, type Recipe } from '../../../recipe/recipe.ts'
import { isRecipeFile, loadSetup, readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import type { RunSetup } from '../../../recipe/runSetup.ts'
import { RunFolder } from '../../../runs/runFolder.node.ts'
import { formatCount } from '../../../text/format.ts'
import { freezing, frozenIn } from '../../../train/freezing.ts'
import { type ImageShape, predictionProgram, trainingProgram } from '../../../train/programs.ts'
import { imageShape } from '../../modelFile.ts'
import { resolveOptions } from '../../recipeOptions.ts'
import { UsageError } from '../../terminal/errors.ts'
import { note, warn } from '../../terminal/output.ts'

/** `[channels, height, width]` of one image. */
export type InputShape = readonly [number, number, number]

/** A network to be shown, untrained. */
export interface Subject {
  readonly name: string
  readonly description: string
  /** Where the network was published; absent for a network that is not in the catalog. */
  readonly reference?: string
  readonly input: InputShape
  /** Images in a training step, if known. */
  readonly batch?: number
  /** How it is trained, in words. */
  readonly training: string
  /** A new network. */
  create(): Module
  /** A training step, and predictions, of a new network with its preprocessing. */
  trainingProgram(batch: number): Program
  predictionProgram(batch: number): Program
}

/**
 * The network that a word names; undefined when it is no model, recipe or run. @param input replaces the usual input
 */
export async function subjectOf(word: string, input: InputShape | undefined): Promise<Subject | undefined> {
  const name = modelNameOf(word)
  if (name) return knownSubject(name, input)
  if (isOnnxFile(word)) return onnxSubject(word, input)
  if (isRecipeFile(word))
    return recipeSubject(word, resolveOptions({}, [], await readRecipeFile(word, { say: note })), input)
  if (!existsSync(word) || !statSync(word).isDirectory()) return undefined
  const { recipe } = await RunFolder.open(word)
  const parsed = parseStoredRecipe(recipe, join(word, 'recipe.json'))
  return recipeSubject(word, parsed, input, await latestStep(word))
}

function knownSubject(name: string, input: InputShape | undefined): Subject {
  const { create, description, reference, inputShape } = findModel(name)
  return untrained({ name, description, reference, create }, input ?? inputShape)
}

/** A network that no recipe trains. */
function untrained(
  network: Pick<Subject, 'name' | 'description' | 'reference' | 'create'>,
  input: InputShape,
): Subject {
  const { create } = network
  const shape = imageShape(input)
  const scale = new Array<number>(shape[2]).fill(0.5)
  const classifier = () => new ImageClassifier(normalize({ mean: scale, std: scale }), create())
  const { lr, momentum, weightDecay } = trainingDefaults
  return {
    ...network,
    input,
    training: 'SGD with momentum',
    trainingProgram: batch =>
      trainingProgram(classifier(), shape, batch, crossEntropy(), sgd({ lr, momentum, weightDecay })),
    predictionProgram: batch => predictionProgram(classifier(), shape, batch, false),
  }
}

/**
 * The network of an ONNX file.
 * @throws UsageError when neither the file nor an option gives the size of its pictures
 */
async function onnxSubject(file: string, input: InputShape | undefined): Promise<Subject> {
  if (!existsSync(file)) throw new UsageError(`${file}: no such file`)
  const { importOnnxFile } = await import('../../../onnx/onnxFile.node.ts')
  const network = await importOnnxFile(file)
  const { producer, opset } = network.info
  const shape = input ?? pictureShape(network)
  if (!shape) throw new UsageError(`${file}: does not say the size of its pictures: add --input CxHxW`)
  for (const text of network.notes) note(`${file}: ${text}`)
  const description = `ONNX${producer ? `, by ${producer}` : ''}, operator set ${opset}`
  const { fixedBatch } = network
  const subject = untrained({ name: file, description, create: () => network.copy() }, shape)
  return fixedBatch === undefined ? subject : { ...subject, batch: fixedBatch }
}

/** `[channels, height, width]`, when all are numbers. */
function pictureShape({ inputs: [port] }: OnnxNetwork): InputShape | undefined {
  const sizes = port?.shape?.slice(1)
  return sizes?.length === 3 && sizes.every(size => typeof size === 'number')
    ? (sizes as unknown as InputShape)
    : undefined
}

async function recipeSubject(
  name: string,
  recipe: Recipe,
  input: InputShape | undefined,
  trained = '',
): Promise<Subject> {
  const setup = await loadSetup(recipe, warn)
  const { classes, shape: usual } = imagesOf(recipe, input && imageShape(input))
  const [height, width, channels] = usual
  // The recipe does not know the values of other channels.
  const { normalize } = recipe.data
  const isFitting = normalize === undefined || normalize.mean.length === channels
  const preprocessed = isFitting ? recipe : { ...recipe, data: { ...recipe.data, normalize: undefined } }
  const create = () => createNetwork(setup, { shape: usual })
  const classifier = () => new ImageClassifier(createPreprocessing(preprocessed, usual), create())
  return {
    name,
    description: `${modelName(recipe)} for the ${classes.length} classes of ${dataName(recipe)}${trained}`,
    input: [channels, height, width],
    batch: recipe.batchSize,
    training: 'as in the recipe',
    create,
    trainingProgram: batch => stepOf(setup, classifier(), usual, batch),
    predictionProgram: batch => predictionProgram(classifier(), usual, batch, false),
  }
}

/** A training step with everything that a recipe adds to it. */
function stepOf(setup: RunSetup, model: ImageClassifier, shape: ImageShape, batch: number): Program {
  const { loss, optimizer, penalty, momentum, average, accumulate = 1, freeze = [] } = trainingOptions(setup)
  return trainingProgram(model, shape, batch, loss ?? crossEntropy(), freezing(optimizer, frozenIn(freeze, 1)), {
    softLabels: createAugmentation(setup.recipe)?.softLabels ? imagesOf(setup.recipe).classes.length : undefined,
    penalty,
    scheduledMomentum: momentum !== undefined,
    average: average && new AveragedVariables(model.variables()),
    accumulation: accumulate > 1 ? { into: new GradientAccumulator(), last: true } : undefined,
  })
}

/** `, trained for 430 steps`; nothing for a run without a checkpoint. */
async function latestStep(run: string): Promise<string> {
  const latest = await readFile(join(run, 'latest'), 'utf8').catch(() => '')
  const [, step] = /step-0*(\d+)/.exec(latest) ?? []
  return step === undefined ? '' : `, trained for ${formatCount(Number(step))} steps`
}
