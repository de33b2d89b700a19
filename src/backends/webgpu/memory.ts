/**
 * Buffers: one for each variable, constant and value that is computed ahead of the runs, and one arena and one scratch
 * that all programs share. An arena that is larger than a buffer may be is several buffers, and no value lies in two of
 * them. Buffers are replaced by larger ones when a program needs that, so whoever has bound them compares
 * {@link Memory.generation}.
 */
import { formatShape, sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type TypedArray, type Variable, zeros } from '../../graph/variable.ts'
import { MemoryError, type MemoryNeed } from '../../plan/memoryError.ts'
import { align } from '../../plan/place.ts'
import type { Value } from '../../plan/plan.ts'
import { storageOf } from '../../plan/step.ts'
import { copyOf } from '../operands.ts'
import { halfLayout } from './half.ts'
import type { DevicePlan } from './pairs.ts'
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
  /** The most bytes of a buffer of the arena. */
  readonly #span: number
  readonly #variables = new Map<Variable, GPUBuffer>()
  readonly #constants = new Map<Tensor, GPUBuffer>()
  /** Values computed ahead of the runs, by program. */
  readonly #kept = new Map<Tensor, GPUBuffer>()
  /** Each holds {@link #span} bytes of the arena, or those that programs need of them. */
  #arena: readonly GPUBuffer[] = []
  #scratch: GPUBuffer
  /** Not 0 after a shader has met an index out of range. */
  readonly error: GPUBuffer
  /** Changes when the arena or the scratch is replaced. */
  generation = 0
  #bytes = 0

  constructor(device: GPUDevice, span: number) {
    this.#device = device
    this.#span = span
    this.#scratch = this.#make(256)
    this.error = this.#make(4)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The memory needed with a program. A device does not tell how much it has. */
  needOf(plan: DevicePlan): MemoryNeed {
    const missing = this.#missing(plan).reduce((sum, { bytes }) => sum + words(bytes), 0)
    const arena = this.#grownArena(plan).reduce((sum, { size, has }) => sum + size - has, 0)
    const scratch = Math.max(plan.scratchBytes - this.#scratch.size, 0)
    return { bytes: this.#bytes + missing + arena + scratch, limit: Number.POSITIVE_INFINITY }
  }

  /** The parts of the arena that a program needs larger than they are. */
  #grownArena({ arenaBytes }: DevicePlan): { readonly part: number; readonly size: number; readonly has: number }[] {
    return Array.from({ length: Math.ceil(arenaBytes / this.#span) }, (_, part) => ({
      part,
      size: Math.min(arenaBytes - part * this.#span, this.#span),
      has: this.#arena[part]?.size ?? 0,
    })).filter(({ size, has }) => size > has)
  }

  /**
   * Makes room for a program.
   * @throws MemoryError when the device has no memory left; Error for a value that is larger than a binding can be.
   *   Programs compiled earlier still run.
   */
  async reserve(plan: DevicePlan): Promise<void> {
    const need = this.needOf(plan)
    this.#checkBindings(plan)
    this.#device.pushErrorScope('out-of-memory')
    const made = this.#missing(plan).map(value => ({ value, buffer: this.#make(value.bytes) }))
    const arena = new Map(this.#grownArena(plan).map(({ part, size }) => [part, this.#make(size)]))
    const scratch = plan.scratchBytes > this.#scratch.size ? this.#make(plan.scratchBytes) : undefined
    const problem = await this.#device.popErrorScope()
    if (problem) {
      for (const buffer of [...made.map(({ buffer }) => buffer), ...arena.values(), scratch]) {
        if (buffer) this.#release(buffer)
      }
      throw new MemoryError(need)
    }
    for (const { value, buffer } of made) this.#adopt(value, buffer)
    for (const part of arena.keys()) if (this.#arena[part]) this.#release(this.#arena[part])
    const parts = Math.max(this.#arena.length, ...[...arena.keys()].map(part => part + 1))
    this.#arena = Array.from({ length: parts }, (_, part) => arena.get(part) ?? this.#arena[part])
    if (scratch) {
      this.#release(this.#scratch)
      this.#scratch = scratch
    }
    if (arena.size > 0 || scratch) this.generation++
  }

  /** Where a value of a plan is. */
  placeOf(plan: DevicePlan, tensor: Tensor): Place {
    const value = plan.value(tensor)
    if (!value) throw new Error(`the plan has no value for ${tensor.label ?? tensor.op}`)
    const size = words(value.bytes)
    if (value.space === 'arena') {
      const buffer = this.#arena[Math.floor(value.offset / this.#span)]
      return { buffer, offset: value.offset % this.#span, size }
    }
    return { buffer: this.#ownBuffer(value) as GPUBuffer, offset: 0, size }
  }

  /** What a shader binds. */
  bound(plan: DevicePlan, binding: Binding): Place {
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
  #missing(plan: DevicePlan): Value[] {
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

  #checkBindings(plan: DevicePlan): void {
    const most = Math.min(this.#device.limits.maxStorageBufferBindingSize, this.#span)
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
export function slotIn(plan: DevicePlan): (tensor: Tensor) => Slot {
  return tensor => {
    const value = plan.value(tensor)
    if (!value) throw new Error(`the plan has no value for ${tensor.label ?? tensor.op}`)
    const { space, offset, variable, layout } = value
    const half = layout === halfLayout
    if (space === 'arena') return { memory: `arena ${offset}`, alone: false, half }
    const owner = variable ? variable.tensor : storageOf(value.tensor)
    return { memory: `own ${owner.id}`, alone: true, half }
  }
}
