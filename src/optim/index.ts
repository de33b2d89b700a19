/**
 * Optimizers and learning-rate schedules.
 * @module fovea/optim
 */
export { type AdamOptions, adam, adamW } from './adam.ts'
export type { Optimizer } from './optimizer.ts'
export {
  type CosineOptions,
  constant,
  cosine,
  type OneCycleOptions,
  oneCycle,
  type Schedule,
  type StepOptions,
  step,
  type WarmupOptions,
  withWarmup,
} from './schedules.ts'
export { type SgdOptions, sgd } from './sgd.ts'
