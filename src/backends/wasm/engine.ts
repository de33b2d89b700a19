/**
 * The WebAssembly backend: assembles plans into modules at run time and runs them on threads over one memory.
 *
 * The engine decides what may happen when. `builder.ts` turns a program into code, `memoryMap.ts` decides where values
 * are stored, and `runtime/crew.ts` decides which threads compute.
 */

import { Turns } from '../../async/turns.ts'
import type { TypedArray, Variable } from '../../graph/variable.ts'
import type { MemoryNeed } from '../../plan/memoryError.ts'
import { gcd } from '../../plan/place.ts'
import type { Program } from '../../plan/program.ts'
import type { CpuPlan } from '../cpu/layouts/form.ts'
import { cacheLine } from '../cpu/target.ts'
import type { Engine, Region } from '../engine.ts'
import { checkValues, copyOf } from '../operands.ts'
import { placesIn } from '../region.ts'
import { StoppedError } from '../stoppedError.ts'
import { type BuildTools, ProgramBuilder } from './builder.ts'
import { type EngineSide, WasmExecutable } from './executable.ts'
import { type StepTime, timeCalls } from './measure/profile.ts'
import { MemoryMap } from './memoryMap.ts'
import type { WasmDescription, WasmEngineOptions } from './options.ts'
import { type Piece, piecesOf } from './pieces.ts'
import { explainTrap } from './runtime/control.ts'
import { Crew, type LoadedCode } from './runtime/crew.ts'
import type { CrewTools, Work } from './runtime/crewTools.ts'
import {
  checkThreads,
  defaultThreads,
  hasRelaxedSimd,
  mayWait,
  obstacleToThreads,
  requireWebAssembly,
} from './runtime/features.ts'

/**
 * Starts an engine.
 * @throws Error when `threads` is not a whole number from 1 to 64, for `wide: 'on'` where wide vectors are impossible,
 *   and where there is no WebAssembly with SIMD.
 */
export function createWasmEngine(options: WasmEngineOptions = {}): WasmEngine {
  return createWasmEngineWith({}, options)
}

/** {@link createWasmEngine} with given tools. */
export function createWasmEngineWith(tools: EngineTools, options: WasmEngineOptions = {}): WasmEngine {
  requireWebAssembly()
  const wanted = options.threads === undefined ? defaultThreads() : checkThreads(options.threads)
  const threads = obstacleToThreads() === undefined ? wanted : 1
  const fused = !options.precise && hasRelaxedSimd()
  return new WasmEngine({ threads, fused, takesPart: mayWait() }, options, tools)
}

/** The tools with which an engine makes modules and runs them; tests replace them. */
export interface EngineTools extends BuildTools, CrewTools {
  /** Pages of 64 KiB that the memory may have; as many as there can be by default. */
  readonly mostPages?: number
}

/** What an engine computes with. */
export interface EngineMachine {
  readonly threads: number
  /** Whether relaxed fused multiply-adds may be used. */
  readonly fused: boolean
  /** Whether the calling thread computes too when there are several threads; never on a page. */
  readonly takesPart: boolean
}

/** The WebAssembly engine; made by {@link createWasmEngine}. */
export class WasmEngine implements Engine {
  readonly #builder: ProgramBuilder
  readonly #crew: Crew
  /** Released when the engine is closed. */
  #openMemory: MemoryMap | undefined
  readonly #wideWanted: boolean
  readonly #nativeWanted: boolean
  /** Counts changes of variables: anything that programs have prepared from older values is out of date. */
  #changes = 0
  /** For all work that touches the arena, the values of variables, or the threads. */
  readonly #turns = new Turns()
  /** For planning and compiling, which share the memory's allocator and the checks of wide vectors. */
  readonly #compilations = new Turns()
  #failure: StoppedError | undefined

  constructor({ threads, fused, takesPart }: EngineMachine, options: WasmEngineOptions = {}, tools: EngineTools = {}) {
    const shared = threads > 1
    this.#builder = new ProgramBuilder({ shared, fused }, options, tools)
    this.#wideWanted = tools.wide !== undefined || (options.wide ?? 'off') !== 'off'
    this.#nativeWanted = tools.native !== undefined || (options.native ?? 'off') !== 'off'
    const memory = new MemoryMap(shared, tools.mostPages)
    this.#openMemory = memory
    this.#crew = new Crew(threads, memory.memory, takesPart, tools)
  }

