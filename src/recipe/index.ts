/**
 * The door of recipes: everything that decides what a training run computes, as typed data.
 * @module fovea/recipe
 */
export { RecipeError, type RecipeProblem, SourceError } from './errors.ts'
export {
  type AverageRecipe,
  type CheckpointsRecipe,
  type DataRecipe,
  defineRecipe,
  type FreezeRecipe,
  type GradientRecipe,
  type LossRecipe,
  type ModelFunctionOptions,
  type ModelRecipe,
  type Named,
  type OptimizerRecipe,
  type PretrainedRecipe,
  type RecipeInput,
  type ScheduleRecipe,
  type WeightRecipe,
} from './input.ts'
