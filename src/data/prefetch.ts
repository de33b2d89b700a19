/**
 * Batches that are made ahead: while a step computes, the next batches are read and augmented into reused memory, so
 * that an epoch of any length takes the memory of a few batches.
 */
import {
  type BatchSource,
  batchShape,
  checkDestination,
  EpochOrder,
  type LoaderOptions,
  writeLabels,
} from './batches.ts'
import { type ImageCollection, isStored, type StoredImages, type Subset } from './dataset.ts'
import { DatasetError } from './errors.ts'
import { assemblyOf, type BatchAssembly } from './place.ts'
import { type BatchProducer, type BatchSlot, type BatchTask, produceBatch, type ReadFailure } from './produce.ts'

/** Most images in a row that are skipped because they cannot be read. */
const mostSkipped = 1000

/** A batch under way. */
interface Pending {
  readonly slot: BatchSlot
  readonly done: Promise<void>
}

/** Yields the batches of a subset, made ahead by a producer; see `createLoader` and `workerLoader`. */
export class PrefetchLoader implements BatchSource {
  readonly subset: Subset<ImageCollection>
  readonly samples: number
  readonly batchSize: number
  readonly batches: number
  readonly shape: readonly [number, number, number]
  readonly softLabels: boolean
  readonly #order: EpochOrder
  readonly #assembly: BatchAssembly
  readonly #producer: BatchProducer
  readonly #wanted: (batch: number) => boolean
  readonly #pending = new Map<string, Pending>()
  readonly #free: BatchSlot[] = []
  readonly #skipped = new Set<number>()
  #epoch: number | undefined

  /** @throws DatasetError and LabelSafetyError as `BatchLoader` does. */
  constructor(subset: Subset<ImageCollection>, options: LoaderOptions, producer: BatchProducer) {
    this.#order = new EpochOrder(subset, options)
    this.#assembly = assemblyOf(subset.dataset, options)
    this.#producer = producer
    this.#wanted = options.wanted ?? (() => true)
    this.subset = subset
    this.samples = this.#order.samples
    this.batchSize = options.batchSize
    this.batches = this.#order.batches
    this.shape = batchShape(subset.dataset, options)
    this.softLabels = options.augment?.softLabels ?? false
  }

  get dataset(): ImageCollection {
    return this.subset.dataset
  }

  startEpoch(epoch: number): void {
    this.#epoch = epoch
  }

  sizeOf(batch: number): number {
    return this.#order.sizeOf(batch)
  }

