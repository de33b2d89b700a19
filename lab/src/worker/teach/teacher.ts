/**
 * A frozen trunk and a head on it. The trunk's features are computed once a picture; all else is the head's. Both compute with
 * `precise` engines, so that the classifier they are written into gives the same answers to the bit.
 */
import { type ClassifierContents, writeClassifier } from '../../../../src/classifier/artifact.ts'
import { HeadedTrunk, headLayer, Trunk } from '../../../../src/classifier/trunk.ts'
import { simplify } from '../../../../src/graph/simplify.ts'
import { createEngine, type Engine, type Executable, input } from '../../../../src/index.ts'
import { predictionProgram } from '../../../../src/train/programs.ts'
import type { ArtifactInfo, TrainedHead } from './protocol.ts'

/** Most pictures that go through the trunk at once, and most of their pixels: a camera waits for no more than these. */
const [mostPictures, mostPixels] = [16, 2 ** 16] as const

/** Rows of features that the head judges at once. */
const judgedRows = 256

/** Both. */
export class Teacher {
  readonly trunk: Trunk
  /** Pictures that go through the trunk at once. */
  readonly batch: number
  readonly #contents: ClassifierContents
  readonly #engine: Engine
  readonly #programs = new Map<number, Promise<Executable>>()
  #head: { readonly values: TrainedHead; readonly judge: Judge } | undefined

  /** @throws GraphError when the classifier has no fully connected layer at its end. */
  constructor(contents: ClassifierContents) {
    const [height, width] = contents.shape
    this.trunk = new Trunk(contents.network, contents.shape)
    this.batch = Math.max(1, Math.min(mostPictures, Math.floor(mostPixels / (height * width))))
    this.#contents = contents
    this.#engine = createEngine({ precise: true })
  }

  /** Features `[N, features]` of up to {@link batch} pictures, given as the bytes of the trunk's input. */
  async see(pictures: readonly Uint8Array[]): Promise<Float32Array> {
    const { features } = this.trunk
    // A lone picture is a program of its own: a camera gives one at a time.
    const size = pictures.length === 1 ? 1 : this.batch
    const bytes = this.#contents.shape.reduce((a, b) => a * b)
    const images = new Uint8Array(size * bytes)
    for (const [k, picture] of pictures.entries()) images.set(picture, k * bytes)
    const { values } = await (await this.#program(size)).run({ images })
    return (values as Float32Array).subarray(0, pictures.length * features)
  }

  #program(size: number): Promise<Executable> {
    const known = this.#programs.get(size)
    if (known) return known
    const images = input('images', [size, ...this.#contents.shape], { dtype: 'u8', batched: true })
    const [values] = simplify([this.trunk.forward(images)])
    const program = this.#engine.compile({ outputs: { values }, updates: new Map() })
    this.#programs.set(size, program)
    return program
  }

  /** Takes a head. */
  async setHead(values: TrainedHead): Promise<void> {
    const before = this.#head
    if (before?.values.bias.length === values.bias.length) {
      await before.judge.write(values)
      this.#head = { values, judge: before.judge }
      return
    }
    this.#head = { values, judge: new Judge(this.trunk.features, values) }
    await before?.judge.close()
  }

  /**
   * Probabilities `[N, classes]` of features `[N, features]`.
   * @throws Error when there is no head yet
   */
  async judge(features: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    return this.#headed.judge.judge(features)
  }

  /** The file of the classifier. @throws Error when there is no head yet */
  artifact({ name, classes, origin }: ArtifactInfo): Uint8Array<ArrayBuffer> {
    const { shape, subject, shorterSide } = this.#contents
    const model = new HeadedTrunk(this.trunk, this.#headed.values)
    return writeClassifier(model, { name, classes, shape, subject, shorterSide, origin })
  }

  get #headed() {
    if (!this.#head) throw new Error('no head has been trained yet: two classes need pictures')
    return this.#head
  }

  /** Frees the memory. */
  async close(): Promise<void> {
    await Promise.all([this.#engine.close(), this.#head?.judge.close()])
  }
}

/** A head at work, for a number of classes. An engine keeps the programs of a head until it is closed, so each has its own. */
class Judge {
  readonly #engine: Engine = createEngine({ precise: true, threads: 1 })
  readonly #layer: ReturnType<typeof headLayer>
  readonly #programs = new Map<number, Promise<Executable>>()
  readonly #features: number

  constructor(features: number, values: TrainedHead) {
    this.#features = features
    this.#layer = headLayer(features, values)
  }

  async write({ weights, bias }: TrainedHead): Promise<void> {
    await this.#engine.write(this.#layer.weight, weights)
    await this.#engine.write(this.#layer.bias!, bias)
  }

  async judge(features: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    const size = this.#features
    const classes = this.#layer.outFeatures
    const count = features.length / size
    const answers = new Float32Array(count * classes)
    const rows = count === 1 ? 1 : judgedRows
    const images = new Float32Array(rows * size)
    for (let from = 0; from < count; from += rows) {
      const part = features.subarray(from * size, Math.min(count, from + rows) * size)
      images.set(part)
      const { probabilities } = await (await this.#program(rows)).run({ images }, { read: ['probabilities'] })
      answers.set((probabilities as Float32Array).subarray(0, (part.length / size) * classes), from * classes)
    }
    return answers
  }

  #program(rows: number): Promise<Executable> {
    const known = this.#programs.get(rows)
    if (known) return known
    const program = this.#engine.compile(predictionProgram(this.#layer, [this.#features], rows, false))
    this.#programs.set(rows, program)
    return program
  }

  async close(): Promise<void> {
    await this.#engine.close()
  }
}
