/**
 * A network as it was at one moment: its programs read copies of the weights, so that it can be asked for answers piece by piece while
 * the network itself trains on.
 */
import { Kept } from '../../../src/async/kept.ts'
import type { Executable } from '../../../src/backends/engine.ts'
import { type Engine, mean, Variable } from '../../../src/index.ts'
import type { Module } from '../../../src/nn/index.ts'
import { reading } from '../../../src/train/evaluate.ts'
import { predictionProgram } from '../../../src/train/programs.ts'
import { traceLayers } from './layers.ts'

type ImageShape = readonly [number, number, number]

/** Answers of the network to some images. */
export interface Scores {
  /** `[N, classes]` */
  readonly probabilities: Float32Array
  readonly predicted: Int32Array
  readonly probability: Float32Array
  readonly losses: Float32Array
}

/** Numbers of a layer's input that are each a feature. */
const mostNumbers = 1024
const isMeant = (shape: readonly number[]): boolean =>
  shape.length === 3 && shape.reduce((size, side) => size * side, 1) > mostNumbers

/** The copy. */
export class FrozenNetwork {
  /** Images that are asked for at once. */
  readonly batch: number
  readonly #engine: Engine
  readonly #model: Module
  readonly #shape: ImageShape
  readonly #copies: readonly (readonly [Variable, Variable])[]
  /** Of the scores, and by the layers whose inputs they give. */
  readonly #programs = new Kept<string | undefined, Executable>()

  constructor(engine: Engine, model: Module, shape: ImageShape, batch: number) {
    this.batch = batch
    this.#engine = engine
    this.#model = model
    this.#shape = shape
    this.#copies = [...model.variables()].map(([name, variable]) => [
      variable,
      new Variable(variable.shape, { name: `${name}, frozen`, dtype: variable.dtype }),
    ])
  }

  /** Copies the weights as they are now. */
  async freeze(): Promise<void> {
    for (const [variable, copy] of this.#copies) await this.#engine.write(copy, await this.#engine.read(variable))
  }

  /**
   * The layer whose input is taken for features.
   * @param path of one; of no layer, or of none, the last one
   */
  layerOf(path: string | undefined): { readonly path: string; readonly isMean: boolean } {
    const { layers } = traceLayers(this.#model, this.#shape, 1)
    const { info } = layers.find(layer => layer.info.path === path) ?? layers.at(-1)!
    return { path: info.path, isMean: isMeant(info.input) }
  }

  /** Answers to at most {@link batch} images `[N, height, width, channels]`. */
  async scores(images: Uint8Array, labels: Uint8Array): Promise<Scores> {
    const program = await this.#program()
    const given = {
      images: this.#filled(images),
      labels: Int32Array.from({ length: this.batch }, (_, k) => labels[k] ?? 0),
    }
    const { probabilities, predicted, probability, losses } = await program.run(given)
    const count = labels.length
    return {
      probabilities: (probabilities as Float32Array).subarray(0, (probabilities!.length / this.batch) * count),
      predicted: (predicted as Int32Array).subarray(0, count),
      probability: (probability as Float32Array).subarray(0, count),
      losses: (losses as Float32Array).subarray(0, count),
    }
  }

  /** What a layer reads, `[N, size]`, for at most {@link batch} images; of large maps their means. */
  async features(images: Uint8Array, count: number, layer: string): Promise<Float32Array> {
    const { features } = await (await this.#program(layer)).run({ images: this.#filled(images) })
    return (features as Float32Array).subarray(0, (features!.length / this.batch) * count)
  }

  /** @param layer whose input it gives; without, the scores */
  #program(layer?: string): Promise<Executable> {
    return this.#programs.of(layer, () => {
      const substitutes = new Map(this.#copies.map(([variable, copy]) => [variable.tensor, copy.tensor]))
      return this.#engine.compile(reading(this.#trace(layer), substitutes))
    })
  }

  #trace(layer: string | undefined) {
    if (layer === undefined) return predictionProgram(this.#model, this.#shape, this.batch, true)
    const { layers, volumes } = traceLayers(this.#model, this.#shape, this.batch)
    const { info } = layers.find(one => one.info.path === layer)!
    const read = volumes[info.reads]!
    return { outputs: { features: isMeant(info.input) ? mean(read, [2, 3]) : read }, updates: new Map() }
  }

  /** The images of a whole batch; zeros fill it up. */
  #filled(images: Uint8Array): Uint8Array {
    const [height, width, channels] = this.#shape
    const size = this.batch * height * width * channels
    if (images.length === size) return images
    const filled = new Uint8Array(size)
    filled.set(images)
    return filled
  }
}
