/**
 * Temperature scaling (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017): all logits
 * are divided by one number T, which changes no answer, and T is the one with the least cross-entropy on images that
 * were held out. A T above 1 makes a network less sure.
 */
import { formatShape, ShapeError } from '../graph/shape.ts'

/** Temperatures that are tried: beyond them probabilities are all but equal, or all but 0 and 1. */
const [coldest, hottest] = [0.01, 100]
/** A probability that single precision writes as 0 is taken for this one. */
const least = 2 ** -149

/**
 * The temperature with the least mean cross-entropy: between 0.01 and 100.
 *
 * With β = 1/T and zₖ the logits, the mean cross-entropy is convex in β. Its slope, the mean over images of
 * Σₖ qₖ zₖ − z_label with q = softmax(β z), therefore changes its sign once, and is halved to.
 * @param probabilities `[N, K]`: softmax of the logits, of which log p differ by one number an image, which cancels
 * @param labels `[N]`
 * @throws ShapeError when there are not as many labels as rows, or none.
 * @example const T = fitTemperature(probabilities, labels); const calibrated = atTemperature(probabilities, 10, T)
 */
export function fitTemperature(probabilities: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = probabilities.length / labels.length
  if (!Number.isInteger(classes) || classes < 1) {
    throw new ShapeError(`${labels.length} labels for probabilities ${formatShape([probabilities.length])}`)
  }
  const logits = Float64Array.from(probabilities, probability => Math.log(Math.max(least, probability)))
  let [low, high] = [Math.log(1 / hottest), Math.log(1 / coldest)]
  // 60 halvings leave less than a float64 tells apart.
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2
    if (slope(logits, labels, classes, Math.exp(middle)) > 0) high = middle
    else low = middle
  }
  return Math.exp(-(low + high) / 2)
}

/** Slope of the summed cross-entropy by β. */
function slope(logits: Float64Array, labels: ArrayLike<number>, classes: number, beta: number): number {
  let total = 0
  for (let n = 0; n < labels.length; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes)
    const most = row.reduce((a, b) => Math.max(a, b))
    let [sum, weighted] = [0, 0]
    for (const z of row) {
      const weight = Math.exp(beta * (z - most))
      sum += weight
      weighted += weight * z
    }
    total += weighted / sum - row[labels[n]]
  }
  return total
}

/**
 * Probabilities as they are at a temperature: softmax(log p / T) of each row.
 * @param probabilities `[N, classes]`
 * @returns a new array `[N, classes]`
 */
export function atTemperature(probabilities: ArrayLike<number>, classes: number, temperature: number): Float32Array {
  const scaled = new Float32Array(probabilities.length)
  for (let first = 0; first < scaled.length; first += classes) {
    let most = 0
    for (let k = 0; k < classes; k++) most = Math.max(most, probabilities[first + k])
    let sum = 0
    for (let k = 0; k < classes; k++) {
      const weight = (Math.max(least, probabilities[first + k]) / most) ** (1 / temperature)
      scaled[first + k] = weight
      sum += weight
    }
    for (let k = 0; k < classes; k++) scaled[first + k]! /= sum
  }
  return scaled
}
