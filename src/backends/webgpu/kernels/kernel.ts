/** What a kernel is: how one operation becomes dispatches. */
import type { OpName } from '../../../graph/table.ts'
import type { StepOf } from '../../../plan/step.ts'
import type { Operands } from '../wgsl/operands.ts'
import type { Dispatch } from '../wgsl/shader.ts'

/** What a kernel needs besides its step. */
export interface KernelTools {
  /** Operands of a new shader. */
  operands(): Operands
  /** Most values that one shader binds. */
  readonly mostBindings: number
}

/** The dispatches of a step, in order; each sees what those before it have stored. */
export type Lower<K extends OpName> = (step: StepOf<K>, tools: KernelTools) => readonly Dispatch[]

/** How to compute an operation. */
export interface Kernel<K extends OpName> {
  readonly lower: Lower<K>
  /** Bytes of scratch that the dispatches share; none by default. */
  readonly workspace?: (step: StepOf<K>) => number
}
