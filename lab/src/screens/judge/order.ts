/** Which pictures are shown, and in which order. */
import type { Judged } from '../../worker/protocol.ts'

/** What pictures are sorted by. */
export const sortKeys = ['loss', 'margin', 'confidence', 'learned', 'forgotten', 'number'] as const
export type SortKey = (typeof sortKeys)[number]

interface SortInfo {
  readonly name: string
  /** What it is, and which comes first. */
  readonly about: string
  readonly isDown: boolean
  /** Whether it is known of training images alone. */
  readonly isOfTraining?: boolean
}

/** Words about them. */
export const sorts: Readonly<Record<SortKey, SortInfo>> = {
  loss: { name: 'loss', about: 'cross-entropy of the label, largest first', isDown: true },
  margin: {
    name: 'margin',
    about: 'probability of the label less that of the most probable other class, smallest first',
    isDown: false,
  },
  confidence: { name: 'confidence', about: 'probability of the predicted class, largest first', isDown: true },
  learned: {
    name: 'learned late',
    about: 'the pass since which every answer in training was right; never first, then the latest',
    isDown: true,
    isOfTraining: true,
  },
  forgotten: {
    name: 'times forgotten',
    about: 'answers in training that were wrong after a right one (Toneva et al. 2019), most first',
    isDown: true,
    isOfTraining: true,
  },
  number: { name: 'number', about: 'number in the data set', isDown: false },
}

/** Which pictures: those of a label, those taken for a class, both, all, mistakes, or some by number. */
export type Chosen =
  | { readonly kind: 'cell'; readonly label?: number; readonly predicted?: number }
  | { readonly kind: 'mistakes' }
  | { readonly kind: 'some'; readonly images: readonly number[]; readonly name: string }

/** Numbers of the pictures that are chosen, in the order of the data set. Those that were left out are only among some by number. */
export function chosenImages({ labels, predicted, out }: Judged, chosen: Chosen): number[] {
  if (chosen.kind === 'some') return chosen.images.filter(image => image < labels.length)
  const found: number[] = []
  for (let k = 0; k < labels.length; k++) {
    if (out[k]) continue
    const isChosen =
      chosen.kind === 'mistakes'
        ? labels[k] !== predicted[k]
        : (chosen.label ?? labels[k]) === labels[k] && (chosen.predicted ?? predicted[k]) === predicted[k]
    if (isChosen) found.push(k)
  }
  return found
}

/** p(label) less the largest other probability: below zero for a mistake. */
export function marginOf({ labels, probabilities }: Pick<Judged, 'labels' | 'probabilities'>, image: number): number {
  const classes = probabilities.length / labels.length
  const own = labels[image]!
  let other = 0
  for (let c = 0; c < classes; c++) {
    if (c !== own && probabilities[image * classes + c]! > other) other = probabilities[image * classes + c]!
  }
  return probabilities[image * classes + own]! - other
}

/** The number that a picture is sorted by. */
export function sortValue(judged: Judged, key: SortKey, image: number): number {
  const { losses, probability, history } = judged
  if (key === 'loss') return losses[image]!
  if (key === 'margin') return marginOf(judged, image)
  if (key === 'confidence') return probability[image]!
  if (key === 'forgotten') return history?.forgotten[image] ?? 0
  if (key === 'number') return image
  // Never learned comes before the latest, and what was not seen yet after the earliest.
  const learned = history?.learned[image] ?? -1
  return learned === 0 ? Number.POSITIVE_INFINITY : learned
}

const float = new Float32Array(1)
const words = new Uint32Array(float.buffer)
/** Room for the place of an image beside its key: 2²⁰ images. */
const placeRoom = 2 ** 20

/**
 * Sorts images, equal ones by number. Tens of thousands are sorted in a few milliseconds: keys become whole numbers in the order of
 * floats, and joined with the image's place they are sorted as numbers, without a call for each comparison.
 */
export function sorted(judged: Judged, images: readonly number[], key: SortKey, isDown: boolean): Int32Array {
  const [sign, keys] = [isDown ? -1 : 1, new Float64Array(images.length)]
  for (let place = 0; place < images.length; place++) {
    float[0] = sortValue(judged, key, images[place]!) * sign
    // Of a float below zero the larger word is the smaller number.
    const word = words[0]! & 0x80000000 ? ~words[0]! : words[0]! | 0x80000000
    keys[place] = (word >>> 0) * placeRoom + place
  }
  keys.sort()
  const order = new Int32Array(images.length)
  for (let place = 0; place < images.length; place++) order[place] = images[keys[place]! % placeRoom]!
  return order
}
