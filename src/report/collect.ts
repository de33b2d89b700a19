/** Collects what a report shows of a trained model and its answers to the test images. */
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { fitted } from '../data/place.ts'
import { rasterOf } from '../data/rasters.ts'
import type { Module } from '../nn/module.ts'
import type { Evaluation } from '../train/evaluate.ts'
import type { ReportData, ReportMistake } from './reportData.ts'

/** The weights of a model's first convolution, `[O, C, H, W]`; undefined for a model without one. */
export function firstFilters(model: Module): ReportData['filters'] {
  for (const { shape, value } of model.parameters().values()) {
    if (shape.length !== 4 || !(value instanceof Float32Array)) continue
    return { shape: shape as readonly number[] as readonly [number, number, number, number], values: value }
  }
  return undefined
}

/** The most mistakes collected for a report. */
const mostMistakes = 200

/** The misclassified images with the largest losses, at most 200, as the model saw them. */
export async function worstMistakes(
  { predicted, probability, losses }: Evaluation,
  { dataset, indices }: Subset<ImageCollection>,
): Promise<ReportMistake[]> {
  const wrong = Array.from(indices, (index, k) => ({ index, k, label: dataset.labels[index]! }))
    .filter(({ k, label }) => label !== predicted[k])
    .sort((a, b) => losses[b.k]! - losses[a.k]! || a.k - b.k)
    .slice(0, mostMistakes)
  return Promise.all(
    wrong.map(async ({ index, k, label }) => ({
      image: fitted(await rasterOf(dataset, index), dataset.shape).pixels,
      shape: dataset.shape,
      label,
      predicted: predicted[k]!,
      probability: probability[k]!,
      loss: losses[k]!,
      index,
    })),
  )
}
