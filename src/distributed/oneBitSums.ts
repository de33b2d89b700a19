/** Sums of 1-bit gradients: every process gets the packets of all parts, and adds what they say in the order of the tree. */
import type { Region } from '../backends/engine.ts'
import { type HostTensor, Variable } from '../graph/variable.ts'
import { CheckpointError } from '../train/checkpoint.ts'
import { type Layer, OneBitCode } from './oneBit.ts'
import { type Division, OwnSums, type PartSums, type SumTask, TreeSums } from './partSums.ts'

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

/** Sums of 1-bit gradients, after some steps in full precision. */
export class OneBitSums implements PartSums {
  readonly #division: Division
  readonly #region: Region
  readonly #layers: readonly Layer[]
  readonly #errors: PartErrors
  readonly #full: TreeSums
  readonly #fullSteps: number
  readonly #code: OneBitCode
  /** The sum over all parts. */
  readonly #all: OwnSums
  readonly #decoded: Float32Array
  readonly #sent: Uint8Array
  readonly #received: Uint8Array

  constructor(division: Division, region: Region, layers: readonly Layer[], errors: PartErrors, fullSteps: number) {
    this.#division = division
    this.#region = region
    this.#layers = layers
    this.#errors = errors
    this.#fullSteps = fullSteps
    this.#full = new TreeSums(division, region)
    this.#code = new OneBitCode(layers, region.length)
    this.#all = new OwnSums([division.whole], region.length)
    this.#decoded = new Float32Array(region.length)
    this.#sent = new Uint8Array(division.mostParts * this.#code.bytes)
    this.#received = new Uint8Array(this.#sent.length * division.communicator.size)
    for (let part = division.own.from; part < division.own.to; part++) errors.of(part, layers)
  }

  async sum(task: SumTask): Promise<number> {
    if (task.step < this.#fullSteps) return this.#full.sum(task)
    const { own, communicator } = this.#division
    const { present } = task
    let packing = 0
    for (let part = own.from; part < Math.min(own.to, present); part++) {
      await task.compute(part, values => {
        const started = performance.now()
        const packet = this.#packet(this.#sent, part - own.from)
        this.#code.encode(values, this.#errors.of(part, this.#layers), packet)
        packing += performance.now() - started
      })
    }
    const started = performance.now()
    await communicator.allGather(this.#sent, this.#received)
    await this.#all.compute({ ...task, compute: async (part, use) => use(this.#decode(part)) })
    await this.#region.change(values => values.set(this.#all.values[0]!))
    return packing + performance.now() - started
  }

  #decode(part: number): Float32Array {
    const { owners, starts, mostParts } = this.#division
    const owner = owners[part]!
    const place = owner * mostParts + part - starts[owner]!
    this.#code.decode(this.#packet(this.#received, place), this.#decoded)
    return this.#decoded
  }

  #packet(packets: Uint8Array, index: number): Uint8Array {
    const { bytes } = this.#code
    return packets.subarray(index * bytes, (index + 1) * bytes)
  }
}
