/**
 * The fingerprint of a run's images, in its folder: `data.json`, and `data-files.json.gz` with the names and sizes of
 * pictures. A run that is resumed or scored splits its images again. If they have changed, it may be scored on images
 * that it was trained on.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { ImageCollection } from '../data/dataset.ts'
import { changesOf, type FileSizes, type Fingerprint, fileSizes, fingerprintOf } from '../data/fingerprint.node.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { anObject, fieldsAmong, optional, type Rule, text, wholeFrom0 } from '../rules/rules.ts'
import type { RunData } from './data.node.ts'
import { readFields } from './jsonFile.node.ts'
import type { RunFolder } from './runFolder.node.ts'

const splits = ['train', 'validation', 'test'] as const
type Split = (typeof splits)[number]

/** `data.json`. */
export interface RunFingerprint {
  /** The data sets; `validation` is absent when its images are held back from `train`. */
  readonly parts: Partial<Record<Split, Fingerprint>>
  /** SHA-256 of the indices of the training images and of those held back. */
  readonly division: string
}

const summaryFile = 'data.json'
const filesFile = 'data-files.json.gz'

/** Stores the fingerprint of a run that begins. */
export async function keepFingerprint(folder: RunFolder, data: RunData): Promise<void> {
  const parts = partsOf(data)
  const files = mapParts(parts, images => [...(fileSizes(images) ?? [])])
  if (Object.values(files).some(entries => entries.length > 0)) {
    await folder.writeFile(filesFile, await promisify(gzip)(JSON.stringify(files)))
  }
  await folder.writeFile(summaryFile, `${JSON.stringify(summaryOf(data), undefined, 2)}\n`)
}

/** The fingerprint of a run's images in brief: JSON, equal for equal images that are divided in the same way. */
export const summaryOf = (data: RunData): RunFingerprint => ({
  parts: mapParts(partsOf(data), fingerprintOf),
  division: divisionOf(data),
})

/** Input of {@link compareFingerprint}. */
export interface FingerprintCheck {
  /** Run folder. */
  readonly run: string
  readonly recipe: Recipe
  /** The present images. */
  readonly data: RunData
  /** The split to score; all splits when the run is to be resumed. */
  readonly split?: Split
}

/** How a run's images compare with those that it began with. */
export interface FingerprintResult {
  /** The differences, in words; absent when there are none. */
  readonly changes?: string
  /** True for a folder of pictures whose run kept no fingerprint: it cannot be compared. */
  readonly isUnknown?: boolean
}

/** Compares a run's images with those that it began with. */
export async function compareFingerprint(check: FingerprintCheck): Promise<FingerprintResult> {
  const known = await readFingerprint(check.run)
  if (!known && !isDividedAnew(check)) return { isUnknown: check.recipe.data.name === 'folder' }
  const changes = known ? await changesSince(known, check) : oldDivision
  return changes === undefined ? {} : { changes }
}

const oldDivision =
  'was trained by a version that split images differently: some of its training images would now be validation images; train again'

/** Whether a rule chooses a run's training and validation images; it was another rule before runs had fingerprints. */
function isDividedAnew({ recipe, data: { train, validation }, split }: FingerprintCheck): boolean {
  if (split === 'test') return false
  const isHeldBack = validation?.dataset === train.dataset && !recipe.data.fold
  return isHeldBack || recipe.data.limit !== undefined
}

/**
 * The differences between the images that two runs began with, however they were divided.
 * @returns them in words; undefined when there are none, or one of the runs has no fingerprint
 */
export async function differentImages(first: string, second: string): Promise<string | undefined> {
  const [before, now] = [await readFingerprint(first), await readFingerprint(second)]
  if (!before || !now) return undefined
  return partChanges(splits, [before.parts, now.parts], part =>
    Promise.all([readFiles(first, part), readFiles(second, part)]),
  )
}

async function changesSince(
  known: RunFingerprint,
  { run, data, split }: FingerprintCheck,
): Promise<string | undefined> {
  const parts = partsOf(data)
  const asked =
    split === undefined ? splits : split === 'test' ? (['test'] as const) : (['train', 'validation'] as const)
  const changes = await partChanges(asked, [known.parts, mapParts(parts, fingerprintOf)], async part => [
    await readFiles(run, part),
    parts[part] && fileSizes(parts[part]),
  ])
  if (changes !== undefined) return `its images have changed since it began: ${changes}`
  if (split === 'test' || known.division === divisionOf(data)) return undefined
  return 'its images are split differently than when it began; train again'
}

/** The changes in some parts, in words. @param filesOf the files of a part, then and now */
async function partChanges(
  asked: readonly Split[],
  [before, now]: readonly [RunFingerprint['parts'], RunFingerprint['parts']],
  filesOf: (part: Split) => Promise<readonly [FileSizes | undefined, FileSizes | undefined]>,
): Promise<string | undefined> {
  const changes: string[] = []
  for (const part of asked) {
    const [then, today] = [before[part], now[part]]
    const change = then && today ? changesOf([then, today], await filesOf(part)) : then && 'these images are missing'
    if (change !== undefined) changes.push(`${part}: ${change}`)
    // New test images are no reason to refuse: the fingerprint has none to compare with.
    if (!then && today && part !== 'test') changes.push(`${part}: these images are new`)
  }
  return changes.length > 0 ? changes.join('; ') : undefined
}

/** The data sets of a run by part; a data set that is divided counts once. */
function partsOf({ train, validation, test }: RunData): Partial<Record<Split, ImageCollection>> {
  return {
    train: train.dataset,
    ...(validation && validation.dataset !== train.dataset && { validation: validation.dataset }),
    ...(test && { test: test.dataset }),
  }
}

function mapParts<T>(
  parts: Partial<Record<Split, ImageCollection>>,
  of: (images: ImageCollection) => T,
): Partial<Record<Split, T>> {
  return Object.fromEntries(Object.entries(parts).map(([part, images]) => [part, of(images)]))
}

function divisionOf({ train, validation }: RunData): string {
  const hash = createHash('sha256').update(train.indices)
  if (validation) hash.update('validation').update(validation.indices)
  return hash.digest('hex')
}

const partRule = optional(fieldsAmong({ images: wholeFrom0, classes: anObject('numbers of images'), sha256: text }))

/** What `data.json` must be. */
const fingerprintRule = fieldsAmong({
  parts: fieldsAmong({ train: partRule, validation: partRule, test: partRule }),
  division: text,
}) as Rule<RunFingerprint>

async function readFingerprint(run: string): Promise<RunFingerprint | undefined> {
  return readFields(join(run, summaryFile), fingerprintRule)
}

/** The files of a part when the run began; without them, changes are described only by numbers. */
async function readFiles(run: string, part: Split): Promise<FileSizes | undefined> {
  try {
    const text = await promisify(gunzip)(await readFile(join(run, filesFile)))
    return new Map((JSON.parse(text.toString()) as Record<Split, [string, number][]>)[part])
  } catch {
    return undefined
  }
}
