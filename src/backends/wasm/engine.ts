/**
 * The WebAssembly backend: plans are assembled into modules at run time and run on threads over one memory.
 */
import { bytesPerElement, formatShape, ShapeError, sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type TypedArray, type Variable, zeros } from '../../graph/variable.ts'
import { makePlan, type Plan, type PlanOptions } from '../../plan/plan.ts'
import type { Program } from '../../plan/program.ts'
import { type Step, storageOf } from '../../plan/steps.ts'
import type { Engine, EngineDescription, Executable } from '../engine.ts'
import { type Addresses, type GeneratedCode, generate, generateCalls } from './codegen.ts'
import { explainTrap } from './control.ts'
import {
  canShareMemory,
  checkThreads,
  defaultThreads,
  hasRelaxedSimd,
  mayWait,
  registerTile,
  widenVectors,
} from './features.ts'
import { chooseMethod } from './kernels/channels/methods.ts'
import { LinearMemory } from './memory.ts'
import { ThreadPool } from './threads.ts'

/** Options of {@link createWasmEngine}. */
export interface WasmEngineOptions {
  /** Threads that compute; all cores by default, or `FOVEA_THREADS`. One without shared memory. */
  readonly threads?: number
  /**
   * True to leave out relaxed SIMD, whose fused multiply-add may round differently from machine to machine: results
   * are then the same bits everywhere. False by default.
   */
  readonly precise?: boolean
  /**
   * Which values lie innermost in volumes: samples, which suits networks of few channels on large batches, or channels.
   * Chosen for each program by default.
   */
  readonly innermost?: 'samples' | 'channels'
  /**
   * `'on'` lets V8 join pairs of vectors into 256-bit ones, which about doubles the speed of convolutions: in Node from
   * version 24 on, on processors that have them, with a compiler pass that V8 calls experimental. It concerns the whole
   * process, so make the first engine so. `'off'` by default.
   */
  readonly wide?: 'on' | 'off'
  /** False to leave out Winograd's algorithm for 3×3 convolutions, which rounds a little more. True by default. */
  readonly winograd?: boolean
}

/** Block sizes the kernels have lanes for: sixteen samples are four vectors, the widest tile that fits the registers. */
export const wasmBlockSizes = [16, 8, 4] as const

/** The engine's options that decide how values lie and what computes them. */
type LayoutChoices = Pick<WasmEngineOptions, 'innermost' | 'winograd' | 'wide'>

/** What the engine asks of a plan. */
export function wasmPlanOptions({ innermost, winograd = true, wide = 'off' }: LayoutChoices = {}): PlanOptions {
  const tile = registerTile(wide === 'on')
  return {
    blockSizes: wasmBlockSizes,
    convolutions: task => chooseMethod(task, { winograd, tile }),
    ...(innermost && { innermost }),
  }
}

/** Starts an engine. @throws Error when `threads` is not a whole number from 1 to 64. */
export function createWasmEngine(options: WasmEngineOptions = {}): WasmEngine {
  const wanted = options.threads === undefined ? defaultThreads() : checkThreads(options.threads)
  const threads = canShareMemory() ? wanted : 1
  if (options.wide === 'on') widenVectors()
  return new WasmEngine(threads, !options.precise && hasRelaxedSimd(), mayWait(), options)
}

/** Time of one step, measured alone. */
export interface StepTime {
  readonly step: Step
  readonly kernel: string
  readonly multiplyAdds: number
  readonly milliseconds: number
}

/** The WebAssembly engine; made by {@link createWasmEngine}. */
export class WasmEngine implements Engine {
  readonly description: EngineDescription
  private readonly threads: number
  private readonly fused: boolean
  private readonly planOptions: PlanOptions
  /** Counts changes of variables: what programs have prepared from older values is out of date. */
  private changes = 0
  /** Let go of when the engine is closed. */
  private linearMemory: LinearMemory | undefined
  private readonly pool: ThreadPool | undefined
  private readonly variables = new Map<Variable, number>()
  private readonly constants = new Map<Tensor, number>()
  private readonly tables = new Map<string, number>()
  private arena = { address: 0, bytes: 0 }
  private scratch = { address: 0, bytes: 0 }
  private programs = 0
  /** The program that ran last: the only one whose results are still in the arena. */
  private latest: WasmExecutable | undefined
  /** Settles when no program is being compiled. */
  private compiling: Promise<unknown> = Promise.resolve()
  private failure: Error | undefined
  private readonly addresses: Addresses = {
    variable: variable => this.addressOf(variable),
    constant: tensor => this.constantAddress(tensor),
    kept: tensor => this.constantAddress(tensor),
    table: values => this.tableAddress(values),
  }

