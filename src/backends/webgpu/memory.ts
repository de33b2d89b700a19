/**
 * Buffers: one for each variable, constant and value that is computed ahead of the runs, and one arena and one scratch
 * that all programs share. The arena is replaced by a larger one when a program needs that, so whoever has bound it
 * compares {@link Memory.generation}.
 */
import { formatShape, sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type TypedArray, type Variable, zeros } from '../../graph/variable.ts'
import { MemoryError, type MemoryNeed } from '../../plan/memoryError.ts'
import { align } from '../../plan/place.ts'
import type { Plan, Value } from '../../plan/plan.ts'
import { storageOf } from '../../plan/step.ts'
import { copyOf } from '../operands.ts'
import type { Binding, Slot } from './wgsl/operands.ts'

/** What a buffer is for, by the numbers of WebGPU: Node has no global names for them. */
const usage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80, queryResolve: 0x200 }

/** A part of a buffer. */
export interface Place {
  readonly buffer: GPUBuffer
  readonly offset: number
  /** A multiple of 4: buffers are bound and copied in words. */
  readonly size: number
}

/** Bytes in whole words. */
export const words = (bytes: number): number => align(bytes, 4)

/** The buffers of an engine. */
export class Memory {
  readonly #device: GPUDevice
  readonly #variables = new Map<Variable, GPUBuffer>()
  readonly #constants = new Map<Tensor, GPUBuffer>()
  /** Values computed ahead of the runs, by program. */
  readonly #kept = new Map<Tensor, GPUBuffer>()
  #arena: GPUBuffer
  #scratch: GPUBuffer
  /** Not 0 after a shader has met an index out of range. */
  readonly error: GPUBuffer
  /** Changes when the arena or the scratch is replaced. */
  generation = 0
  #bytes = 0

