/**
 * Recipes as files: everything that decides what a training run computes, as typed data. `fovea train recipe.ts` checks
 * and runs them. A network of your own or a schedule may be a function, which a run finds again by its file.
 */

import type { Augmentation, AugmentationSpec } from '../augment/compose.ts'
import type { BackendName } from '../backends/engine.ts'
import type { ModelAlias, ModelName } from '../models/catalog.ts'
import type { Loss } from '../nn/losses.ts'
import type { Module } from '../nn/module.ts'
import type { NormalizeOptions } from '../nn/normalize.ts'
import type { ElasticNetOptions, Optimizer, PathPattern, Schedule } from '../optim/index.ts'
import type { EarlyStoppingOptions } from '../train/earlyStopping.ts'
import type { DatasetName } from './datasets.ts'
import type { ExchangeRecipe } from './schema.ts'
import type {
  averages,
  gradientTransforms,
  losses,
  momentums,
  optimizers,
  PartEntry,
  schedules,
  weightTransforms,
} from './tables.ts'

/** A part by the name of the function that makes it, with that function's options. */
export type Named<N extends string, O extends object = Record<never, never>> = { readonly name: N } & Readonly<O>

/** The images and classes that a network of your own is made for. */
export interface ModelFunctionOptions {
  readonly classes: number
  /** `[channels, height, width]` of one image. */
  readonly shape: readonly [number, number, number]
}

/** A network by name, with its options, or a function that makes one. It gets images as `f32 [N, C, H, W]`. */
export type ModelRecipe =
  | ModelName
  | ModelAlias
  | { readonly name: ModelName | ModelAlias; readonly options?: Readonly<Record<string, unknown>> }
  | ((options: ModelFunctionOptions) => Module)

/** Images, their split, and their preparation. */
export interface DataRecipe {
  /** A data set by name, or `'folder'`: pictures in `directory`, a sub-folder for each class. */
  readonly name: DatasetName | 'folder'
  /** Folder of the data set's files. An image folder may have the sub-folders `train`, `val` and `test`. */
  readonly directory?: string
  /** Image folders: `[height, width]` of what the model gets; what the model takes by default. */
  readonly size?: readonly [number, number]
  /** Image folders: 3 for color (the default), 1 for gray. */
  readonly channels?: 1 | 3
  /** Image folders: pictures that cannot be read are an error (default), or left out. */
  readonly corrupt?: 'refuse' | 'skip'
  /** Image folders: names of the classes in label order; the sub-folders in alphabetical order by default. */
  readonly classes?: readonly string[]
  /** The number of training images to use, chosen by the seed so that every class has its share. */
  readonly limit?: number
  /** Images held back from training, of every class its share: their number, or a share below 1. */
  readonly validation?: number
  /** k-fold cross-validation: the images are divided into `of` parts, and part `index` (from 0) is held back. */
  readonly fold?: { readonly of: number; readonly index: number }
  /** Bagging: as many training images are drawn with replacement, by the run's seed. */
  readonly bootstrap?: boolean
  /** Decides which images are trained on (`limit`) and held back; the run's seed by default. */
  readonly seed?: number
  /** Mean and standard deviation of each channel, of pixels from 0 to 1. */
  readonly normalize?: NormalizeOptions
  /** Preprocessing fitted to the training images, instead of `normalize`. */
  readonly preprocess?: 'mean-image' | 'channel-mean' | 'channel-mean-std' | 'zca'
  /** Augmentation of the training images; `'none'` where the data set has a usual pipeline. */
  readonly augment?: Augmentation | AugmentationSpec | 'none'
}

/** The parts of a table, by name with their options. */
export type PartsOf<T> = {
  readonly [N in keyof T & string]: T[N] extends PartEntry<infer O, unknown> ? Named<N, O> : never
}[keyof T & string]

/** An optimizer by name with its options. */
export type OptimizerRecipe = PartsOf<typeof optimizers>

/** A learning-rate schedule by name with its options. */
export type ScheduleRecipe = PartsOf<typeof schedules>

/** A schedule of the optimizer's momentum by name with its options. */
export type MomentumRecipe = PartsOf<typeof momentums>

/** A loss by name with its options. */
export type LossRecipe = PartsOf<typeof losses>

/** What is done to gradients before the optimizer sees them. */
export type GradientRecipe = PartsOf<typeof gradientTransforms>

/** What is done to weights after the optimizer has changed them. */
export type WeightRecipe = PartsOf<typeof weightTransforms>

/** An average of the weights. */
export type AverageRecipe = PartsOf<typeof averages>

/** Which checkpoints stay on the disk. */
export interface CheckpointsRecipe {
  /** How many of the last ones, 2 by default; the best one stays besides. */
  readonly keep?: number
  /** Epochs between checkpoints that are kept permanently: the snapshots of a cyclic run. */
  readonly every?: number
  /** What makes a checkpoint the best: validation `'accuracy'` (default) or `'loss'`. */
  readonly best?: 'accuracy' | 'loss'
}

/** Weights to start from. */
export interface PretrainedRecipe {
  /** A run folder, or a file of weights (safetensors or PyTorch) by its path or address. */
  readonly weights: string
  /** What the names in the file begin with; detected by default. */
  readonly prefix?: string
  /** Whether averaged weights are taken where there are both, true by default; else those of the last step. */
  readonly average?: boolean
  /** Classes the weights were trained for, when the last layer is to be replaced. Read from a run folder. */
  readonly classes?: number
}

