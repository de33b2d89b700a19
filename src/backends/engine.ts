/**
 * What every backend offers: compile a program once, run it many times, keep variables between runs.
 * A backend is a plain object of this interface; nothing here knows how it computes.
 */
import type { TypedArray, Variable } from '../graph/variable.ts'
import type { MemoryNeed } from '../plan/memoryError.ts'
import type { Plan } from '../plan/plan.ts'
import type { Program } from '../plan/program.ts'
import type { InputType, RunInputs, RunOutputs, ValueType } from './operands.ts'

/** How an engine computes, for logs and `start` events. */
export interface EngineDescription {
  readonly backend: string
  /** Threads there are for a program; small ones run on one. Final once a program has been compiled. */
  readonly threads: number
  /** Why there is only one thread, where there cannot be more. */
  readonly alone?: string
  /** `relaxed` (fused multiply-add), `precise` (no relaxed SIMD), `none`. */
  readonly simd: string
  /** Whether 256-bit vectors are in use, and why (not); absent when they were not asked for. */
  readonly wide?: { readonly on: boolean; readonly reason: string }
}

/** What a run is asked for. */
export interface RunOptions {
  /** Names of the outputs to give back; all of them by default. */
  readonly read?: readonly string[]
}

/** A compiled program. */
export interface Executable {
  readonly plan: Plan
  /** Milliseconds spent planning and compiling. */
  readonly compileTime: number
  /** What the program reads, by name: every run is given all of it. An input that nothing depends on is not part of it. */
  readonly inputs: ReadonlyMap<string, InputType>
  /** What the program gives back, by name. */
  readonly outputs: ReadonlyMap<string, ValueType>
  /**
   * Computes outputs and updates when the engine's earlier work is done: calls need not wait for each other, and each gets the
   * answer that it would get alone. Inputs are taken within the call, so the caller's arrays are free as soon as it has returned.
   *
   * @returns copies of the outputs, which are the caller's to keep
   * @throws Error when an input is missing or unknown, or an output unknown; ShapeError for an input of the wrong size;
   *   RangeError for values that its type cannot hold, and for indices and labels out of range. None of these disturbs the
   *   engine. Error when the engine is closed, and when the computation itself failed: a thread was lost, or an index that
   *   the program computes was out of range. The engine then runs nothing more, what waits included, since variables may be
   *   half updated; `read` still works.
   * @example const { loss } = await step.run({ images, labels, learningRate: 0.1 })
   */
  run(inputs?: RunInputs, options?: RunOptions): Promise<RunOutputs>
}

/**
 * A backend at work: owns memory, threads, and the current values of variables. It is a queue: runs, reads and writes may be
 * asked for at any time by anyone, and are done one at a time in the order in which they were asked for. A caller that asks on
 * and on does not keep the event loop from turning, and so the others from asking.
 */
export interface Engine {
  readonly description: EngineDescription
  /**
   * Plans and compiles a program while others run.
   * @throws ShapeError when it is inconsistent; RangeError when a constant of it is an index out of range; MemoryError when it
   * does not fit; Error when the engine is closed or has stopped.
   */
  compile(program: Program): Promise<Executable>
  /** Memory that the engine would hold with a program, which is planned for that, and the most it can hold. */
  memoryFor(program: Program): MemoryNeed
  /** Copy of a variable's value, after all work that was asked for before. @throws Error when the engine is closed. */
  read(variable: Variable): Promise<TypedArray>
  /**
   * Sets a variable's value, the host's copy included, after all work that was asked for before. Values are taken within the
   * call, as those of a run.
   * @throws ShapeError when the number of elements differs; RangeError for values that the variable's type cannot hold; Error
   * when the engine is closed.
   */
  write(variable: Variable, values: ArrayLike<number>): Promise<void>
  /** Bytes of memory the engine holds for variables, arena and scratch. */
  readonly memoryBytes: number
  /** Stops the threads and lets go of the memory. What is under way or waits is rejected. */
  close(): Promise<void>
}
