/**
 * A temperature for the network (Guo et al. 2017): fitted to every second of the images, and judged by the others, which
 * it has not seen.
 */

import { type Calibration, calibration } from '../../../../src/inspect/judge.ts'
import { atTemperature, fitTemperature } from '../../../../src/inspect/temperature.ts'
import type { Judged } from '../../worker/protocol.ts'

/** What a temperature does. */
export interface Tempered {
  readonly temperature: number
  /** Images that it was fitted to, and those that it is judged by. */
  readonly fitted: number
  readonly images: number
  /** Calibration and mean cross-entropy of the latter, as they are and at the temperature. */
  readonly before: Calibration
  readonly after: Calibration
  readonly lossBefore: number
  readonly lossAfter: number
}

/** Fewest images of which half are fitted to. */
const fewest = 20

/** Fits and judges; undefined for a few images. @param bins of the calibration */
export function tempered({ labels, out, predicted, probabilities }: Judged, bins: number): Tempered | undefined {
  const kept = Array.from(labels.keys()).filter(k => !out[k])
  if (kept.length < fewest) return undefined
  const classes = probabilities.length / labels.length
  const rowsOf = (images: readonly number[]): Float32Array => {
    const rows = new Float32Array(images.length * classes)
    images.forEach((image, k) => {
      rows.set(probabilities.subarray(image * classes, (image + 1) * classes), k * classes)
    })
    return rows
  }
  const labelsOf = (images: readonly number[]): number[] => images.map(image => labels[image]!)
  const [fitted, judged] = [0, 1].map(rest => kept.filter((_, k) => k % 2 === rest)) as [number[], number[]]
  const temperature = fitTemperature(rowsOf(fitted), labelsOf(fitted))
  const own = labelsOf(judged)
  const answers = judged.map(image => predicted[image]!)
  const measure = (rows: Float32Array): { readonly found: Calibration; readonly loss: number } => {
    const of = (k: number, label: number): number => rows[k * classes + label]!
    const found = calibration({ predicted: answers, probability: answers.map((answer, k) => of(k, answer)) }, own, bins)
    const losses = own.map((label, k) => -Math.log(Math.max(2 ** -149, of(k, label))))
    return { found, loss: losses.reduce((a, b) => a + b, 0) / own.length }
  }
  const rows = rowsOf(judged)
  const [before, after] = [measure(rows), measure(atTemperature(rows, classes, temperature))]
  return {
    temperature,
    fitted: fitted.length,
    images: judged.length,
    before: before.found,
    after: after.found,
    lossBefore: before.loss,
    lossAfter: after.loss,
  }
}
