/**
 * Looks at a network while it learns: at one picture on its way through the layers, forward and back, and at what the layers do
 * with many. Side programs over the same variables; nothing of the training is changed. The values are those before ReLU: pooling
 * and ReLU are not exchanged here, as they are in the training step, where that is quicker.
 */
import type { Executable } from '../../../src/backends/engine.ts'
import { type Engine, gradients, input, type Scalar, softmax, type Tensor, type Vector } from '../../../src/index.ts'
import { crossEntropy, type Module } from '../../../src/nn/index.ts'
import { traceLayers } from './layers.ts'
import type { LayerInfo, LayerLook, LayerStatistics, Look, ProbePicture, Statistics } from './protocol.ts'

type ImageShape = readonly [number, number, number]

/** Test images in one run of {@link Watch.statistics}. */
const statisticsBatch = 125

/** Weights by path. */
export type Weights = ReadonlyMap<string, Float32Array>

/** The side programs of a network. */
export class Watch {
  readonly layers: readonly LayerInfo[]
  readonly #probe: Executable
  readonly #many: Executable
  readonly #classes: number

  private constructor(layers: readonly LayerInfo[], classes: number, probe: Executable, many: Executable) {
    this.layers = layers
    this.#classes = classes
    this.#probe = probe
    this.#many = many
  }

  /** Compiles the programs for pictures `[height, width, channels]`. */
  static async create(engine: Engine, model: Module, shape: ImageShape): Promise<Watch> {
    const one = traceLayers(model, shape, 1)
    const target = input('labels', [1], { dtype: 'i32' }) as Vector
    const loss = crossEntropy().forward(one.logits, target)
    const shown = one.layers.flatMap(({ value, passed }) => (passed ? [value, passed] : [value]))
    const slopes = new Map(gradients(loss as Scalar, shown).map((slope, k) => [shown[k]!, slope]))
    const outputs: Record<string, Tensor> = { input: one.first, probabilities: softmax(one.logits), loss }
    one.layers.forEach(({ value, passed }, k) => {
      outputs[`values ${k}`] = value
      outputs[`gradients ${k}`] = slopes.get(value)!
      if (!passed) return
      outputs[`passed ${k}`] = passed
      outputs[`passed gradients ${k}`] = slopes.get(passed)!
    })
    const batch = traceLayers(model, shape, statisticsBatch)
    const manyOutputs: Record<string, Tensor> = { probabilities: softmax(batch.logits) }
    batch.layers.forEach(({ value }, k) => {
      manyOutputs[`values ${k}`] = value
    })
    const layers = one.layers.map(({ info }) => info)
    const classes = one.logits.shape[1]!
    const probe = await engine.compile({ outputs, updates: new Map() })
    const many = await engine.compile({ outputs: manyOutputs, updates: new Map() })
    return new Watch(layers, classes, probe, many)
  }

  /**
   * The network for a picture. Without a label the loss is that of the class it takes the picture for.
   * @param before the weights before the last step; none when there was none
   */
  async look(step: number, { pixels, label }: ProbePicture, weights: Weights, before?: Weights): Promise<Look> {
    let target = label ?? 0
    let run = await this.#probe.run({ images: pixels, labels: [target] })
    if (label === undefined) {
      target = largest(run.probabilities!)
      if (target !== 0) run = await this.#probe.run({ images: pixels, labels: [target] })
    }
    const floats = (name: string): Float32Array => run[name] as Float32Array
    const layers = this.layers.map((info, k): LayerLook => {
      const change = differences(weights, before, `${info.path}.weight`)
      const bias = differences(weights, before, `${info.path}.bias`)
      return {
        values: floats(`values ${k}`),
        gradients: floats(`gradients ${k}`),
        ...(info.passed && { passed: floats(`passed ${k}`), passedGradients: floats(`passed gradients ${k}`) }),
        weights: weights.get(`${info.path}.weight`)!,
        bias: weights.get(`${info.path}.bias`) ?? new Float32Array(info.shape[0]!),
        change,
        ratio: ratioOf([change, bias], [`${info.path}.weight`, `${info.path}.bias`], before ?? weights),
      }
    })
    const { probabilities, loss, input: first } = run as Record<string, Float32Array>
    return { step, input: first!, layers, probabilities: probabilities!, loss: loss![0]!, target }
  }

