/** From a program to compiled code: plans, assembles and compiles it, and checks it where wide vectors are in use. */
import { MemoryError } from '../../plan/memoryError.ts'
import { makePlan } from '../../plan/plan.ts'
import type { Program } from '../../plan/program.ts'
import type { Target } from '../../plan/target.ts'
import type { CpuForm, CpuPlan } from '../cpu/layouts/form.ts'
import type { NativeKernels, Processor, SettledNative } from '../native/choice.ts'
import type { LinkedGroups } from '../native/link.ts'
import { linkNative, nativeKernels, problemOfNative } from '../native/native.ts'
import { type CodeOptions, type GeneratedCode, generate, generateCalls } from './codegen.ts'
import type { FunctionBuilder } from './emit/assembler.ts'
import type { VectorLanes } from './emit/lanes.ts'
import type { RunnableCall } from './measure/profile.ts'
import type { MemoryMap } from './memoryMap.ts'
import type { WasmEngineOptions } from './options.ts'
import { type Compiler, compileModule, compileQuickly } from './runtime/compile.ts'
import type { NativeGroups } from './runtime/crewTools.ts'
import { warn } from './runtime/warn.ts'
import { problemOfWide, wideVectors } from './runtime/wide.ts'
import type { CheckedKernels } from './runtime/wideCache.ts'
import type { WideVectors } from './runtime/wideChoice.ts'
import { wasmTarget } from './target.ts'

/** The tools that build programs; tests replace them. */
export interface BuildTools {
  readonly compile?: Compiler
  /** What is known about wide vectors here. */
  readonly wide?: WideVectors
  /** What is known about native kernels here. */
  readonly native?: SettledNative
  /** Kernels that need no check. */
  readonly checked?: CheckedKernels
}

/** A program ready to run. */
export interface Build {
  readonly plan: CpuPlan
  readonly code: GeneratedCode
  readonly module: WebAssembly.Module
  /** Its groups as native code, if they are. */
  readonly native?: NativeGroups
}

/** How code is generated for a machine. */
export interface CodeChoices {
  /** Whether the memory is shared and several threads may meet. */
  readonly shared: boolean
  /** Whether relaxed fused multiply-adds may be used. */
  readonly fused: boolean
}

/** What is to be planned. */
interface PlanTask {
  readonly program: Program
  readonly memory: MemoryMap
  readonly threads: number
}

/** What is to be built. */
interface BuildTask extends PlanTask {
  /** Makes room for the runs of a plan. @throws MemoryError when there is none */
  readonly makeRoom: (plan: CpuPlan) => Promise<void>
}

/** Bytes for the tables of kernels, which are known when these are made. */
const tableRoom = 2 ** 20

/** Lanes of the longest vectors of a processor. */
const lanesOf = ({ avx512 }: Processor): VectorLanes => (avx512 ? 16 : 8)

/** Builds the programs of one engine, with wide vectors until one of its kernels is found to be wrong with them. */
export class ProgramBuilder {
  readonly #machine: CodeChoices
  readonly #choices: Pick<WasmEngineOptions, 'innermost' | 'winograd'>
  readonly #compiler: Compiler
  readonly #checked: CheckedKernels | undefined
  #wide: WideVectors
  #native: SettledNative
  readonly #linked: LinkedGroups[] = []

  constructor(
    machine: CodeChoices,
    { innermost, winograd, precise = false, wide = 'off', native = 'off' }: WasmEngineOptions,
    tools: BuildTools,
  ) {
    this.#machine = machine
    this.#choices = { ...(innermost && { innermost }), ...(winograd !== undefined && { winograd }) }
    this.#compiler = tools.compile ?? compileModule
    this.#checked = tools.checked
    this.#wide = tools.wide ?? wideVectors(wide, precise)
    this.#native = tools.native ?? nativeKernels(native, precise)
  }

  /** Whether code is generated for wide vectors, and why. */
  get wide(): WideVectors {
    return this.#native.on ? { on: false, reason: 'kernels are native' } : this.#wide
  }

  /** Whether groups run as native code, and why. */
  get native(): NativeKernels {
    const { on, reason } = this.#native
    return { on, reason }
  }

