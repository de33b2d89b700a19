/** The worker that opens files of networks, and classifies pictures with the one that was opened last. */
import type { ClassProbability } from '../../../src/classifier/classifier.ts'
import { classifierOf } from '../../../src/classifier/classifier.ts'
import { rasterOfPicture } from '../../../src/classifier/pictures.ts'
import { prepareRaster } from '../../../src/data/prepare.ts'
import { createEngine } from '../../../src/index.ts'
import { type GivenFile, type OpenedNetwork, openFiles } from '../network/openFiles.ts'

/** What is asked for. */
export type NetworkRequest =
  | { readonly type: 'open'; readonly files: readonly GivenFile[] }
  | { readonly type: 'classify'; readonly picture: File; readonly top: number }

/** What a page is told of a network: all but what computes. */
export interface NetworkFacts extends Omit<OpenedNetwork, 'classifier'> {
  /** What pictures are told apart into, and `[height, width, channels]` of what is looked at; absent for what takes no pictures. */
  readonly classifies?: { readonly classes: number; readonly shape: readonly [number, number, number] }
}

/** What is answered. */
export type NetworkAnswer =
  | { readonly type: 'opened'; readonly facts: NetworkFacts }
  | { readonly type: 'classified'; readonly classes: readonly ClassProbability[] }
  | { readonly type: 'failed'; readonly message: string }

let classify: Promise<Awaited<ReturnType<typeof classifierOf<File>>>> | undefined

async function answer(request: NetworkRequest): Promise<NetworkAnswer> {
  if (request.type === 'open') {
    const { classifier, ...facts } = await openFiles(request.files)
    classify = classifier && classifierOf<File>(classifier, readPicture, { engine: createEngine(), warm: false })
    const classifies = classifier && { classes: classifier.classes.length, shape: classifier.shape }
    return { type: 'opened', facts: { ...facts, ...(classifies && { classifies }) } }
  }
  if (!classify) throw new Error('This network takes no pictures.')
  return { type: 'classified', classes: await (await classify)(request.picture, { top: request.top }) }
}

const readPicture: Parameters<typeof classifierOf<File>>[1] = async (file, shape, options) => {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} cannot be read as a picture. Choose a PNG, JPEG or WebP file.`)
  })
  return prepareRaster(file.name, await rasterOfPicture(bitmap), shape, options)
}

self.onmessage = async ({ data }: MessageEvent<NetworkRequest>) => {
  let told: NetworkAnswer
  try {
    told = await answer(data)
  } catch (error) {
    told = { type: 'failed', message: (error as Error).message }
  }
  self.postMessage(told)
}
