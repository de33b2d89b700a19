/** The engine of commands that read a run or a file: the run's recipe says what computes, unless the command line does. */
import type { BackendName, Engine } from '../backends/engine.ts'
import { type EngineChoices, startEngine, withoutRecipe } from '../recipe/engine.ts'
import { RecipeError } from '../recipe/errors.ts'
import type { Recipe } from '../recipe/recipe.ts'

/** What such a command may say about its engine. */
export interface ReadingChoices extends EngineChoices {
  /** What computes instead of the recipe's backend; results then differ in their last digits. */
  readonly backend?: BackendName | undefined
}

/**
 * Starts it.
 * @param recipe of a run; a file has none, and is computed by WebAssembly
 * @throws RecipeError as `startEngine`, with what the recipe says and the option that changes it
 */
export async function readingEngine(
  recipe: Recipe | undefined,
  { backend, ...choices }: ReadingChoices,
): Promise<Engine> {
  const said = recipe ?? withoutRecipe
  try {
    return await startEngine({ precise: said.precise, backend: backend ?? said.backend }, choices)
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error
    throw new RecipeError(`${error.message}${advice(said, backend)}`, { cause: error })
  }
}

function advice(recipe: Pick<Recipe, 'backend' | 'precise'>, asked: BackendName | undefined): string {
  if (recipe.backend === 'webgpu' && asked === undefined) {
    return "; the run's recipe says backend webgpu: --backend wasm computes without a graphics processor"
  }
  return recipe.precise && asked === 'webgpu' ? "; the run's recipe is precise: leave --backend out" : ''
}
