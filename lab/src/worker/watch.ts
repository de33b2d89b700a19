/**
 * Looks at a network while it learns: at one picture on its way through the layers, forward and back, and at what the layers do
 * with many. Side programs over the same variables; nothing of the training is changed. Pooling and ReLU are not exchanged here, as
 * they are in the training step, where that is quicker.
 */
import type { Executable } from '../../../src/backends/engine.ts'
import {
  type Engine,
  gradients,
  input,
  type Matrix,
  mul,
  reshape,
  type Scalar,
  softmax,
  type Tensor,
  transpose,
  type Vector,
} from '../../../src/index.ts'
import { crossEntropy, type Module } from '../../../src/nn/index.ts'
import { StatisticsSum } from './layerStatistics.ts'
import { traceLayers } from './layers.ts'
import { plane } from './points.ts'
import type { LayerInfo, LayerLook, Look, ProbePicture, Statistics } from './protocol.ts'

type ImageShape = readonly [number, number, number]

/** Test images in one run of {@link Watch.statistics}, and the most values that such a run may leave behind. */
const [statisticsBatch, mostValues] = [100, 4e6]
/** Multiply-adds that statistics may cost: those of 1,000 images for LeNet-5, and fewer images for larger networks. */
const mostWork = 4e9

/** Weights by path. */
export type Weights = ReadonlyMap<string, Float32Array>

/** What {@link Watch.create} is told. */
export interface WatchOptions {
  /** The side of the plane on which a network of points is shown. */
  readonly planeSide?: number | undefined
  /** Test images there are, {@link statisticsBatch} or more by default. */
  readonly samples?: number
}

interface Programs {
  /** The network for what is looked at. */
  readonly scene: Executable
  /** The network for one point; none for pictures, which are what is looked at. */
  readonly point?: Executable
  /** The network for many samples. */
  readonly many: Executable
}

interface Sizes {
  readonly classes: number
  readonly volumes: number
  /** Test images of a run. */
  readonly batch: number
  /** Multiply-adds for one of them. */
  readonly work: number
}

/** The side programs of a network. */
export class Watch {
  readonly layers: readonly LayerInfo[]
  readonly #programs: Programs
  readonly #sizes: Sizes
  readonly #plane: Uint8Array | undefined

  private constructor(layers: readonly LayerInfo[], programs: Programs, sizes: Sizes, places: Uint8Array | undefined) {
    this.layers = layers
    this.#programs = programs
    this.#sizes = sizes
    this.#plane = places
  }

  /** Compiles the programs for pictures `[height, width, channels]`; of points, for every place of the plane. */
  static async create(
    engine: Engine,
    model: Module,
    shape: ImageShape,
    { planeSide, samples = statisticsBatch }: WatchOptions = {},
  ): Promise<Watch> {
    const scene: ImageShape = planeSide === undefined ? shape : [planeSide, planeSide, shape[2]]
    const one = traceLayers(model, scene, 1)
    const layers = one.layers.map(({ info }) => info)
    const places = planeSide === undefined ? 1 : planeSide ** 2
    const values = layers.reduce((sum, info) => sum + sizeOf(info.shape), 0) / places
    const work = layers.reduce((sum, info) => sum + workOf(info), 0) / places
    const batch = Math.max(1, Math.min(statisticsBatch, samples, Math.floor(mostValues / values)))
    const many = traceLayers(model, shape, batch)
    const outputs: Record<string, Tensor> = { probabilities: softmax(many.logits) }
    many.layers.forEach(({ activated }, k) => {
      outputs[`values ${k}`] = activated
    })
    const programs: Programs = {
      scene: await engine.compile({ outputs: sceneOutputs(one, planeSide), updates: new Map() }),
      ...(planeSide !== undefined && {
        point: await engine.compile({ outputs: answersOf(traceLayers(model, shape, 1).logits), updates: new Map() }),
      }),
      many: await engine.compile({ outputs, updates: new Map() }),
    }
    const sizes = { classes: many.logits.shape[1]!, volumes: one.volumes.length, batch, work }
    return new Watch(layers, programs, sizes, planeSide === undefined ? undefined : plane(planeSide))
  }

