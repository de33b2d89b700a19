/** `fovea data`: a data set, and the effect of augmentation. */

import { existsSync } from 'node:fs'
import type { Augmentation } from '../../../augment/compose.ts'
import { centerCropOf } from '../../../augment/crop.ts'
import { labelRisk } from '../../../augment/labelSafety.ts'
import type { Raster, RasterShape } from '../../../augment/raster.ts'
import type { ImageCollection } from '../../../data/dataset.ts'
import { rasterOf } from '../../../data/rasters.ts'
import { loadSharp } from '../../../data/sharp.node.ts'
import { subsetOf } from '../../../data/split.ts'
import { channelStatistics } from '../../../data/statistics.ts'
import { contactSheet, type SheetPicture, type SheetRow } from '../../../plot/contactSheet.ts'
import { RandomSequence, shuffledIndices } from '../../../random/philox.ts'
import { readAugmentation } from '../../../recipe/augmentFile.node.ts'
import { loadDataset } from '../../../recipe/datasets.node.ts'
import { datasets, findDataset } from '../../../recipe/datasets.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { mustExist } from '../../../runs/missing.node.ts'
import { openPictures } from '../../../runs/pictures.node.ts'
import { formatCount } from '../../../text/format.ts'
import { checkEnding, hasEnding } from '../../endings.ts'
import { reading } from '../../images.ts'
import { sheetFor } from '../../sheet.ts'
import { exitCodes, UsageError } from '../../terminal/errors.ts'
import { print, printJson, warn } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'

/** Options of {@link showData}. */
export interface DataOptions {
  readonly split: 'train' | 'test'
  /** Folder of the data set's files. */
  readonly dataDir?: string
  /** File with a pipeline; `none` for no pipeline; the data set's usual one when absent. */
  readonly augment?: string
  /** File for the contact sheet, `.svg` or `.png`, or for a page, `.html`. */
  readonly out?: string
  /** Pictures on the sheet. */
  readonly rows: number
  /** Augmented versions of each picture; where it has none, pictures of its class. */
  readonly columns: number
  readonly seed: number
  /** Side of an image folder's pictures, as a model takes them. */
  readonly size: number
  /** True to leave out pictures of a folder that cannot be read. */
  readonly skipCorrupt?: boolean
  readonly json?: boolean
}

/** Shows a data set by name, or an image folder. @returns the exit code */
export async function showData(name: string, options: DataOptions): Promise<number> {
  const { out, seed, json } = options
  checkEnding('--out', out, ['.svg', '.png', '.html'], 'a contact sheet is written as')
  const data = await openData(name, options)
  const augment = await pipelineOf(name, options)
  const reason = augment && !augment.allowLabelChanges && labelRisk(augment.transforms, data)
  if (reason) warn(`${reason}; training would refuse it`)
  const counts = countClasses(data)
  const { mean, std } = await channelStatistics(subsetOf(data), { limit: 10_000 })
  if (out !== undefined) await writeSheet(out, await sheetOf(out, data, augment, options))
  const summary = {
    data: data.name,
    split: options.split,
    images: data.labels.length,
    shape: data.shape,
    mean,
    std,
    classes: data.classes.map((label, k) => ({ class: label, images: counts[k]! })),
    ...(augment ? { augment: describe(augment) } : {}),
    ...(out === undefined ? {} : { out }),
  }
  if (json) {
    printJson({ ...summary, seed })
    return exitCodes.done
  }
  const numbers = (values: readonly number[]) => values.map(value => value.toFixed(4)).join(', ')
  const columns = [{ title: 'class' }, { title: 'images', align: 'right' as const }]
  print(
    `${data.name}: ${formatCount(data.labels.length)} ${options.split} images of ${data.shape.join(' × ')}, ${data.classes.length} classes`,
    `mean ${numbers(mean)}; standard deviation ${numbers(std)} (pixels from 0 to 1${data.labels.length > 10_000 ? ', the first 10,000 images' : ''})`,
    `augmentation: ${augment ? describe(augment).join(', ') || 'none' : 'none'}`,
    '',
    textTable(
      columns,
      summary.classes.slice(0, 50).map(({ class: label, images }) => [label, formatCount(images)]),
    ),
    ...(data.classes.length > 50 ? [`… and ${data.classes.length - 50} more classes`] : []),
    ...(out === undefined ? [] : ['', `contact sheet  ${out}`]),
  )
  return exitCodes.done
}

