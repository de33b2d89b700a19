/**
 * Looking inside a network: the values of its layers for given images, and the gradients of a score with respect to
 * them. Both are computed by programs over the model's own variables. Questions are allowed at any time, even during
 * training: every answer is that of the weights of its turn.
 */
import { Kept } from '../async/kept.ts'
import { yieldToEvents } from '../async/yieldToEvents.ts'
import type { Engine, Executable } from '../backends/engine.ts'
import type { RunOutputs } from '../backends/operands.ts'
import type { ReluRule } from '../graph/rectifier.ts'
import { formatShape, ShapeError, sizeOf } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { HostTensor } from '../graph/variable.ts'
import type { Module } from '../nn/module.ts'
import type { Program } from '../plan/program.ts'
import type { ReceptiveField } from './imageWindow.ts'
import {
  type Entry,
  type ImageShape,
  type ImageSpace,
  inputOf,
  type NetworkInput,
  type NetworkPass,
  traceNetwork,
} from './network.ts'
import { matchPoints } from './points.ts'
import { receptiveFields } from './receptiveField.ts'
import { layerOf, type Score, seedOf } from './score.ts'
import { sideProgram } from './sideProgram.ts'

/**
 * A batch of images: bytes `[N, H, W, C]`, or numbers `[N, C, H, W]` in the space that a call names, by default pixels
 * of 0 … 1. N follows from the length.
 */
export type Images = Uint8Array | Uint8ClampedArray | Float32Array

/** A value of the network for a batch of images, `[N, …]`. */
export type Captured = HostTensor<Float32Array>

/** What {@link Inspector.capture} found. */
export interface Capture {
  /** N */
  readonly images: number
  /** `[N, classes]` */
  readonly logits: Captured
  /** The class of the largest logit of each image. */
  readonly predicted: readonly number[]
  /** Values by name, in the order of computation. */
  readonly values: ReadonlyMap<string, Captured>
  /** ∂S/∂value by name; empty when no score was given. */
  readonly gradients: ReadonlyMap<string, Captured>
  /** S of each image; empty when no score was given. */
  readonly scores: Float32Array
}

/** Options of {@link Inspector.capture}. */
export interface CaptureOptions {
  /** The score S whose gradients with respect to the captured values are returned as well. */
  readonly gradientsOf?: Score
  /**
   * What the name `input` means, and which values images given as floats hold: `'pixels'` (0 … 1, the default) or
   * `'normalized'`.
   */
  readonly space?: ImageSpace
  /** How rectifiers send gradients back; `'exact'` by default. The other rules give pictures, not gradients. */
  readonly relu?: ReluRule
  /** Called after each part with how many of the images are done. */
  readonly onProgress?: (images: number) => void
}

/** A value that can be captured. */
export interface Point {
  /** `layer1.0`, `conv1:input` */
  readonly name: string
  /** Shape for one image: `[C, H, W]` or `[F]`. */
  readonly shape: readonly number[]
  /** The part of the image that one of its units sees; absent for values that do not depend on the image. */
  readonly receptiveField?: ReceptiveField
}

/** Pixels, over all channels, of the images that go through a network at once; more images are split into parts. */
const mostPixels = 2 ** 20

/** Looks into one model on one engine; keeps its compiled programs for further calls. */
export class Inspector {
  readonly engine: Engine
  readonly model: Module
  /** `[height, width, channels]` of the images. */
  readonly shape: ImageShape
  /** What the model takes. */
  readonly takes: NetworkInput
  readonly #passes = new Map<string, NetworkPass>()
  readonly #executables = new Kept<string, Executable>()
  readonly #resized = new Map<string, Inspector>()
  #points: readonly Point[] | undefined

  /**
   * @param shape `[height, width, channels]` of the images
   * @param options.takes whether the model takes bytes u8 `[N, H, W, C]` or normalized values f32 `[N, C, H, W]`; by
   *   default bytes when `normalize`, `standardize` or `whiten` is one of its modules
   * @example const inspector = new Inspector(createEngine(), model, [224, 224, 3])
   */
  constructor(engine: Engine, model: Module, shape: ImageShape, options: { readonly takes?: NetworkInput } = {}) {
    this.engine = engine
    this.model = model
    this.shape = shape
    this.takes = options.takes ?? inputOf(model)
  }

