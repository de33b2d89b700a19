/**
 * Pictures in folders, one folder per class, as in ImageNet: `train/dog/…/x.jpg`. Only names and labels are kept in
 * memory; each picture is read when it is needed, so that training on any number of files takes the memory of a few
 * batches.
 */
import { join, sep } from 'node:path'
import { areSymbols } from '../augment/labelSafety.ts'
import type { Raster } from '../augment/raster.ts'
import { classFolders, foldersOf } from './classFolders.node.ts'
import type { StoredImages } from './dataset.ts'
import { DatasetError, ImageError } from './errors.ts'
import { findPictures } from './findPictures.node.ts'
import { checkImage, decodeRaster } from './image.node.ts'
import { addCounts, describeOthers, type EndingCounts, total } from './otherFiles.ts'
import { usualShorterSide } from './prepare.ts'

/** Options of {@link imageFolder}. */
export interface ImageFolderOptions {
  /** `[height, width, channels]` that the model takes; one channel is gray, three are color. */
  readonly shape: readonly [height: number, width: number, channels: number]
  /**
   * Pixels of the shorter side to which pictures are scaled when they are read, before augmentation crops them.
   * By default 8/7 of the shape's larger side: 256 for 224, as is usual for ImageNet.
   */
  readonly shorterSide?: number
  /** Name of the data set, by default that of the folder. */
  readonly name?: string
  /**
   * Names of the classes in label order, so that two folders agree; the sub-folders in alphabetical order by default.
   * Folders are found by name, and a folder that is not among the classes is refused.
   */
  readonly classes?: readonly string[]
  /**
   * Classes without pictures: an error, or allowed. By default they are allowed when `classes` is given, because a
   * split to be scored may lack some, and refused otherwise.
   */
  readonly emptyClasses?: 'refuse' | 'allow'
  /**
   * Broken files, and files that are not pictures, are refused with an error that names them (default), or skipped and
   * listed in `skipped`. A file found to be broken only when its pixels are read is replaced by another in its batch.
   */
  readonly corrupt?: 'refuse' | 'skip'
  /**
   * What is checked when the folder is opened: the `headers` of all files (default; about a minute for 100,000), their
   * `pixels` too, which finds truncated files, or only their `names`.
   */
  readonly check?: 'names' | 'headers' | 'pixels'
  /** Largest number of pixels (width × height) that is decoded, 100 million by default. */
  readonly maxPixels?: number
  /** Called for every picture that was skipped when it was read. */
  readonly onSkip?: (reason: Error) => void
  /** Called with the number of files checked so far. */
  readonly onProgress?: (checked: number, total: number) => void
}

/** A picture that was left out, and why. */
export interface SkippedFile {
  readonly file: string
  readonly reason: string
}

/** A data set of picture files; see {@link imageFolder}. */
export interface ImageFiles extends StoredImages {
  readonly directory: string
  /** Paths relative to `directory`, in label order, then by name. */
  readonly files: readonly string[]
  /** Bytes of each file when the folder was opened. */
  readonly sizes: readonly number[]
  /** Pictures that were left out when the folder was opened. */
  readonly skipped: readonly SkippedFile[]
  /** Number of files whose names are not those of pictures; hidden files are not counted. */
  readonly ignored: number
  /** Number of those files by ending: `{ '.txt': 3 }`. */
  readonly ignoredEndings: EndingCounts
  /** Number of pictures beside the folders of classes, which belong to no class. */
  readonly outside: number
  /** Links left out because their folder is already counted or contains the link; paths relative to `directory`. */
  readonly repeatedLinks: readonly string[]
  /** How pictures are decoded. */
  readonly decoding: { readonly channels: number; readonly shorterSide: number; readonly maxPixels?: number }
}

/** True for a data set of picture files. */
export const isImageFiles = (data: object): data is ImageFiles => 'files' in data && 'decoding' in data

/** Files that are checked at the same time. */
const checksAtOnce = 8

/**
 * A data set from a folder of pictures: every sub-folder is a class, and the pictures in it, at any depth, are of that
 * class.
 *
 * @throws DatasetError when the folder is missing or has no pictures, a class has none, a sub-folder is not among the
 * given classes, two have the same name, or (with `corrupt: 'refuse'`) pictures cannot be read: the error names all of
 * them.
 *
 * @example
 * const ants = await imageFolder('hymenoptera/train', { shape: [224, 224, 3], corrupt: 'skip' })
 * const train = subsetOf(ants)
 */
