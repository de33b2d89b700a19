/** Images with labels on which the file of a classifier is scored: of a data set, or of a folder of pictures. */
import { classFolders } from '../data/classFolders.node.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { DatasetError } from '../data/errors.ts'
import { subsetOf } from '../data/split.ts'
import { loadDataset } from '../recipe/datasets.node.ts'
import { splitFolder } from '../recipe/files.node.ts'
import { folderOf } from '../recipe/folderSource.ts'
import { mustExist } from './missing.node.ts'
import type { OpenedClassifier } from './openClassifier.node.ts'
import { type DataListener, openPictures } from './pictures.node.ts'

/** Which images. */
export interface LabeledImagesOptions extends DataListener {
  /** A data set, or `folder:PATH`. */
  readonly data: string
  /** Folder of the data set's files. */
  readonly directory?: string | undefined
  /** Without one, the test images; or all images of a folder that has no split. */
  readonly split?: 'test' | 'validation' | 'train' | undefined
}

/** Images, and the name of their split; absent for a folder without any. */
export interface LabeledImages {
  readonly images: Subset<ImageCollection>
  readonly split?: string
}

/**
 * The images as the classifier takes them, with its classes for labels.
 * @throws DatasetError when the classes are not those of the classifier, and for files that are missing or broken.
 */
export async function labeledImages(
  classifier: OpenedClassifier,
  options: LabeledImagesOptions,
): Promise<LabeledImages> {
  const folder = folderOf(options.data)
  if (folder !== undefined) return folderImages(classifier, folder, options)
  const { data, directory, split = 'test', downloading } = options
  if (directory !== undefined) mustExist(directory, 'folder')
  if (split === 'validation') throw new DatasetError(`${data}: has no validation split: take test or train`)
  const images = subsetOf((await loadDataset(data, { directory, onProgress: downloading?.(data) }))[split])
  checkCount(classifier, data, images.dataset.classes)
  warnOfNames(classifier, images.dataset, options)
  return { images, split }
}

async function folderImages(
  classifier: OpenedClassifier,
  folder: string,
  { split: asked, ...listener }: LabeledImagesOptions,
): Promise<LabeledImages> {
  mustExist(folder, 'folder')
  const split = asked ?? (splitFolder(folder, 'test') === undefined ? undefined : 'test')
  const path = split === undefined ? folder : splitFolder(folder, split)
  if (path === undefined) throw new DatasetError(`${folder}: has no ${split} folder`)
  const { classes, shape, shorterSide } = classifier
  const found = classFolders(path).map(({ name }) => name)
  // A part of the classes is enough where names say which.
  if (classifier.isNumbered || found.some(name => !classes.includes(name))) checkCount(classifier, path, found)
  if (found.length < classes.length) {
    listener.warn?.(`${path}: has ${found.length} of the ${classes.length} classes`)
  }
  const names = classifier.isNumbered ? found : classes
  const rules = { shape, classes: names, check: 'pixels', emptyClasses: 'allow' } as const
  const side = shorterSide === undefined ? {} : { shorterSide }
  return {
    images: subsetOf(await openPictures(path, undefined, { ...rules, ...side }, listener)),
    ...(split && { split }),
  }
}

/** @throws DatasetError that names both numbers of classes */
function checkCount(classifier: OpenedClassifier, data: string, found: readonly string[]): void {
  const { name, classes } = classifier
  if (found.length === classes.length) return
  throw new DatasetError(
    `${data}: has ${found.length} classes (${listOf(found)}), but ${name} tells ${classes.length} apart (${listOf(classes)})`,
  )
}

function warnOfNames(
  { isNumbered, name, classes }: OpenedClassifier,
  dataset: ImageCollection,
  { warn }: DataListener,
): void {
  const other = dataset.classes.findIndex((known, label) => known !== classes[label])
  if (isNumbered || other < 0) return
  warn?.(
    `${dataset.name}: its classes are called otherwise than those of ${name} and are matched by position: '${dataset.classes[other]}' is '${classes[other]}'`,
  )
}

const listOf = (names: readonly string[]): string =>
  [...names.slice(0, 4), ...(names.length > 4 ? ['…'] : [])].join(', ')