  /**
   * Waits for a batch, copies it, and requests the next ones.
   * @throws DatasetError when there is no such batch or a destination is too small; ImageError naming a file that
   * cannot be read.
   */
  async fill(batch: number, images: Uint8Array, labels: Int32Array | Float32Array): Promise<number> {
    const size = this.sizeOf(batch)
    checkDestination(this, size, images, labels)
    const epoch = this.#order.isShuffled ? this.#epoch : (this.#epoch ?? 0)
    this.#order.of(epoch)
    this.#forgetOthers(epoch ?? 0, batch)
    const pending = this.#request(epoch ?? 0, batch)
    this.#requestNext(epoch ?? 0, batch)
    this.#producer.hold(true)
    try {
      await pending.done
    } finally {
      this.#pending.delete(keyOf(epoch ?? 0, batch))
      if (this.#pending.size === 0) this.#producer.hold(false)
    }
    const { slot } = pending
    const [height, width, channels] = this.shape
    images.set(slot.images.subarray(0, size * height * width * channels))
    labels.set(slot.labels.subarray(0, this.softLabels ? size * this.dataset.classes.length : size))
    this.#free.push(slot)
    this.#requestNext(epoch ?? 0, batch)
    this.#producer.hold(false)
    return size
  }

  async close(): Promise<void> {
    this.#pending.clear()
    this.#free.length = 0
    await this.#producer.close()
  }

  /** The batches to be made ahead of the next ones: those of the next epoch too when the order is shuffled. */
  *#following(epoch: number, batch: number): Generator<readonly [epoch: number, batch: number]> {
    const end = this.#order.isShuffled ? 2 * this.batches : this.batches
    for (let at = batch + 1, left = this.#producer.depth; at < end && left > 0; at++) {
      if (!this.#wanted(at % this.batches)) continue
      yield at < this.batches ? [epoch, at] : [epoch + 1, at - this.batches]
      left--
    }
  }

  /** Requests the batches after the given one. */
  #requestNext(epoch: number, batch: number): void {
    for (const [inEpoch, next] of this.#following(epoch, batch)) this.#request(inEpoch, next)
  }

  /** Drops batches that are neither the current nor the next: after a jump, or a new epoch. */
  #forgetOthers(epoch: number, batch: number): void {
    const wanted = new Set([keyOf(epoch, batch)])
    for (const [inEpoch, next] of this.#following(epoch, batch)) wanted.add(keyOf(inEpoch, next))
    for (const [key, { slot, done }] of this.#pending) {
      if (wanted.has(key)) continue
      this.#pending.delete(key)
      // Its memory is free when it is done, even if it failed.
      const release = () => void this.#free.push(slot)
      done.then(release, release)
    }
  }

  #request(epoch: number, batch: number): Pending {
    const key = keyOf(epoch, batch)
    const known = this.#pending.get(key)
    if (known) return known
    const [height, width, channels] = this.shape
    const slot =
      this.#free.pop() ??
      this.#producer.allocate(
        this.batchSize * height * width * channels,
        this.batchSize * (this.softLabels ? this.dataset.classes.length : 1),
        this.softLabels,
      )
    const done = this.#make(epoch, batch, slot)
    // The caller that takes the batch learns of a failure; until then it does not count as unhandled.
    done.catch(() => undefined)
    const pending = { slot, done }
    this.#pending.set(key, pending)
    return pending
  }

  async #make(epoch: number, batch: number, slot: BatchSlot): Promise<void> {
    const { softLabels } = this
    const indices = this.#order.indicesOf(epoch, batch).slice()
    const positions = Array.from(indices, (_, k) => k)
    const classes = this.dataset.classes.length
    const label = () =>
      writeLabels(
        slot.labels,
        classes,
        indices.map(index => this.dataset.labels[index]!),
        softLabels,
      )
    label()
    const task = { epoch, batch, indices, positions, mix: softLabels, slot }
    const failures = await this.#producer.produce(task)
    if (failures.length === 0) return
    for (const failure of failures) await this.#replace(task, failure)
    label()
    this.#assembly.mix(slot, { epoch, batch, size: indices.length })
  }

  /** Replaces an unreadable image by the next readable one in the epoch's order. */
  async #replace(task: BatchTask, failure: ReadFailure): Promise<void> {
    const { epoch, batch, indices } = task
    const { dataset } = this
    const stored = isStored(dataset) ? dataset : undefined
    if (stored?.unreadable !== 'skip') throw failure.reason
    const { position } = failure
    const order = this.#order.of(epoch)
    let last = failure
    for (let tries = 1; tries <= Math.min(mostSkipped, order.length); tries++) {
      this.#report(stored, indices[position]!, last.reason)
      const index = order[(batch * this.batchSize + position + tries) % order.length]!
      indices[position] = index
      const one = { ...task, indices: Int32Array.of(index), positions: [position], mix: false }
      const again = await this.#producer.produce(one)
      if (again.length === 0) return
      last = again[0]!
    }
    throw new DatasetError(`${dataset.name}: too many images in a row cannot be read: ${last.reason.message}`)
  }

  #report(stored: StoredImages, index: number, reason: Error): void {
    if (this.#skipped.has(index)) return
    this.#skipped.add(index)
    stored.onSkip?.(reason)
  }
}

/** Makes batches on this thread; the decoders' threads read ahead while a step computes. */
export function inlineProducer(subset: Subset<StoredImages>, options: LoaderOptions): BatchProducer {
  const { dataset } = subset
  const assembly = assemblyOf(dataset, options)
  return {
    depth: 1,
    allocate: (imageBytes, labels, soft) => ({
      images: new Uint8Array(imageBytes),
      labels: soft ? new Float32Array(labels) : new Int32Array(labels),
    }),
    produce: task => produceBatch(task, assembly, ({ indices }, k) => dataset.read(indices[k]!)),
    hold: () => undefined,
    close: async () => undefined,
  }
}

const keyOf = (epoch: number, batch: number): string => `${epoch} ${batch}`
