/** Numbers of a judged set of images: the confusion matrix with recall, precision and F1 of each class, accuracy and mean loss. */
import { scoreClasses } from '../../../../src/inspect/classScores.ts'
import type { Judged } from '../../worker/protocol.ts'

/** How well a class is known; none where there is nothing to divide by. */
export interface ClassRow {
  readonly name: string
  readonly images: number
  readonly recall: number | undefined
  readonly precision: number | undefined
  /** Harmonic mean of precision and recall. */
  readonly f1: number | undefined
}

/** The numbers. */
export interface Confusion {
  /** `counts[label][predicted]` */
  readonly counts: readonly (readonly number[])[]
  readonly classes: readonly ClassRow[]
  /** Images that count; those that are left out of the training do not. */
  readonly images: number
  readonly right: number
  /** Mean loss, in nats. */
  readonly loss: number
}

/** Counts what was judged. */
export function confusionOf(
  { labels, predicted, losses, out }: Pick<Judged, 'labels' | 'predicted' | 'losses' | 'out'>,
  names: readonly string[],
): Confusion {
  const counts = names.map(() => new Array<number>(names.length).fill(0))
  let [images, right, total] = [0, 0, 0]
  for (let k = 0; k < labels.length; k++) {
    if (out[k]) continue
    counts[labels[k]!]![predicted[k]!]!++
    images++
    if (labels[k] === predicted[k]) right++
    total += losses[k]!
  }
  const classes = scoreClasses(counts, names).map(({ class: name, images, recall, precision }) => ({
    name,
    images,
    recall: recall ?? undefined,
    precision: precision ?? undefined,
    f1: f1Of(recall, precision),
  }))
  return { counts, classes, images, right, loss: total / images }
}

function f1Of(recall: number | null, precision: number | null): number | undefined {
  if (recall === null || precision === null) return undefined
  return recall + precision > 0 ? (2 * recall * precision) / (recall + precision) : 0
}
