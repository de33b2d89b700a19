/**
 * Looks at a network while it learns: at one picture on its way through the layers, forward and back, and at what the layers do
 * with many. Side programs over the same variables; nothing of the training is changed. Pooling and ReLU are not exchanged here, as
 * they are in the training step, where that is quicker.
 */
import { Kept } from '../../../src/async/kept.ts'
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
import { type TracedNetwork, traceLayers } from './layers.ts'
import { plane } from './points.ts'
import type { LayerInfo, LayerLook, Look, Mode, ProbePicture, Statistics } from './protocol.ts'

type ImageShape = readonly [number, number, number]

/** Test images in one run of {@link Watch.statistics}, and the most values that such a run may leave behind. */
const [statisticsBatch, mostValues] = [100, 4e6]
/** Multiply-adds that statistics may cost: those of 1,000 images for LeNet-5, and fewer images for larger networks. */
const mostWork = 4e9

/** Weights by path. */
export type Weights = ReadonlyMap<string, Float32Array>

/** What {@link Watch} is told. */
export interface WatchOptions {
  /** The side of the plane on which a network of points is shown. */
  readonly planeSide?: number | undefined
  /** Test images there are, {@link statisticsBatch} or more by default. */
  readonly samples?: number
}

/**
 * The network for what is looked at, forward only, and with the way back; for one point of a plane, which is not what is looked at;
 * and for many samples.
 */
type ProgramName = 'values' | 'gradients' | 'point' | 'many'

/** What a look has besides values and weights. */
export interface LookOptions {
  /** The weights before the last step; none when there was none. */
  readonly before?: Weights | undefined
  /** The only mode that is shown: gradients and changes are left out where nobody sees them. */
  readonly only?: Mode | undefined
}

interface Sizes {
  readonly classes: number
  readonly volumes: number
  /** Test images of a run. */
  readonly batch: number
  /** Multiply-adds for one of them. */
  readonly work: number
}

/** The side programs of a network. Each is compiled when it is first needed, so that training need not wait for them. */
export class Watch {
  readonly layers: readonly LayerInfo[]
  readonly #engine: Engine
  readonly #traces: Readonly<Record<ProgramName, () => Record<string, Tensor>>>
  readonly #compiled = new Kept<ProgramName, Executable>()
  readonly #sizes: Sizes
  readonly #plane: Uint8Array | undefined

