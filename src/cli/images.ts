/** What is known of a recipe's images: their classes, and the shape in which its model gets them. */
import { findModel } from '../models/index.ts'
import { dataInfo } from './datasets.ts'
import type { Recipe } from './recipe.ts'
import { isCode } from './recipeRules.ts'

/** Classes of a recipe's images and `[height, width, channels]` of what its model gets. */
export function imagesOf({ model, data }: Recipe): {
  readonly classes: readonly string[]
  readonly shape: readonly [number, number, number]
} {
  const { classes, shape } = dataInfo(data)
  if (shape) return { classes, shape }
  if (isCode(model)) throw new Error('data.size is missing: a network of your own does not say what it takes')
  const [, height, width] = findModel(model.name).inputShape
  return { classes, shape: [height, width, data.channels ?? 3] }
}
