/**
 * What is known about a recipe's images before any is read: their classes, and the shape in which its model gets them.
 */
import { findModel } from '../models/index.ts'
import type { ImageShape } from '../train/programs.ts'
import { findDataset } from './datasets.ts'
import { RecipeError } from './errors.ts'
import type { Recipe } from './recipe.ts'
import { isCode } from './rules.ts'

/**
 * Classes of a recipe's images and `[height, width, channels]` of its model's input.
 * @param given a shape that replaces the recipe's
 */
export function imagesOf(
  { model, data }: Recipe,
  given?: ImageShape,
): { readonly classes: readonly string[]; readonly shape: ImageShape } {
  if (data.name !== 'folder') {
    const { classes, shape } = findDataset(data.name)
    return { classes, shape: given ?? shape }
  }
  const { classes = [], size, channels = 3 } = data
  if (given) return { classes, shape: given }
  if (size) return { classes, shape: [size[0], size[1], channels] }
  if (isCode(model)) {
    throw new RecipeError('data.size is missing: a network of your own does not state its input size', {
      field: 'data.size',
    })
  }
  const [, height, width] = findModel(model.name).inputShape
  return { classes, shape: [height, width, channels] }
}