  /**
   * All values that can be captured, in the order of computation, with their shapes and receptive fields.
   * @throws ShapeError when the model does not accept such images.
   */
  get points(): readonly Point[] {
    if (!this.#points) {
      const { input, output, points } = this.#pass(1, this.#defaultSpace)
      const fields = receptiveFields(output, input)
      this.#points = [...points].map(([name, tensor]) => {
        const receptiveField = fields.get(tensor)
        return { name, shape: tensor.shape.slice(1), ...(receptiveField && { receptiveField }) }
      })
    }
    return this.#points
  }

  /** One of {@link points}. @throws PointError with the nearest name. */
  point(name: string): Point {
    const [found] = matchPoints(name, this.#names())
    return this.points.find(point => point.name === found) as Point
  }

  /**
   * Values of layers for a batch of images, with the gradients of a score.
   *
   * Names are the paths of modules: `conv1` is the output of `conv1`, `conv1:input` its input, `layer1.0.relu#2` the
   * output of a module's second call. `input` is the image, `normalized` the result of preprocessing, `output` the
   * logits. `*` stands for any letters but dots, `**` for any.
   * @param images any number of them; many go through the network in parts
   * @param points names and patterns; none for the logits alone
   * @throws PointError for a name that matches nothing, with the nearest; ShapeError when the images do not fit;
   *   RangeError for a class, channel or cell that does not exist.
   * @example
   * const { values, gradients } = await inspector.capture(pixels, ['conv1', 'layer*'], { gradientsOf: 281 })
   * values.get('layer3') // { shape: [1, 256, 14, 14], values: Float32Array }
   */
  async capture(
    images: Images,
    points: string | readonly string[] = [],
    options: CaptureOptions = {},
  ): Promise<Capture> {
    const { gradientsOf, onProgress } = options
    const space = options.space ?? this.#defaultSpace
    const names = matchPoints(points, this.#names(space))
    const entry = this.#entryFor(images, names, space)
    const given = entry === 'bytes' ? images : await this.floats(images, space)
    const count = this.#count(given, entry)
    const predicted = gradientsOf === 'predicted' ? await this.#predicted(images, space) : []
    const score = gradientsOf === undefined ? undefined : this.#seed(gradientsOf, count, predicted)
    const collected = new Collector(count)
    await this.#inParts(given, entry, score !== undefined, async (part, first, size, batch) => {
      const executable = await this.#executable(
        entry,
        batch,
        names,
        score && { layer: score.layer, relu: options.relu ?? 'exact' },
      )
      const inputs = score ? { images: part, seed: rowsOf(score.seed, count, first, size, batch) } : { images: part }
      collected.add(await executable.run(inputs), executable, first, size)
      onProgress?.(first + size)
    })
    return collected.capture(names, score !== undefined)
  }

  /**
   * Images as floats `[N, C, H, W]` in a space: bytes are divided by 255 for pixels, and go through the model's
   * preprocessing for normalized values. Floats are already in that space and are returned unchanged.
   * @throws ShapeError when the images do not fit.
   */
  async floats(images: Images, space: ImageSpace = 'pixels'): Promise<Float32Array> {
    if (images instanceof Float32Array) return images
    if (this.takes === 'normalized') {
      throw new ShapeError('inspect: this network takes normalized values; images must be a Float32Array [N, C, H, W]')
    }
    if (space === 'pixels') return toPixels(images, this.shape)
    const { values } = await this.capture(images, 'normalized')
    return values.get('normalized')!.values
  }

  /** The shape of one image in a space: `[C, H, W]`, or whatever preprocessing gives. */
  imageShape(space: ImageSpace = this.#defaultSpace): readonly number[] {
    return this.#pass(1, space).input.shape.slice(1)
  }

  /**
   * A program over the model's variables, compiled when it is first asked for.
   * @param key of the program: the same key means the same program
   */
  compiled(key: string, build: () => Program): Promise<Executable> {
    return this.#executables.of(key, () => this.engine.compile(build()))
  }

  /** The same network for images of another size, with its own programs, which are kept as well. */
  resized(height: number, width: number): Inspector {
    const [ownHeight, ownWidth, channels] = this.shape
    if (height === ownHeight && width === ownWidth) return this
    const key = `${height} ${width}`
    const known =
      this.#resized.get(key) ?? new Inspector(this.engine, this.model, [height, width, channels], { takes: this.takes })
    this.#resized.set(key, known)
    return known
  }

  get #defaultSpace(): ImageSpace {
    return this.takes === 'bytes' ? 'pixels' : 'normalized'
  }

  #names(space: ImageSpace = this.#defaultSpace): string[] {
    return [...this.#pass(1, space).points.keys()]
  }

  /** Bytes go in unchanged unless the image itself is asked for. */
  #entryFor(images: Images, names: readonly string[], space: ImageSpace): Entry {
    return images instanceof Float32Array || names.includes('input') ? space : 'bytes'
  }

  #pass(batch: number, entry: Entry): NetworkPass {
    const key = `${entry} ${batch}`
    const pass = this.#passes.get(key) ?? traceNetwork(this.model, this.shape, batch, entry, this.takes)
    this.#passes.set(key, pass)
    return pass
  }

  #count(images: Images, entry: Entry): number {
    const { shape } = this.#pass(1, entry).input
    const count = images.length / sizeOf(shape)
    if (!Number.isInteger(count) || count < 1) {
      throw new ShapeError(`inspect: ${images.length} numbers are no images of ${entry} ${formatShape(shape.slice(1))}`)
    }
    return count
  }

  #seed(score: Score, images: number, predicted: readonly number[]): { layer: string; seed: Float32Array } {
    const [layer] = matchPoints(layerOf(score), this.#names())
    const [, ...shape] = (this.#pass(1, this.#defaultSpace).points.get(layer) as Tensor).shape
    return seedOf(score, [images, ...shape], predicted)
  }

  async #predicted(images: Images, space: ImageSpace): Promise<readonly number[]> {
    return (await this.capture(images, [], { space })).predicted
  }

  /** Hands out the images in parts of one size, the last one filled up with zeros. */
  async #inParts(
    images: Images,
    entry: Entry,
    differentiates: boolean,
    run: (part: Images, first: number, size: number, batch: number) => Promise<void>,
  ): Promise<void> {
    const count = this.#count(images, entry)
    const fitting = Math.max(1, Math.floor(mostPixels / sizeOf(this.shape) / (differentiates ? 2 : 1)))
    const batch = Math.min(count, fitting)
    for (let first = 0; first < count; first += batch) {
      const size = Math.min(batch, count - first)
      await run(rowsOf(images, count, first, size, batch), first, size, batch)
      if (first + size < count) await yieldToEvents()
    }
  }

  #executable(
    entry: Entry,
    batch: number,
    points: readonly string[],
    score: { readonly layer: string; readonly relu: ReluRule } | undefined,
  ): Promise<Executable> {
    return this.compiled(JSON.stringify([entry, batch, points, score]), () =>
      sideProgram(this.#pass(batch, entry), { points, ...(score && { score }) }),
    )
  }
}