async function openData(name: string, options: DataOptions): Promise<ImageCollection> {
  const { split, dataDir, size, skipCorrupt } = options
  if (dataDir !== undefined) mustExist(dataDir, 'folder')
  if (Object.hasOwn(datasets, name) || !existsSync(name))
    return (await loadDataset(name, { directory: dataDir, onProgress: reading.downloading?.(name) }))[split]
  const corrupt = skipCorrupt ? 'skip' : 'refuse'
  return openPictures(name, '--skip-corrupt', { shape: [size, size, 3], corrupt }, reading)
}

async function pipelineOf(name: string, { augment }: DataOptions): Promise<Augmentation | undefined> {
  if (augment === 'none') return undefined
  if (augment !== undefined) return readAugmentation(augment)
  return Object.hasOwn(datasets, name) ? findDataset(name).augment?.() : undefined
}

/** Name of each transform with its most informative options. */
const describe = ({ transforms, mixes }: Augmentation): string[] =>
  [...transforms, ...mixes].map(({ name, options = {} }) => {
    const given = Object.entries(options).map(([key, value]) => `${key} ${JSON.stringify(value)}`)
    return given.length > 0 ? `${name}(${given.join(', ')})` : name
  })

function countClasses({ labels, classes }: ImageCollection): number[] {
  const counts = new Array<number>(classes.length).fill(0)
  for (const label of labels) counts[label]!++
  return counts
}

/**
 * Images from as many classes as there are rows, each unchanged and as `columns` epochs would show it. Where they would show
 * nothing else, `columns` images of the class.
 */
async function sheetOf(
  out: string,
  data: ImageCollection,
  augment: Augmentation | undefined,
  { rows, columns, seed }: DataOptions,
): Promise<string> {
  const chosen = chooseImages(data, rows, seed)
  const originals = await Promise.all(chosen.map(index => rasterOf(data, index)))
  const images = originals.map(asPicture)
  const isFolder = !('images' in data)
  const shape = isFolder ? data.shape : (augment?.resultShape(data.shape) ?? data.shape)
  const epochs = Array.from({ length: columns }, (_, k) =>
    augmented(originals, chosen, data, augment, { seed, epoch: k + 1, shape }),
  )
  const isFixed = epochs.slice(1).every(pictures => areSame(pictures, epochs[0]!))
  // If nothing is random, one epoch shows everything, and columns that only repeat the images are not drawn.
  const drawn = !isFixed ? epochs : areSame(epochs[0]!, images) ? [] : epochs.slice(0, 1)
  const classOf = (index: number): string => data.classes[data.labels[index]!]!
  const said = (index: number): string => `${classOf(index)}, image ${index}`
  const isPlain = drawn.length === 0
  const rowsOfClass = isPlain ? ofSameClass(data, chosen, columns, seed) : chosen.map(index => [index])
  const titled: SheetRow[] = await Promise.all(
    rowsOfClass.map(async (row, k) => ({
      title: classOf(chosen[k]!),
      pictures: [
        { ...images[k]!, said: said(chosen[k]!) },
        ...(await Promise.all(
          row.slice(1).map(async index => ({ ...(await pictureOf(data, index)), said: said(index) })),
        )),
        ...drawn.map(pictures => pictures[k]!),
      ],
    })),
  )
  const headings = isPlain ? [] : ['image', ...drawn.map((_, k) => (isFixed ? 'all epochs' : `epoch ${k + 1}`))]
  const description = [
    `${rowsOfClass.flat().length} images of ${data.name}`,
    ...(isPlain ? [] : [`what ${isFixed ? 'every epoch' : `${columns} epochs of augmentation`} shows of them`]),
  ].join(', and ')
  const pipeline = augment && !isPlain ? [`Augmentation: ${describe(augment).join(', ')}.`] : []
  const sheet = contactSheet(titled, { columns: headings, description })
  return sheetFor(out, sheet, { title: description, subject: data.name, notes: pipeline })
}

