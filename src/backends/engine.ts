/**
 * The contract of every backend. A backend is a plain object of {@link Engine}; nothing here knows how it computes.
 *
 * To write one:
 *
 * - Give it a name in {@link backendNames}, and `createEngine` (`createEngine.ts`) its options.
 * - `compile` takes a program: a graph of the operations of the op table (`graph/table.ts`), whose `reference` facets define what
 *   is computed. Either evaluate the graph as it is, as `reference/engine.ts` does, or have it planned: `makePlan(program,
 *   target)` fuses, orders and places; the target (`plan/target.ts`) says what the backend's kernels can do. What is new is then
 *   a kernel for each operation, in a table whose type makes a missing one a compile error.
 * - `run`, `read` and `write` are a queue (`async/turns.ts` is one). Take what is given within the call, check it first
 *   (`operands.ts`), and give back copies. Only what `read` names has to leave the device.
 * - Assume nothing of who calls: several trainers and evaluators share an engine, and programs share its variables. A variable's
 *   values are the engine's from the first program that knows it; the host's copy is what they were before.
 * - An error of a call is an error of that call alone. When a computation itself breaks off, every later call fails too.
 * - `test/backends/conformance.ts` runs on every engine; it decides.
 */
import type { TypedArray, Variable } from '../graph/variable.ts'
import type { MemoryNeed } from '../plan/memoryError.ts'
import type { Program } from '../plan/program.ts'
import type { InputType, RunInputs, RunOutputs, ValueType } from './operands.ts'

/** The backends there are; the first is the default. */
export const backendNames = ['wasm', 'reference'] as const

/** Name of a backend. */
export type BackendName = (typeof backendNames)[number]

/** How an engine computes, for logs and `start` events. A backend may add fields of its own. */
export interface EngineDescription {
  /** Its name; one of {@link backendNames} for engines of `createEngine`. */
  readonly backend: string
  /** What it computes with, for people: `2 threads, SIMD: relaxed`. */
  readonly detail: string
}

/** What a run is asked for. */
export interface RunOptions {
  /** Names of the outputs to give back; all of them by default. */
  readonly read?: readonly string[]
}

/** A compiled program. */
export interface Executable {
  /** Milliseconds spent planning and compiling. */
  readonly compileTime: number
  /** Bytes that a run takes besides the variables. Programs of one engine may share them, since only one runs at a time. */
  readonly memoryBytes: number
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