export async function imageFolder(directory: string, options: ImageFolderOptions): Promise<ImageFiles> {
  const { shape, corrupt = 'refuse', check = 'headers', maxPixels, onSkip, onProgress } = options
  const [height, width, channels] = shape
  const shorterSide = options.shorterSide ?? usualShorterSide(shape)
  if (shorterSide < Math.max(height, width)) {
    throw new DatasetError(
      `${directory}: shorterSide (=${shorterSide}) must be at least ${Math.max(height, width)}, to cut ${height} × ${width} from it`,
    )
  }
  if (channels !== 1 && channels !== 3) {
    throw new DatasetError(`${directory}: pictures have 1 or 3 channels, the shape has ${channels}`)
  }
  const decoding = { channels, shorterSide, ...(maxPixels === undefined ? {} : { maxPixels }) }
  const classes = options.classes?.map(name => name.normalize()) ?? classFolders(directory).map(({ name }) => name)
  const found = await findPictures(directory, foldersOf(directory, classes))
  const verdicts =
    check === 'names' ? [] : await checkAll(directory, found.files, check === 'pixels', decoding, onProgress)
  const skipped = verdicts.sort((a, b) => (a.file < b.file ? -1 : 1))
  if (skipped.length > 0 && corrupt === 'refuse')
    throw new DatasetError(refusal(directory, skipped, found.files.length))
  const bad = new Set(skipped.map(({ file }) => file))
  const readable = [...found.files.keys()].filter(k => !bad.has(found.files[k]!))
  const files = readable.map(k => found.files[k]!)
  const labels = Int32Array.from(readable, k => found.labels[k]!)
  const { emptyClasses = options.classes ? 'allow' : 'refuse' } = options
  const filled = new Set(labels)
  const empty = [...classes.keys()].filter(label => !filled.has(label))
  const [label] = empty
  if (filled.size === 0 && emptyClasses === 'allow') throw new DatasetError(`${directory}: has no pictures`)
  if (label !== undefined && emptyClasses === 'refuse') {
    const broken = found.labels.filter(other => other === label).length
    const links = found.repeatedLinks.filter(link => link.split(sep)[0]!.normalize() === classes[label])
    const left = [
      broken > 0 && `${broken} that cannot be read`,
      describeOthers(found.ignored[label]!),
      links.length > 0 && `links to folders that are counted elsewhere (${links.join(', ')})`,
    ].filter(Boolean)
    const only = left.length > 0 ? `, only ${left.join(' and ')}` : ''
    throw new DatasetError(`${join(directory, classes[label]!)}: the class has no pictures${only}`)
  }
  const ignoredEndings = found.ignored.reduce(addCounts, {})
  return {
    name: options.name ?? directory,
    directory,
    files,
    sizes: readable.map(k => found.sizes[k]!),
    labels,
    shape,
    classes,
    symbols: areSymbols(classes),
    skipped,
    ignored: total(ignoredEndings),
    ignoredEndings,
    outside: found.outside,
    repeatedLinks: found.repeatedLinks,
    decoding,
    unreadable: corrupt,
    ...(onSkip && { onSkip }),
    read: (index): Promise<Raster> => decodeRaster(join(directory, files[index]!), decoding),
  }
}

async function checkAll(
  directory: string,
  files: readonly string[],
  pixels: boolean,
  decoding: ImageFiles['decoding'],
  onProgress: ImageFolderOptions['onProgress'],
): Promise<SkippedFile[]> {
  const failures: SkippedFile[] = []
  let next = 0
  let checked = 0
  const checkSome = async (): Promise<void> => {
    while (next < files.length) {
      const file = files[next++]!
      const path = join(directory, file)
      try {
        if (pixels) await decodeRaster(path, decoding)
        else await checkImage(path, decoding)
      } catch (error) {
        if (!(error instanceof ImageError)) throw error
        failures.push({ file, reason: error.message })
      }
      onProgress?.(++checked, files.length)
    }
  }
  await Promise.all(Array.from({ length: checksAtOnce }, checkSome))
  return failures
}

function refusal(directory: string, failures: readonly SkippedFile[], total: number): string {
  const shown = failures.slice(0, 20).map(({ reason }) => `  ${reason}`)
  if (failures.length > shown.length) shown.push(`  … and ${failures.length - shown.length} more`)
  return [
    `${directory}: ${failures.length} of ${total} pictures cannot be read; repair or remove them, or leave them out with corrupt: 'skip'`,
    ...shown,
  ].join('\n')
}
