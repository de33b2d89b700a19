/** How a picture becomes the input of a recipe's model: in the same way as the images of its data set. */
import { usualShorterSide } from '../data/prepare.ts'
import type { ImageShape } from '../train/programs.ts'
import { type DatasetEntry, findDataset } from './datasets.ts'
import type { Recipe } from './recipe.ts'

/** Options of `prepareImage` and `prepareRaster` that hold for all pictures of a model. */
export interface Preparation {
  readonly subject: 'digit' | 'clothing' | 'picture'
  /** For a `picture`: pixels of the shorter side before center cropping. */
  readonly shorterSide?: number
}

/** @param shape `[height, width, channels]` of the model's input */
export function preparationOf({ data }: Pick<Recipe, 'data'>, shape: ImageShape): Preparation {
  if (data.name === 'folder') return { subject: 'picture', shorterSide: usualShorterSide(shape) }
  const { subject }: DatasetEntry = findDataset(data.name)
  return { subject: subject ?? 'picture' }
}