  /** For pictures `[height, width, channels]`; of points, for every place of the plane. */
  constructor(
    engine: Engine,
    model: Module,
    shape: ImageShape,
    { planeSide, samples = statisticsBatch }: WatchOptions = {},
  ) {
    const scene: ImageShape = planeSide === undefined ? shape : [planeSide, planeSide, shape[2]]
    const one = traceLayers(model, scene, 1)
    const layers = one.layers.map(({ info }) => info)
    const places = planeSide === undefined ? 1 : planeSide ** 2
    const values = layers.reduce((sum, info) => sum + sizeOf(info.shape), 0) / places
    const work = layers.reduce((sum, info) => sum + workOf(info), 0) / places
    const batch = Math.max(1, Math.min(statisticsBatch, samples, Math.floor(mostValues / values)))
    this.#engine = engine
    this.layers = layers
    this.#sizes = { classes: layers.at(-1)!.shape[0]!, volumes: one.volumes.length, batch, work }
    this.#plane = planeSide === undefined ? undefined : plane(planeSide)
    this.#traces = {
      values: () => sceneOutputs(one, planeSide, false),
      gradients: () => sceneOutputs(one, planeSide, true),
      point: () => answersOf(traceLayers(model, shape, 1).logits),
      many: () => manyOutputs(traceLayers(model, shape, batch)),
    }
  }

  /** Multiply-adds for one image. */
  get work(): number {
    return this.#sizes.work
  }

  #program(name: ProgramName): Promise<Executable> {
    return this.#compiled.of(name, () => this.#engine.compile({ outputs: this.#traces[name](), updates: new Map() }))
  }

  /** Compiles what looks take, or statistics: done once, it is no part of what each of them costs. */
  async prepare(what: 'look' | 'statistics', only?: Mode): Promise<void> {
    const names = what === 'statistics' ? (['many'] as const) : this.#programsOf(only)
    await Promise.all(names.map(name => this.#program(name)))
  }

  /** The program for what is looked at, and the one that answers. */
  #programsOf(only: Mode | undefined): readonly [scene: ProgramName, answering: ProgramName] {
    const scene = only === undefined || only === 'gradients' ? 'gradients' : 'values'
    return [scene, this.#plane ? 'point' : scene]
  }

  /**
   * The network for a picture. Without a label the loss is that of the class it takes the picture for. No array of a look is
   * anybody else's.
   */
  async look(
    step: number,
    { pixels, label }: ProbePicture,
    weights: Weights,
    { before, only }: LookOptions = {},
  ): Promise<Look> {
    const hasGradients = only === undefined || only === 'gradients'
    const hasChange = only === undefined || only === 'change'
    const [sceneName, answeringName] = this.#programsOf(only)
    const [scene, answering] = [await this.#program(sceneName), await this.#program(answeringName)]
    let target = label ?? 0
    const answer = async (): Promise<Answers> =>
      (await answering.run({ images: pixels, labels: [target] })) as unknown as Answers
    let answers = await answer()
    if (label === undefined) {
      target = largest(answers.probabilities)
      if (target !== 0) answers = await answer()
    }
    const run = (this.#plane
      ? await scene.run({ images: this.#plane, ...(hasGradients && { labels: targets(this.#plane, target) }) })
      : answers) as unknown as Record<string, Float32Array>
    const layers = this.layers.map(({ path, shape }, k): LayerLook => {
      const own = [`${path}.weight`, `${path}.bias`] as const
      const [weight, bias] = own.map(name => weights.get(name))
      return {
        values: run[`values ${k}`]!,
        ...(hasGradients && { gradients: run[`gradients ${k}`]! }),
        weights: weight!.slice(),
        bias: bias?.slice() ?? new Float32Array(shape[0]!),
        ...(hasChange && { change: differences(weight!, before?.get(own[0])) }),
        ratio: before ? ratioOf(own, weights, before) : 0,
      }
    })
    const numbers = Array.from({ length: this.#sizes.volumes }, (_, k) => k)
    const { probabilities, logits, loss } = answers
    return {
      step,
      volumes: numbers.map(k => run[`volume ${k}`]!),
      ...(hasGradients && { volumeGradients: numbers.map(k => run[`volume gradients ${k}`]!) }),
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
    const many = await this.#program('many')
    const imageBytes = images.length / labels.length
    const probabilities = new Float32Array(count * classes)
    const sums = this.layers.map(info => new StatisticsSum(info.shape[0]!, batch))
    for (let from = 0; from < count; from += batch) {
      if (!(await isWanted())) return undefined
      const own = images.subarray(from * imageBytes, (from + batch) * imageBytes)
      const run = (await many.run({ images: own })) as Record<string, Float32Array>
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
  { layers, volumes, logits }: TracedNetwork,
  planeSide: number | undefined,
  hasGradients: boolean,
): Record<string, Tensor> {
  const answers = planeSide === undefined ? answersOf(logits) : undefined
  const outputs: Record<string, Tensor> = { ...answers }
  const shown = [...new Set([...layers.map(({ value }) => value), ...volumes])]
  const loss = (): Tensor => answers?.loss ?? lossEverywhere(layers.at(-1)!.value)
  const slopes = new Map(
    hasGradients ? gradients(loss() as Scalar, shown).map((slope, k) => [shown[k]!, slope] as const) : [],
  )
  layers.forEach(({ value }, k) => {
    outputs[`values ${k}`] = value
    if (hasGradients) outputs[`gradients ${k}`] = slopes.get(value)!
  })
  volumes.forEach((volume, k) => {
    outputs[`volume ${k}`] = volume
    if (hasGradients) outputs[`volume gradients ${k}`] = slopes.get(volume)!
  })
  return outputs
}

/** What statistics are taken of, for many samples. */
function manyOutputs({ layers, logits }: TracedNetwork): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = { probabilities: softmax(logits) }
  layers.forEach(({ activated }, k) => {
    outputs[`values ${k}`] = activated
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

function differences(after: Float32Array, before: Float32Array | undefined): Float32Array {
  const change = new Float32Array(after.length)
  if (before) for (let i = 0; i < change.length; i++) change[i] = after[i]! - before[i]!
  return change
}

/** ‖Δw‖ / ‖w‖ of a layer's variables, w being those before the step. */
function ratioOf(paths: readonly string[], weights: Weights, before: Weights): number {
  let moved = 0
  let held = 0
  for (const path of paths) {
    const [after, earlier] = [weights.get(path), before.get(path)]
    if (!after || !earlier) continue
    for (let i = 0; i < after.length; i++) {
      const value = earlier[i]!
      const change = after[i]! - value
      moved += change * change
      held += value * value
    }
  }
  return held > 0 ? Math.sqrt(moved / held) : 0
}
