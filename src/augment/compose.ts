/**
 * A pipeline of transforms, applied in order. Every random number is a function of (seed, epoch, sample, place in the
 * pipeline): a sample looks the same however many threads work, in whatever order, before and after an interruption.
 */
import { RandomSequence } from '../random/philox.ts'
import { AugmentError } from './errors.ts'
import { type LabeledClasses, refuseLabelRisk } from './labelSafety.ts'
import { checkedRaster, type Raster, type RasterShape } from './raster.ts'
import type { BatchTransform, MixBatch, Transform, TransformOptions } from './transform.ts'

/** Identifies the random numbers of a picture. */
export interface SampleKey {
  readonly seed: number
  readonly epoch: number
  /** Index of the picture in its data set. */
  readonly index: number
}

/** A transform as data: its name and its options. */
export interface TransformSpec {
  readonly name: string
  readonly options: TransformOptions
}

/** A pipeline as data: what recipes store and worker threads are sent. */
export interface AugmentationSpec {
  readonly transforms: readonly TransformSpec[]
  readonly allowLabelChanges?: boolean
}

/** Options of {@link compose}. */
export interface ComposeOptions {
  /** True to allow mirror images and half turns on data sets of written symbols; false by default. */
  readonly allowLabelChanges?: boolean
}

/** A pipeline of transforms; see {@link compose}. */
export class Augmentation {
  /** Transforms of single pictures, in order. */
  readonly transforms: readonly Transform[]
  /** Transforms of whole batches, which follow. */
  readonly mixes: readonly BatchTransform[]
  readonly allowLabelChanges: boolean

  constructor(steps: readonly (Transform | BatchTransform)[], { allowLabelChanges = false }: ComposeOptions = {}) {
    const firstMix = steps.findIndex(step => step.kind === 'batch')
    const late = firstMix < 0 ? undefined : steps.slice(firstMix).find(step => step.kind === 'picture')
    if (late) {
      throw new AugmentError(
        `compose: ${late.name} comes after ${steps[firstMix]!.name}: transforms that mix a batch must be last`,
      )
    }
    this.transforms = steps.filter(step => step.kind === 'picture')
    this.mixes = steps.filter(step => step.kind === 'batch')
    this.allowLabelChanges = allowLabelChanges
  }

  /** True when labels become probabilities of classes (mixup, CutMix). */
  get softLabels(): boolean {
    return this.mixes.length > 0
  }

  /** The shape of the result for pictures of a shape. */
  resultShape(shape: RasterShape): RasterShape {
    return this.transforms.reduce((before, { resultShape }) => resultShape?.(before) ?? before, shape)
  }

  /** @throws LabelSafetyError when a transform would make labels of the data set wrong and that is not allowed. */
  checkLabels(data: LabeledClasses): void {
    if (!this.allowLabelChanges) refuseLabelRisk(this.transforms, data)
  }

  /** A picture of an epoch. @throws AugmentError when a transform cannot be applied to it. */
  apply(image: Raster, { seed, epoch, index }: SampleKey): Raster {
    let result = checkedRaster(image)
    this.transforms.forEach((transform, place) => {
      result = transform.apply(result, new RandomSequence(seed, `augment.${place}`, epoch, index))
    })
    return result
  }

  /** Mixes a batch of an epoch in place; `index` is that of the batch. */
  mix(batch: MixBatch, { seed, epoch, index }: SampleKey): void {
    this.mixes.forEach((mix, place) => {
      mix.mix(batch, new RandomSequence(seed, `mix.${place}`, epoch, index))
    })
  }

  /** The pipeline as data. @throws AugmentError when a transform of your own is part of it. */
  spec(): AugmentationSpec {
    const transforms = [...this.transforms, ...this.mixes].map(({ name, options }) => {
      if (options) return { name, options }
      throw new AugmentError(
        `${name} is a function of your own: it cannot be sent to another thread or stored in a recipe`,
      )
    })
    return { transforms, ...(this.allowLabelChanges ? { allowLabelChanges: true } : {}) }
  }
}

/**
 * A pipeline of transforms, in order; those that mix batches come last.
 * @throws AugmentError when a transform of single pictures comes after one that mixes.
 * @example
 * const augment = compose([randomCrop({ size: 32, padding: 4 }), horizontalFlip()])
 * const train = fit({ model, train, engine, optimizer, augment, epochs: 10 })
 */
export const compose = (steps: readonly (Transform | BatchTransform)[], options: ComposeOptions = {}): Augmentation =>
  new Augmentation(steps, options)
