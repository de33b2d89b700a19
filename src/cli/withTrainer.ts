/** A trainer of a recipe for short experiments that leave no run behind. */

import type { Engine } from '../backends/engine.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { type EngineChoices, startEngine } from '../recipe/engine.ts'
import { createInitialModel } from '../recipe/initialModel.ts'
import { type TrainingOptions, trainingOptions } from '../recipe/parts.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { loadSetup, readRecipeFile } from '../recipe/recipeFile.node.ts'
import { createTrainer } from '../recipe/trainer.ts'
import { blamingFunctions } from '../recipe/userCode.node.ts'
import { loadData, type RunData } from '../runs/data.node.ts'
import { openPretrained } from '../runs/pretrained.node.ts'
import type { Trainer, TrainerOptions } from '../train/trainer.ts'
import { reading } from './images.ts'
import { type RecipeOptions, resolveOptions } from './recipeOptions.ts'
import { note, warn } from './terminal/output.ts'

/** Where a recipe comes from. */
export interface RecipeSource extends EngineChoices {
  readonly file?: string | undefined
  readonly set?: readonly string[] | undefined
}

/** The recipe in a file, with the options of the command line. */
export async function recipeOf(given: RecipeOptions, { file, set }: RecipeSource): Promise<Recipe> {
  return resolveOptions(
    given,
    set,
    file === undefined ? {} : await readRecipeFile(file, { say: note, data: given.data }),
  )
}

/**
 * Runs something with a trainer of a recipe, and closes its engine afterward.
 * @param change differences from the recipe
 */
export async function withTrainer<T>(
  recipe: Recipe,
  choices: EngineChoices,
  change: (data: RunData) => {
    readonly train?: Subset<ImageCollection>
    /** Changes the recipe's options. */
    readonly options?: (usual: TrainingOptions) => Partial<TrainingOptions & Pick<TrainerOptions, 'alarms'>>
    readonly augment?: false
  },
  use: (trainer: Trainer) => Promise<T>,
): Promise<T> {
  const data = await loadData(recipe, reading)
  for (const note of data.notes) warn(note)
  const { train = data.train, options, augment } = change(data)
  const engine: Engine = await startEngine(recipe, choices)
  try {
    return await blamingFunctions(recipe, async () => {
      const setup = await loadSetup(recipe, warn)
      const model = await createInitialModel(setup, openPretrained(note))
      const changed = { alarms: false, ...options?.(trainingOptions(setup)) }
      return use(
        await createTrainer(setup, {
          engine,
          model,
          train,
          distribution: false,
          ...(augment === false && { augment }),
          ...changed,
        }),
      )
    })
  } finally {
    await engine.close()
  }
}
