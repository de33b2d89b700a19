/** Evaluation: a model's answers for a set of images, batch by batch. */
import type { Engine, Executable } from '../backends/engine.ts'
import { BatchLoader } from '../data/loader.ts'
import type { Subset } from '../data/split.ts'
import type { Module } from '../nn/module.ts'
import { breathe } from './breathe.ts'
import type { Score } from './events.ts'
import { type ImageShape, predictionProgram } from './programs.ts'

/** Answers to every image of a subset, in its order. */
export interface Evaluation extends Score {
  /** Predicted class of each image. */
  readonly predicted: Int32Array
  /** Probability of the predicted class. */
  readonly probability: Float32Array
  /** Cross-entropy of each image, in nats. */
  readonly losses: Float32Array
  /** `confusion[label][predicted]`: how often. */
  readonly confusion: readonly (readonly number[])[]
}

/** Images per batch of an evaluation. */
const evaluationBatch = 256

/** Runs a model on images; keeps its compiled plans for further calls. */
export class Evaluator {
  private readonly engine: Engine
  private readonly model: Module
  private readonly shape: ImageShape
  private readonly plans = new Map<string, Promise<Executable>>()

  /** @param shape `[height, width, channels]` of the images */
  constructor(engine: Engine, model: Module, shape: ImageShape) {
    this.engine = engine
    this.model = model
    this.shape = shape
  }

  /** Scores a subset. @param onProgress told the number of images done after each batch */
  async evaluate(subset: Subset, onProgress?: (images: number) => void): Promise<Evaluation> {
    const loader = new BatchLoader(subset, { batchSize: evaluationBatch, shuffle: false })
    const samples = subset.indices.length
    const classes = subset.dataset.classes.length
    const predicted = new Int32Array(samples)
    const probability = new Float32Array(samples)
    const losses = new Float32Array(samples)
    for (let batch = 0, done = 0; batch < loader.batches; batch++) {
      const plan = await this.plan(loader.sizeOf(batch), true)
      const size = loader.fill(batch, plan.input('images') as Uint8Array, plan.input('labels') as Int32Array)
      await plan.run()
      predicted.set(plan.output('predicted'), done)
      probability.set(plan.output('probability'), done)
      losses.set(plan.output('losses'), done)
      done += size
      onProgress?.(done)
      await breathe()
    }
    const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
    let right = 0
    let total = 0
    for (let k = 0; k < samples; k++) {
      const label = subset.dataset.labels[subset.indices[k]]
      confusion[label][predicted[k]]++
      if (label === predicted[k]) right++
      total += losses[k]
    }
    return { loss: total / samples, accuracy: right / samples, samples, predicted, probability, losses, confusion }
  }

  /**
   * Probabilities of all classes for one image, `[classes]`.
   * @param pixels `[H, W, C]` bytes
   */
  async predict(pixels: Uint8Array): Promise<Float32Array> {
    const plan = await this.plan(1, false)
    plan.input('images').set(pixels)
    await plan.run()
    return new Float32Array(plan.output('probabilities'))
  }

  private plan(batch: number, scored: boolean): Promise<Executable> {
    const key = `${batch} ${scored}`
    const known = this.plans.get(key) ?? this.engine.compile(predictionProgram(this.model, this.shape, batch, scored))
    this.plans.set(key, known)
    return known
  }
}
