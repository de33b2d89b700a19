/** The door of training: the loop, its events, evaluation and checkpoints. */
export {
  type Checkpoint,
  CheckpointError,
  decodeCheckpoint,
  type EncodedCheckpoint,
  encodeCheckpoint,
  type Progress,
  type StoredTensor,
  weightsOf,
} from './checkpoint.ts'
export { type Evaluation, Evaluator } from './evaluate.ts'
export type {
  CheckpointEvent,
  DoneEvent,
  EpochEvent,
  Score,
  StartEvent,
  StepEvent,
  TrainEvent,
  ValidationEvent,
} from './events.ts'
export { type ImageShape, predictionProgram, type TrainingExtras, trainingProgram } from './programs.ts'
export { fit, Trainer, type TrainerOptions } from './trainer.ts'
export { type LoadWeightsOptions, loadWeights } from './weights.ts'