  constructor(device: GPUDevice) {
    this.#device = device
    this.#arena = this.#make(256)
    this.#scratch = this.#make(256)
    this.error = this.#make(4)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The memory needed with a program, and the most there can be: the arena and the scratch are single buffers. */
  needOf(plan: Plan<never>): MemoryNeed {
    const missing = this.#missing(plan).reduce((sum, { bytes }) => sum + words(bytes), 0)
    const most = this.#device.limits.maxBufferSize
    const grown = Math.max(plan.arenaBytes - this.#arena.size, 0) + Math.max(plan.scratchBytes - this.#scratch.size, 0)
    const others = this.#bytes + missing - this.#arena.size
    return { bytes: this.#bytes + missing + grown, limit: others + most }
  }

  /**
   * Makes room for a program.
   * @throws MemoryError when the arena is larger than a buffer can be, or the device has no memory left; Error for a
   *   value that is larger than a binding can be. Programs compiled earlier still run.
   */
  async reserve(plan: Plan<never>): Promise<void> {
    const need = this.needOf(plan)
    if (Math.max(plan.arenaBytes, plan.scratchBytes) > this.#device.limits.maxBufferSize) throw new MemoryError(need)
    this.#checkBindings(plan)
    this.#device.pushErrorScope('out-of-memory')
    const made = this.#missing(plan).map(value => ({ value, buffer: this.#make(value.bytes) }))
    const arena = plan.arenaBytes > this.#arena.size ? this.#make(plan.arenaBytes) : undefined
    const scratch = plan.scratchBytes > this.#scratch.size ? this.#make(plan.scratchBytes) : undefined
    const problem = await this.#device.popErrorScope()
    if (problem) {
      for (const buffer of [...made.map(({ buffer }) => buffer), arena, scratch]) if (buffer) this.#release(buffer)
      throw new MemoryError(
        { bytes: need.bytes, limit: this.#bytes },
        'the device has no memory left: use a smaller batch',
      )
    }
    for (const { value, buffer } of made) this.#adopt(value, buffer)
    if (arena) {
      this.#release(this.#arena)
      this.#arena = arena
    }
    if (scratch) {
      this.#release(this.#scratch)
      this.#scratch = scratch
    }
    if (arena || scratch) this.generation++
  }

  /** Where a value of a plan is. */
  placeOf(plan: Plan<never>, tensor: Tensor): Place {
    const value = plan.value(tensor)
    if (!value) throw new Error(`the plan has no value for ${tensor.label ?? tensor.op}`)
    const size = words(value.bytes)
    if (value.space === 'arena') return { buffer: this.#arena, offset: value.offset, size }
    return { buffer: this.#ownBuffer(value) as GPUBuffer, offset: 0, size }
  }

  /** What a shader binds. */
  bound(plan: Plan<never>, binding: Binding): Place {
    if (binding === 'error') return { buffer: this.error, offset: 0, size: 4 }
    if (binding === 'workspace') return { buffer: this.#scratch, offset: 0, size: words(plan.scratchBytes) }
    return this.placeOf(plan, binding)
  }

  /** The buffer of a variable that a program has used. */
  bufferOf(variable: Variable): GPUBuffer | undefined {
    return this.#variables.get(variable)
  }

  /** Writes values into a buffer, after all work submitted so far. */
  write({ buffer, offset }: Pick<Place, 'buffer' | 'offset'>, values: TypedArray): void {
    this.#device.queue.writeBuffer(buffer, offset, inWords(values))
  }

  /** A buffer that the host can read, of a size in whole words. */
  staging(size: number): GPUBuffer {
    return this.#device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget })
  }

  /** A buffer for times that a pass has written. */
  forTimes(size: number): GPUBuffer {
    return this.#device.createBuffer({ size, usage: usage.queryResolve | usage.copySource })
  }

  /** Values of a plan that have buffers of their own, which do not exist yet. */
  #missing(plan: Plan<never>): Value[] {
    const seen = new Set<unknown>()
    return plan.values.filter(value => {
      const owner = value.variable ?? storageOf(value.tensor)
      if (value.space === 'arena' || seen.has(owner) || this.#ownBuffer(value)) return false
      seen.add(owner)
      return true
    })
  }

  #ownBuffer({ space, tensor, variable }: Value): GPUBuffer | undefined {
    if (variable) return this.#variables.get(variable)
    return (space === 'constant' ? this.#constants : this.#kept).get(storageOf(tensor))
  }

  #adopt({ space, tensor, variable }: Value, buffer: GPUBuffer): void {
    if (variable) {
      this.#variables.set(variable, buffer)
      // Without a copy on the host that would stay.
      const values = zeros(variable.dtype, sizeOf(variable.shape))
      variable.copyTo(values)
      this.write({ buffer, offset: 0 }, values)
      return
    }
    const { source } = tensor
    if (space === 'constant' && source?.kind === 'constant') {
      this.#constants.set(tensor, buffer)
      this.write({ buffer, offset: 0 }, copyOf(tensor, source.values))
    } else this.#kept.set(storageOf(tensor), buffer)
  }

  #checkBindings(plan: Plan<never>): void {
    const most = this.#device.limits.maxStorageBufferBindingSize
    const tooLarge = plan.values.find(({ bytes }) => bytes > most)
    if (tooLarge) {
      const { tensor, bytes } = tooLarge
      throw new Error(
        `webgpu: ${tensor.label ?? tensor.op} ${tensor.dtype} ${formatShape(tensor.shape)} takes ${bytes} bytes; this device binds at most ${most} at once: use a smaller batch`,
      )
    }
    if (plan.scratchBytes > most) {
      throw new Error(
        `webgpu: a step needs ${plan.scratchBytes} bytes of scratch; this device binds at most ${most} at once: use a smaller batch`,
      )
    }
  }

  #make(bytes: number): GPUBuffer {
    const size = Math.max(words(bytes), 4)
    const buffer = this.#device.createBuffer({ size, usage: usage.storage | usage.copySource | usage.copyTarget })
    this.#bytes += size
    return buffer
  }

  /** Gives memory back; work that has been submitted still finds it. */
  #release(buffer: GPUBuffer): void {
    this.#bytes -= buffer.size
    buffer.destroy()
  }
}

/** The bytes of an array in whole words, in memory that is not shared. */
function inWords(values: TypedArray): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = values
  if (buffer instanceof ArrayBuffer && byteLength % 4 === 0) return new Uint8Array(buffer, byteOffset, byteLength)
  const copy = new Uint8Array(words(byteLength))
  copy.set(new Uint8Array(buffer, byteOffset, byteLength))
  return copy
}

/** How two values of a plan share bindings. */
export function slotIn(plan: Plan<never>): (tensor: Tensor) => Slot {
  return tensor => {
    const value = plan.value(tensor)
    if (!value) throw new Error(`the plan has no value for ${tensor.label ?? tensor.op}`)
    const { space, offset, variable } = value
    if (space === 'arena') return { memory: `arena ${offset}`, alone: false }
    const owner = variable ? variable.tensor : storageOf(value.tensor)
    return { memory: `own ${owner.id}`, alone: true }
  }
}
