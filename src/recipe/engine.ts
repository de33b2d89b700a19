/** The engine that a recipe asks for. */
import { createEngine } from '../backends/createEngine.ts'
import type { Engine } from '../backends/engine.ts'
import type { WideChoice } from '../backends/wasm/runtime/wide.ts'
import { RecipeError } from './errors.ts'
import type { Recipe } from './recipe.ts'

/** What does not change results, and is no part of a recipe. */
export interface EngineChoices {
  /** All cores, or `FOVEA_THREADS`, when absent. */
  readonly threads?: number | undefined
  /** Wide vectors; off when absent. */
  readonly wide?: WideChoice | undefined
}

/** Starts the engine of a recipe. @throws RecipeError for threads out of range, and `wide: 'on'` where that is impossible. */
export function startEngine({ backend, precise }: Recipe, { threads, wide }: EngineChoices = {}): Engine {
  try {
    return createEngine({ backend, precise, ...(threads !== undefined && { threads }), ...(wide && { wide }) })
  } catch (error) {
    throw new RecipeError((error as Error).message, { cause: error })
  }
}
