/**
 * Batches from anything that can be iterated: a database, a message queue, your own decoder. Images are taken one by
 * one and never collected, so a stream of any length takes the memory of two batches and of the shuffling window.
 */
import type { Augmentation } from '../augment/compose.ts'
import { type Bytes, type Raster, raster } from '../augment/raster.ts'
import { RandomSequence } from '../random/philox.ts'
import { type BatchSource, checkDestination, epochLength, sizeOfBatch, writeLabels } from './batches.ts'
import { DatasetError } from './errors.ts'
import { BatchAssembly } from './place.ts'

/** One image of a stream. */
export interface StreamSample {
  /** A picture of any size, or the bytes of a picture of the stream's shape. */
  readonly image: Raster | Bytes
  /** Its class. */
  readonly label: number
}

/** Source and size of the batches of {@link streamBatches}. */
export interface StreamOptions {
  /** Name for messages; `stream` by default. */
  readonly name?: string
  /**
   * Begins an epoch. For a run to be reproducible, and to resume in the middle of an epoch, the same epoch must always
   * give the same images in the same order.
   */
  readonly open: (epoch: number) => AsyncIterable<StreamSample> | Iterable<StreamSample>
  /** Number of images that are taken from the stream in an epoch. */
  readonly samples: number
  /** `[height, width, channels]` that the model takes. */
  readonly shape: readonly [height: number, width: number, channels: number]
  /** Names of the classes in label order. */
  readonly classes: readonly string[]
  /** True when the classes are written symbols, see `ImageCollection`. */
  readonly symbols?: boolean
  readonly batchSize: number
  /** Leave out a last batch that is not full; false by default. */
  readonly dropLast?: boolean
  /** Seed for augmentation and for the order within the window; 0 by default. */
  readonly seed?: number
  readonly augment?: Augmentation
  /** Size of the window from which images are drawn at random; 1, the stream's own order, by default. */
  readonly shuffleWindow?: number
}

/** An image that is ready for its batch, with its position in the stream. */
interface Numbered {
  readonly sample: StreamSample
  readonly index: number
}

/**
 * A source of batches from an async (or plain) iterable, to be given to the trainer as `train`.
 *
 * @throws DatasetError for options out of range; LabelSafetyError when augmentation would make labels wrong.
 *
 * @example
 * async function* photos() {
 *   for await (const row of database.rows()) yield { image: await decodeRaster(row, { channels: 3 }), label: row.class }
 * }
 * const train = streamBatches({ open: photos, samples: 50_000, shape: [64, 64, 3], classes, batchSize: 64, shuffleWindow: 2048 })
 */
export function streamBatches(options: StreamOptions): BatchSource {
  return new StreamLoader(options)
}

class StreamLoader implements BatchSource {
  readonly dataset: { readonly name: string; readonly classes: readonly string[]; readonly symbols?: boolean }
  readonly samples: number
  readonly batchSize: number
  readonly batches: number
  readonly shape: readonly [number, number, number]
  readonly softLabels: boolean
  readonly #options: StreamOptions
  readonly #assembly: BatchAssembly
  #epoch = 1
  #next = 0
  #samples: AsyncGenerator<Numbered> | undefined
  /** The batch that is being collected ahead. */
  #ahead: Promise<Numbered[]> | undefined

  constructor(options: StreamOptions) {
    const { name = 'stream', shape, classes, symbols, batchSize, augment, seed = 0, shuffleWindow = 1 } = options
    for (const [option, value] of Object.entries({ samples: options.samples, shuffleWindow })) {
      if (Number.isInteger(value) && value >= 1) continue
      throw new DatasetError(`${name}: ${option} (=${value}) must be a whole number of at least 1`)
    }
    this.dataset = { name, classes, ...(symbols === undefined ? {} : { symbols }) }
    augment?.checkLabels(this.dataset)
    const { samples, batches } = epochLength(name, options.samples, options)
    this.samples = samples
    this.batchSize = batchSize
    this.batches = batches
    this.shape = shape
    this.softLabels = augment?.softLabels ?? false
    this.#options = options
    this.#assembly = new BatchAssembly({ augment, seed, shape, classes: classes.length })
  }

  startEpoch(epoch: number, firstBatch = 0): void {
    void this.close()
    this.#epoch = epoch
    this.#next = firstBatch
  }

  sizeOf(batch: number): number {
    const { batches, batchSize, samples } = this
    return sizeOfBatch(batch, { batches, batchSize, samples, name: this.dataset.name })
  }

  /**
   * @throws DatasetError when batches are not taken in order, the stream ends early, or an image or label does not fit.
   */
  async fill(batch: number, images: Uint8Array, labels: Int32Array | Float32Array): Promise<number> {
    const { name, classes } = this.dataset
    const size = this.sizeOf(batch)
    checkDestination(this, size, images, labels)
    if (batch !== this.#next) {
      throw new DatasetError(`${name}: batch ${batch} was asked for, but the next batch of the stream is ${this.#next}`)
    }
    const collected = await (this.#ahead ?? this.#collect(batch))
    this.#next = batch + 1
    const epoch = this.#epoch
    collected.forEach(({ sample, index }, position) => {
      const { image, label } = sample
      if (!Number.isInteger(label) || label < 0 || label >= classes.length) {
        throw new DatasetError(
          `${name}: label ${label} of image ${index} is out of range, expected 0 … ${classes.length - 1}`,
        )
      }
      const picture = 'pixels' in image ? image : raster(image, this.shape)
      this.#assembly.place(picture, images, { epoch, index, position })
    })
    const given = collected.map(({ sample }) => sample.label)
    writeLabels(labels, classes.length, given, this.softLabels)
    this.#assembly.mix({ images, labels }, { epoch, batch, size })
    this.#ahead = batch + 1 < this.batches ? this.#collect(batch + 1) : undefined
    // The caller that takes the batch learns of a failure; until then it does not count as unhandled.
    this.#ahead?.catch(() => undefined)
    return size
  }

  /** Releases the stream. */
  async close(): Promise<void> {
    const [samples, ahead] = [this.#samples, this.#ahead]
    this.#samples = undefined
    this.#ahead = undefined
    await ahead?.catch(() => undefined)
    await samples?.return(undefined)
  }

  async #collect(batch: number): Promise<Numbered[]> {
    this.#samples ??= this.#read(this.#epoch, this.#next * this.batchSize)
    const samples = this.#samples
    const found: Numbered[] = []
    for (let k = 0; k < this.sizeOf(batch); k++) {
      const { value, done } = await samples.next()
      if (done) throw new DatasetError(`${this.dataset.name}: the stream ended before its ${this.samples} images`)
      found.push(value)
    }
    return found
  }

  /** The images of an epoch in order, starting at the given one. */
  async *#read(epoch: number, from: number): AsyncGenerator<Numbered> {
    const { open, shuffleWindow = 1, seed = 0 } = this.#options
    const random = new RandomSequence(seed, 'stream', epoch)
    const window: Numbered[] = []
    let given = 0
    let index = 0
    const take = (): Numbered => {
      const place = random.integer(window.length)
      const taken = window[place]!
      window[place] = window.at(-1)!
      window.pop()
      return taken
    }
    for await (const sample of open(epoch)) {
      window.push({ sample, index: index++ })
      if (window.length === shuffleWindow && given++ >= from) yield take()
      else if (window.length === shuffleWindow) take()
      if (index === this.#options.samples) break
    }
    while (window.length > 0) {
      const taken = take()
      if (given++ >= from) yield taken
    }
  }
}
