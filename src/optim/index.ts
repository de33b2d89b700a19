/**
 * Optimizers, transforms of gradients and weights, and schedules.
 * @module fovea/optim
 */
export { GradientAccumulator } from './accumulate.ts'
export { type AdadeltaOptions, adadelta } from './adadelta.ts'
export { type AdagradOptions, adagrad } from './adagrad.ts'
export { type AdamOptions, adam, adamW, type MomentOptions } from './adam.ts'
export { adamax } from './adamax.ts'
export { clipByMedianNorm, type MedianClipOptions } from './adaptiveClip.ts'
export {
  AveragedVariables,
  type EmaOptions,
  ema,
  type RunLength,
  type SwaOptions,
  swa,
  type WeightAverage,
} from './average.ts'
export { centralize } from './centralize.ts'
export { chain, type Transform, type TransformStep } from './chain.ts'
export { type ClassicMomentumOptions, classicMomentum } from './classicMomentum.ts'
export { clipByGlobalNorm, clipByValue } from './clip.ts'
export type { GroupOptions, ParameterGroup } from './groups.ts'
export { type LarsOptions, lars } from './lars.ts'
export { type LionOptions, lion } from './lion.ts'
export { type MaxNormOptions, maxNorm } from './maxNorm.ts'
export { type NadamOptions, nadam } from './nadam.ts'
export { oneBit } from './oneBit.ts'
export { type OneCycleMomentumOptions, type OneCycleOptions, oneCycle, oneCycleMomentum } from './oneCycle.ts'
export type { Optimizer } from './optimizer.ts'
export { matchesPath, type PathPattern, PatternError } from './patterns.ts'
export { type ElasticNetOptions, type Penalty, penalty, proximal } from './penalty.ts'
export { onPlateau, type PlateauOptions } from './plateau.ts'
export { radam } from './radam.ts'
export { type RmspropOptions, rmsprop } from './rmsprop.ts'
export { type CommonOptions, optimizerOf, type ParameterStep, type SharedStep, type UpdateRule } from './rule.ts'
export { type EpochScore, type Schedule, type ScheduleFeedback, type WarmupOptions, withWarmup } from './schedule.ts'
export {
  constant,
  cosine,
  cosineWithRestarts,
  type EndOptions,
  exponential,
  lambda,
  type MultiStepOptions,
  multiStep,
  type PolynomialOptions,
  polynomial,
  type RestartOptions,
  type StepOptions,
  step,
} from './schedules.ts'
export { type SgdOptions, sgd } from './sgd.ts'
export type { OpenSlot, Slot } from './slots.ts'
