/**
 * The WebGPU backend: prints plans as WGSL and runs them on a graphics processor, in browsers and, through Dawn, in Node.
 *
 * WebGPU's queue is the engine's: every call encodes and submits its work at once, and the device does it in that order.
 * Only what is asked for comes back. `program.ts` turns plans into dispatches, `kernels/` has one kernel for each
 * operation, `wgsl/` what they are printed with, and `memory.ts` decides in which buffers values are.
 */
import { Turns } from '../../async/turns.ts'
import { yieldInTime, yieldToEvents } from '../../async/yieldToEvents.ts'
import type { TypedArray, Variable } from '../../graph/variable.ts'
import type { MemoryNeed } from '../../plan/memoryError.ts'
import type { Program } from '../../plan/program.ts'
import { checkValues, copyOf } from '../operands.ts'
import { StoppedError } from '../stoppedError.ts'
import { type OpenDevice, subgroupsOf } from './device.ts'
import { DeviceExecutable, type EngineSide, valuesOf } from './executable.ts'
import type { Hardware } from './kernels/kernel.ts'
import { Memory, type Place, words } from './memory.ts'
import type { StepTime, WebGPUDescription, WebGPUEngine } from './options.ts'
import { Pipelines } from './pipelines.ts'
import { timeDispatches } from './profile.ts'
import { BindGroups, buildDispatches, type DispatchList } from './program.ts'
import { bindingAlignment, planFor } from './target.ts'

/** Runs that may be under way without their results having been asked for. */
const mostRunning = 2

/** The engine on an open device. */
export class DeviceEngine implements WebGPUEngine {
  readonly description: WebGPUDescription
  readonly #opened: OpenDevice
  readonly #hardware: Hardware
  readonly #memory: Memory
  readonly #pipelines: Pipelines
  /** For planning and compiling, which reserve memory. */
  readonly #compilations = new Turns()
  /** Ends of submitted runs that returned nothing. */
  #running: Promise<unknown>[] = []
  #changes = 0
  #closed = false
  #failure: StoppedError | undefined

  /** @param changes tests make other use of a device than its limits and kind suggest */
  constructor(opened: OpenDevice, changes: Partial<Hardware> = {}) {
    const { device, adapter } = opened
    this.#opened = opened
    this.#hardware = {
      mostBindings: device.limits.maxStorageBuffersPerShaderStage,
      span: device.limits.maxBufferSize - (device.limits.maxBufferSize % bindingAlignment),
      parallel: !adapter.software,
      subgroups: subgroupsOf(opened),
      ...changes,
    }
    this.#memory = new Memory(device, this.#hardware.span)
    this.#pipelines = new Pipelines(device)
    const storage = this.#hardware.half ? 'f16' : 'f32'
    this.description = { backend: 'webgpu', detail: adapter.name, adapter, storage }
    void device.lost.then(({ reason, message }) => {
      this.#fail(`the graphics device was lost (${reason}): ${message || 'its driver gives no reason'}`)
    })
    device.addEventListener('uncapturederror', event => {
      this.#fail(`the graphics device reported an error: ${(event as GPUUncapturedErrorEvent).error.message}`)
    })
  }

  get memoryBytes(): number {
    return this.#closed ? 0 : this.#memory.bytes
  }

  async compile(program: Program): Promise<DeviceExecutable> {
    return this.#compilations.take(async () => {
      this.#check()
      const started = performance.now()
      const list = await this.#build(program)
      const executable = new DeviceExecutable(program, list, this.#side, started)
      this.#check()
      return executable
    })
  }

  memoryFor(program: Program): MemoryNeed {
    this.#check()
    return this.#memory.needOf(planFor(program, this.#hardware))
  }

  async read(variable: Variable): Promise<TypedArray> {
    this.#checkOpen()
    const buffer = this.#memory.bufferOf(variable)
    if (!buffer) return variable.value.slice()
    const encoder = this.#opened.device.createCommandEncoder()
    const [bytes] = await this.#submit(encoder, [{ buffer, offset: 0, size: buffer.size }])
    return valuesOf(variable, bytes)
  }

  async write(variable: Variable, values: ArrayLike<number>): Promise<void> {
    checkValues(variable.name, variable, values)
    this.#checkOpen()
    const taken = copyOf(variable, values)
    variable.setValue(taken)
    this.#changes++
    const buffer = this.#memory.bufferOf(variable)
    if (buffer) this.#memory.write({ buffer, offset: 0 }, taken)
  }

  async profile(program: Program, repeats = 30): Promise<StepTime[]> {
    this.#check()
    const { device } = this.#opened
    const list = await this.#compilations.take(() => this.#build(program))
    const groups = new BindGroups(device, this.#memory, list)
    this.#changes++
    return timeDispatches(
      { device, memory: this.#memory, submit: (encoder, read) => this.#submit(encoder, read) },
      list,
      groups,
      repeats,
    )
  }

  /** Releases the device with all its buffers. Work that is running or queued is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    this.#opened.device.destroy()
  }

  async #build(program: Program): Promise<DispatchList> {
    const plan = planFor(program, this.#hardware)
    const list = await buildDispatches(plan, this.#pipelines, this.#hardware).catch(error => {
      // A device that is lost compiles nothing: say that instead.
      this.#check()
      throw error
    })
    this.#check()
    await this.#memory.reserve(plan)
    return list
  }

  get #side(): EngineSide {
    return {
      device: this.#opened.device,
      memory: this.#memory,
      check: () => this.#check(),
      submit: (encoder, read) => this.#submit(encoder, read),
      changes: () => this.#changes,
      changed: () => {
        this.#changes++
      },
      fail: message => this.#fail(message),
    }
  }

  /** Submits an encoder's work, and copies of places; resolves with these. */
  async #submit(encoder: GPUCommandEncoder, read: readonly Place[]): Promise<ArrayBuffer[]> {
    const { queue } = this.#opened.device
    if (read.length === 0) {
      queue.submit([encoder.finish()])
      this.#running.push(queue.onSubmittedWorkDone().catch(() => undefined))
      if (this.#running.length > mostRunning) await this.#running.shift()
      await yieldInTime()
      return []
    }
    const staging = this.#memory.staging(read.reduce((sum, { size }) => sum + words(size), 0))
    let end = 0
    const parts = read.map(({ buffer, offset, size }) => {
      encoder.copyBufferToBuffer(buffer, offset, staging, end, size)
      end += size
      return [end - size, end] as const
    })
    queue.submit([encoder.finish()])
    try {
      await staging.mapAsync(1)
    } catch (error) {
      // The news that the device is lost may come a moment later.
      await yieldToEvents()
      this.#checkOpen()
      throw this.#fail(`reading from the graphics device failed: ${(error as Error).message}`)
    }
    const all = staging.getMappedRange()
    const copies = parts.map(([from, to]) => all.slice(from, to))
    staging.unmap()
    staging.destroy()
    return copies
  }

  /** @throws Error when the engine is closed. */
  #checkOpen(): void {
    if (this.#closed) throw new Error('the engine is closed')
  }

  /** @throws Error when programs can no longer run. */
  #check(): void {
    this.#checkOpen()
    if (this.#failure) throw StoppedError.after(this.#failure)
  }

  /** Records what broke off: variables may be half updated, so nothing runs after it. */
  #fail(message: string): Error {
    if (this.#closed) return new Error('the engine is closed')
    this.#failure ??= new StoppedError(message)
    return this.#failure
  }
}
