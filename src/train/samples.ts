/** Batches for training and evaluation: their sources, and the memory that holds them until they are run. */
import type { Executable } from '../backends/engine.ts'
import type { RunInputs } from '../backends/operands.ts'
import type { BatchSource } from '../data/batches.ts'
import { sizeOf } from '../graph/shape.ts'
import type { SampleShape } from './programs.ts'

/** The samples of a batch: bytes of images, or features. */
export type Samples = Uint8Array | Float32Array

/** Class numbers `i32 [N]`, or probabilities `f32 [N, classes]`. */
export type Labels = Int32Array | Float32Array

/** A source of batches of images, or of the features that a frozen trunk computed from them. */
export interface SampleSource extends Omit<BatchSource, 'shape' | 'fill'> {
  readonly shape: SampleShape
  fill(batch: number, samples: Samples, labels: Labels): number | Promise<number>
}

/** A batch in memory. */
export interface Batch {
  /** `[N, H, W, C]`, or `[N, features]`. */
  readonly images: Samples
  readonly labels: Labels
}

/** Memory for the batches of a source, one at a time: allocated once, for the largest. */
export class BatchMemory {
  readonly #source: SampleSource
  readonly #images: Samples
  readonly #labels: Labels

  constructor(source: SampleSource) {
    const { shape, softLabels, dataset } = source
    const most = Math.min(source.batchSize, source.samples)
    this.#source = source
    this.#images = new (shape.length === 1 ? Float32Array : Uint8Array)(most * sizeOf(shape))
    this.#labels = softLabels ? new Float32Array(most * dataset.classes.length) : new Int32Array(most)
  }

  /** Takes a batch from the source; it stays valid until the next one is taken. */
  async fill(batch: number): Promise<Batch> {
    const { shape, softLabels, dataset } = this.#source
    const size = this.#source.sizeOf(batch)
    const images = this.#images.subarray(0, size * sizeOf(shape))
    const labels = this.#labels.subarray(0, softLabels ? size * dataset.classes.length : size)
    await this.#source.fill(batch, images, labels)
    return { images, labels }
  }
}

/** Selects the inputs that the program reads: a network without dropout needs no random numbers, for example. */
export function inputsFor(
  { inputs }: Executable,
  values: Readonly<Record<string, RunInputs[string] | undefined>>,
): RunInputs {
  const read: Record<string, RunInputs[string]> = {}
  for (const [name, value] of Object.entries(values)) if (value !== undefined && inputs.has(name)) read[name] = value
  return read
}
