/** What programs see of a WebGPU engine: types that name none of the device's own, which only some environments declare. */
import type { Plan } from '../../plan/plan.ts'
import type { Program } from '../../plan/program.ts'
import type { Step } from '../../plan/step.ts'
import type { Engine, EngineDescription, Executable } from '../engine.ts'

/** Options of `createWebGPUEngine`. */
export interface WebGPUEngineOptions {
  /** Which of several graphics processors: the fast one, by default, or the one that saves energy. */
  readonly power?: 'high-performance' | 'low-power'
  /**
   * How values between a program's inputs and its outputs lie in memory: `'f32'`, by default, or `'f16'`, which halves what
   * an inference moves. Everything is computed in f32, and programs that change variables (training) are f32 throughout. A
   * value that is stored has 11 binary digits; of more than 65504 it is infinite, below 6 · 10⁻⁵ it has fewer digits.
   */
  readonly storage?: 'f32' | 'f16'
  /** Impossible here: see `createWebGPUEngine`. For programs that pass the options of any backend. */
  readonly precise?: boolean
}

/** How a WebGPU engine computes. */
export interface WebGPUDescription extends EngineDescription {
  readonly backend: 'webgpu'
  /** The graphics processor as its driver names it; browsers may tell only vendor and architecture. */
  readonly adapter: WebGPUAdapter
  /** How values between inputs and outputs are stored. */
  readonly storage: 'f32' | 'f16'
}

/** A graphics processor with its driver. */
export interface WebGPUAdapter {
  readonly name: string
  readonly vendor: string
  readonly architecture: string
  /** Whether it is a processor that acts as one: for tests, not for speed. */
  readonly software: boolean
}

/** The WebGPU engine; made by `createWebGPUEngine`. */
export interface WebGPUEngine extends Engine {
  readonly description: WebGPUDescription
  compile(program: Program): Promise<WebGPUExecutable>
  /**
   * Times every dispatch of a program by the device's own clock, with zeros as inputs: milliseconds, median of `repeats`.
   * The program's variables change; use a separate engine.
   * @throws Error when the device has no clock (`timestamp-query`), as in browsers that do not allow it.
   */
  profile(program: Program, repeats?: number): Promise<StepTime[]>
}

/** A compiled program: its plan, and the work of a run. */
export interface WebGPUExecutable extends Executable {
  /** How it is computed, for inspection: `formatPlan(plan)` of `fovea/debug` is a table of its steps. */
  readonly plan: Plan
  readonly compileTime: number
  readonly memoryBytes: number
  /** Dispatches, bytes and floating-point operations of one run. */
  readonly work: WorkCount
}

/** The work of one run, counted from the plan. */
export interface WorkCount {
  /** Dispatches of a run, without those ahead of the runs. */
  readonly dispatches: number
  /** Bytes that the steps read and write, each value once a step: the least that they move. */
  readonly bytes: number
  /** Floating-point operations of contractions, as they are computed: two for each multiply-add, in transforms of Winograd's too. */
  readonly flops: number
}

/** Time of one dispatch of a step. */
export interface StepTime {
  readonly step: Step
  /** Whether the step runs ahead of the runs instead of in each run. */
  readonly ahead: boolean
  readonly workgroups: number
  /** Of the step, whose dispatches share them. */
  readonly multiplyAdds: number
  readonly milliseconds: number
}
