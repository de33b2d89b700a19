/** What a kernel is: how one operation becomes dispatches. */
import type { OpName } from '../../../graph/table.ts'
import type { StepOf } from '../../../plan/step.ts'
import type { Operands } from '../wgsl/operands.ts'
import type { Dispatch } from '../wgsl/shader.ts'

/** What decides how a program is planned and a step is computed, besides shapes. */
export interface Hardware {
  /** Most values that one shader binds. */
  readonly mostBindings: number
  /** Most bytes of a buffer, a multiple of what bindings begin at: a larger arena is several buffers. */
  readonly span: number
  /**
   * Whether invocations share memory and work is cut into parts until thousands of lanes are busy. Without that, each
   * invocation computes an element or a small block on its own: drivers that run shaders on a processor have few lanes,
   * and compile and run barriers slowly.
   */
  readonly parallel: boolean
  /** Whether values between inputs and outputs are stored in half precision; not by default. */
  readonly half?: boolean
  /** How many invocations a subgroup has, from and to; absent where a device's subgroups cannot be used. */
  readonly subgroups?: SubgroupSizes | undefined
  /** Results along a side of a tile of Winograd's algorithm, wherever it can be used; 0 for nowhere. Chosen by sizes by default. */
  readonly winograd?: 0 | 2 | 4
}

/** Powers of two: drivers choose a size for each shader. */
export interface SubgroupSizes {
  readonly smallest: number
  readonly largest: number
}

/** What a kernel needs besides its step. */
export interface KernelTools extends Hardware {
  /** Operands of a new shader. */
  operands(): Operands
}

/** The dispatches of a step, in order; each sees what those before it have stored. */
export type Lower<K extends OpName> = (step: StepOf<K>, tools: KernelTools) => readonly Dispatch[]

/** How to compute an operation. */
export interface Kernel<K extends OpName> {
  readonly lower: Lower<K>
  /** Bytes of scratch that the dispatches share; none by default. */
  readonly workspace?: (step: StepOf<K>, hardware: Hardware) => number
}
