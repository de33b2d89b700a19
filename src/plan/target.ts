/**
 * Targets: what the planner knows about a backend. Planning itself depends on no processor: it fuses operations as far
 * as the kernels support it, orders steps, and places values. The target decides the layout of every value in memory
 * and how each step is computed.
 *
 * A backend whose values are all row-major uses `rowsLayout` and describes its kernels:
 *
 *     const kernels = { epilogues, prologues: false, floatsOnly }
 *     const target: Target = { alignment: 256, layOut: program => rowsLayout(program, kernels) }
 */
import type { OpName } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import type { Program } from './program.ts'
import type { Form, Step } from './step.ts'

/** What the planner needs to know about a backend. */
export interface Target<F extends Form = Form> {
  /** Alignment of values in bytes: each begins at a multiple. */
  readonly alignment: number
  /** The arena is cut at multiples of so many bytes, a multiple of the alignment: no value lies across a cut. Never by default. */
  readonly span?: number
  /** Bytes of scratch that each thread needs for every step; single steps may ask for more. 0 by default. */
  readonly workspace?: number
  /**
   * The steps of a program with their forms, on operands in the layouts that the kernels read.
   * @throws ShapeError when the program is inconsistent.
   */
  layOut(program: Program): LayoutChoice<F>
}

/** What kernels can do besides their operations, and with which operands. */
export interface KernelTraits {
  /** Operations whose store can do element-wise work (the epilogue). */
  readonly epilogues: ReadonlySet<OpName>
  /**
   * True to let reductions fold expressions that are never stored (the prologue), and to recompute cheap element-wise
   * values wherever they are read: normalizations then take fewer passes over memory.
   */
  readonly prologues: boolean
  /** Operations that read f32 operands only; operands of other types are converted first. */
  readonly floatsOnly: ReadonlySet<OpName>
  /** Most values that fusion lets a step read; any number by default. */
  readonly mostInputs?: number
}

/** Layout of a value in memory: `rows` for row-major, else a backend's own name, which the plan only prints. */
export type Layout = 'rows' | (string & {})

/** Steps with their layouts decided. */
export interface LayoutChoice<F extends Form = Form> {
  readonly steps: readonly Step<F>[]
  /** Layout of a storage; inputs, outputs and variables are row-major. */
  layoutOf(tensor: Tensor): Layout
  /** Bytes of a storage that no variable, input, output or constant has; those of its element type by default. */
  bytesOf?(tensor: Tensor): number
  readonly inputs: readonly Tensor[]
  readonly outputs: Readonly<Record<string, Tensor>>
  /** New values of variables. */
  readonly updates: ReadonlyMap<Variable, Tensor>
  /** How the batch is cut, so that a thread takes one block through many steps; absent when the batch is not cut. */
  readonly blocks?: BatchBlocks<F>
}

/** A batch cut into blocks of samples. */
export interface BatchBlocks<F extends Form = Form> {
  readonly count: number
  /** Samples in each block. */
  readonly samples: number
  /** Steps that may run block by block. */
  readonly steps: ReadonlySet<Step<F>>
  /** Storages whose axis 0 is cut into blocks. */
  readonly sliced: ReadonlySet<Tensor>
  /** Whether such a step reads only its own block of an operand. */
  slices(step: Step<F>, tensor: Tensor): boolean
}
