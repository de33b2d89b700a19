/**
 * Targets: what a plan is told of the backend that it is for. The plan itself knows no processor. It fuses operations as far as
 * kernels can follow, orders steps, and places values; how a value lies in memory, and how a step is computed, the
 * target decides.
 *
 * A backend whose values all lie row-major takes `rowsLayout`, and says which kernels it has:
 *
 *     const target: Target = { alignment: 256, layOut: program => rowsLayout(program, { epilogues, prologues: false, floatsOnly }) }
 */
import type { OpName } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import type { Program } from './program.ts'
import type { Form, Step } from './step.ts'

/** What a backend tells the plan of itself. */
export interface Target<F extends Form = Form> {
  /** Bytes at whose multiples values begin. */
  readonly alignment: number
  /** Bytes of scratch that each thread needs for any step; single steps may ask for more. 0 by default. */
  readonly workspace?: number
  /** The steps of a program with their forms, on operands that lie as its kernels want them. @throws ShapeError when the program is inconsistent. */
  layOut(program: Program): LayoutChoice<F>
}

/** What kernels can do besides their operations, and with which operands. */
export interface KernelTraits {
  /** Operations whose store can do element-wise work (the epilogue). */
  readonly epilogues: ReadonlySet<OpName>
  /**
   * True to let reductions fold expressions that are never stored (the prologue), and to compute cheap element-wise values
   * anew wherever they are read: that saves passes over memory for normalizations.
   */
  readonly prologues: boolean
  /** Operations that read f32 operands only; operands of other types are converted first. */
  readonly floatsOnly: ReadonlySet<OpName>
}

/** How a value lies in memory: `rows` for row-major, else a backend's own word, which the plan only prints. */
export type Layout = 'rows' | (string & {})

/** Steps with their layouts decided. */
export interface LayoutChoice<F extends Form = Form> {
  readonly steps: readonly Step<F>[]
  /** Layout of a storage; inputs, outputs and variables are row-major. */
  layoutOf(tensor: Tensor): Layout
  readonly inputs: readonly Tensor[]
  readonly outputs: Readonly<Record<string, Tensor>>
  /** New values of variables. */
  readonly updates: ReadonlyMap<Variable, Tensor>
  /** How the batch is cut, so that a thread takes one part of it through many steps; absent when it is not. */
  readonly blocks?: BatchBlocks<F>
}

/** A batch cut into blocks of samples. */
export interface BatchBlocks<F extends Form = Form> {
  readonly count: number
  /** Samples in each. */
  readonly samples: number
  /** Steps that may run block by block. */
  readonly steps: ReadonlySet<Step<F>>
  /** Storage of values whose axis 0 is cut into blocks. */
  readonly sliced: ReadonlySet<Tensor>
  /** Whether such a step reads only its own block of an operand. */
  slices(step: Step<F>, tensor: Tensor): boolean
}
