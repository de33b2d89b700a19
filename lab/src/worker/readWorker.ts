/** The worker that reads files and frames of a camera as pictures, so that the page does not wait for large ones. */
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

/** A frame of a camera. */
export interface FrameRequest extends Pick<ReadRequest, 'shape' | 'subject'> {
  readonly frame: ImageBitmap
}

/** A frame as the model's input, or why it is none. */
export type FrameAnswer =
  | { readonly type: 'frame'; readonly pixels: Uint8Array<ArrayBuffer> }
  | { readonly type: 'nothing'; readonly message: string }

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

self.onmessage = async ({ data }: MessageEvent<ReadRequest | FrameRequest>) => {
  if ('frame' in data) {
    self.postMessage(readFrame(data))
    return
  }
  const answer = await readAll(data)
  self.postMessage(answer, { transfer: answer.type === 'read' ? [answer.images.buffer] : [] })
}

function readFrame({ frame, shape, subject }: FrameRequest): FrameAnswer {
  try {
    return { type: 'frame', pixels: Uint8Array.from(pixelsOf('camera', frame, shape, subject)) }
  } catch (error) {
    return { type: 'nothing', message: (error as Error).message }
  }
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
  return pixelsOf(file.name, picture, shape, subject)
}

/** @throws ImageError for a picture in which there is no such object. */
function pixelsOf(name: string, picture: ImageBitmap, shape: InputShape, subject: ReadRequest['subject']): Uint8Array {
  const { width, height } = picture
  const context = new OffscreenCanvas(width, height).getContext('2d')
  if (!context) throw new Error('This browser gives no canvas to read pictures with. Draw on the probe instead.')
  context.drawImage(picture, 0, 0)
  picture.close()
  const { data } = context.getImageData(0, 0, width, height)
  return prepareRaster(name, raster(new Uint8Array(data.buffer), [height, width, 4]), shape, {
    ...(subject && { subject }),
  })
}
