/**
 * The model that a command is given, in any of its forms: a run folder, the file of a classifier, or an ONNX file, of
 * which options say what the file leaves open.
 */
import { classFolders } from '../data/classFolders.node.ts'
import { usualShorterSide } from '../data/prepare.ts'
import type { NormalizeOptions } from '../nn/normalize.ts'
import { datasets, findDataset } from '../recipe/datasets.ts'
import { splitFolder } from '../recipe/files.node.ts'
import { folderOf } from '../recipe/folderSource.ts'
import { isOnnxFile } from '../recipe/networkFile.node.ts'
import type { Preparation } from '../recipe/preparation.ts'
import { usualNormalization } from '../recipe/usualNormalization.ts'
import { isFile } from '../runs/missing.node.ts'
import type { AboutClassifier } from '../runs/networkClassifier.node.ts'
import { type OpenedClassifier, openClassifier } from '../runs/openClassifier.node.ts'
import type { ImageShape } from '../train/programs.ts'
import { UsageError } from './terminal/errors.ts'
import { note, warn } from './terminal/output.ts'

/** Options that say what an ONNX file leaves open. */
export interface NetworkOptions {
  /** Data set whose classes its outputs are. */
  readonly data?: string
  /** Mean and standard deviation of each channel, of pixels from 0 to 1. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** `[channels, height, width]` of its pictures. */
  readonly input?: readonly [number, number, number]
}

/** Options of {@link openModel}. */
export interface ModelOptions extends NetworkOptions {
  readonly checkpoint?: string
}

/**
 * Opens a run folder, the file of a classifier, or an ONNX file. Says what is assumed about an ONNX file.
 * @throws UsageError for options about what the model says itself; otherwise as `openClassifier`
 */
export async function openModel(path: string, options: ModelOptions): Promise<OpenedClassifier> {
  const { data, mean, std, input, checkpoint = 'final' } = options
  checkPair(mean, std)
  if (checkpoint !== 'final' && (isOnnxFile(path) || isFile(path))) {
    throw new UsageError(`--checkpoint ${checkpoint}: is for run folders; ${path} has its weights once`)
  }
  if (!isOnnxFile(path)) {
    refuseNetworkOptions(path, options)
    return openClassifier(path, { checkpoint, warn })
  }
  const classes = data === undefined ? undefined : classesOf(data)
  const normalize = mean && std && { mean, std }
  const classifier = (shape: ImageShape): AboutClassifier => ({
    ...{ classes, normalize, preparation: preparation(shape, data), usual: usualFor(shape, data) },
    assume: ({ mean, std }: NormalizeOptions) =>
      note(
        `${path}: does not say how pictures are normalized: taken are mean ${mean.join(', ')}, std ${std.join(', ')}; --mean and --std set others`,
      ),
  })
  const opened = await openClassifier(path, { warn, about: { shape: input && imageShape(input), classifier } })
  if (opened.isNumbered) {
    note(`${path}: does not name its classes: they are numbered from 0; --data names the data set whose they are`)
  }
  return opened
}

/** @throws UsageError for options about an ONNX file, of a run or a file that says itself what they say */
export function refuseNetworkOptions(path: string, { data, mean, std, input }: NetworkOptions): void {
  const [given] = Object.entries({ data, mean, std, input }).filter(([, value]) => value !== undefined)
  if (given) throw new UsageError(`--${given[0]}: is for ONNX files; ${path} says it itself`)
}

/** @throws UsageError when only one of the two is given */
export function checkPair(mean: readonly number[] | undefined, std: readonly number[] | undefined): void {
  if ((mean === undefined) === (std === undefined)) return
  throw new UsageError(`--${mean ? 'mean' : 'std'} needs --${mean ? 'std' : 'mean'} too`)
}

/** Height, width and channels, in the order of pictures. */
export const imageShape = ([channels, height, width]: readonly [number, number, number]): ImageShape => [
  height,
  width,
  channels,
]

/** Names of the classes of a data set, or of a folder of pictures. @throws RecipeError, DatasetError */
function classesOf(data: string): readonly string[] {
  const folder = folderOf(data)
  if (folder === undefined) return findDataset(data).classes
  return classFolders(splitFolder(folder, 'train') ?? splitFolder(folder, 'test') ?? folder).map(({ name }) => name)
}

function usualFor(shape: ImageShape, data: string | undefined): NormalizeOptions {
  return data === undefined || folderOf(data) !== undefined ? usualNormalization(shape) : findDataset(data).normalize
}

/** What pictures go through: as for the data set, or for one with pictures of this shape. */
function preparation(shape: ImageShape, data: string | undefined): Preparation {
  const isFolder = data !== undefined && folderOf(data) !== undefined
  if (data !== undefined && !isFolder) return { subject: findDataset(data).subject ?? 'picture' }
  const isDigit = !isFolder && String(shape) === String(datasets.mnist.shape)
  return isDigit ? { subject: 'digit' } : { subject: 'picture', shorterSide: usualShorterSide(shape) }
}
