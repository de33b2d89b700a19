/**
 * Judging answers: the images that a network is most wrong about, the classes that it confuses most, and whether its
 * probabilities mean what they say (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017).
 */
import { formatShape, ShapeError } from '../graph/shape.ts'

/** Answers of a network: what `Evaluator.evaluate` gives has all of this. */
export interface Answers {
  /** Predicted class of each image. */
  readonly predicted: ArrayLike<number>
  /** Probability of the predicted class. */
  readonly probability: ArrayLike<number>
  /** Cross-entropy of each image, in nats: −log of the probability of its label. */
  readonly losses: ArrayLike<number>
}

/** An image that a network gets wrong, or nearly wrong. */
export interface TopLoss {
  /** Position among the answers. */
  readonly image: number
  readonly label: number
  readonly predicted: number
  readonly loss: number
  /** p(label) */
  readonly labelProbability: number
  /** p(predicted) */
  readonly predictedProbability: number
}

/**
 * The images with the largest losses, largest first; of equal losses the earlier image.
 * @throws ShapeError when there are not as many labels as answers.
 * @example for (const { image, loss } of topLosses(await evaluator.evaluate(test), labels)) …
 */
export function topLosses(answers: Answers, labels: ArrayLike<number>, count = 9): TopLoss[] {
  const { predicted, probability, losses } = answers
  checkLabels(labels, losses)
  return Array.from(losses, (loss, image) => ({ loss, image }))
    .sort((a, b) => b.loss - a.loss || a.image - b.image)
    .slice(0, count)
    .map(({ loss, image }) => ({
      image,
      label: labels[image],
      predicted: predicted[image],
      loss,
      labelProbability: Math.exp(-loss),
      predictedProbability: probability[image],
    }))
}

/** Images of one class that were taken for another. */
export interface Confusion {
  readonly label: number
  readonly predicted: number
  readonly count: number
  /** The same count as a fraction of the images of the label. */
  readonly share: number
}

/**
 * Pairs of classes, ordered by how often the first is taken for the second.
 * @param confusion `confusion[label][predicted]`, counts
 * @param least pairs that happened less often are left out, 1 by default
 */
export function mostConfused(confusion: readonly (readonly number[])[], least = 1): Confusion[] {
  return confusion
    .flatMap((row, label) => {
      const total = row.reduce((a, b) => a + b, 0)
      return row.map((count, predicted) => ({ label, predicted, count, share: count / total }))
    })
    .filter(({ label, predicted, count }) => label !== predicted && count >= least)
    .sort((a, b) => b.count - a.count || b.share - a.share)
}

/** Images whose probability lies in one range. */
export interface ReliabilityBin {
  /** The range: above `from` (at 0 also 0 itself), up to `to`. */
  readonly from: number
  readonly to: number
  readonly count: number
  /** Mean probability of the predicted class; NaN for no images. */
  readonly confidence: number
  /** Fraction of them that is right; NaN for no images. */
  readonly accuracy: number
}

/** Whether probabilities mean what they say. */
export interface Calibration {
  /** Expected calibration error: Σ over bins of count / n · |accuracy − confidence|. */
  readonly ece: number
  /** The largest |accuracy − confidence| of a bin. */
  readonly largestError: number
  /** The reliability diagram. */
  readonly bins: readonly ReliabilityBin[]
}

/**
 * Calibration of the predicted class in bins of equal width.
 * @param bins 15 by default, as in the paper
 * @throws ShapeError when there are not as many labels as answers; RangeError when bins are not a whole number ≥ 1.
 */
export function calibration(
  { predicted, probability }: Pick<Answers, 'predicted' | 'probability'>,
  labels: ArrayLike<number>,
  bins = 15,
): Calibration {
  checkLabels(labels, probability)
  if (!Number.isInteger(bins) || bins < 1)
    throw new RangeError(`calibration: bins (=${bins}) must be a whole number ≥ 1`)
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }))
  for (let n = 0; n < labels.length; n++) {
    const bin = sums[Math.min(bins - 1, Math.max(0, Math.ceil(probability[n] * bins) - 1))]
    bin.count++
    bin.confidence += probability[n]
    if (predicted[n] === labels[n]) bin.right++
  }
  const table = sums.map(({ count, confidence, right }, k) => ({
    from: k / bins,
    to: (k + 1) / bins,
    count,
    confidence: confidence / count,
    accuracy: right / count,
  }))
  const filled = table.filter(({ count }) => count > 0)
  const errors = filled.map(({ accuracy, confidence }) => Math.abs(accuracy - confidence))
  return {
    ece: filled.reduce((sum, { count }, k) => sum + (count / labels.length) * errors[k], 0),
    largestError: Math.max(0, ...errors),
    bins: table,
  }
}

function checkLabels(labels: ArrayLike<number>, answers: ArrayLike<number>): void {
  if (labels.length !== answers.length) {
    throw new ShapeError(`${labels.length} labels for answers ${formatShape([answers.length])}`)
  }
}
