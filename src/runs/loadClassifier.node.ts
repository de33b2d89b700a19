/** Classifiers from disk, and pictures from files. */
import { fileURLToPath } from 'node:url'
import {
  type Classifier,
  type ClassifierSource,
  classifierFrom,
  classifierOf,
  type LoadClassifierOptions,
  openClassifierSource,
} from '../classifier/classifier.ts'
import { type Picture, rasterOfPicture } from '../classifier/pictures.ts'
import { prepareImage } from '../data/image.node.ts'
import { prepareRaster } from '../data/prepare.ts'
import { isAddress } from '../formats/download.ts'
import type { GlobalUrl } from '../formats/globals.ts'
import { openClassifier } from './openClassifier.node.ts'

/** A picture: the path, `file:` address or contents of its file; or pixels. */
export type FilePicture = string | GlobalUrl | Uint8Array | Picture

/**
 * Loads a classifier.
 * @param source the path of its file, or of a run folder; its address (`https:`, `file:`); its contents; or the answer
 * of a
 *   server
 * @throws ClassifierError naming the file and what is wrong with it; WeightsError when it is missing, cannot be
 * downloaded or
 *   is broken; for a run folder, RunFolderError and CheckpointError.
 * @example
 * const classify = await loadClassifier('cats.fovea') // or 'runs/cats'
 * const [best] = await classify('photo.jpg') // { class: 'tabby', index: 3, probability: 0.93 }
 * await classify.close()
 */
export async function loadClassifier(
  source: ClassifierSource,
  options: LoadClassifierOptions = {},
): Promise<Classifier<FilePicture>> {
  const from = typeof source === 'string' && isAddress(source) ? new URL(source) : source
  const path = from instanceof URL && from.protocol === 'file:' ? fileURLToPath(from) : from
  return typeof path === 'string'
    ? classifierOf<FilePicture>(await openClassifier(path), prepareFile, options)
    : classifierFrom<FilePicture>(await openClassifierSource(path, options), prepareFile, options)
}

const prepareFile: Parameters<typeof classifierOf<FilePicture>>[1] = async (picture, shape, options) => {
  if (typeof picture === 'string') return prepareImage(picture, shape, options)
  if (picture instanceof URL) return prepareImage(fileURLToPath(picture), shape, options)
  if (picture instanceof Uint8Array) return prepareImage({ name: 'the picture', bytes: picture }, shape, options)
  return prepareRaster('the picture', await rasterOfPicture(picture), shape, options)
}