  /**
   * What the layers do with test images. Their number is rounded down to whole batches of 125.
   * @param images `[count, height, width, channels]`
   */
  async statistics(step: number, images: Uint8Array, labels: ArrayLike<number>, count: number): Promise<Statistics> {
    const batches = Math.floor(count / statisticsBatch)
    const imageBytes = images.length / labels.length
    const probabilities = new Float32Array(batches * statisticsBatch * this.#classes)
    const runs: Record<string, Float32Array>[] = []
    for (let k = 0; k < batches; k++) {
      const from = k * statisticsBatch * imageBytes
      const run = await this.#many.run({ images: images.subarray(from, from + statisticsBatch * imageBytes) })
      probabilities.set(run.probabilities!, k * statisticsBatch * this.#classes)
      runs.push(run as Record<string, Float32Array>)
    }
    const layers = this.layers.map((info, k) => {
      const units = info.shape[0]!
      const size = info.shape.reduce((a, b) => a * b, 1)
      return statisticsOf(
        runs.map(run => run[`values ${k}`]!),
        units,
        size / units,
      )
    })
    let right = 0
    for (let i = 0; i < batches * statisticsBatch; i++) {
      const own = probabilities.subarray(i * this.#classes, (i + 1) * this.#classes)
      if (largest(own) === labels[i]) right++
    }
    return {
      step,
      count: batches * statisticsBatch,
      layers,
      probabilities,
      accuracy: right / (batches * statisticsBatch),
    }
  }
}

/** Index of the largest value. */
function largest(values: ArrayLike<number>): number {
  let best = 0
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k
  return best
}

function differences(weights: Weights, before: Weights | undefined, path: string): Float32Array {
  const after = weights.get(path) ?? new Float32Array(0)
  const earlier = before?.get(path)
  return earlier ? after.map((value, i) => value - earlier[i]!) : new Float32Array(after.length)
}

/** ‖Δw‖ / ‖w‖ of a layer, w being the weights before the step. */
function ratioOf(changes: readonly Float32Array[], paths: readonly string[], weights: Weights): number {
  const squares = (values: Iterable<number>): number => {
    let sum = 0
    for (const value of values) sum += value * value
    return sum
  }
  const moved = changes.reduce((sum, change) => sum + squares(change), 0)
  const held = paths.reduce((sum, path) => sum + squares(weights.get(path) ?? []), 0)
  return held > 0 ? Math.sqrt(moved / held) : 0
}

/** Bins of a histogram; an even number, so that zero is a border. */
const bins = 40

/** @param batches `[n, units, positions]` each */
export function statisticsOf(batches: readonly Float32Array[], units: number, positions: number): LayerStatistics {
  let most = 0
  for (const values of batches) for (const value of values) if (Math.abs(value) > most) most = Math.abs(value)
  const counts = new Float32Array(bins)
  const alive = new Uint8Array(units)
  let zeros = 0
  let total = 0
  const factor = most > 0 ? bins / 2 / most : 0
  for (const values of batches) {
    total += values.length
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      if (value <= 0) zeros++
      else alive[Math.floor(i / positions) % units] = 1
      const bin = Math.floor(value * factor + bins / 2)
      counts[bin < bins ? bin : bins - 1]!++
    }
  }
  const fullest = Math.max(...counts)
  const dead = Array.from({ length: units }, (_, unit) => unit).filter(unit => alive[unit] === 0)
  return { histogram: counts.map(count => count / fullest), most, zero: zeros / total, dead }
}
