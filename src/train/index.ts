/** The door of training: the loop, its events, evaluation and checkpoints. */

export {
  type Checkpoint,
  CheckpointError,
  decodeCheckpoint,
  type EncodedCheckpoint,
  encodeCheckpoint,
  type Progress,
  weightsOf,
} from './checkpoint.ts'
export { EarlyStopping, type EarlyStoppingOptions } from './earlyStopping.ts'
export { type Evaluation, Evaluator } from './evaluate.ts'
export type {
  CheckpointEvent,
  DoneEvent,
  EpochEvent,
  NoticeEvent,
  Score,
  StartEvent,
  SteerEvent,
  StepEvent,
  TrainEvent,
  ValidationEvent,
} from './events.ts'
export type { FeatureOptions } from './features.ts'
export { fit } from './fit.ts'
export type { Freeze } from './freezing.ts'
export type { Health, LayerHealth, ParameterHealth } from './health.ts'
export { Perceptron, type PerceptronOptions, type PerceptronResult, perceptron } from './perceptron.ts'
export {
  type ImageShape,
  predictionProgram,
  type SampleShape,
  type TrainingExtras,
  trainingProgram,
} from './programs.ts'
export {
  type BestEpoch,
  bestEpoch,
  DivergedError,
  type RunStore,
  runSession,
  type SessionOptions,
  type SessionOutcome,
} from './session.ts'
export { type RateChange, Steering } from './steering.ts'
export { Trainer } from './trainer.ts'
export type { TrainerOptions } from './trainerOptions.ts'
export { type LoadWeightsOptions, loadWeights, type WeightsReport } from './weights.ts'
