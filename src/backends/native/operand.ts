/** What x86-64 instructions work on: registers and places in memory. */

/** Number of a register: 0 … 15 for general ones, 0 … 31 for vectors. */
export type Register = number

/** General registers by name. */
export const general = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const

/** Memory at `base + index + displacement`. */
export interface Memory {
  readonly base: Register
  readonly index?: Register | undefined
  readonly displacement: number
}

/** Memory at an offset in the pool of constants that follows the code. */
export interface Pooled {
  readonly pool: number
}

/** A register, or memory. */
export type Place = Register | Memory | Pooled

/** Whether a place needs the prefix bit that extends the field of its index. */
export function extendsIndex(place: Place): boolean {
  if (typeof place === 'number') return (place & 16) !== 0
  return !('pool' in place) && ((place.index ?? 0) & 8) !== 0
}

/** The same for the field of its base. */
export function extendsBase(place: Place): boolean {
  if (typeof place === 'number') return (place & 8) !== 0
  return !('pool' in place) && (place.base & 8) !== 0
}
