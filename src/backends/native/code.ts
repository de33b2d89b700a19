/** The form between WebAssembly and machine code: a list of instructions on numbered values instead of a stack. */
import type { Condition } from './conditions.ts'
import type { VectorLength } from './x86.ts'

/** What a value is: a 32-bit integer, a number, or a vector of 16, 32 or 64 bytes. */
export type ValueKind = 'i32' | 'f32' | 'f64' | 'v128' | 'v256' | 'v512'

/** Number of a value: a parameter or local of the function, or what an instruction left on the stack. */
export type Value = number

/** A value, or a constant integer. */
export type Operand = Value | { readonly constant: number }

/** A place that jumps lead to. */
export type Target = number

/** One instruction. */
export interface Instruction {
  /**
   * A WebAssembly instruction without the number of its lanes (`f32x.add`), or one of `move`, `constant`, `label`, `jump`,
   * `branch`, `select`, `compare`, `call`, `return` and `trap`.
   */
  readonly op: string
  /** The value it sets; −1 for none. */
  dest: Value
  readonly sources: readonly Operand[]
  /** The values among its sources. */
  readonly reads: readonly Value[]
  /** Values it computes with on the way. */
  readonly temporaries: readonly Value[]
  readonly length: VectorLength
  /** An offset in bytes, a lane, an immediate, or the number of a function. */
  readonly immediate: number
  /** Words of a constant: one for all lanes, or all of them. */
  readonly words: readonly number[] | undefined
  readonly condition: Condition | undefined
  readonly target: Target | undefined
  /** Loops around it. */
  readonly depth: number
}

/** One function in this form. */
export interface ValueCode {
  readonly kinds: readonly ValueKind[]
  readonly parameters: number
  readonly instructions: readonly Instruction[]
  readonly targets: number
}

/** Whether a kind of value is kept in a vector register. */
export const isVector = (kind: ValueKind): boolean => kind !== 'i32'

/** Length of the vector instructions for a kind of value. */
export const lengthOf = (kind: ValueKind): VectorLength => (kind === 'v512' ? 2 : kind === 'v256' ? 1 : 0)

/** Bytes of a value where it is kept in memory. */
export const bytesOf = (kind: ValueKind): number => valueBytes[kind]

const valueBytes = { i32: 8, f32: 8, f64: 8, v128: 16, v256: 32, v512: 64 } as const
