/**
 * The door of recipes: everything that decides what a training run computes, as typed data, and the model, optimizer
 * and trainer made from it. Runs anywhere; `fovea train` adds files.
 * @module fovea/recipe
 */
export { type DatasetEntry, type DatasetName, datasets } from './datasets.ts'
export { type EngineChoices, startEngine } from './engine.ts'
export { RecipeError, type RecipePlace } from './errors.ts'
export type { RecipeFunctions } from './functions.ts'
export { imagesOf } from './images.ts'
export {
  createInitialModel,
  type OpenPretrained,
  type PretrainedWeights,
} from './initialModel.ts'
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
  type MomentumRecipe,
  type Named,
  type OptimizerRecipe,
  type PartsOf,
  type PretrainedRecipe,
  type RecipeInput,
  type ScheduleRecipe,
  type WeightRecipe,
} from './input.ts'
export { createModel, createNetwork, type NetworkOptions } from './model.ts'
export {
  createAugmentation,
  createLoss,
  createOptimizer,
  createSchedule,
  type TrainingOptions,
  trainingOptions,
} from './parts.ts'
export type { CodeReference } from './rules.ts'
export type { RunSetup } from './runSetup.ts'
export { type ExchangeRecipe, type ModelPart, type Recipe, recipeFields } from './schema.ts'
export { resolveRecipe } from './setup.ts'
export {
  averages,
  gradientTransforms,
  losses,
  momentums,
  optimizers,
  type PartEntry,
  schedules,
  weightTransforms,
} from './tables.ts'
export { createTrainer, type TrainerParts } from './trainer.ts'