  /** Gives back the pages of native code, which must not run any more. */
  close(): void {
    for (const linked of this.#linked.splice(0)) linked.release()
  }

  /** Whether relaxed fused multiply-adds are used. */
  get fused(): boolean {
    return this.#machine.fused
  }

  /** Plans a program: the first of its plans that fits the memory, or the smallest. */
  plan(program: Program, memory: MemoryMap, threads: number): CpuPlan {
    let smallest: CpuPlan | undefined
    for (const plan of this.#plans({ program, memory, threads })) {
      const { bytes, limit } = memory.needOf(plan, threads)
      if (bytes <= limit) return plan
      smallest = plan
    }
    return smallest as CpuPlan
  }

  /** The plan that takes least memory: all copies of weights are made in each run. */
  leastPlan(program: Program): CpuPlan {
    return makePlan(program, this.#target, { mostKept: 0 })
  }

  /**
   * Plans of a program, the largest and fastest first. It keeps copies of all weights in the order of the kernels; where
   * weights and copies do not both fit the memory, some or all copies are made in each run.
   */
  *#plans({ program, memory, threads }: PlanTask): Generator<CpuPlan> {
    const whole = makePlan(program, this.#target)
    yield whole
    const kept = whole.values.filter(({ space }) => space === 'kept').map(({ bytes }) => bytes)
    if (kept.length === 0) return
    const least = this.leastPlan(program)
    const { bytes, limit } = memory.needOf(least, threads)
    if (bytes <= limit) {
      const missing = Math.max(0, memory.needOf(whole, threads).bytes + tableRoom - limit)
      const all = kept.reduce((sum, copy) => sum + copy, 0)
      // A copy that is made in each run needs room as well, while it is read; branches read several.
      for (const copies of [1, 4]) {
        const mostKept = all - missing - copies * Math.max(...kept)
        if (mostKept > 0) yield makePlan(program, this.#target, { mostKept })
      }
    }
    yield least
  }

  /**
   * Plans, assembles and compiles a program, with wide vectors where they are in use and correct.
   * @throws MemoryError when the program does not fit the memory, in which nothing is left of it then.
   */
  async build(task: BuildTask): Promise<Build> {
    const { memory, threads } = task
    let refused: MemoryError | undefined
    for (const plan of this.#plans(task)) {
      const need = memory.needOf(plan, threads)
      if (need.bytes > need.limit) {
        refused = new MemoryError(need)
        continue
      }
      const takeBack = memory.attempt()
      try {
        return await this.#buildPlan(plan, task)
      } catch (error) {
        takeBack()
        // Tables of kernels and the pieces that memory is in are known only now; a page may get less than it was promised.
        if (!(error instanceof MemoryError)) throw error
        refused = error
      }
    }
    throw refused
  }

  async #buildPlan(plan: CpuPlan, task: BuildTask): Promise<Build> {
    const { memory, makeRoom } = task
    const wide = this.wide.on
    for (const { variable } of plan.values) if (variable) memory.variable(variable)
    const { processor } = this.#native
    const computes = plan.groups.length + plan.preparation.length > 0
    if (processor && computes) return this.#buildNative(plan, task, processor)
    const code = await generate(plan, memory, { ...this.#codeOptions, exportKernels: wide })
    await makeRoom(plan)
    const module = await this.#compiler(code.bytes, wide)
    if (!wide) return { plan, code, module }
    const problem = problemOfWide({ plan, code, module, shared: this.#machine.shared }, this.#checked)
    if (problem === undefined) return { plan, code, module }
    this.#wide = { on: false, reason: problem }
    warn(
      `wide vectors are off from now on: ${problem}. Results are right, but computing takes longer; please report this.`,
    )
    return this.build(task)
  }

  /** A small module that calls groups of machine code; one of WebAssembly if a kernel is found to be wrong. */
  async #buildNative(plan: CpuPlan, task: BuildTask, processor: Processor): Promise<Build> {
    const options = { ...this.#codeOptions, native: lanesOf(processor) }
    const code = await generate(plan, task.memory, options)
    await task.makeRoom(plan)
    let problem: string | undefined
    try {
      problem = problemOfNative({ plan, kernels: code.kernels, options }, processor, this.#checked)
      if (problem === undefined) {
        const native = this.#link(code.native, processor)
        // Nothing but calls, which the quick compiler is good enough for: the optimizing one takes 0.3 s for those of ResNet-18.
        return { plan, code, module: compileQuickly(code.bytes), native }
      }
    } catch (error) {
      // The system has no more pages for code, or an instruction is missing.
      problem = error instanceof Error ? error.message : String(error)
    }
    this.#native = { on: false, reason: problem }
    warn(
      `native kernels are off from now on: ${problem}. Results are right, but computing takes longer; please report this.`,
    )
    return this.build(task)
  }

  /** Every kernel call of a plan as a function of its own, for measuring. */
  async buildCalls(plan: CpuPlan, memory: MemoryMap): Promise<RunnableCall[]> {
    const { processor } = this.#native
    const native = processor && lanesOf(processor)
    const { module, calls } = generateCalls(plan, memory, { ...this.#codeOptions, ...(native && { native }) })
    if (processor && calls.length > 0) {
      const linked = this.#link(
        calls.map(({ code }) => code),
        processor,
      )
      return calls.map((call, group) => ({ ...call, run: linked.call(memory.memory, group) }))
    }
    const compiled = await this.#compiler(module.encode(), this.wide.on)
    const { exports } = await WebAssembly.instantiate(compiled, { env: { memory: memory.memory } })
    return calls.map(call => ({ ...call, run: exports[call.name] as RunnableCall['run'] }))
  }

  /** Functions as machine code, which is released with the engine. */
  #link(functions: readonly FunctionBuilder[], processor: Processor): LinkedGroups {
    const linked = linkNative(functions, processor)
    this.#linked.push(linked)
    return linked
  }

  get #target(): Target<CpuForm> {
    const { processor } = this.#native
    const native = processor && lanesOf(processor)
    return wasmTarget({ ...this.#choices, wide: this.wide.on, ...(native && { native }) })
  }

  get #codeOptions(): CodeOptions {
    return { ...this.#machine, wide: this.wide.on }
  }
}
