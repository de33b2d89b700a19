/** Weights that a run begins with, from another run's folder or a file, as its recipe says. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { loadState } from '../nn/state.ts'
import { parseStoredRecipe } from '../recipe/files.node.ts'
import { imagesOf } from '../recipe/images.ts'
import type { OpenPretrained, PretrainedWeights } from '../recipe/initialModel.ts'
import { weightsOf } from '../train/checkpoint.ts'
import { withFileName } from '../train/namedCheckpoint.ts'
import { loadWeights } from '../train/weights.node.ts'
import { mustExist } from './missing.node.ts'
import { RunFolder } from './runFolder.node.ts'
import { finalCheckpoint } from './trainedModel.node.ts'

/**
 * Makes the function that opens the weights named by a recipe.
 * @param say called with a sentence about how the weights were found
 * @throws Error, when they are opened or loaded, naming the file and what does not fit
 */
export const openPretrained =
  (say: (note: string) => void = () => {}): OpenPretrained =>
  async ({ weights, prefix, average }) => {
    mustExist(weights)
    const isRun = existsSync(join(weights, 'recipe.json')) && statSync(weights).isDirectory()
    if (isRun) return openRun(weights, average)
    const options = { ...(prefix !== undefined && { prefix }), ...(average !== undefined && { average }) }
    return {
      async load(network) {
        const { notes } = await loadWeights(network, weights, options)
        for (const note of notes) say(`${weights}: ${note}`)
      },
    }
  }

async function openRun(path: string, average?: boolean): Promise<PretrainedWeights> {
  const folder = await RunFolder.open(path)
  const recipe = parseStoredRecipe(folder.recipe, join(path, 'recipe.json'))
  const state = weightsOf(await folder.load(finalCheckpoint(folder, recipe)), { average })
  const network = new Map([...state].filter(([name]) => !name.startsWith('normalize.')))
  return {
    classes: imagesOf(recipe).classes.length,
    async load(module) {
      await withFileName(path, () => loadState(module, network))
    },
  }
}
