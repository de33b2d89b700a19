/**
 * What every backend offers: compile a program once, run it many times, keep variables between runs.
 * A backend is a plain object of this interface; nothing here knows how it computes.
 */
import type { TypedArray, Variable } from '../graph/variable.ts'
import type { Plan } from '../plan/plan.ts'
import type { Program } from '../plan/program.ts'

/** How an engine computes, for logs and `start` events. */
export interface EngineDescription {
  readonly backend: string
  readonly threads: number
  /** `relaxed` (fused multiply-add), `precise` (no relaxed SIMD), `none`. */
  readonly simd: string
}

/** A compiled program. Runs do not overlap; `run` may be called again once its promise has settled. */
export interface Executable {
  readonly plan: Plan
  /** Milliseconds spent planning and compiling. */
  readonly compileTime: number
  /**
   * The memory a batch is written to before `run`: `f32`, `i32` or `u8` elements, row-major. The array may change
   * between runs; ask for it anew each time.
   * @throws Error when the program has no input of that name.
   */
  input(name: string): TypedArray
  /** Computes all outputs and updates. @throws Error when a thread failed; the engine is then unusable. */
  run(): Promise<void>
  /** Result of the last run, row-major, valid until the next run: copy what you keep. */
  output(name: string): TypedArray
}

/** A backend at work: owns memory, threads, and the current values of variables. */
export interface Engine {
  readonly description: EngineDescription
  /** Plans and compiles a program. @throws ShapeError when it is inconsistent. */
  compile(program: Program): Promise<Executable>
  /** Copy of a variable's current value. */
  read(variable: Variable): TypedArray
  /** Sets a variable's current value. @throws ShapeError when the number of elements differs. */
  write(variable: Variable, values: ArrayLike<number>): void
  /** Bytes of memory the engine holds for variables, arena and scratch. */
  readonly memoryBytes: number
  /** Stops the threads and lets go of the memory. */
  close(): Promise<void>
}