  /** @param takesPart whether the calling thread computes too, when there are several; never on a page */
  constructor(threads: number, fused: boolean, takesPart = mayWait(), choices: LayoutChoices = {}) {
    this.threads = threads
    this.fused = fused
    this.planOptions = wasmPlanOptions(choices)
    this.linearMemory = new LinearMemory(threads > 1)
    this.pool = threads > 1 ? new ThreadPool(threads, this.linear.memory, takesPart) : undefined
    this.description = { backend: 'wasm', threads, simd: fused ? 'relaxed' : 'precise' }
  }

  get memoryBytes(): number {
    return this.linearMemory?.used ?? 0
  }

  /** One program after another: they share the memory's allocator and the workers' attention. */
  compile(program: Program): Promise<WasmExecutable> {
    const compiled = this.compiling.then(() => this.compileNow(program))
    this.compiling = compiled.catch(() => undefined)
    return compiled
  }

  private async compileNow(program: Program): Promise<WasmExecutable> {
    this.check()
    const started = performance.now()
    const plan = makePlan(program, this.planOptions)
    const { addresses } = this
    for (const value of plan.values) if (value.variable) this.addressOf(value.variable)
    const code = generate(plan, addresses, { shared: this.pool !== undefined, fused: this.fused })
    const module = await WebAssembly.compile(code.bytes)
    await this.pool?.idle()
    this.check()
    this.reserve(plan)
    const index = this.programs++
    let start: ((prepare: boolean) => void) | undefined
    let prepared = -1
    if (this.pool) await this.pool.load(index, module)
    else {
      const instance = await WebAssembly.instantiate(module, { env: { memory: this.linear.memory } })
      const run = instance.exports.run as (...args: number[]) => void
      start = prepare => run(0, 1, 0, this.arena.address, this.scratch.address, Number(prepare))
    }
    const run = async (): Promise<void> => {
      this.check()
      if (this.pool?.busy) throw new Error('the engine is running another program')
      this.latest = executable
      try {
        const prepare = prepared !== this.changes
        if (start) start(prepare)
        else await this.pool?.run(index, this.arena.address, this.scratch.address, prepare)
        // The program's own updates do not touch what it has prepared.
        if (program.updates.size > 0) this.changes++
        prepared = this.changes
      } catch (error) {
        throw this.fail(error)
      }
    }
    const isLatest = (): boolean => this.latest === executable
    const executable = new WasmExecutable(plan, code, performance.now() - started, run, isLatest, (tensor, known) => {
      const address = this.locate(plan, tensor)
      const current = known?.byteOffset === address && known.buffer === this.linear.memory.buffer
      return current ? known : this.view(address, tensor)
    })
    return executable
  }

  read(variable: Variable): TypedArray {
    this.checkOpen()
    const address = this.variables.get(variable)
    if (address === undefined) return variable.value.slice()
    // A copy in private memory, also when the engine's memory is shared.
    const copy = zeros(variable.dtype, sizeOf(variable.shape))
    copy.set(this.view(address, variable.tensor))
    return copy
  }

  write(variable: Variable, values: ArrayLike<number>): void {
    if (values.length !== sizeOf(variable.shape)) {
      throw new ShapeError(`${variable.name}: ${values.length} values given for shape ${formatShape(variable.shape)}`)
    }
    this.checkOpen()
    variable.value.set(values)
    this.changes++
    const address = this.variables.get(variable)
    if (address !== undefined) this.view(address, variable.tensor).set(values)
  }

  async close(): Promise<void> {
    this.linearMemory = undefined
    this.latest = undefined
    await this.pool?.close()
  }

  private get linear(): LinearMemory {
    this.checkOpen()
    return this.linearMemory as LinearMemory
  }

  private checkOpen(): void {
    if (!this.linearMemory) throw new Error('the engine is closed')
  }

  /** @throws Error when no program can run any more. */
  private check(): void {
    this.checkOpen()
    if (this.failure) throw new Error(`the engine has stopped: ${this.failure.message}`, { cause: this.failure })
  }

  /** Notes that a run broke off: variables may be half updated, so nothing runs after it. */
  private fail(error: unknown): Error {
    const reason = error instanceof Error ? error : new Error(String(error))
    this.latest = undefined
    if (!this.linearMemory) return reason
    this.failure ??=
      reason instanceof WebAssembly.RuntimeError
        ? new Error(`a computation failed: ${explainTrap(this.linear.memory.buffer, reason.message)}`, {
            cause: reason,
          })
        : reason
    return this.failure
  }