const asPicture = ({ pixels, height, width, channels }: Raster): SheetPicture => ({
  pixels,
  shape: [height, width, channels],
})

const pictureOf = async (data: ImageCollection, index: number): Promise<SheetPicture> =>
  asPicture(await rasterOf(data, index))

const areSame = (some: readonly SheetPicture[], others: readonly SheetPicture[]): boolean =>
  some.every(({ pixels, shape, caption }, k) => {
    const other = others[k]!
    const isAlike = shape.join() === other.shape.join() && caption === other.caption
    return isAlike && pixels.every((value, i) => value === other.pixels[i])
  })

/** The chosen images as one epoch shows them; they form a batch when batches are mixed. */
function augmented(
  originals: readonly Raster[],
  chosen: readonly number[],
  data: ImageCollection,
  augment: Augmentation | undefined,
  { seed, epoch, shape }: { readonly seed: number; readonly epoch: number; readonly shape: RasterShape },
): SheetPicture[] {
  const size = shape[0] * shape[1] * shape[2]
  const images = new Uint8Array(chosen.length * size)
  const classes = data.classes.length
  const labels = new Float32Array(chosen.length * classes)
  originals.forEach((image, k) => {
    const index = chosen[k]!
    const done = augment ? augment.apply(image, { seed, epoch, index }) : centerCropOf(image, shape[0], shape[1])
    if (done.pixels.length !== size) {
      throw new UsageError(
        `the pipeline makes pictures of ${done.height} × ${done.width}, expected ${shape[0]} × ${shape[1]}: end with a crop (--size)`,
      )
    }
    images.set(done.pixels, k * size)
    labels[k * classes + data.labels[index]!] = 1
  })
  augment?.mix({ size: chosen.length, shape, images, classes, labels }, { seed, epoch, index: 0 })
  return chosen.map((_, k) => {
    const picture: SheetPicture = { pixels: images.subarray(k * size, (k + 1) * size), shape }
    if (!augment?.softLabels) return picture
    return { ...picture, caption: shares(labels.subarray(k * classes, (k + 1) * classes), data.classes) }
  })
}

/** `cat 0.60`, and below it `dog 0.40`. */
const shares = (row: Float32Array, classes: readonly string[]): string =>
  [...row]
    .map((share, label) => ({ share, label }))
    .filter(({ share }) => share > 0.005)
    .sort((a, b) => b.share - a.share)
    .map(({ share, label }) => `${classes[label]} ${share.toFixed(2)}`)
    .join('\n')

/** Random images, from different classes as long as there are any. */
function chooseImages({ labels, classes }: ImageCollection, count: number, seed: number): number[] {
  const order = shuffledIndices(labels.length, seed, 0)
  const first = new RandomSequence(seed, 'contact sheet').integer(classes.length)
  const chosen: number[] = []
  for (let round = 0; chosen.length < Math.min(count, labels.length); round++) {
    for (let k = 0; k < classes.length && chosen.length < count; k++) {
      const label = (first + k) % classes.length
      let seen = 0
      const found = order.find(index => labels[index] === label && seen++ === round)
      if (found !== undefined) chosen.push(found)
    }
  }
  return chosen
}

/** For each chosen image a row of up to `count` that begins with it: others of its class, each once on the sheet. */
function ofSameClass({ labels }: ImageCollection, chosen: readonly number[], count: number, seed: number): number[][] {
  const taken = new Set(chosen)
  const rest = Array.from(shuffledIndices(labels.length, seed, 0)).filter(index => !taken.has(index))
  return chosen.map(first => {
    const others = rest.filter(index => labels[index] === labels[first] && !taken.has(index)).slice(0, count - 1)
    for (const index of others) taken.add(index)
    return [first, ...others]
  })
}

async function writeSheet(out: string, sheet: string): Promise<void> {
  if (!hasEnding(out, '.png')) {
    await writeAtomic(out, sheet)
    return
  }
  const sharp = await loadSharp()
  await writeAtomic(
    out,
    await sharp(Buffer.from(sheet), { density: 144 }).flatten({ background: '#ffffff' }).png().toBuffer(),
  )
}
