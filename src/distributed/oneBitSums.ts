/**
 * Sums of 1-bit gradients: every process gets the packets of all parts, and adds what they say in the order of the tree.
 * A packet is under way while the next part is computed.
 */
import { yieldToEvents } from '../async/yieldToEvents.ts'
import type { Region, RegionPause } from '../backends/engine.ts'
import { type HostTensor, Variable } from '../graph/variable.ts'
import { CheckpointError } from '../train/checkpoint.ts'
import { type Layer, OneBitCode } from './oneBit.ts'
import { type Division, OwnSums, type PartSums, type SummedRegion, type SumTask } from './partSums.ts'

/** What quantization has lost of each part's gradients so far: it belongs to the part, whoever computes it. */
export class PartErrors {
  /** By part, among those of this process, and by path. */
  readonly #errors = new Map<number, Map<string, Float32Array>>()
  readonly #shapes = new Map<string, readonly number[]>()

  /** The errors of a part: zeros at first. */
  of(part: number, layers: readonly Layer[]): ReadonlyMap<string, Float32Array> {
    const errors = this.#errors.get(part) ?? new Map<string, Float32Array>()
    this.#errors.set(part, errors)
    for (const { path, shape } of layers) {
      this.#shapes.set(path, shape)
      if (!errors.has(path)) errors.set(path, new Variable(shape).value as Float32Array)
    }
    return errors
  }

  /** All errors as tensors, `exchange.<part>.<path>`, on every process. */
  async snapshot({ whole, owners, communicator }: Division): Promise<Map<string, HostTensor>> {
    const tensors = new Map<string, HostTensor>()
    for (let part = whole.from; part < whole.to; part++) {
      for (const [path, shape] of this.#shapes) {
        const own = this.#errors.get(part)?.get(path)
        const values = own?.slice() ?? (new Variable(shape).value as Float32Array)
        await communicator.broadcast(values, owners[part]!)
        tensors.set(`exchange.${part}.${path}`, { shape, values })
      }
    }
    return tensors
  }

  /** @param mayLack true when a parameter that is trained from here on has no errors yet */
  restore(tensors: ReadonlyMap<string, HostTensor>, mayLack: boolean): void {
    for (const [part, errors] of this.#errors) {
      for (const [path, values] of errors) {
        const name = `exchange.${part}.${path}`
        const tensor = tensors.get(name)
        if (tensor?.values.length === values.length) values.set(tensor.values)
        else if (tensor || !mayLack) throw new CheckpointError(`the checkpoint has no '${name}' of this shape`)
        else values.fill(0)
      }
    }
  }
}

/** What a decoded part shows. */
const whole: RegionPause = { updated: [], isLast: true }

/** Sums of 1-bit gradients, after some steps in full precision. */
export class OneBitSums implements PartSums {
  readonly #division: Division
  readonly #region: Region
  readonly #layers: readonly Layer[]
  readonly #errors: PartErrors
  readonly #full: PartSums
  readonly #fullSteps: number
  readonly #code: OneBitCode
  readonly #own: OwnSums
  readonly #decoded: Float32Array
  /** Packets of this process's parts; and of all: the first part of every process, the second of every process, … */
  readonly #sent: Uint8Array
  readonly #received: Uint8Array

  /** @param full the sums of the first steps */
  constructor({ division, region, layers }: SummedRegion, errors: PartErrors, full: PartSums, fullSteps: number) {
    this.#division = division
    this.#region = region
    this.#layers = layers
    this.#errors = errors
    this.#fullSteps = fullSteps
    this.#full = full
    this.#code = new OneBitCode(layers, region.length)
    this.#own = new OwnSums(region.length)
    this.#decoded = new Float32Array(region.length)
    this.#sent = new Uint8Array(division.mostParts * this.#code.bytes)
    this.#received = new Uint8Array(this.#sent.length * division.communicator.size)
    for (let part = division.own.from; part < division.own.to; part++) errors.of(part, layers)
  }

  async sum(task: SumTask): Promise<number> {
    if (task.step < this.#fullSteps) return this.#full.sum(task)
    const { own, communicator, mostParts, whole: all } = this.#division
    const { present } = task
    let exchanged = 0
    let sent = Promise.resolve()
    for (let k = 0; k < mostParts; k++) {
      const part = own.from + k
      if (part < Math.min(own.to, present)) exchanged += await this.#encode(part, task)
      // The others gather once for each of their parts; what comes from absent parts is not read.
      sent = sent.then(() => communicator.allGather(this.#packets(this.#sent, k, 1), this.#gathered(k)))
      sent.catch(() => undefined)
    }
    const started = performance.now()
    await sent
    const compute: SumTask['compute'] = async (part, use) => use(this.#decode(part), whole)
    await this.#region.change(values => this.#own.sum(all, { present, compute }, values))
    return exchanged + performance.now() - started
  }

  /** Computes a part and makes its packet, while earlier ones are sent. @returns milliseconds of packing and sending */
  async #encode(part: number, { compute }: SumTask): Promise<number> {
    const { own, communicator } = this.#division
    const isSending = part > own.from && communicator.size > 1
    let taken = 0
    communicator.computing = isSending
    try {
      await compute(part, async (values, { isLast }) => {
        const started = performance.now()
        if (isLast) {
          this.#code.encode(values, this.#errors.of(part, this.#layers), this.#packets(this.#sent, part - own.from, 1))
        } else if (isSending) await yieldToEvents()
        taken += performance.now() - started
      })
    } finally {
      communicator.computing = false
    }
    return taken
  }

  #decode(part: number): Float32Array {
    const { owners, starts } = this.#division
    const owner = owners[part]!
    const packets = this.#gathered(part - starts[owner]!)
    this.#code.decode(this.#packets(packets, owner, 1), this.#decoded)
    return this.#decoded
  }

  /** Packets of the k-th part of every process. */
  #gathered(k: number): Uint8Array {
    const { size } = this.#division.communicator
    return this.#packets(this.#received, k * size, size)
  }

  #packets(packets: Uint8Array, from: number, count: number): Uint8Array {
    const { bytes } = this.#code
    return packets.subarray(from * bytes, (from + count) * bytes)
  }
}
