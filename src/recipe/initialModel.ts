/** The model that a run begins with: a new one, or, in transfer learning, one with pretrained weights. */
import { replaceHead } from '../nn/head.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import { imagesOf } from './images.ts'
import { createModel, createNetwork } from './model.ts'
import { createPreprocessing } from './preprocess.ts'
import type { Recipe } from './recipe.ts'
import type { RunSetup } from './runSetup.ts'

/** Pretrained weights. */
export interface PretrainedWeights {
  /** Number of classes that they were trained for, if known. */
  readonly classes?: number
  /** Loads them into a network for that number of classes. */
  load(network: Module): Promise<void>
}

/** Opens the weights that a recipe names. */
export type OpenPretrained = (pretrained: NonNullable<Recipe['pretrained']>) => Promise<PretrainedWeights>

/**
 * The model that a run begins with. If its weights were trained for another number of classes, its last layer is new.
 * The preprocessing is always that of the new run.
 */
export async function createInitialModel(setup: RunSetup, open: OpenPretrained): Promise<ImageClassifier> {
  const { recipe } = setup
  const { pretrained, seed } = recipe
  if (!pretrained) return createModel(setup)
  const { classes, shape } = imagesOf(recipe)
  const source = await open(pretrained)
  const trained = pretrained.classes ?? source.classes ?? classes.length
  const network = createNetwork(setup, { classes: trained }).initialize(seed)
  await source.load(network)
  if (trained !== classes.length) replaceHead(network, classes.length, { seed })
  return new ImageClassifier(createPreprocessing(recipe, shape), network)
}