  get description(): WasmDescription {
    const { fused, wide, native } = this.#builder
    const { threads, alone } = this.#crew
    const wideWanted = this.#wideWanted
    const simd = fused ? 'relaxed' : 'precise'
    const code = native.on ? `native: ${native.reason}` : `SIMD: ${simd}${wideWanted && wide.on ? ', wide' : ''}`
    return {
      backend: 'wasm',
      detail: `${threads} thread${threads === 1 ? '' : 's'}, ${code}`,
      threads,
      ...(alone !== undefined && { alone }),
      simd,
      ...(wideWanted && { wide }),
      ...(this.#nativeWanted && { native }),
    }
  }

  get memoryBytes(): number {
    return this.#openMemory?.bytes ?? 0
  }

  async compile(program: Program): Promise<WasmExecutable> {
    return this.#compilations.take(() => this.#compile(program))
  }

  async #compile(program: Program): Promise<WasmExecutable> {
    this.#check()
    const started = performance.now()
    const { threads } = this.#crew
    const { plan, code, module, native } = await this.#builder.build({
      program,
      memory: this.#memory,
      threads,
      makeRoom: plan => this.#turns.take(async () => this.#memory.reserve(plan, threads)),
    })
    const start = await this.#turns.take(() => this.#load(plan, { module, ...(native && { native }) }))
    const memoryBytes = plan.arenaBytes + plan.scratchBytes * threads
    const compileTime = performance.now() - started
    return new WasmExecutable(
      program,
      { plan, kernels: code.kernels, compileTime, memoryBytes },
      {
        turns: this.#turns,
        check: () => this.#check(),
        compute: this.#runner(program, plan, start),
        viewOf: (tensor, known) => this.#memory.viewOf(plan, tensor, known),
      },
    )
  }

  /**
   * Gives a program to all threads, or to one.
   * @returns a function that runs it, or some of its groups
   */
  async #load(plan: CpuPlan, code: LoadedCode): Promise<(work: Work) => Promise<void> | undefined> {
    this.#check()
    const start = await this.#crew.load(plan, code, this.#memory.memory)
    return work => {
      const { arena, scratch } = this.#memory.arenaOf(plan)
      return start(arena, scratch, work)
    }
  }

  /** Runs a program, in pieces if there are pauses, with its preparation if variables have changed since the last one. */
  #runner(program: Program, plan: CpuPlan, start: (work: Work) => Promise<void> | undefined): EngineSide['compute'] {
    let prepared = -1
    let pieces: readonly Piece[] | undefined
    return async pause => {
      try {
        const prepare = prepared !== this.#changes
        if (pause) {
          pieces ??= piecesOf(plan)
          for (const [k, { from, to, updated }] of pieces.entries()) {
            await start({ prepare: prepare && k === 0, from, to })
            await pause({ updated, isLast: k === pieces.length - 1 })
          }
        } else await start({ prepare, from: 0, to: plan.groups.length })
      } catch (error) {
        throw this.#fail(error)
      }
      // The program's own updates do not touch what it has prepared.
      if (program.updates.size > 0) this.#changes++
      prepared = this.#changes
    }
  }

  memoryFor(program: Program): MemoryNeed {
    this.#check()
    return this.#memory.needOf(this.#builder.leastPlan(program), this.#crew.threads)
  }

  async read(variable: Variable): Promise<TypedArray> {
    return this.#turns.take(async () => {
      const values = this.#memory.valuesOf(variable)
      // A copy in private memory, even when the engine's memory is shared.
      return values ? copyOf(variable, values) : variable.value.slice()
    })
  }

  async write(variable: Variable, values: ArrayLike<number>): Promise<void> {
    checkValues(variable.name, variable, values)
    const taken = this.#turns.isFree ? values : copyOf(variable, values)
    return this.#turns.take(async () => {
      const memory = this.#memory
      variable.setValue(taken)
      this.#changes++
      memory.valuesOf(variable)?.set(taken)
    })
  }

  region(variables: readonly Variable[], multiple: number): Region {
    const line = cacheLine / Float32Array.BYTES_PER_ELEMENT
    const { offsets, length } = placesIn(variables, (line * multiple) / gcd(line, multiple))
    const address = this.#memory.region(variables, offsets, length)
    const view = () => new Float32Array(this.#memory.memory.buffer, address, length)
    const use = <T>(work: (values: Float32Array) => T | Promise<T>): Promise<T> =>
      this.#turns.take(async () => work(view()))
    const places = new Map(variables.map((variable, k) => [variable, k]))
    return {
      offsets,
      length,
      read: use,
      change: work =>
        use(values => {
          this.#changes++
          return work(values)
        }),
      changeDuring: (run, work) =>
        run({
          pause: ({ updated, isLast }) => {
            this.#changes++
            return work(view(), { updated: updated.flatMap(variable => places.get(variable) ?? []), isLast })
          },
        }),
    }
  }

  /**
   * Times every step of a program separately, on one thread, with zeros as inputs: milliseconds per run of the program,
   * median of `repeats`. The program's variables change; use a separate engine.
   */
  async profile(program: Program, repeats = 30): Promise<StepTime[]> {
    this.#check()
    const { plan, calls } = await this.#compilations.take(async () => {
      const plan = this.#builder.plan(program, this.#memory, this.#crew.threads)
      return { plan, calls: await this.#builder.buildCalls(plan, this.#memory) }
    })
    return this.#turns.take(async () => {
      this.#check()
      this.#memory.reserve(plan, this.#crew.threads)
      // What an earlier program left there may be no label or index of this one.
      this.#memory.clearArena(plan)
      const { arena, scratch } = this.#memory.arenaOf(plan)
      return timeCalls(calls, [arena, scratch], repeats)
    })
  }

  async close(): Promise<void> {
    this.#openMemory = undefined
    await this.#crew.close()
    this.#builder.close()
  }

  /** @throws Error when the engine is closed. */
  get #memory(): MemoryMap {
    if (!this.#openMemory) throw new Error('the engine is closed')
    return this.#openMemory
  }

  /** @throws Error when programs can no longer run. */
  #check(): void {
    if (!this.#openMemory) throw new Error('the engine is closed')
    if (this.#failure) throw StoppedError.after(this.#failure)
  }

  /** Records that a run broke off: variables may be half updated, so nothing runs after it. */
  #fail(error: unknown): Error {
    const reason = error instanceof Error ? error : new Error(String(error))
    if (!this.#openMemory) return reason
    if (this.#failure) return this.#failure
    const message =
      reason instanceof WebAssembly.RuntimeError
        ? `a computation failed: ${explainTrap(this.#openMemory.memory.buffer, reason.message)}`
        : reason.message
    this.#failure = new StoppedError(message, { cause: reason })
    return this.#failure
  }
}