  /**
   * The network for a picture. Without a label the loss is that of the class it takes the picture for.
   * @param before the weights before the last step; none when there was none
   */
  async look(step: number, { pixels, label }: ProbePicture, weights: Weights, before?: Weights): Promise<Look> {
    const { scene, point } = this.#programs
    let target = label ?? 0
    const answer = async (): Promise<Answers> =>
      (await (point ?? scene).run({ images: pixels, labels: [target] })) as unknown as Answers
    let answers = await answer()
    if (label === undefined) {
      target = largest(answers.probabilities)
      if (target !== 0) answers = await answer()
    }
    const run = (this.#plane
      ? await scene.run({ images: this.#plane, labels: targets(this.#plane, target) })
      : answers) as unknown as Record<string, Float32Array>
    const layers = this.layers.map((info, k): LayerLook => {
      const change = differences(weights, before, `${info.path}.weight`)
      const bias = differences(weights, before, `${info.path}.bias`)
      return {
        values: run[`values ${k}`]!,
        gradients: run[`gradients ${k}`]!,
        weights: weights.get(`${info.path}.weight`)!,
        bias: weights.get(`${info.path}.bias`) ?? new Float32Array(info.shape[0]!),
        change,
        ratio: ratioOf([change, bias], [`${info.path}.weight`, `${info.path}.bias`], before ?? weights),
      }
    })
    const numbers = Array.from({ length: this.#sizes.volumes }, (_, k) => k)
    const { probabilities, logits, loss } = answers
    return {
      step,
      volumes: numbers.map(k => run[`volume ${k}`]!),
      volumeGradients: numbers.map(k => run[`volume gradients ${k}`]!),
      layers,
      logits,
      probabilities,
      loss: loss[0]!,
      target,
    }
  }

  /** Test images that statistics are taken of where up to `most` are wanted: whole batches, as many as may be computed. */
  statisticsCount(most: number): number {
    const { batch, work } = this.#sizes
    return Math.floor(Math.max(batch, Math.min(most, mostWork / work)) / batch) * batch
  }

  /**
   * What the layers do with test images.
   * @param images `[count, height, width, channels]`
   * @param count of the images; see {@link statisticsCount}
   * @param isWanted asked between two batches; false ends it
   * @returns undefined when it was ended
   */
  async statistics(
    step: number,
    images: Uint8Array,
    labels: ArrayLike<number>,
    count: number,
    isWanted: () => Promise<boolean> = async () => true,
  ): Promise<Statistics | undefined> {
    const { batch, classes } = this.#sizes
    const imageBytes = images.length / labels.length
    const probabilities = new Float32Array(count * classes)
    const sums = this.layers.map(info => new StatisticsSum(info.shape[0]!, batch))
    for (let from = 0; from < count; from += batch) {
      if (!(await isWanted())) return undefined
      const own = images.subarray(from * imageBytes, (from + batch) * imageBytes)
      const run = (await this.#programs.many.run({ images: own })) as Record<string, Float32Array>
      probabilities.set(run.probabilities!, from * classes)
      sums.forEach((sum, k) => {
        sum.add(run[`values ${k}`]!)
      })
    }
    let right = 0
    for (let i = 0; i < count; i++) {
      if (largest(probabilities.subarray(i * classes, (i + 1) * classes)) === labels[i]) right++
    }
    return { step, count, layers: sums.map(sum => sum.result()), probabilities, accuracy: right / count }
  }
}

/** What a network says of one sample. */
interface Answers {
  readonly probabilities: Float32Array
  readonly logits: Float32Array
  readonly loss: Float32Array
}

/** The classes of some samples, which the loss reads. */
const labelInput = (count: number): Vector => input('labels', [count], { dtype: 'i32' }) as Vector

/** The same class for every place of the plane. */
const targets = (places: Uint8Array, target: number): Int32Array => new Int32Array(places.length / 2).fill(target)

function answersOf(logits: Tensor): Record<keyof Answers, Tensor> {
  return { probabilities: softmax(logits), logits, loss: crossEntropy().forward(logits, labelInput(1)) }
}

/** All values of the network for what is looked at, and how each of them would change the loss. */
function sceneOutputs(
  { layers, volumes, logits }: ReturnType<typeof traceLayers>,
  planeSide: number | undefined,
): Record<string, Tensor> {
  const answers = planeSide === undefined ? answersOf(logits) : undefined
  const loss = answers?.loss ?? lossEverywhere(layers.at(-1)!.value)
  const shown = [...new Set([...layers.map(({ value }) => value), ...volumes])]
  const slopes = new Map(gradients(loss as Scalar, shown).map((slope, k) => [shown[k]!, slope]))
  const outputs: Record<string, Tensor> = { ...answers }
  layers.forEach(({ value }, k) => {
    outputs[`values ${k}`] = value
    outputs[`gradients ${k}`] = slopes.get(value)!
  })
  volumes.forEach((volume, k) => {
    outputs[`volume ${k}`] = volume
    outputs[`volume gradients ${k}`] = slopes.get(volume)!
  })
  return outputs
}

/** The sum, over all places of the plane, of the loss that a point of the label's class has there: maps `[1, classes, H, W]`. */
function lossEverywhere(maps: Tensor): Tensor {
  const [, classes = 1, rows = 1, columns = 1] = maps.shape
  const places = rows * columns
  const logits = reshape(transpose(maps, [0, 2, 3, 1]), [places, classes]) as Matrix
  return mul(crossEntropy().forward(logits, labelInput(places)), places)
}

/** Index of the largest value. */
function largest(values: ArrayLike<number>): number {
  let best = 0
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k
  return best
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Multiply-adds of a layer for what is looked at. */
const workOf = ({ weight, shape }: LayerInfo): number => sizeOf(weight) * sizeOf(shape.slice(1))

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
