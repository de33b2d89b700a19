/** Turns a picture file into the input of a trained model, as the command line says. */
import { prepareImage } from '../data/image.node.ts'
import type { OpenedClassifier } from '../runs/openClassifier.node.ts'
import { UsageError } from './terminal/errors.ts'

/** Whether dark strokes on light paper are turned into light strokes on dark, which digit models are trained on. */
export const invertNames = ['auto', 'yes', 'no'] as const

/** One of {@link invertNames}. */
export type Invert = (typeof invertNames)[number]

/** The part of a model that decides how pictures are prepared. */
export type PictureRules = Pick<OpenedClassifier, 'shape' | 'subject' | 'shorterSide'>

/** @throws UsageError when inversion is requested for a model that does not invert pictures */
export function checkInvert(run: string, { subject }: PictureRules, invert: Invert): void {
  if (subject === 'picture' && invert === 'yes') {
    throw new UsageError(`--invert yes: ${run} is no model of digits or clothing; its pictures are taken as they are`)
  }
}

/**
 * The model's input for a picture, and whether its strokes were inverted.
 * @throws ImageError when the file is not a usable picture
 */
export async function preparePicture(
  file: string,
  { shape, subject, shorterSide }: PictureRules,
  invert: Invert,
): Promise<{ readonly pixels: Uint8Array; readonly inverted: boolean }> {
  const given = { subject, ...(shorterSide === undefined ? {} : { shorterSide }) }
  if (subject === 'picture') return { pixels: await prepareImage(file, shape, given), inverted: false }
  if (invert !== 'auto') {
    const inverted = invert === 'yes'
    return { pixels: await prepareImage(file, shape, { ...given, invert: inverted }), inverted }
  }
  const pixels = await prepareImage(file, shape, given)
  // The picture was inverted if explicit inversion gives an equal result; if that finds no strokes, it was not.
  const demanded = await prepareImage(file, shape, { ...given, invert: true }).catch(() => undefined)
  return { pixels, inverted: demanded !== undefined && Buffer.compare(pixels, demanded) === 0 }
}
