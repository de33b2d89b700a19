/** How pictures become a batch: each is augmented or cropped and copied to its place, then all are mixed. */
import type { Augmentation } from '../augment/compose.ts'
import { centerCropOf, refuseSmall } from '../augment/crop.ts'
import { checkedRaster, type Raster } from '../augment/raster.ts'
import { batchShape, type LoaderOptions } from './batches.ts'
import type { ImageCollection } from './dataset.ts'
import { DatasetError } from './errors.ts'

/**
 * Copies a picture to its place in a batch.
 * @throws DatasetError when the picture is not of the batch's shape.
 */
export function placeRaster(
  { height, width, channels, pixels }: Raster,
  shape: readonly [number, number, number],
  images: Uint8Array,
  position: number,
): void {
  if (height !== shape[0] || width !== shape[1] || channels !== shape[2]) {
    throw new DatasetError(
      `augmentation made a picture of [${height}, ${width}, ${channels}], the model takes [${shape.join(', ')}]: ` +
        'end with a crop or scaleTo of that size',
    )
  }
  images.set(pixels, position * pixels.length)
}

/**
 * A picture, center-cropped when it is larger than the model takes; used without augmentation.
 * @throws AugmentError when it is smaller, or its pixels do not fit its shape.
 */
export function fitted(image: Raster, [height, width]: readonly [number, number, number]): Raster {
  const given = checkedRaster(image)
  if (given.height === height && given.width === width) return given
  refuseSmall('centerCrop', given, { height, width })
  return centerCropOf(given, height, width)
}

/** Options for making a batch. */
export interface AssemblyOptions {
  /** Without it, pictures larger than `shape` are center-cropped. */
  readonly augment: Augmentation | undefined
  readonly seed: number
  /** `[height, width, channels]` that the model takes. */
  readonly shape: readonly [number, number, number]
  /** Number of classes. */
  readonly classes: number
}

/** The batch maker of a loader. */
export function assemblyOf(dataset: ImageCollection, options: LoaderOptions): BatchAssembly {
  const { augment, seed = 0 } = options
  return new BatchAssembly({ augment, seed, shape: batchShape(dataset, options), classes: dataset.classes.length })
}

/**
 * Makes batches of pictures. Random numbers depend only on (seed, epoch, sample or batch), not on the thread or the
 * time.
 */
export class BatchAssembly {
  readonly #options: AssemblyOptions

  constructor(options: AssemblyOptions) {
    this.#options = options
  }

  /**
   * Augments sample `index` of the data set and copies it to its place in `images`.
   * @throws AugmentError or DatasetError when the result is not of the batch's shape.
   */
  place(image: Raster, images: Uint8Array, at: { epoch: number; index: number; position: number }): void {
    const { augment, seed, shape } = this.#options
    const done = augment ? augment.apply(image, { seed, epoch: at.epoch, index: at.index }) : fitted(image, shape)
    placeRaster(done, shape, images, at.position)
  }

  /** Mixes the first `size` pictures of a batch, and their labels, when the augmentation mixes any. */
  mix(
    { images, labels }: { readonly images: Uint8Array; readonly labels: Int32Array | Float32Array },
    { epoch, batch, size }: { readonly epoch: number; readonly batch: number; readonly size: number },
  ): void {
    const { augment, seed, shape, classes } = this.#options
    if (!augment?.softLabels) return
    augment.mix({ size, shape, images, classes, labels: labels as Float32Array }, { seed, epoch, index: batch })
  }
}
