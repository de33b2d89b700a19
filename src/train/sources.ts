/**
 * Sources of a run's batches, and the check that model and images fit each other: one output per class, identical
 * classes in training and validation, and no batch that a layer cannot be trained on.
 */
import { type BatchSource, sizeOfBatch } from '../data/batches.ts'
import { createLoader } from '../data/createLoader.ts'
import type { ImageCollection } from '../data/dataset.ts'
import { DatasetError } from '../data/errors.ts'
import { SmallBatchError } from '../nn/batchNorm.ts'
import type { AuxiliaryOutput, Module } from '../nn/module.ts'
import { FeatureCache } from './features.ts'
import type { Notice } from './health.ts'
import { batchInputs, checkOutputs, type ImageShape, logitsOf, type SampleShape, trainingKey } from './programs.ts'
import type { SampleSource } from './samples.ts'
import { type ResolvedOptions, trainedIn } from './trainerOptions.ts'

/** Result of {@link sourcesOf}. */
export interface Sources {
  /** `[height, width, channels]` of the images. */
  readonly shape: ImageShape
  readonly features: FeatureCache | undefined
  /** The module that steps are traced from: the model, or the part of it that follows the cached features. */
  readonly traced: Module
  /** Source of the batches of training steps. */
  readonly loader: SampleSource
  /** Notice about a last batch that is left out although no option asks for it. */
  readonly notices: readonly Notice[]
}

/**
 * The sources of a run's batches.
 * @throws ShapeError when the numbers of outputs and classes differ; DatasetError when there is only one class, the
 * validation images have other classes, or no batch is left to train on; RangeError when features are to be cached but
 * cannot be.
 */
export function sourcesOf(options: ResolvedOptions): Sources {
  const { model, validation, dropLast } = options
  const images = imagesOf(options)
  const { shape, dataset } = images
  checkClasses(dataset, validation?.dataset)
  const features = featuresOf(options, shape)
  const traced = features?.head ?? model
  const source = features?.train ?? images
  for (const outputs of traceOutputs(traced, source.shape, 2)) checkOutputs(outputs, dataset)
  // With others in its step, a part learns their mean and variance.
  const isAlone = !options.distribution?.syncBatchNorm || source.batches % options.accumulate === 1
  return { shape, features, traced, ...withTrainableBatches(source, traced, { dropLast, isAlone }) }
}

/** The images of a run, batch by batch. */
function imagesOf(options: ResolvedOptions): BatchSource {
  const { train, augment, loader = createLoader, batchSize, seed, dropLast, distribution, accumulate } = options
  if ('fill' in train) return train
  const wanted = distribution && ((batch: number) => distribution.isOwn(batch % accumulate, accumulate))
  return loader(train, { batchSize, seed, dropLast, ...(augment && { augment }), ...(wanted && { wanted }) })
}

/** The features of a run that caches them. */
function featuresOf(options: ResolvedOptions, shape: ImageShape): FeatureCache | undefined {
  const { cacheFeatures, train, augment } = options
  if (!cacheFeatures) return undefined
  if ('fill' in train) {
    throw new RangeError('cacheFeatures: needs a subset of images; a source of batches may give others in every epoch')
  }
  if (augment) {
    throw new RangeError('cacheFeatures: features are computed once, but augment changes the images in every epoch')
  }
  const settings = cacheFeatures === true ? {} : cacheFeatures
  return new FeatureCache({ ...options, ...settings, train, shape, trained: trainedIn(options) })
}

type Classes = Pick<ImageCollection, 'name' | 'classes'>

/** There must be several classes, in the same order in both parts: a label is an index into them. */
function checkClasses(train: Classes, validation: Classes | undefined): void {
  const { name, classes } = train
  if (classes.length < 2) {
    throw new DatasetError(
      `${name}: has one class only (${classes.join()}), so there is nothing to tell apart; training needs at least 2`,
    )
  }
  if (!validation) return
  const length = Math.max(classes.length, validation.classes.length)
  for (let label = 0; label < length; label++) {
    const [here, there] = [classes[label], validation.classes[label]]
    if (here === there) continue
    throw new DatasetError(
      `${validation.name}: class ${label} is ${there ?? 'missing'}, in the training images (${name}) it is ${here ?? 'missing'}; ` +
        'open both with the same list: imageFolder(path, { classes: train.classes })',
    )
  }
}

/**
 * Leaves out a last batch that is not full, when `dropLast` asks for it or a layer cannot be trained on it.
 * @param isAlone whether batch norm would normalize that batch by itself
 */
function withTrainableBatches(
  source: SampleSource,
  traced: Module,
  { dropLast, isAlone }: { readonly dropLast: boolean; readonly isAlone: boolean },
): Pick<Sources, 'loader' | 'notices'> {
  const last = source.sizeOf(source.batches - 1)
  const unchanged = { loader: source, notices: [] }
  if (last === source.batchSize) return unchanged
  const layer = dropLast || !isAlone ? undefined : refusingLayer(traced, source.shape, last)
  if (!dropLast && layer === undefined) return unchanged
  const why = layer === undefined ? '' : `: batch norm (${layer}) needs more than one value per channel to train on`
  if (source.batches === 1) {
    throw new DatasetError(`${source.dataset.name}: the only batch has ${last} of ${source.batchSize} images${why}`)
  }
  const message = `the last batch of each epoch (${last} of ${source.samples} images) is left out${why}`
  const notices = layer === undefined ? [] : [{ kind: 'dropLast' as const, path: layer, message }]
  return { loader: withoutLast(source), notices }
}

/** A source without the last batch of its epochs. */
function withoutLast(source: SampleSource): SampleSource {
  const { dataset, batchSize, shape, softLabels } = source
  const batches = source.batches - 1
  const samples = batches * batchSize
  return {
    ...{ dataset, batchSize, shape, softLabels, batches, samples },
    startEpoch: (epoch, firstBatch) => source.startEpoch(epoch, firstBatch),
    sizeOf: batch => sizeOfBatch(batch, { name: dataset.name, samples, batches, batchSize }),
    fill: (batch, images, labels) => source.fill(batch, images, labels),
    close: async () => source.close?.(),
  }
}

/** The layer that cannot be trained on a batch of `samples`, if there is one. */
function refusingLayer(model: Module, shape: SampleShape, batch: number): string | undefined {
  try {
    traceOutputs(model, shape, batch)
    return undefined
  } catch (error) {
    if (error instanceof SmallBatchError) return error.layer
    throw error
  }
}

/** The number of outputs of a model and of each of its auxiliary classifiers, as a training step has them. */
function traceOutputs(model: Module, shape: SampleShape, batch: number): number[] {
  const auxiliary: AuxiliaryOutput[] = []
  const context = { training: true, key: trainingKey(), updates: new Map(), auxiliary }
  const logits = logitsOf(model, batchInputs(shape, batch).images, context)
  return [logits, ...auxiliary.map(part => part.logits)].map(({ shape }) => shape[1]!)
}
