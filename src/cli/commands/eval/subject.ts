/** What `fovea eval` scores: a run on images of its recipe, or a file on images that the command line names. */
import type { ImageCollection, Subset } from '../../../data/dataset.ts'
import type { Module } from '../../../nn/module.ts'
import { folderOf } from '../../../recipe/folderSource.ts'
import { imagesOf } from '../../../recipe/images.ts'
import { isOnnxFile } from '../../../recipe/networkFile.node.ts'
import { dataName, modelName, type Recipe } from '../../../recipe/recipe.ts'
import { loadData, type RunData } from '../../../runs/data.node.ts'
import { labeledImages } from '../../../runs/labeledImages.node.ts'
import { isFile } from '../../../runs/missing.node.ts'
import { loadRun } from '../../../runs/trainedModel.node.ts'
import { formatCount } from '../../../text/format.ts'
import type { ImageShape } from '../../../train/programs.ts'
import { checkImages, reading } from '../../images.ts'
import { type ModelOptions, openModel, refuseNetworkOptions } from '../../modelFile.ts'
import { CommandError, UsageError } from '../../terminal/errors.ts'
import { warn } from '../../terminal/output.ts'

/** Names of the splits. */
export const splitNames = ['test', 'validation', 'train'] as const

/** Options that say which model is scored on which images. */
export interface SubjectOptions extends ModelOptions {
  /** `test` by default; without test images, all images of a folder. */
  readonly split?: (typeof splitNames)[number]
  /** Checkpoint of a run: `latest`, `best`, or the path of a `.safetensors` file. */
  readonly checkpoint: string
  /** Folder of the data set's files, when it has moved. */
  readonly dataDir?: string
  /** True to score images that are not those that the run began with. */
  readonly allowChangedData?: boolean
}

/** A model and the images that it is scored on. */
export interface EvalSubject {
  readonly model: Module
  readonly shape: ImageShape
  /** Recipe of a run. */
  readonly recipe?: Recipe
  readonly images: Subset<ImageCollection>
  /** For people: `lenet5 after step 430`. */
  readonly name: string
  /** For people: `test images of mnist`. */
  readonly imagesName: string
  /** For machines. */
  readonly facts: Readonly<Record<string, unknown>>
}

/** Opens a model and its images. @throws UsageError, CommandError; otherwise as the readers of either */
export async function evalSubject(path: string, options: SubjectOptions): Promise<EvalSubject> {
  return isFile(path) || isOnnxFile(path) ? fileSubject(path, options) : runSubject(path, options)
}

async function runSubject(run: string, options: SubjectOptions): Promise<EvalSubject> {
  const { split = 'test', checkpoint: which, dataDir, data: other } = options
  if (other !== undefined) throw new UsageError(`--data ${other}: a run is scored on images of its own data set`)
  refuseNetworkOptions(run, options)
  const { recipe, model, checkpoint } = await loadRun(run, which, warn)
  const data = await loadData(recipe, { directory: dataDir, ...reading })
  // Imported weights were trained elsewhere, on unknown images.
  if (checkpoint.progress.imported === undefined) {
    await checkImages({ run, recipe, data, split }, options.allowChangedData)
  }
  const { step } = checkpoint.progress
  return {
    ...{ model, shape: imagesOf(recipe).shape, recipe, images: splitOf(data, split, run) },
    name: `${modelName(recipe)} after step ${formatCount(step)}`,
    imagesName: `${split} images of ${dataName(recipe)}`,
    facts: { run, split, checkpoint: which, step },
  }
}

function splitOf(data: RunData, split: (typeof splitNames)[number], run: string): Subset<ImageCollection> {
  const images = data[split]
  if (images) return images
  const why = split === 'validation' ? 'its recipe holds no images back' : 'its folder has no test images'
  throw new CommandError(`${run}: has no ${split} split, ${why}`)
}

async function fileSubject(file: string, options: SubjectOptions): Promise<EvalSubject> {
  const { data, dataDir: directory, split: asked, ...rest } = options
  if (data === undefined) {
    throw new UsageError(`${file}: names no images to score on: add --data NAME, or --data folder:PATH`)
  }
  const classifier = await openModel(file, { ...rest, ...(isOnnxFile(file) && { data }) })
  const { network: model, shape, name } = classifier
  const { images, split } = await labeledImages(classifier, { data, directory, split: asked, ...reading })
  return {
    ...{ model, shape, images, name },
    imagesName: `${split ? `${split} ` : ''}images of ${folderOf(data) ?? data}`,
    facts: { file, data, ...(split && { split }) },
  }
}
