/**
 * The events of a training run: typed, in order, one object each. Progress bars, curves, the JSONL
 * log and early stopping are all just consumers of this stream.
 */
import type { EngineDescription } from '../backends/engine.ts'
import type { Ranks } from './ranks.ts'

/** Mean loss and share of correct answers over a set of samples. */
export interface Score {
  /** Mean loss over the samples. */
  readonly loss: number
  /** Correct answers / samples, 0 … 1. */
  readonly accuracy: number
  /** Number of samples. */
  readonly samples: number
}

/** First event: a description of the run. */
export interface StartEvent {
  readonly type: 'start'
  /** Epochs in total. */
  readonly epochs: number
  /** Optimizer steps in one epoch. */
  readonly stepsPerEpoch: number
  /** Steps already done when the run is resumed; 0 for a new one. */
  readonly step: number
  /** Samples used for training and held out for validation. */
  readonly trainSamples: number
  readonly validationSamples: number
  /** Trainable numbers in the model. */
  readonly parameters: number
  /** The engine: backend, threads, vectors. */
  readonly engine: EngineDescription
  /** Bytes that a training step takes in addition to the variables. */
  readonly arenaBytes: number
  /** The processes that train together, when batches are computed in parts. */
  readonly ranks?: Ranks
}

/** One optimizer step. */
export interface StepEvent {
  readonly type: 'step'
  /** Counted from 1 over the whole run. */
  readonly step: number
  /** Epoch this step belongs to, from 1. */
  readonly epoch: number
  /** Mean loss of the mini-batch before the update, without auxiliary classifiers and penalties. */
  readonly loss: number
  /** Share of the mini-batch that was classified correctly before the update. */
  readonly accuracy: number
  readonly learningRate: number
  /** Throughput over the last second or so, images per second. */
  readonly imagesPerSecond: number
}

/** The end of an epoch: means over its steps. */
export interface EpochEvent extends Score {
  readonly type: 'epoch'
  readonly epoch: number
  readonly step: number
  readonly seconds: number
  /** Share of the seconds in which steps waited for images, 0 … 1. */
  readonly waitShare?: number
  /** Share of the seconds in which gradients were exchanged with other processes, waiting for them included, 0 … 1. */
  readonly exchangeShare?: number
}

/** Score on the validation split, after an epoch. */
export interface ValidationEvent extends Score {
  readonly type: 'validation'
  readonly epoch: number
  readonly step: number
}

/** A checkpoint is complete on disk (written by the consumer that stores runs). */
export interface CheckpointEvent {
  readonly type: 'checkpoint'
  readonly step: number
  readonly epoch: number
  readonly file: string
}

/** Something a person should know about; training continues. */
export interface NoticeEvent {
  readonly type: 'notice'
  /**
   * `initialLoss`: the first loss is not that of an untrained network; `dead`, `vanishing`, `exploding`: the health of
   * a layer; `earlyStopping`: the run ends before its last epoch; `features`: the features of the frozen trunk were
   * computed, and are kept; `dropLast`: the last batch of each epoch is left out, because a layer cannot be trained on
   * it; `alarms`: layers are no longer inspected, because an inspection failed or does not fit into memory; `diverged`:
   * a weight is NaN or infinite, and the run ends there.
   */
  readonly kind:
    | 'initialLoss'
    | 'dead'
    | 'vanishing'
    | 'exploding'
    | 'earlyStopping'
    | 'features'
    | 'dropLast'
    | 'alarms'
    | 'diverged'
  readonly step: number
  readonly epoch: number
  readonly message: string
}

/** A person steers the run, between two steps. */
export interface SteerEvent {
  readonly type: 'steer'
  /** `rate`: another learning rate; `step`: one step, then a pause; `stop`: the run is saved and ends. */
  readonly action: 'rate' | 'pause' | 'step' | 'goOn' | 'stop'
  /** Steps taken before it. */
  readonly step: number
  readonly epoch: number
  /** Of `rate`: times the schedule's rate, or a rate in its place. */
  readonly factor?: number
  readonly rate?: number
}

/** What was done, in words. */
export function steerWords({ action, factor, rate }: SteerEvent): string {
  if (action !== 'rate') return { pause: 'paused', step: 'one step', goOn: 'goes on', stop: 'stopped' }[action]
  return rate === undefined ? `learning rate ${factor} × its schedule` : `learning rate ${rate}`
}

/** Last event of a run that finished. */
export interface DoneEvent {
  readonly type: 'done'
  readonly step: number
  readonly seconds: number
}

/** Everything `fit` yields. */
export type TrainEvent =
  | StartEvent
  | StepEvent
  | EpochEvent
  | ValidationEvent
  | CheckpointEvent
  | NoticeEvent
  | SteerEvent
  | DoneEvent
