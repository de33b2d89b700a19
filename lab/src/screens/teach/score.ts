/** How good a head is, on pictures that were held back. */
import { wilsonInterval } from '../../../../src/report/wilson.ts'

/** Of held-back pictures, those that were taken for what they are. */
export interface Share {
  readonly right: number
  readonly count: number
  /** The 95 % interval (Wilson). */
  readonly interval: readonly [low: number, high: number]
}

/** A held-back picture that is taken for something else. */
export interface Mistake {
  /** Place among the held-back pictures. */
  readonly index: number
  readonly label: number
  readonly predicted: number
  /** Of the predicted class. */
  readonly probability: number
}

/** The score. */
export interface Score extends Share {
  /** By class. */
  readonly classes: readonly Share[]
  /** Most certain first. */
  readonly mistakes: readonly Mistake[]
  /** The share that one has who always says the most frequent class. */
  readonly chance: number
  /** Whether the interval lies above chance. */
  readonly tells: boolean
}

const shareOf = (right: number, count: number): Share => ({ right, count, interval: wilsonInterval(right, count) })

/**
 * The score of answers.
 * @param labels the classes of the pictures, from 0
 * @param probabilities `[pictures, classes]`
 */
export function scoreOf(labels: ArrayLike<number>, probabilities: Float32Array, classes: number): Score {
  const rights = new Array<number>(classes).fill(0)
  const counts = new Array<number>(classes).fill(0)
  const mistakes: Mistake[] = []
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index]!
    const row = probabilities.subarray(index * classes, (index + 1) * classes)
    const predicted = row.indexOf(row.reduce((most, value) => Math.max(most, value), 0))
    counts[label]!++
    if (predicted === label) rights[label]!++
    else mistakes.push({ index, label, predicted, probability: row[predicted]! })
  }
  const right = rights.reduce((a, b) => a + b, 0)
  const whole = shareOf(right, labels.length)
  const chance = labels.length === 0 ? 1 / classes : Math.max(...counts) / labels.length
  return {
    ...whole,
    classes: rights.map((own, k) => shareOf(own, counts[k]!)),
    mistakes: mistakes.sort((a, b) => b.probability - a.probability),
    chance,
    tells: whole.interval[0] > chance,
  }
}
