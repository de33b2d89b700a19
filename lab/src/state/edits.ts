/**
 * Changes of training images: another label, or left out. They are one intervention, whose value is a text that a link can hold:
 * `12.7_88.x` gives image 12 the label 7 and leaves out image 88.
 */

/** By number of the training image: its other label, or `'out'`. */
export type ImageEdits = ReadonlyMap<number, number | 'out'>

/** Most images that can be changed, so that a link holds them: some 16 kB of address. */
export const mostEdits = 2000

export const noEdits: ImageEdits = new Map()

/** Changes as a text, by number; none are the empty text. */
export const formatEdits = (edits: ImageEdits): string =>
  [...edits]
    .sort(([a], [b]) => a - b)
    .map(([image, edit]) => `${image}.${edit === 'out' ? 'x' : edit}`)
    .join('_')

/** Reads changes; undefined for a text that is none, or has too many. */
export function parseEdits(text: string): ImageEdits | undefined {
  const edits = new Map<number, number | 'out'>()
  for (const part of text === '' ? [] : text.split('_')) {
    const [, image, edit] = /^(\d{1,7})\.(x|\d{1,3})$/.exec(part) ?? []
    if (image === undefined) return undefined
    edits.set(Number(image), edit === 'x' ? 'out' : Number(edit))
  }
  return edits.size > mostEdits ? undefined : edits
}

/** Changes in words: `3 training images: 2 relabeled, 1 left out`. */
export function describeEdits(edits: ImageEdits): string {
  const all = [...edits.values()]
  const out = all.filter(edit => edit === 'out').length
  const parts = [
    ...(out < all.length ? [`${all.length - out} relabeled`] : []),
    ...(out > 0 ? [`${out} left out`] : []),
  ]
  return all.length === 0 ? 'training images as they came' : `training images: ${parts.join(', ')}`
}
