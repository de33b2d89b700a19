/** A compiled program of the WebGPU engine. */

import { sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type TypedArray, zeros } from '../../graph/variable.ts'
import type { Program } from '../../plan/program.ts'
import type { RunOptions } from '../engine.ts'
import {
  checkInputs,
  checkOutputs,
  copyOf,
  type InputType,
  inputsOf,
  listOf,
  outputsOf,
  type RunInputs,
  type RunOutputs,
  type ValueType,
} from '../operands.ts'
import { type Memory, type Place, words } from './memory.ts'
import type { WebGPUExecutable, WorkCount } from './options.ts'
import type { DevicePlan } from './pairs.ts'
import { BindGroups, computesIndices, type DispatchList } from './program.ts'

/** What an executable needs from its engine. */
export interface EngineSide {
  readonly device: GPUDevice
  readonly memory: Memory
  /** @throws Error when the engine can no longer run anything. */
  readonly check: () => void
  /** Copies places to the host, after all work submitted so far, and the encoder's. Submits that. */
  readonly submit: (encoder: GPUCommandEncoder, read: readonly Place[]) => Promise<readonly ArrayBuffer[]>
  /** A number that changes with every change of variables. */
  readonly changes: () => number
  /** Notes that a run has changed variables. */
  readonly changed: () => void
  /** Records that a run broke off. */
  readonly fail: (message: string) => Error
}

/** A compiled program: its plan, and the work of a run. */
export class DeviceExecutable implements WebGPUExecutable {
  readonly plan: DevicePlan
  readonly compileTime: number
  readonly memoryBytes: number
  readonly inputs: ReadonlyMap<string, InputType>
  readonly outputs: ReadonlyMap<string, ValueType>
  readonly work: WorkCount
  readonly #list: DispatchList
  readonly #groups: BindGroups
  readonly #engine: EngineSide
  readonly #updates: boolean
  readonly #checksIndices: boolean
  #prepared = -1

  constructor(program: Program, list: DispatchList, engine: EngineSide, started: number) {
    this.plan = list.plan
    this.work = list.work
    this.memoryBytes = list.plan.arenaBytes + list.plan.scratchBytes
    this.inputs = inputsOf(program)
    this.outputs = outputsOf(program)
    this.#list = list
    this.#groups = new BindGroups(engine.device, engine.memory, list)
    this.#engine = engine
    this.#updates = program.updates.size > 0
    this.#checksIndices = computesIndices(program)
    this.compileTime = performance.now() - started
  }

  async run(inputs: RunInputs = {}, { read = [...this.outputs.keys()] }: RunOptions = {}): Promise<RunOutputs> {
    checkInputs(this.inputs, inputs)
    checkOutputs(this.outputs, read)
    const { memory, check, submit, fail } = this.#engine
    check()
    this.#writeInputs(inputs)
    const places = read.map(name => memory.placeOf(this.plan, this.plan.outputs[name]))
    const error: Place[] = this.#checksIndices ? [{ buffer: memory.error, offset: 0, size: 4 }] : []
    // The device's own queue keeps the order of calls: what follows is encoded and submitted within this one.
    const copies = await submit(this.#encode(), [...places, ...error])
    check()
    if (this.#checksIndices && new Uint32Array(copies[read.length])[0] !== 0) {
      throw fail('an index that the program computes is out of range')
    }
    return Object.fromEntries(read.map((name, at) => [name, valuesOf(this.plan.outputs[name], copies[at])]))
  }

  #writeInputs(inputs: RunInputs): void {
    const { memory } = this.#engine
    for (const tensor of this.plan.inputs) {
      if (tensor.source?.kind !== 'input') continue
      const values = inTypeOf(tensor, listOf(inputs[tensor.source.name]))
      memory.write(memory.placeOf(this.plan, tensor), values)
    }
  }

  #encode(): GPUCommandEncoder {
    const { device, changes, changed } = this.#engine
    const { ahead, each } = this.#list
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    if (this.#prepared !== changes()) this.#groups.encode(pass, ahead)
    this.#groups.encode(pass, each)
    pass.end()
    // The program's own updates do not touch what it has prepared.
    if (this.#updates) changed()
    this.#prepared = changes()
    return encoder
  }
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const

/** Values as an array of the tensor's type; a copy unless they are one. */
function inTypeOf(tensor: Tensor, values: ArrayLike<number>): TypedArray {
  return values instanceof arrays[tensor.dtype] ? (values as TypedArray) : copyOf(tensor, values)
}

/** The values of a tensor from a copy in whole words. */
export function valuesOf({ dtype, shape }: ValueType, bytes: ArrayBuffer): TypedArray {
  const values = zeros(dtype, sizeOf(shape))
  if (words(values.byteLength) === values.byteLength) return new arrays[dtype](bytes)
  values.set(new arrays[dtype](bytes, 0, values.length))
  return values
}