  /**
   * Times every step of a program alone, on one thread, with whatever the memory holds: milliseconds per run of the
   * program, median of `repeats`. The program's variables change; use an engine of its own.
   */
  async profile(program: Program, repeats = 30): Promise<StepTime[]> {
    const plan = makePlan(program, this.planOptions)
    const { bytes, calls } = generateCalls(plan, this.addresses, { shared: this.pool !== undefined, fused: this.fused })
    this.reserve(plan)
    const { instance } = await WebAssembly.instantiate(bytes, { env: { memory: this.linear.memory } })
    return calls.map(({ step, kernel, name }) => {
      const call = instance.exports[name] as (arena: number, scratch: number) => void
      const times = Array.from({ length: repeats + 10 }, () => {
        const started = performance.now()
        call(this.arena.address, this.scratch.address)
        return performance.now() - started
      })
      const settled = times.slice(10).sort((a, b) => a - b)
      return { step, kernel, multiplyAdds: plan.multiplyAddsOf(step), milliseconds: settled[settled.length >> 1] }
    })
  }

  /** Makes room for a plan. Plans share arena and scratch, since only one runs at a time. */
  private reserve(plan: Plan): void {
    const claim = (region: { address: number; bytes: number }, bytes: number): { address: number; bytes: number } => {
      if (region.bytes >= bytes) return region
      return { address: this.linear.enlarge(region.address, region.bytes, bytes), bytes }
    }
    this.scratch = claim(this.scratch, plan.scratchBytes * this.threads)
    this.arena = claim(this.arena, plan.arenaBytes)
  }

  private addressOf(variable: Variable): number {
    const known = this.variables.get(variable)
    if (known !== undefined) return known
    const address = this.linear.allocate(variable.value.byteLength)
    this.variables.set(variable, address)
    this.view(address, variable.tensor).set(variable.value)
    return address
  }

  private constantAddress(tensor: Tensor): number {
    const known = this.constants.get(tensor)
    if (known !== undefined) return known
    const address = this.linear.allocate(sizeOf(tensor.shape) * bytesPerElement[tensor.dtype])
    this.constants.set(tensor, address)
    if (tensor.source?.kind === 'constant') this.view(address, tensor).set(tensor.source.values)
    return address
  }

  private tableAddress(values: Int32Array): number {
    const key = values.join()
    const known = this.tables.get(key)
    if (known !== undefined) return known
    const address = this.linear.allocate(values.byteLength)
    new Int32Array(this.linear.memory.buffer, address, values.length).set(values)
    this.tables.set(key, address)
    return address
  }

  /** Address of a row-major value of a plan. */
  private locate(plan: Plan, tensor: Tensor): number {
    const value = plan.value(tensor)
    if (value?.space === 'arena') return this.arena.address + value.offset
    return value?.variable ? this.addressOf(value.variable) : this.constantAddress(storageOf(tensor))
  }

  private view(address: number, { shape, dtype }: Tensor): TypedArray {
    const { buffer } = this.linear.memory
    if (dtype === 'f32') return new Float32Array(buffer, address, sizeOf(shape))
    return dtype === 'i32'
      ? new Int32Array(buffer, address, sizeOf(shape))
      : new Uint8Array(buffer, address, sizeOf(shape))
  }
}

type ViewOf = (tensor: Tensor, known: TypedArray | undefined) => TypedArray

/** A plan with its code. */
export class WasmExecutable implements Executable {
  readonly plan: Plan
  readonly compileTime: number
  /** Kernels of the plan and the size of their code. */
  readonly kernels: GeneratedCode['kernels']
  private readonly start: () => Promise<void>
  /** Whether no other program of the engine has run since. */
  private readonly isLatest: () => boolean
  /** The tensor's memory; the known array again, unless the arena has moved or the memory has grown. */
  private readonly viewOf: ViewOf
  private readonly views = new Map<Tensor, TypedArray>()
  private running = false

  constructor(
    plan: Plan,
    code: GeneratedCode,
    compileTime: number,
    start: () => Promise<void>,
    isLatest: () => boolean,
    viewOf: ViewOf,
  ) {
    this.plan = plan
    this.compileTime = compileTime
    this.kernels = code.kernels
    this.start = start
    this.isLatest = isLatest
    this.viewOf = viewOf
  }

  input(name: string): TypedArray {
    const tensor = this.plan.inputs.find(({ source }) => source?.kind === 'input' && source.name === name)
    if (!tensor) throw new Error(`program: no input is named '${name}'`)
    return this.current(tensor)
  }

  async run(): Promise<void> {
    if (this.running) throw new Error('program: the previous run has not finished')
    this.running = true
    try {
      await this.start()
    } finally {
      this.running = false
    }
  }

  output(name: string): TypedArray {
    const tensor = this.plan.outputs[name]
    if (!tensor) throw new Error(`program: no output is named '${name}'`)
    const values = this.current(tensor)
    if (!this.isLatest()) {
      throw new Error(
        `program: output '${name}' is not there: the program has not run, or another program of the engine has run since`,
      )
    }
    return values
  }

  private current(tensor: Tensor): TypedArray {
    const known = this.views.get(tensor)
    const view = this.viewOf(tensor, known)
    if (view !== known) this.views.set(tensor, view)
    return view
  }
}
