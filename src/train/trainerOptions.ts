/** The options of a training run, and their defaults. */
import type { Augmentation } from '../augment/compose.ts'
import type { Engine } from '../backends/engine.ts'
import type { BatchSource, LoaderFactory } from '../data/batches.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { sizeOf } from '../graph/shape.ts'
import { crossEntropy, type Loss } from '../nn/losses.ts'
import type { Module, Parameter } from '../nn/module.ts'
import type { WeightAverage } from '../optim/average.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Penalty } from '../optim/penalty.ts'
import type { Schedule } from '../optim/schedule.ts'
import { constant } from '../optim/schedules.ts'
import type { Progress } from './checkpoint.ts'
import type { Distribution } from './distribution.ts'
import type { FeatureOptions } from './features.ts'
import { checkFreeze, type Freeze, freezing, frozenIn } from './freezing.ts'
import type { Steering } from './steering.ts'

/** Options of a trainer: model, data and training. */
export interface TrainerOptions {
  readonly model: Module
  /** Images to train on, or a source of batches with its own options (`streamBatches`). */
  readonly train: Subset<ImageCollection> | BatchSource
  /** Augmentation of the images of each epoch, a function of (seed, epoch, image); none by default. */
  readonly augment?: Augmentation
  /** The maker of batches: `createLoader`, on this thread, by default; `workerLoader()` in other threads. */
  readonly loader?: LoaderFactory
  /** Scored after every epoch. */
  readonly validation?: Subset<ImageCollection>
  readonly engine: Engine
  readonly optimizer: Optimizer
  /** Multiplies the optimizer's learning rate; constant by default. */
  readonly schedule?: Schedule
  /** Changes of the learning rate between steps, which may be added while the run goes on; none by default. */
  readonly steering?: Steering
  /** The optimizer's momentum in each step, instead of its own: see `oneCycleMomentum`. Its own by default. */
  readonly momentum?: Schedule
  /** Softmax cross-entropy by default. */
  readonly loss?: Loss
  readonly epochs: number
  /** A term of the objective that depends only on the weights. */
  readonly penalty?: Penalty
  /** Images per batch, 128 by default. */
  readonly batchSize?: number
  /**
   * Leave out the last batch of each epoch when it is not full; its images differ from epoch to epoch. False by
   * default: it is then left out only when a layer cannot be trained on it (batch norm with one value per channel),
   * with a `notice`.
   */
  readonly dropLast?: boolean
  /**
   * Batches per step, 1 by default: their gradients are accumulated into the gradient over all their images. The last
   * step of an epoch may have fewer.
   */
  readonly accumulate?: number
  /**
   * Parameters that do not change: for good, or `until` an epoch, the first in which they are trained (gradual
   * unfreezing; Howard and Ruder 2018). Cannot be combined with `average`.
   */
  readonly freeze?: readonly Freeze[]
  /**
   * Compute the outputs of a frozen beginning of the network once for each image, keep them, and train the rest on
   * them. The beginning is everything before the parameters that are trained at any time during the run and before
   * random operations; its batch norm layers use their running statistics, which do not change. Cannot be combined with
   * `augment`. False by default.
   */
  readonly cacheFeatures?: boolean | FeatureOptions
  /**
   * Inspect the first loss, and after every epoch the layers' values and gradients, with a `notice` of anything
   * unusual. False by default.
   */
  readonly alarms?: boolean
  /** An average of the weights, used to evaluate the model; at the end the model's host values are the averages. */
  readonly average?: WeightAverage
  /**
   * Computes the gradient of every batch in parts, on one process or on many: `inParts` of `fovea/distributed`. The
   * gradient is that of the whole batch; batch norm normalizes every part by itself, unless `syncBatchNorm` is asked for.
   */
  readonly distribution?: Distribution
  /** Seed for the order of the images and all random operations; 0 by default. */
  readonly seed?: number
}

/** Options with their defaults. */
export type ResolvedOptions = TrainerOptions &
  Required<Pick<TrainerOptions, 'schedule' | 'loss' | 'batchSize' | 'dropLast' | 'accumulate' | 'seed'>>

/**
 * Fills in options that are left out.
 * @throws RangeError for numbers out of range and options that exclude each other; Error for patterns that match
 * nothing.
 */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  const { batchSize = 128, dropLast = false, accumulate = 1, seed = 0 } = options
  const { loss = crossEntropy(), schedule = constant() } = options
  const resolved = { ...options, batchSize, dropLast, accumulate, seed, loss, schedule }
  checkOptions(resolved)
  return options.distribution ? inParts(resolved, options.distribution) : resolved
}

/** The same run in parts: each part is a batch of the source, and a step takes as many as there are parts. */
function inParts(options: ResolvedOptions, { parts }: Distribution): ResolvedOptions {
  const { batchSize, accumulate, train } = options
  if ('fill' in train) {
    throw new RangeError('trainer: a source of batches cannot be cut into parts; distribution needs a subset of images')
  }
  if (batchSize % parts !== 0) {
    throw new RangeError(`trainer: batchSize (=${batchSize}) must be a multiple of the number of parts (=${parts})`)
  }
  return { ...options, batchSize: batchSize / parts, accumulate: accumulate * parts }
}

function checkOptions({ epochs, accumulate, average, freeze = [], model }: ResolvedOptions): void {
  for (const [name, value] of Object.entries({ epochs, accumulate })) {
    if (Number.isInteger(value) && value >= 1) continue
    throw new RangeError(`trainer: ${name} (=${value}) must be a whole number of at least 1`)
  }
  if (average && freeze.some(({ until }) => until !== undefined)) {
    throw new RangeError(
      'trainer: parameters that are frozen only for some epochs cannot be averaged; leave average out',
    )
  }
  checkFreeze(model, freeze)
}

/** Options that decide which parameters are trained. */
type Trained = Pick<TrainerOptions, 'optimizer' | 'freeze' | 'epochs' | 'model'>

/** The parameters that are trained at any time during the run, by path: those not frozen in its last epoch. */
export function trainedIn({ optimizer, freeze = [], epochs, model }: Trained): ReadonlyMap<string, Parameter> {
  return freezing(optimizer, frozenIn(freeze, epochs)).trained(model.parameters())
}

/** Number of trained numbers over the whole run. */
export function countTrainable(options: Trained): number {
  return [...trainedIn(options).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)
}

/** Position of a run within its epoch, with the sums that its epoch event will need. */
export interface Position extends Progress {
  readonly epochLoss: number
  readonly epochCorrect: number
  readonly epochSamples: number
}

/** The beginning of every run. */
export const beginning: Position = { epoch: 1, batch: 0, step: 0, epochLoss: 0, epochCorrect: 0, epochSamples: 0 }
