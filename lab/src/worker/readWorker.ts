/** The worker that reads files as pictures, so that the page does not wait for large ones. */
import { raster } from '../../../src/augment/index.ts'
import { type InputShape, prepareRaster } from '../../../src/data/prepare.ts'
import { sha256 } from '../../../src/formats/sha256.ts'

/** What is to be read. */
export interface ReadRequest {
  readonly files: readonly File[]
  /** `[height, width, channels]` of the pictures to make. */
  readonly shape: InputShape
  readonly subject?: 'digit' | 'clothing' | 'picture'
}

/** What was read: progress, or the end. */
export type ReadAnswer =
  | { readonly type: 'reading'; readonly done: number; readonly total: number }
  | {
      readonly type: 'read'
      /** Bytes of all pictures that could be read. */
      readonly images: Uint8Array<ArrayBuffer>
      /** Which of the files these are. */
      readonly read: readonly number[]
      /** A sentence for each of the others. */
      readonly failures: readonly string[]
      /** SHA-256 of the bytes. */
      readonly hash: string
    }

/** Milliseconds between two reports. */
const reportEvery = 100

self.onmessage = async ({ data }: MessageEvent<ReadRequest>) => {
  const answer = await readAll(data)
  self.postMessage(answer, { transfer: answer.type === 'read' ? [answer.images.buffer] : [] })
}

async function readAll({ files, shape, subject }: ReadRequest): Promise<ReadAnswer> {
  const bytes = shape[0] * shape[1] * shape[2]
  const images = new Uint8Array(files.length * bytes)
  const read: number[] = []
  const failures: string[] = []
  let reportedAt = performance.now()
  for (const [k, file] of files.entries()) {
    try {
      images.set(await readPicture(file, shape, subject), read.length * bytes)
      read.push(k)
    } catch (error) {
      failures.push((error as Error).message)
    }
    if (performance.now() - reportedAt < reportEvery) continue
    reportedAt = performance.now()
    self.postMessage({ type: 'reading', done: k + 1, total: files.length } satisfies ReadAnswer)
  }
  const own = images.slice(0, read.length * bytes)
  return { type: 'read', images: own, read, failures, hash: await sha256(own) }
}

/**
 * A picture as the model's input. Of digits and clothing the object is found and placed as the data set has it.
 * @throws Error with a sentence for who chose the file
 */
async function readPicture(file: File, shape: InputShape, subject: ReadRequest['subject']): Promise<Uint8Array> {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} cannot be read as a picture. Choose a PNG, JPEG or WebP file.`)
  })
  const { width, height } = picture
  const context = new OffscreenCanvas(width, height).getContext('2d')
  if (!context) throw new Error('This browser gives no canvas to read pictures with. Draw on the probe instead.')
  context.drawImage(picture, 0, 0)
  picture.close()
  const { data } = context.getImageData(0, 0, width, height)
  return prepareRaster(file.name, raster(new Uint8Array(data.buffer), [height, width, 4]), shape, {
    ...(subject && { subject }),
  })
}