/** Parameters that stay as they are, for some epochs or for good. */
export interface FreezeRecipe {
  /** Which: a glob over paths (`features`, `layer?.**.bias`), a regular expression, or a list of these. */
  readonly match: PathPattern
  /** They are trained from this epoch on; never when absent. */
  readonly until?: number
}

/** A recipe: whatever is left out has a default. */
export interface RecipeInput {
  /** A network by name, `{ name, options }`, or a function `({ classes, shape }) => module`. LeNet-5 by default. */
  readonly model?: ModelRecipe
  /** Images: a data set by name, or an object of the fields below. MNIST by default. */
  readonly data?: DataRecipe | DataRecipe['name']
  /** Weights to begin with; new ones by default. */
  readonly pretrained?: PretrainedRecipe
  /** Parameters that stay as they are; none by default. */
  readonly freeze?: readonly FreezeRecipe[]
  /**
   * Whether the features of a frozen beginning of the network are computed once per image and kept in memory: see
   * `TrainerOptions`. Needs `data.augment: 'none'`. False by default; with `true`, at most 1 GiB is kept.
   */
  readonly cacheFeatures?: boolean | { readonly maxBytes?: number }
  /** By name with its options, or a function that makes one. SGD with momentum by default. */
  readonly optimizer?: OptimizerRecipe | (() => Optimizer)
  /** A name, a name with options, or a function `(step, totalSteps) => factor` of the learning rate. `'oneCycle'` by default. */
  readonly schedule?: ScheduleRecipe | ScheduleRecipe['name'] | Schedule
  /** The optimizer's momentum in each step, instead of its own. */
  readonly momentum?: MomentumRecipe
  /** By name with its options, or a function that makes one. Cross-entropy by default. */
  readonly loss?: LossRecipe | LossRecipe['name'] | (() => Loss)
  /** L1 and L2 of the weights as a term of the objective; none by default. */
  readonly penalty?: ElasticNetOptions
  /** Transforms of gradients before the optimizer sees them, in order; none by default. */
  readonly gradients?: readonly GradientRecipe[]
  /** Transforms of weights after the optimizer has changed them, in order; none by default. */
  readonly weights?: readonly WeightRecipe[]
  /** An average of the weights, which is scored and saved; none by default. */
  readonly average?: AverageRecipe
  /** Times through the training images, 5 by default. */
  readonly epochs?: number
  /** Images in a batch, 64 by default. */
  readonly batchSize?: number
  /** Whether the last batch of each epoch is left out when it is not full: see `TrainerOptions`. */
  readonly dropLast?: boolean
  /** Batches whose gradients are added up for one step, 1 by default. */
  readonly accumulate?: number
  /**
   * Parts that every batch is cut into, for several processes that train together: the weights are the same for any
   * number of them, at most one for each part. Batch norm normalizes every part by itself. Undivided batches by default;
   * 8 parts under `mpirun` and `srun`.
   */
  readonly parts?: number
  /**
   * True for batch norm over the undivided batch, where `parts` cuts it; three more exchanges in a step for each layer.
   * False by default.
   */
  readonly syncBatchNorm?: boolean
  /**
   * How processes exchange gradients: `'tree'` (the default) adds the parts in a fixed order, `'allReduce'` leaves the
   * order to MPI, `'oneBit'` sends a bit for each number and keeps what that loses for the next step;
   * `{ name: 'oneBit', fullSteps: 500 }` begins with steps in full precision. `{ name: 'tree', bucketBytes: 1_048_576 }`
   * exchanges gradients in larger buckets than of 262,144 bytes.
   */
  readonly exchange?: ExchangeRecipe | ExchangeRecipe['name']
  /** Decides the split, the initial weights, the order of the images, and all random operations; 0 by default. */
  readonly seed?: number
  /** Ends the run when a validation score has not improved for some epochs; never by default. */
  readonly earlyStopping?: EarlyStoppingOptions
  /** Which checkpoints stay on the disk. */
  readonly checkpoints?: CheckpointsRecipe
  /** Whether training is watched for dead units and vanishing or exploding gradients, true by default. */
  readonly alarms?: boolean
  /** Whether the test set is read at the end, true by default. */
  readonly test?: boolean
  /** What computes, `'wasm'` by default: `'webgpu'` is a graphics processor, `'reference'` plain loops, to check it. */
  readonly backend?: BackendName
  /** Without relaxed SIMD: the same bits on every machine. False by default. */
  readonly precise?: boolean
}

/**
 * A recipe, with its types checked by the editor; returns it as it is. A file with a recipe as its default export is run by
 * `fovea train recipe.ts`.
 *
 * @example
 * export default defineRecipe({
 *   model: 'resnet20-cifar',
 *   data: { name: 'cifar10', validation: 5000, augment: cifarAugmentation() },
 *   optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 1e-4, decay: 'weights' },
 *   schedule: { name: 'cosine', warmup: 0.05 },
 *   epochs: 30,
 *   batchSize: 128,
 * })
 */
export const defineRecipe = (recipe: RecipeInput): RecipeInput => recipe
