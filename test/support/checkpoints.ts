/** Run folders with a checkpoint of a network that nobody has trained. */

import type { ImageClassifier } from '../../src/nn/imageClassifier.ts'
import type { RecipeInput } from '../../src/recipe/input.ts'
import { createModel } from '../../src/recipe/model.ts'
import { resolveRecipe } from '../../src/recipe/setup.ts'
import { RunFolder } from '../../src/runs/runFolder.node.ts'

/** Makes a run with checkpoints at some steps; the last is the best as well. @returns its folder and its network */
export async function makeCheckpoint(
  root: string,
  name: string,
  input: RecipeInput,
  steps: readonly number[] = [430],
): Promise<{ readonly path: string; readonly model: ImageClassifier }> {
  const setup = resolveRecipe(input)
  const model = createModel(setup)
  const folder = await RunFolder.create(root, name, setup.recipe)
  const tensors = new Map(
    [...model.variables()].map(([path, { shape, value }]) => [`model.${path}`, { shape, values: value }] as const),
  )
  for (const [k, step] of steps.entries()) {
    const best = k === steps.length - 1
    await folder.save({ tensors, progress: { epoch: 2, batch: 0, step }, recipe: setup.recipe }, { best })
  }
  await folder.close()
  return { path: folder.path, model }
}
