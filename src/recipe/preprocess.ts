/** Modules whose values are fitted to the training images, and stored with the weights. */
import type { Engine } from '../backends/engine.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { fitPatchFilters } from '../data/patches.ts'
import { subsetOf } from '../data/split.ts'
import { channelStatistics, fitWhitening, meanImage } from '../data/statistics.ts'
import type { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import { normalize } from '../nn/normalize.ts'
import { PatchWhitening } from '../nn/patchWhitening.ts'
import { Standardize, standardize, Whiten, whiten } from '../nn/preprocess.ts'
import { moduleOutputs } from '../train/moduleOutputs.ts'
import type { ImageShape } from '../train/programs.ts'
import type { Recipe } from './recipe.ts'

/**
 * Added to variances in whitening (pixels from 0 to 1): directions that vary by less than a tenth are noise, and stay
 * small.
 */
const epsilon = 0.01
/** Number of images from which a covariance is computed. */
const whiteningImages = 10_000
/** Numbers from which the filters of patches are computed: 5,461 images of CIFAR, 111 of ImageNet's size. */
const patchNumbers = 2 ** 24

/** The preprocessing of a recipe, with values still to be fitted or loaded. @param shape `[height, width, channels]` */
export function createPreprocessing(
  recipe: Recipe,
  [height, width, channels]: readonly [number, number, number],
): Module {
  const { preprocess, normalize: numbers } = recipe.data
  if (preprocess === undefined) return numbers ? normalize(numbers) : normalize(nothing(channels))
  if (preprocess === 'zca') return whiten({ shape: [channels, height, width], kind: 'zca' })
  return standardize({ shape: preprocess === 'mean-image' ? [channels, height, width] : [channels, 1, 1] })
}

/** Pixels from 0 to 1, unchanged. */
const nothing = (channels: number) => ({ mean: new Array(channels).fill(0), std: new Array(channels).fill(1) })

/** Fits the preprocessing of a recipe to its training images; does nothing when the recipe gives the values. */
export async function fitPreprocessing(
  module: Module,
  { data: { preprocess } }: Recipe,
  train: Subset<ImageCollection>,
): Promise<void> {
  if (preprocess === undefined) return
  if (module instanceof Whiten) {
    const { mean, matrix } = await fitWhitening(train, { kind: 'zca', eps: epsilon, limit: whiteningImages })
    module.mean.value.set(mean)
    module.matrix.value.set(matrix)
  } else if (module instanceof Standardize) {
    const { mean, scale } = module
    if (preprocess === 'mean-image') mean.value.set((await meanImage(train)).mean)
    else {
      const statistics = await channelStatistics(train)
      mean.value.set(statistics.mean)
      if (preprocess === 'channel-mean-std') scale.value.set(statistics.std.map(std => 1 / std))
    }
  }
}

/**
 * Fits the layers of a network that whiten patches to its training images, as its preprocessing makes them; does nothing
 * without such layers. Only a network's first layer sees these images.
 * @param shape `[height, width, channels]` of what the model gets
 * @throws DatasetError when an image is smaller than a patch
 */
export async function fitPatches(
  { normalize, network }: ImageClassifier,
  shape: ImageShape,
  { train, engine }: { readonly train: Subset<ImageCollection>; readonly engine: Engine },
): Promise<void> {
  const layers = [...network.modules()].flatMap(([, module]) => (module instanceof PatchWhitening ? [module] : []))
  if (layers.length === 0) return
  const [height, width, channels] = shape
  const size = height * width * channels
  const images = await moduleOutputs(normalize, subsetOf(train, Math.ceil(patchNumbers / size)), { shape, engine })
  for (const layer of layers) {
    layer.setFilters(fitPatchFilters(images, [images.length / size, channels, height, width], { kernel: layer.kernel }))
  }
}
