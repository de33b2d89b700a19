/** Problems of a recipe whose fields each follow their rule. */
import type { Problem } from '../rules/rules.ts'
import { display } from '../text/display.ts'
import { formatBytes } from '../text/format.ts'
import { isCode } from './rules.ts'
import type { Recipe } from './schema.ts'

/** Fields of image folders, which have no effect with other data. */
const folderFields = ['size', 'channels', 'corrupt'] as const

/** A request of a recipe that would be ignored. */
export function ignoredProblem({ data }: Recipe): Problem | undefined {
  const field = data.name === 'folder' ? undefined : folderFields.find(name => data[name] !== undefined)
  return field && clause(`data.${field}`, data[field], `is for image folders, and data.name is ${data.name}`)
}

/** A contradiction between fields of `data`. */
export function dataProblem({ data, earlyStopping }: Recipe): Problem | undefined {
  const { name, fold, classes, validation } = data
  if (fold && fold.index >= fold.of) {
    return clause('data.fold.index', fold.index, `must be less than data.fold.of (=${fold.of})`)
  }
  if (name === 'folder' && classes === undefined) {
    const rule = 'must be the names of the classes, in the order of their labels'
    return { field: 'data.classes', value: undefined, rule, message: `data.classes is missing: it ${rule}` }
  }
  if (earlyStopping && validation === 0 && name !== 'folder' && !fold) {
    return told('earlyStopping', 'needs validation images: data.validation (=0) holds none back')
  }
  return undefined
}

/** Bytes that an engine can address. */
const engineBytes = 2 ** 32

/** Why no network could ever process a batch of images. */
export function sizeProblem({ data: { name, size, channels = 3 }, batchSize }: Recipe): Problem | undefined {
  if (name !== 'folder' || size === undefined) return undefined
  const bytes = 4 * batchSize * channels * size[0] * size[1]
  if (bytes <= engineBytes) return undefined
  const batch = `${batchSize} × ${channels} × ${size[0]} × ${size[1]}`
  const rule = `a batch of ${batch} numbers takes ${formatBytes(bytes)}, an engine has ${formatBytes(engineBytes)}`
  return { field: 'data.size', value: size, rule, message: `data.size (=${display(size)}): ${rule}` }
}

/** Why features cannot be cached, as far as the recipe alone shows; the trainer inspects the network. */
export function cacheProblem({ cacheFeatures, data, freeze = [], optimizer, epochs }: Recipe): Problem | undefined {
  if (!cacheFeatures) return undefined
  if (data.augment) {
    const why = 'features are computed once, but data.augment changes the images in every epoch'
    return told('cacheFeatures:', `${why}: 'none' leaves it out`)
  }
  if (isCode(optimizer) || freeze.some(({ until }) => until === undefined || until > epochs)) return undefined
  const groups = (optimizer.groups ?? []) as readonly { readonly frozen?: boolean }[]
  if (groups.some(({ frozen }) => frozen)) return undefined
  const [thawing] = freeze
  const why = thawing
    ? `nothing is frozen for the whole run: freeze.0.until (=${thawing.until}) is not after the last epoch (${epochs})`
    : 'nothing is frozen: freeze is missing'
  return told('cacheFeatures:', why)
}

/** Why batches cannot be cut into parts. */
export function partsProblem({ parts, exchange, syncBatchNorm, batchSize }: Recipe): Problem | undefined {
  if (parts === undefined) {
    const field = exchange ? 'exchange' : syncBatchNorm && 'syncBatchNorm'
    return field ? told(field, 'is for batches in parts: parts is missing') : undefined
  }
  if (batchSize % parts === 0) return undefined
  return clause('parts', parts, `must divide batchSize (=${batchSize})`)
}

/** `data.fold.index (=3) must be less than …` */
const clause = (field: string, value: unknown, rule: string): Problem => ({
  field,
  value,
  rule,
  message: `${field} (=${display(value)}) ${rule}`,
})

/** A problem of a field as a whole, whose value would mean nothing to people. */
const told = (field: string, rule: string): Problem => ({
  field: field.replace(/:$/, ''),
  value: undefined,
  rule,
  message: `${field} ${rule}`,
})
