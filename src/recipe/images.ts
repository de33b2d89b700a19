/** What is known of a recipe's images: their classes, and the shape in which its model gets them. */
import { findModel } from '../models/index.ts'
import type { ImageShape } from '../train/programs.ts'
import { dataInfo } from './datasets.ts'
import { UsageError } from '../cli/errors.ts'
import type { Recipe } from './recipe.ts'
import { isCode } from './rules.ts'

/**
 * Classes of a recipe's images and `[height, width, channels]` of what its model gets.
 * @param given the shape, when it is to be another than the recipe's
 */
export function imagesOf(
  { model, data }: Recipe,
  given?: ImageShape,
): { readonly classes: readonly string[]; readonly shape: ImageShape } {
  const { classes, shape } = { ...dataInfo(data), ...(given && { shape: given }) }
  if (shape) return { classes, shape }
  if (isCode(model)) throw new UsageError('data.size is missing: a network of your own does not say what it takes')
  const [, height, width] = findModel(model.name).inputShape
  return { classes, shape: [height, width, data.channels ?? 3] }
}
