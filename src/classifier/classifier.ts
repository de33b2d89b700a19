/** A trained network as a function: a picture in, classes with their probabilities out. */

import { yieldToEvents } from '../async/yieldToEvents.ts'
import { createEngine } from '../backends/createEngine.ts'
import type { Engine } from '../backends/engine.ts'
import { type InputShape, type PrepareOptions, prepareRaster } from '../data/prepare.ts'
import { addressOf, download, isResponse } from '../formats/download.ts'
import { type FetchFileOptions, fetchSource } from '../formats/fetchFile.ts'
import type { GlobalResponse, GlobalUrl } from '../formats/globals.ts'
import { type ByteSource, type FileContents, sourceOf } from '../formats/source.ts'
import { sizeOf } from '../graph/shape.ts'
import { Evaluator } from '../train/evaluate.ts'
import {
  type ArrivingClassifier,
  type ClassifierContents,
  type ClassifierInfo,
  openClassifier,
  readClassifier,
} from './artifact.ts'
import { type Picture, rasterOfPicture } from './pictures.ts'

/**
 * Where a classifier comes from: its address, which on a page may be relative, a server's response, or its contents.
 */
export type ClassifierSource = string | GlobalUrl | GlobalResponse | FileContents

/** Options of {@link loadClassifier}. */
export interface LoadClassifierOptions extends FetchFileOptions {
  /** The engine that computes; by default the classifier's own, which `close` closes. */
  readonly engine?: Engine
  /**
   * Compiles the network at once (`true`, the default) or when the first picture comes. At once also means a run on a
   * black picture as soon as nothing else is to be done, after which answers take their usual time; a picture that
   * comes before is not kept waiting.
   */
  readonly warm?: boolean
  /** Name of the file in error messages; its address or own name by default. */
  readonly file?: string
}

/** Options of a classification. */
export interface ClassifyOptions {
  /** How many classes are returned, the most probable first; all by default. */
  readonly top?: number
  /**
   * For digits and clothing: whether dark on light becomes light on dark; `auto`, the default, looks at the picture.
   */
  readonly invert?: 'auto' | 'yes' | 'no'
}

/** A class, and how probable it is. */
export interface ClassProbability {
  readonly class: string
  /** Position in the classifier's `classes`. */
  readonly index: number
  /** Softmax of the logits, 0 … 1; all classes together give 1. */
  readonly probability: number
}

/** A trained network as a function. */
export interface Classifier<P = Picture> {
  /**
   * What a picture shows: classes, the most probable first.
   * @throws ClassifierError when it is not a picture; ImageError when it shows no digit where one is expected.
   */
  (picture: P, options?: ClassifyOptions): Promise<readonly ClassProbability[]>
  readonly info: ClassifierInfo
  /** Names of the classes, in the order of the outputs. */
  readonly classes: readonly string[]
  /** Frees the engine, when it is the classifier's own. */
  close(): Promise<void>
}

/**
 * Loads a classifier.
 * @throws ClassifierError naming the file and what is wrong with it; WeightsError when it cannot be downloaded or is
 *   broken.
 * @example
 * const classify = await loadClassifier('/cats.fovea')
 * const [best] = await classify(document.querySelector('img')) // { class: 'tabby', index: 3, probability: 0.93 }
 */
export async function loadClassifier(
  source: ClassifierSource,
  options: LoadClassifierOptions = {},
): Promise<Classifier> {
  const from = typeof source === 'string' ? addressOf(source) : source
  return classifierFrom<Picture>(await openClassifierSource(from, options), preparePicture, options)
}

const preparePicture: Prepare<Picture> = async (picture, shape, options) =>
  prepareRaster('the picture', await rasterOfPicture(picture), shape, options)

/** The bytes of a classifier. @internal */
export async function openClassifierSource(
  from: Exclude<ClassifierSource, string>,
  { file, ...options }: LoadClassifierOptions,
): Promise<ByteSource> {
  if (from instanceof URL) return fetchSource(from, options, file ?? from.href)
  return isResponse(from) ? download(from, file) : sourceOf(from, file)
}

/** Makes a picture into the input of a model. @internal */
export type Prepare<P> = (picture: P, shape: InputShape, options: PrepareOptions) => Promise<Uint8Array>

/** A classifier made from its file. While the weights are on their way, it is compiled. @internal */
export async function classifierFrom<P>(
  source: ByteSource,
  prepare: Prepare<P>,
  options: LoadClassifierOptions,
): Promise<Classifier<P>> {
  if (!source.arrived) return classifierOf(await readClassifier(source), prepare, options)
  const { contents, logits, weights } = await openClassifier(source)
  return classifierOf(contents, prepare, options, { logits, weights: weights() })
}

/**
 * A classifier made from the contents of its file.
 * @param arriving its weights, if they are still on their way, and its traced answer to one image
 * @internal
 */
export async function classifierOf<P>(
  contents: ClassifierContents,
  prepare: Prepare<P>,
  { engine: given, warm = true }: LoadClassifierOptions,
  arriving?: Pick<ArrivingClassifier, 'logits'> & { readonly weights: ReturnType<ArrivingClassifier['weights']> },
): Promise<Classifier<P>> {
  const { name, classes, shape, subject, shorterSide, origin, network } = contents
  const engine = given ?? createEngine()
  const evaluator = new Evaluator(engine, network, shape)
  let isIdle = true
  const close = async (): Promise<void> => {
    isIdle = false
    if (!given) await engine.close()
  }
  const warmUp = async (): Promise<void> => {
    await yieldToEvents()
    if (isIdle) await evaluator.predict(new Uint8Array(sizeOf(shape)))
  }
  try {
    if (warm) await evaluator.prepareToPredict(arriving?.logits)
    for await (const [variable, values] of arriving?.weights ?? []) {
      variable.value = values
      if (warm) await engine.write(variable, values)
    }
  } catch (error) {
    await close()
    throw error
  }
  // What fails here fails the next picture, too, which says so.
  if (warm) warmUp().catch(() => undefined)
  const classify = async (picture: P, { top = classes.length, invert = 'auto' }: ClassifyOptions = {}) => {
    isIdle = false
    if (!Number.isSafeInteger(top) || top < 1)
      throw new RangeError(`top (=${top}) must be a whole number of at least 1`)
    const pixels = await prepare(picture, shape, {
      subject,
      ...(shorterSide === undefined ? {} : { shorterSide }),
      ...(invert === 'auto' ? {} : { invert: invert === 'yes' }),
    })
    return ranked(await evaluator.predict(pixels), classes).slice(0, top)
  }
  const info: ClassifierInfo = { name, classes, shape, subject, shorterSide, origin }
  return Object.assign(classify, { info, classes, close })
}

/** All classes, the most probable first. @internal */
export function ranked(probabilities: Float32Array, classes: readonly string[]): ClassProbability[] {
  return [...probabilities]
    .map((probability, index) => ({ class: classes[index], index, probability }))
    .sort((a, b) => b.probability - a.probability)
}
