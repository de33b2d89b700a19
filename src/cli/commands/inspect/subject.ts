/** The subject of `fovea inspect`: a network, pictures, and the options about them. */
import { ImageError } from '../../../data/errors.ts'
import { sizeOf } from '../../../graph/shape.ts'
import type { Inspector, ParametrizationName } from '../../../inspect/index.ts'
import { unknownName } from '../../../text/names.ts'
import type { ImageShape } from '../../../train/programs.ts'
import { type Invert, type PictureRules, preparePicture } from '../../preparePicture.ts'
import type { ReadingChoices } from '../../readingEngine.ts'
import { oneLine, UsageError } from '../../terminal/errors.ts'
import { picturesOf } from '../predict/pictureFiles.ts'

/** Options of `inspect`. */
export interface InspectOptions extends Pick<ReadingChoices, 'backend'> {
  readonly method: string
  readonly layer?: string
  readonly class?: string
  readonly out?: string
  readonly steps?: number
  readonly window?: number
  readonly channel?: readonly number[]
  readonly seed?: number
  readonly image?: ParametrizationName
  readonly size?: number
  readonly invert: Invert
  readonly checkpoint: string
  readonly json?: boolean
}

/** A picture as the network's input. */
export interface Picture {
  readonly file: string
  /** Bytes `[H, W, C]`. */
  readonly pixels: Uint8Array
}

/** Input of the command's methods. */
export interface Subject {
  /** The folder of the run. */
  readonly run: string
  readonly inspector: Inspector
  readonly shape: ImageShape
  readonly classes: readonly string[]
  readonly pictures: readonly Picture[]
  readonly options: InspectOptions
  /** Shows progress once two seconds have passed. */
  readonly onProgress: (done: number, of: number) => void
}

/**
 * All pictures that words name, as inputs of the network.
 * @throws UsageError for a word that names no picture, or a file that is not one.
 */
export async function picturesFor(words: readonly string[], rules: PictureRules, invert: Invert): Promise<Picture[]> {
  const files = new Set<string>()
  for (const word of words) {
    const named = await picturesOf(word)
    if ('error' in named) throw new UsageError(named.error)
    for (const file of named.files) files.add(file)
  }
  const pictures: Picture[] = []
  for (const file of files) {
    try {
      const { pixels } = await preparePicture(file, rules, invert)
      pictures.push({ file, pixels })
    } catch (error) {
      throw error instanceof ImageError ? new UsageError(oneLine(error.message), { cause: error }) : error
    }
  }
  return pictures
}

/** The bytes of all pictures, one after another. */
export function bytesOf({ pictures, shape }: Subject): Uint8Array {
  const bytes = new Uint8Array(pictures.length * sizeOf(shape))
  for (const [n, { pixels }] of pictures.entries()) bytes.set(pixels, n * pixels.length)
  return bytes
}

/** A class by its name, or its number. */
export function classOf(text: string, classes: readonly string[]): number {
  const byName = classes.indexOf(text)
  if (byName >= 0) return byName
  const index = Number(text)
  if (/^\d+$/.test(text) && index < classes.length) return index
  throw new UsageError(`--class: ${unknownName('class', text, classes)}, or a number from 0 to ${classes.length - 1}`)
}
