/** The model that a run begins with: a new one, or, in transfer learning, one with weights that were trained before. */
import { replaceHead } from '../nn/head.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import { imagesOf } from './images.ts'
import { createModel, createNetwork } from './model.ts'
import { createPreprocessing } from './preprocess.ts'
import type { Recipe } from './recipe.ts'
import type { RunSetup } from './runSetup.ts'

/** Weights that were trained before. */
export interface PretrainedWeights {
  /** Classes that they were trained for, where that is known. */
  readonly classes?: number
  /** Puts them into a network for that number of classes. */
  load(network: Module): Promise<void>
}

/** Finds the weights that a recipe names. */
export type OpenPretrained = (pretrained: NonNullable<Recipe['pretrained']>) => Promise<PretrainedWeights>

/**
 * The model that a run begins with. Where the weights were trained for another number of classes, its last layer is new.
 * The preprocessing is always the new run's own.
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
