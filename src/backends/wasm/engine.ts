/**
 * The WebAssembly backend: plans are assembled into modules at run time and run on threads over one memory.
 */

import { Turns } from '../../async/turns.ts'
import { bytesPerElement, sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { TypedArray, Variable } from '../../graph/variable.ts'
import { MemoryError, type MemoryNeed } from '../../plan/memoryError.ts'
import { makePlan } from '../../plan/plan.ts'
import type { Program } from '../../plan/program.ts'
import { storageOf } from '../../plan/step.ts'
import type { CpuPlan } from '../cpu/layouts/form.ts'
import type { Engine } from '../engine.ts'
import { checkValues, copyOf } from '../operands.ts'
import { type Addresses, type GeneratedCode, generate, generateCalls } from './codegen.ts'
import { WasmExecutable } from './executable.ts'
import { type StepTime, timeCalls } from './measure/profile.ts'
import type { WasmDescription, WasmEngineOptions } from './options.ts'
import { type Compiler, compileModule, compileQuickly } from './runtime/compile.ts'
import { explainTrap } from './runtime/control.ts'
import { Crew } from './runtime/crew.ts'
import {
  checkThreads,
  defaultThreads,
  hasRelaxedSimd,
  mayWait,
  obstacleToThreads,
  requireWebAssembly,
} from './runtime/features.ts'
import { LinearMemory } from './runtime/memory.ts'
import { type WideVectors, warn, wideVectors } from './runtime/wide.ts'
import { type CheckedKernels, checkedKernels } from './runtime/wideCache.ts'
import { differingKernels, trialOf } from './runtime/wideCheck.ts'
import type { isWorthSharing } from './runtime/work.ts'
import { wasmTarget } from './target.ts'

/**
 * Starts an engine.
 * @throws Error when `threads` is not a whole number from 1 to 64, for `wide: 'on'` where wide vectors are impossible, and
 *   where there is no WebAssembly with SIMD.
 */
export function createWasmEngine(options: WasmEngineOptions = {}): WasmEngine {
  return createWasmEngineWith({}, options)
}

/** {@link createWasmEngine}, with other tools than its own. */
export function createWasmEngineWith(tools: EngineTools, options: WasmEngineOptions = {}): WasmEngine {
  requireWebAssembly()
  const wanted = options.threads === undefined ? defaultThreads() : checkThreads(options.threads)
  const threads = obstacleToThreads() === undefined ? wanted : 1
  return new WasmEngine(threads, !options.precise && hasRelaxedSimd(), mayWait(), options, tools)
}

/** What an engine uses to make modules and to run them; tests put others in its place. */
export interface EngineTools {
  readonly compile?: Compiler
  /** What is known of wide vectors here. */
  readonly wide?: WideVectors
  /** Kernels that need no check. */
  readonly checked?: CheckedKernels
  /** Whether a program is run by all threads, or by one. */
  readonly isWorthSharing?: typeof isWorthSharing
}

/** A program ready to be run. */
interface Build {
  readonly plan: CpuPlan
  readonly code: GeneratedCode
  readonly module: WebAssembly.Module
}

/** The WebAssembly engine; made by {@link createWasmEngine}. */
export class WasmEngine implements Engine {
  private readonly fused: boolean
  private readonly choices: Pick<WasmEngineOptions, 'innermost' | 'winograd'>
  private readonly compiler: Compiler
  private readonly checked: CheckedKernels | undefined
  private wide: WideVectors
  private readonly wideWanted: boolean
  /** Counts changes of variables: what programs have prepared from older values is out of date. */
  private changes = 0
  /** Let go of when the engine is closed. */
  private linearMemory: LinearMemory | undefined
  private readonly shared: boolean
  private readonly crew: Crew
  private readonly variables = new Map<Variable, number>()
  private readonly constants = new Map<Tensor, number>()
  private readonly tables = new Map<string, number>()
  private arena = { address: 0, bytes: 0 }
  /** Of whatever touches the arena, the values of variables, or the threads. */
  private readonly turns = new Turns()
  /** Of planning and compiling, which share the memory's allocator and the checks of wide vectors. */
  private readonly compilations = new Turns()
  private failure: Error | undefined
  private readonly addresses: Addresses = {
    variable: variable => this.addressOf(variable),
    constant: tensor => this.constantAddress(tensor),
    kept: tensor => this.constantAddress(tensor),
    table: values => this.tableAddress(values),
  }

  /** @param takesPart whether the calling thread computes too, when there are several; never on a page */
  constructor(
    threads: number,
    fused: boolean,
    takesPart = mayWait(),
    { innermost, winograd, precise = false, wide = 'off' }: WasmEngineOptions = {},
    tools: EngineTools = {},
  ) {
    this.fused = fused
    this.choices = { ...(innermost && { innermost }), ...(winograd !== undefined && { winograd }) }
    this.wide = tools.wide ?? wideVectors(wide, precise)
    this.wideWanted = tools.wide !== undefined || wide !== 'off'
    this.compiler = tools.compile ?? compileModule
    this.checked = tools.checked
    this.shared = threads > 1
    this.linearMemory = new LinearMemory(this.shared)
    this.crew = new Crew(threads, this.linear.memory, takesPart, tools.isWorthSharing)
  }

  get description(): WasmDescription {
    const { fused, wide, wideWanted } = this
    const { threads, alone } = this.crew
    const simd = fused ? 'relaxed' : 'precise'
    return {
      backend: 'wasm',
      detail: `${threads} thread${threads === 1 ? '' : 's'}, SIMD: ${simd}${wideWanted && wide.on ? ', wide' : ''}`,
      threads,
      ...(alone !== undefined && { alone }),
      simd,
      ...(wideWanted && { wide }),
    }
  }

  get memoryBytes(): number {
    return this.linearMemory?.used ?? 0
  }

  async compile(program: Program): Promise<WasmExecutable> {
    return this.compilations.take(() => this.compileNow(program))
  }

  private async compileNow(program: Program): Promise<WasmExecutable> {
    this.check()
    const started = performance.now()
    const { plan, code, module } = await this.build(program)
    const start = await this.turns.take(() => this.load(plan, module))
    let prepared = -1
    const { kernels } = code
    const memoryBytes = plan.arenaBytes + plan.scratchBytes * this.crew.threads
    const compileTime = performance.now() - started
    return new WasmExecutable(
      program,
      { plan, kernels, compileTime, memoryBytes },
      {
        turns: this.turns,
        check: () => this.check(),
        compute: async () => {
          try {
            await start(prepared !== this.changes)
          } catch (error) {
            throw this.fail(error)
          }
          // The program's own updates do not touch what it has prepared.
          if (program.updates.size > 0) this.changes++
          prepared = this.changes
        },
        viewOf: (tensor, known) => {
          const address = this.locate(plan, tensor)
          const current = known?.byteOffset === address && known.buffer === this.linear.memory.buffer
          return current ? known : this.view(address, tensor)
        },
      },
    )
  }

  /** Makes room for a program and gives it to the threads, or to one. @returns what runs it, with its preparation or without */
  private async load(
    plan: CpuPlan,
    module: WebAssembly.Module,
  ): Promise<(prepare: boolean) => Promise<void> | undefined> {
    await this.crew.start()
    this.check()
    this.reserve(plan)
    const start = await this.crew.load(plan, module, this.linear.memory)
    return prepare => start(this.arena.address, this.scratchOf(plan), prepare)
  }

  memoryFor(program: Program): MemoryNeed {
    this.check()
    return this.needOf(this.planOf(program))
  }

  private planOf(program: Program): CpuPlan {
    return makePlan(program, wasmTarget({ ...this.choices, wide: this.wide.on }))
  }

  private needOf({ values, arenaBytes, scratchBytes }: CpuPlan): MemoryNeed {
    const arena = Math.max(this.arena.bytes, arenaBytes + scratchBytes * this.crew.threads)
    const more = new Set(
      values.flatMap(({ variable }) => (variable && !this.variables.has(variable) ? [variable] : [])),
    )
    const variables = [...more].reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement[dtype], 0)
    return { bytes: this.memoryBytes - this.arena.bytes + variables + arena, limit: this.linear.limit }
  }

  /** Plans, assembles and compiles a program, with wide vectors where they are used and right. */
  private async build(program: Program): Promise<Build> {
    const wide = this.wide.on
    const plan = this.planOf(program)
    const need = this.needOf(plan)
    if (need.bytes > need.limit) throw new MemoryError(need)
    for (const { variable } of plan.values) if (variable) this.addressOf(variable)
    const code = generate(plan, this.addresses, { ...this.codeOptions, exportKernels: wide })
    const module = await this.compiler(code.bytes, wide)
    if (!wide) return { plan, code, module }
    const problem = this.problemOf(plan, code, module)
    if (problem === undefined) return { plan, code, module }
    this.wide = { on: false, reason: problem }
    warn(
      `wide vectors are off from now on: ${problem}. Results are right, but computing takes longer; please report this.`,
    )
    return this.build(program)
  }

  /** What is wrong with a module's wide vectors, if anything. Kernels that have been checked before are not tried again. */
  private problemOf(plan: CpuPlan, { bytes, kernels }: GeneratedCode, module: WebAssembly.Module): string | undefined {
    const checked = this.checked ?? checkedKernels()
    const unknown = kernels.filter(({ code }) => !checked.has(code))
    if (unknown.length === 0) return undefined
    const trials = unknown.map(({ step, call, name }) => trialOf(plan, step, call, name))
    try {
      const [first, ...others] = differingKernels(trials, compileQuickly(bytes), module, this.codeOptions.shared)
      if (first !== undefined) {
        const more = others.length > 0 ? ` and ${others.length} more` : ''
        return `the kernel '${first.slice(0, 80)}'${more} computes something else with them than without`
      }
    } catch (error) {
      return `they cannot be checked: ${error instanceof Error ? error.message : String(error)}`
    }
    checked.add(unknown.map(({ code }) => code))
    return undefined
  }

  private get codeOptions(): { shared: boolean; fused: boolean; wide: boolean } {
    return { shared: this.shared, fused: this.fused, wide: this.wide.on }
  }

  async read(variable: Variable): Promise<TypedArray> {
    return this.turns.take(async () => {
      this.checkOpen()
      const address = this.variables.get(variable)
      if (address === undefined) return variable.value.slice()
      // A copy in private memory, also when the engine's memory is shared.
      return copyOf(variable, this.view(address, variable.tensor))
    })
  }

  async write(variable: Variable, values: ArrayLike<number>): Promise<void> {
    checkValues(variable.name, variable, values)
    const taken = this.turns.isFree ? values : copyOf(variable, values)
    return this.turns.take(async () => {
      this.checkOpen()
      variable.setValue(taken)
      this.changes++
      const address = this.variables.get(variable)
      if (address !== undefined) this.view(address, variable.tensor).set(taken)
    })
  }

  async close(): Promise<void> {
    this.linearMemory = undefined
    await this.crew.close()
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
    this.check()
    const wide = this.wide.on
    const plan = this.planOf(program)
    const { bytes, calls } = generateCalls(plan, this.addresses, this.codeOptions)
    const module = await this.compiler(bytes, wide)
    const instance = await WebAssembly.instantiate(module, { env: { memory: this.linear.memory } })
    return this.turns.take(async () => {
      this.check()
      this.reserve(plan)
      return timeCalls(calls, instance.exports, [this.arena.address, this.scratchOf(plan)], repeats)
    })
  }

  /** Makes room for a plan: its arena, and behind it the scratch of its threads. Plans share it, since only one runs at a time. */
  private reserve(plan: CpuPlan): void {
    const bytes = plan.arenaBytes + plan.scratchBytes * this.crew.threads
    if (this.arena.bytes >= bytes) return
    this.arena = { address: this.linear.enlarge(this.arena.address, this.arena.bytes, bytes), bytes }
  }

  private scratchOf({ arenaBytes }: CpuPlan): number {
    return this.arena.address + arenaBytes
  }

  private addressOf(variable: Variable): number {
    const known = this.variables.get(variable)
    if (known !== undefined) return known
    const address = this.linear.allocate(sizeOf(variable.shape) * bytesPerElement[variable.dtype])
    this.variables.set(variable, address)
    variable.copyTo(this.view(address, variable.tensor))
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
  private locate(plan: CpuPlan, tensor: Tensor): number {
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