/**
 * Bytes `[N, H, W, C]` as pixels of 0 … 1, `[N, C, H, W]`.
 * @throws ShapeError when they are no whole number of images.
 */
export function toPixels(bytes: Uint8Array | Uint8ClampedArray, [height, width, channels]: ImageShape): Float32Array {
  const area = height * width
  const images = bytes.length / (area * channels)
  if (!Number.isInteger(images)) {
    throw new ShapeError(`inspect: ${bytes.length} bytes are no images ${formatShape([height, width, channels])}`)
  }
  const pixels = new Float32Array(bytes.length)
  for (let n = 0, at = 0; n < images; n++) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < area; i++) pixels[at++] = bytes[(n * area + i) * channels + c] / 255
    }
  }
  return pixels
}

/**
 * Pixels of 0 … 1 `[N, C, H, W]` as bytes `[N, H, W, C]`, for files and screens; values outside the range are clipped.
 */
export function toBytes({ shape, values }: Captured): Uint8ClampedArray {
  const [images, channels, height, width] = shape
  const area = height * width
  const bytes = new Uint8ClampedArray(values.length)
  for (let n = 0, at = 0; n < images; n++) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < area; i++) bytes[(n * area + i) * channels + c] = 255 * values[at++]
    }
  }
  return bytes
}

/** Rows `first` … `first + size` of a list of `count` rows, filled up with zeros to `batch` rows. */
function rowsOf<T extends Images>(list: T, count: number, first: number, size: number, batch: number): T {
  const length = list.length / count
  const rows = list.subarray(first * length, (first + size) * length)
  if (size === batch) return rows as T
  const filled = list instanceof Float32Array ? new Float32Array(batch * length) : new Uint8Array(batch * length)
  filled.set(rows)
  return filled as T
}

/** Joins the outputs of the parts. */
class Collector {
  readonly #count: number
  readonly #found = new Map<string, Captured>()

  constructor(count: number) {
    this.#count = count
  }

  add(outputs: RunOutputs, { outputs: types }: Executable, first: number, size: number): void {
    for (const [name, values] of Object.entries(outputs)) {
      const [, ...shape] = types.get(name)!.shape
      const whole = this.#found.get(name) ?? {
        shape: [this.#count, ...shape],
        values: new Float32Array(this.#count * sizeOf(shape)),
      }
      this.#found.set(name, whole)
      whole.values.set(values.subarray(0, size * sizeOf(shape)), first * sizeOf(shape))
    }
  }

  capture(names: readonly string[], hasGradients: boolean): Capture {
    const named = (kind: string): Map<string, Captured> =>
      new Map(names.map((name, k) => [name, this.#found.get(`${kind} ${k}`)!]))
    const logits = this.#found.get('output')!
    const [, classes] = logits.shape
    return {
      images: this.#count,
      logits,
      predicted: Array.from({ length: this.#count }, (_, n) =>
        largest(logits.values.subarray(n * classes, (n + 1) * classes)),
      ),
      values: named('value'),
      gradients: hasGradients ? named('gradient') : new Map(),
      scores: this.#found.get('score')?.values ?? new Float32Array(0),
    }
  }
}

/** Index of the largest number, the first of equal ones. */
const largest = (values: Float32Array): number =>
  values.reduce((best, value, k) => (value > values[best] ? k : best), 0)
