/** From a program to compiled code: plans, assembles and compiles it, and checks it where wide vectors are in use. */
import { MemoryError } from '../../plan/memoryError.ts'
import { makePlan } from '../../plan/plan.ts'
import type { Program } from '../../plan/program.ts'
import type { CpuPlan } from '../cpu/layouts/form.ts'
import { type CodeOptions, type GeneratedCode, generate, generateCalls, type MeasuredCall } from './codegen.ts'
import type { MemoryMap } from './memoryMap.ts'
import type { WasmEngineOptions } from './options.ts'
import { type Compiler, compileModule } from './runtime/compile.ts'
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
  /** Kernels that need no check. */
  readonly checked?: CheckedKernels
}

/** A program ready to run. */
export interface Build {
  readonly plan: CpuPlan
  readonly code: GeneratedCode
  readonly module: WebAssembly.Module
}

/** How code is generated for a machine. */
export interface CodeChoices {
  /** Whether the memory is shared and several threads may meet. */
  readonly shared: boolean
  /** Whether relaxed fused multiply-adds may be used. */
  readonly fused: boolean
}

/** Builds the programs of one engine, with wide vectors until one of its kernels is found to be wrong with them. */
export class ProgramBuilder {
  readonly #machine: CodeChoices
  readonly #choices: Pick<WasmEngineOptions, 'innermost' | 'winograd'>
  readonly #compiler: Compiler
  readonly #checked: CheckedKernels | undefined
  #wide: WideVectors

  constructor(
    machine: CodeChoices,
    { innermost, winograd, precise = false, wide = 'off' }: WasmEngineOptions,
    tools: BuildTools,
  ) {
    this.#machine = machine
    this.#choices = { ...(innermost && { innermost }), ...(winograd !== undefined && { winograd }) }
    this.#compiler = tools.compile ?? compileModule
    this.#checked = tools.checked
    this.#wide = tools.wide ?? wideVectors(wide, precise)
  }

  /** Whether code is generated for wide vectors, and why. */
  get wide(): WideVectors {
    return this.#wide
  }

  /** Whether relaxed fused multiply-adds are used. */
  get fused(): boolean {
    return this.#machine.fused
  }

  plan(program: Program): CpuPlan {
    return makePlan(program, wasmTarget({ ...this.#choices, wide: this.#wide.on }))
  }

  /**
   * Plans, assembles and compiles a program, with wide vectors where they are in use and correct.
   * @throws MemoryError when the program does not fit the memory.
   */
  async build(program: Program, memory: MemoryMap, threads: number): Promise<Build> {
    const wide = this.#wide.on
    const plan = this.plan(program)
    const need = memory.needOf(plan, threads)
    if (need.bytes > need.limit) throw new MemoryError(need)
    for (const { variable } of plan.values) if (variable) memory.variable(variable)
    const code = generate(plan, memory, { ...this.#codeOptions, exportKernels: wide })
    const module = await this.#compiler(code.bytes, wide)
    if (!wide) return { plan, code, module }
    const problem = problemOfWide({ plan, code, module, shared: this.#machine.shared }, this.#checked)
    if (problem === undefined) return { plan, code, module }
    this.#wide = { on: false, reason: problem }
    warn(
      `wide vectors are off from now on: ${problem}. Results are right, but computing takes longer; please report this.`,
    )
    return this.build(program, memory, threads)
  }

  /** A module that exports every kernel call of a plan, for measuring. */
  async buildCalls(plan: CpuPlan, memory: MemoryMap): Promise<{ module: WebAssembly.Module; calls: MeasuredCall[] }> {
    const { bytes, calls } = generateCalls(plan, memory, this.#codeOptions)
    return { module: await this.#compiler(bytes, this.#wide.on), calls }
  }

  get #codeOptions(): CodeOptions {
    return { ...this.#machine, wide: this.#wide.on }
  }
}
