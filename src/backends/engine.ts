/**
 * The contract of every backend. A backend is a plain {@link Engine} object; nothing here knows how it computes.
 *
 * To write one:
 *
 * - Add its name to {@link backendNames} and its options to `createEngine` (`createEngine.ts`).
 * - `compile` takes a program: a graph of operations from the op table (`graph/table.ts`), whose `reference` facets
 *   define what is computed. Either evaluate the graph directly, as `reference/engine.ts` does, or have it planned:
 *   `makePlan(program, target)` fuses, orders and places its steps; the target (`plan/target.ts`) says what the
 *   backend's kernels can do. All you then add is a kernel for each operation, in a table whose type makes a missing
 *   one a compile error.
 * - `run`, `read` and `write` form a queue (`async/turns.ts` is one). Check the arguments (`operands.ts`) and copy them
 *   within the call, and return copies. Only the outputs named by `read` have to leave the device.
 * - Assume nothing about the callers: several trainers and evaluators share an engine, and programs share its
 *   variables. The engine owns a variable's values from the first program that uses it; the host's copy keeps the
 *   earlier ones.
 * - An error in a call concerns that call alone. When a computation itself breaks off, every later call fails too.
 * - `test/backends/conformance.ts` runs on every engine and has the last word.
 */
import type { TypedArray, Variable } from '../graph/variable.ts'
import type { MemoryNeed } from '../plan/memoryError.ts'
import type { Program } from '../plan/program.ts'
import type { InputType, RunInputs, RunOutputs, ValueType } from './operands.ts'

/** All backends; the first is the default. */
export const backendNames = ['wasm', 'reference', 'webgpu'] as const

/** Name of a backend. */
export type BackendName = (typeof backendNames)[number]

/** How an engine computes, for logs and `start` events. A backend may add fields. */
export interface EngineDescription {
  /** Its name; one of {@link backendNames} for engines of `createEngine`. */
  readonly backend: string
  /** What it computes with, in readable form: `2 threads, SIMD: relaxed`. */
  readonly detail: string
}

/** Options of a run. */
export interface RunOptions {
  /** Names of the outputs to return; all of them by default. */
  readonly read?: readonly string[]
  /**
   * Called between two pieces of the run, of a millisecond or so each, and when all is computed: the run goes on when
   * its promise settles. It must not ask the engine for anything, and an error of it ends the engine as one of the
   * computation does. Engines without `region` compute all at once and do not call it; use {@link Region.changeDuring}.
   */
  readonly pause?: (pause: RunPause) => void | Promise<void>
}

/** A pause of a run. */
export interface RunPause {
  /** Variables that have got their new values since the last pause. */
  readonly updated: readonly Variable[]
  /** Whether all is computed. */
  readonly isLast: boolean
}

/** A pause of a run that computes values of a region. */
export interface RegionPause {
  /** Which of the region's variables, by their place in its order, have got their new values since the last pause. */
  readonly updated: readonly number[]
  /** Whether all is computed. */
  readonly isLast: boolean
}

/** A compiled program. */
export interface Executable {
  /** Milliseconds spent planning and compiling. */
  readonly compileTime: number
  /**
   * Bytes that a run takes besides the variables. An engine's programs may share them, since only one runs at a time.
   */
  readonly memoryBytes: number
  /**
   * The inputs that the program reads, by name. Every run needs all of them. Those that nothing depends on are left
   * out.
   */
  readonly inputs: ReadonlyMap<string, InputType>
  /** The outputs of the program, by name. */
  readonly outputs: ReadonlyMap<string, ValueType>
  /**
   * Computes outputs and updates once the engine's earlier work is done. Calls need not wait for each other: each gets
   * the answer that it would get alone. Inputs are copied within the call, so the caller may reuse its arrays as soon
   * as the call returns.
   *
   * @returns copies of the outputs, which are the caller's to keep
   * @throws Error when an input is missing or unknown, or an output unknown; ShapeError for an input of the wrong size;
   *   RangeError for values that its type cannot hold, and for indices and labels out of range. None of these disturbs
   *   the engine. Error when it is closed. StoppedError when the computation itself failed: a thread or the graphics
   *   device was lost, or an index that the program computes was out of range. The engine then runs nothing more, not
   *   even queued work, since variables may be half updated; `read` still works where the memory is left.
   * @example const { loss } = await step.run({ images, labels, learningRate: 0.1 })
   */
  run(inputs?: RunInputs, options?: RunOptions): Promise<RunOutputs>
}

/** Variables that lie side by side in memory: see `regionOf` in `region.ts`. */
export interface Region {
  /** Numbers of the region: those of the variables in their order, and zeros where nothing lies. */
  readonly length: number
  /** Place of each variable's first number. */
  readonly offsets: readonly number[]
  /**
   * Shows the values after all work requested earlier, and before any later. The array is the engine's memory: it is
   * valid until the work ends, and must not be changed.
   */
  read<T>(work: (values: Float32Array) => T | Promise<T>): Promise<T>
  /** As `read`, and what the work writes into the array are the variables' new values. */
  change<T>(work: (values: Float32Array) => T | Promise<T>): Promise<T>
  /**
   * As `change`, while a run computes the values: the work is done in the run's pauses, and may change the numbers of
   * variables that have got their new values and that the run does not read. Where an engine computes all at once, there
   * is one pause, at the end.
   * @param run begins the run, with the given options among its own
   */
  changeDuring<T>(
    run: (options: Pick<RunOptions, 'pause'>) => Promise<T>,
    work: (values: Float32Array, pause: RegionPause) => void | Promise<void>,
  ): Promise<T>
}

/**
 * A backend at work: owns memory, threads, and the current values of variables. It is a queue: anyone may request runs,
 * reads and writes at any time, and they are done one at a time, in the order of the requests. A caller that keeps
 * requesting does not block the event loop, so others get their turn.
 */
export interface Engine {
  readonly description: EngineDescription
  /**
   * Plans and compiles a program while others run.
   * @throws ShapeError when the program is inconsistent; RangeError when one of its constants is an index out of range;
   * MemoryError when it does not fit; Error when the engine is closed; StoppedError when it has stopped.
   */
  compile(program: Program): Promise<Executable>
  /**
   * The least memory that the engine would hold with a program, and the most it can hold. Where there is room, it also
   * keeps copies of weights. Plans the program to find out.
   */
  memoryFor(program: Program): MemoryNeed
  /** Copy of a variable's value, after all work requested earlier. @throws Error when the engine is closed. */
  read(variable: Variable): Promise<TypedArray>
  /**
   * Sets a variable's value, including the host's copy, after all work requested earlier. As in a run, values are
   * copied within the call.
   * @throws ShapeError when the number of elements differs; RangeError for values that the variable's type cannot hold;
   * Error when the engine is closed.
   */
  write(variable: Variable, values: ArrayLike<number>): Promise<void>
  /**
   * Places f32 variables side by side, before any program uses them. Absent where variables have no memory that can be
   * seen; callers use `regionOf`, which then copies.
   * @param multiple variables begin at multiples of this many numbers, and the length of the region is one
   * @throws Error when one of the variables already has a place.
   */
  region?(variables: readonly Variable[], multiple: number): Region
  /** Bytes of memory the engine holds for variables, arena and scratch. */
  readonly memoryBytes: number
  /** Stops the threads and releases the memory. Work that is running or queued is rejected. */
  close(): Promise<void>
}
