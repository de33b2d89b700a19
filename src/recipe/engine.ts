/** The engine that a recipe requests. */
import { createEngine, type WasmBackend } from '../backends/createEngine.ts'
import type { Engine } from '../backends/engine.ts'
import { RecipeError } from './errors.ts'
import type { Recipe } from './recipe.ts'

/** Options that do not change results and are not part of a recipe. A backend without such a choice ignores them. */
export interface EngineChoices {
  /** All cores, or `FOVEA_THREADS`, when absent. */
  readonly threads?: number | undefined
  /** Wide vectors; off when absent. */
  readonly wide?: WasmBackend['wide']
  /** Native kernels; off when absent. */
  readonly native?: WasmBackend['native']
}

/** The engine without a recipe, for the file of a classifier. */
export const withoutRecipe = { backend: 'wasm', precise: false } as const

/**
 * Starts the engine of a recipe.
 * @throws RecipeError for threads out of range, `'on'` where that is impossible, and where there is no graphics
 *   processor for `webgpu`.
 */
export async function startEngine(
  { backend, precise }: Pick<Recipe, 'backend' | 'precise'>,
  { threads, wide, native }: EngineChoices = {},
): Promise<Engine> {
  try {
    // A backend that cannot be precise says why.
    if (backend === 'webgpu') return await createEngine({ backend, ...(precise && { precise }) })
    if (backend !== 'wasm') return createEngine({ backend })
    return createEngine({
      backend,
      precise,
      ...(threads !== undefined && { threads }),
      ...(wide && { wide }),
      ...(native && { native }),
    })
  } catch (error) {
    throw new RecipeError((error as Error).message, { cause: error })
  }
}
