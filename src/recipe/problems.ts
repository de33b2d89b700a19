/** What can be wrong with a recipe although each of its fields follows its rule. */

import { display } from '../text/display.ts'
import { formatBytes } from '../text/format.ts'
import type { Recipe } from './recipe.ts'
import { isCode } from './rules.ts'

/** Fields of image folders, which would do nothing with other data. */
const folderFields = ['size', 'channels', 'corrupt'] as const

/** What a recipe asks for that would be passed over. */
export function ignoredProblem({ data }: Recipe): string | undefined {
  const field = data.name === 'folder' ? undefined : folderFields.find(name => data[name] !== undefined)
  return field && `data.${field} (=${display(data[field])}) is for image folders, and data.name is ${data.name}`
}

/** What the fields of `data` say against each other. */
export function dataProblem({ data, earlyStopping }: Recipe): string | undefined {
  const { name, fold, classes, validation } = data
  if (fold && fold.index >= fold.of) {
    return `data.fold.index (=${fold.index}) must be less than data.fold.of (=${fold.of})`
  }
  if (name === 'folder' && classes === undefined) {
    return 'data.classes is missing: it must be the names of the classes, in the order of their labels'
  }
  if (earlyStopping && validation === 0 && name !== 'folder' && !fold) {
    return 'earlyStopping needs validation images: data.validation (=0) holds none back'
  }
  return undefined
}

/** Bytes that an engine can address. */
const engineBytes = 2 ** 32

/** Why a batch of images can never be computed with, whatever the network. */
export function sizeProblem({ data: { name, size, channels = 3 }, batchSize }: Recipe): string | undefined {
  if (name !== 'folder' || size === undefined) return undefined
  const bytes = 4 * batchSize * channels * size[0] * size[1]
  if (bytes <= engineBytes) return undefined
  const batch = `${batchSize} × ${channels} × ${size[0]} × ${size[1]}`
  return `data.size (=${display(size)}): a batch of ${batch} numbers takes ${formatBytes(bytes)}, an engine has ${formatBytes(engineBytes)}`
}

/** Why features cannot be kept, as far as the recipe alone tells; the trainer looks at the network. */
export function cacheProblem({ cacheFeatures, data, freeze = [], optimizer, epochs }: Recipe): string | undefined {
  if (!cacheFeatures) return undefined
  if (data.augment) {
    return "cacheFeatures: features are computed once, but data.augment changes the images in every epoch: 'none' leaves it out"
  }
  if (isCode(optimizer) || freeze.some(({ until }) => until === undefined || until > epochs)) return undefined
  const groups = (optimizer.groups ?? []) as readonly { readonly frozen?: boolean }[]
  if (groups.some(({ frozen }) => frozen)) return undefined
  const [thawing] = freeze
  return thawing
    ? `cacheFeatures: nothing is frozen for the whole run: freeze.0.until (=${thawing.until}) is not after the last epoch (${epochs})`
    : 'cacheFeatures: nothing is frozen: freeze is missing'
}
