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
  /** Whether 256-bit vectors are in use, and why (not); absent when they were not asked for. */
  readonly wide?: { readonly on: boolean; readonly reason: string }
}

/** A compiled program. Runs do not overlap; `run` may be called again once its promise has settled. */
export interface Executable {
  readonly plan: Plan
  /** Milliseconds spent planning and compiling. */
  readonly compileTime: number
  /**
   * The memory a batch is written to before `run`: `f32`, `i32` or `u8` elements, row-major. What is written stays for
   * the next runs of this program, until another program of the engine runs. The array may change when a program is
   * compiled; ask for it anew each time.
   * @throws Error when the program has no input of that name (one that nothing depends on is not part of it).
   */
  input(name: string): TypedArray
  /**
   * Computes all outputs and updates.
   * @throws Error when another run has not finished, when the engine is closed, and when the computation failed: a thread
   *   was lost, or an index or label was out of range. After a failure the engine runs nothing more, since variables may
   *   be half updated; `read` still works.
   */
  run(): Promise<void>
  /**
   * Result of the last run, row-major, valid until the next run of any program of the engine: copy what you keep.
   * @throws Error when the program has no output of that name, has not run, or is not the last one that ran.
   */
  output(name: string): TypedArray
}

/** A backend at work: owns memory, threads, and the current values of variables. */
export interface Engine {
  readonly description: EngineDescription
  /**
   * Plans and compiles a program. Several may be compiled at once; they take turns.
   * @throws ShapeError when it is inconsistent; Error when the engine is closed or has stopped.
   */
  compile(program: Program): Promise<Executable>
  /** Copy of a variable's current value. @throws Error when the engine is closed. */
  read(variable: Variable): TypedArray
  /** Sets a variable's current value. @throws ShapeError when the number of elements differs; Error when the engine is closed. */
  write(variable: Variable, values: ArrayLike<number>): void
  /** Bytes of memory the engine holds for variables, arena and scratch. */
  readonly memoryBytes: number
  /** Stops the threads and lets go of the memory. */
  close(): Promise<void>
}
