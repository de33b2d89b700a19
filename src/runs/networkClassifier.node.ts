/** The network of an ONNX file as a classifier, by what the file says about itself and what is said about it. */
import type { ClassifierContents } from '../classifier/artifact.ts'
import { ClassifierError } from '../classifier/errors.ts'
import { usualShorterSide } from '../data/prepare.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import { type NormalizeOptions, normalize } from '../nn/normalize.ts'
import { RecipeError } from '../recipe/errors.ts'
import { type NetworkFile, openNetworkFile, pictureShape } from '../recipe/networkFile.node.ts'
import type { Preparation } from '../recipe/preparation.ts'
import { outputsOf } from '../train/evaluate.ts'
import type { ImageShape } from '../train/programs.ts'
import { saidBy } from './saidByFile.ts'

/** What is said about an ONNX file, for what it does not say itself. */
export interface AboutNetwork {
  /** `[height, width, channels]` of its pictures. */
  readonly shape?: ImageShape | undefined
  /** The rest, for pictures of that shape. */
  readonly classifier?: (shape: ImageShape) => AboutClassifier
}

/** What is said about a network as a classifier. */
export interface AboutClassifier {
  /** Without names the classes are numbered. */
  readonly classes?: readonly string[] | undefined
  readonly preparation: Preparation
  /** Mean and deviation; they replace those of the file. */
  readonly normalize?: NormalizeOptions | undefined
  /** Mean and deviation when neither `normalize` nor the file says any; `assume` is called with them. */
  readonly usual: NormalizeOptions
  readonly assume: (usual: NormalizeOptions) => void
}

/** A classifier of an ONNX file. */
export interface NetworkClassifier extends ClassifierContents {
  /** True when nobody has named its classes: they are numbered. */
  readonly isNumbered?: boolean
}

/**
 * Opens an ONNX file.
 * @throws ClassifierError when it is no classifier, or nobody says what it leaves open; RecipeError for a missing file,
 *   or what contradicts it; OnnxError, WeightsError for a broken one.
 */
export async function openNetworkClassifier(path: string, about: AboutNetwork = {}): Promise<NetworkClassifier> {
  const file = await openNetworkFile(path)
  const shape = pictureShape(path, file, about.shape)
  const own = saidBy(file.network.info)
  const told = about.classifier?.(shape)
  const network = normalized(path, file, own.normalize, told)
  const outputs = inFile(path, () => outputsOf(network, shape))
  const classes = own.classes ?? told?.classes ?? (told && Array.from({ length: outputs }, (_, label) => String(label)))
  if (!classes) throw new ClassifierError(`${path}: does not name its classes: ${howToName(path)}`)
  if (classes.length !== outputs) {
    const some = classes.length > 5 ? [...classes.slice(0, 4), '…'] : classes
    throw new ClassifierError(
      `${path}: has ${outputs} outputs, but there are ${classes.length} classes (${some.join(', ')})`,
    )
  }
  const preparation = own.preparation ??
    told?.preparation ?? { subject: 'picture', shorterSide: usualShorterSide(shape) }
  return {
    ...{ name: own.name, classes, shape, ...preparation, origin: own.origin, weights: 'float32', network },
    ...(!own.classes && !told?.classes && { isNumbered: true }),
  }
}

const howToName = (path: string): string =>
  `make a run of it with 'fovea import ${path} --data …', or export it with names and preprocessing as Fovea does`

/** The network from bytes to logits. */
function normalized(
  path: string,
  file: NetworkFile,
  own: NormalizeOptions | undefined,
  told: AboutClassifier | undefined,
): Module {
  const network = file.create()
  if (file.bytes) {
    if (!told?.normalize) return network
    throw new RecipeError(`${path}: takes bytes, so its preprocessing is inside: leave --mean and --std out`)
  }
  const found = told?.normalize ?? own ?? told?.usual
  if (!found) throw new ClassifierError(`${path}: does not say how its pictures are normalized: ${howToName(path)}`)
  if (found === told?.usual) told.assume(found)
  return new ImageClassifier(normalize(found), network)
}

/** Puts the name of the file before errors of its graph. */
function inFile<T>(path: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw new ClassifierError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}
