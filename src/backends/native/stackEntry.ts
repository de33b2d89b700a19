/** What the operand stack of WebAssembly holds while a function is rewritten. */
import type { ValueType } from '../wasm/emit/assembler.ts'
import type { Operand, Target, Value, ValueKind } from './code.ts'
import { type Condition, conditions } from './conditions.ts'

/**
 * A value; or a constant, a sum or a comparison that no instruction has computed yet, and perhaps none has to.
 */
export type Entry =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'integer'; readonly constant: number }
  | { readonly kind: 'sum'; readonly value: Value; readonly constant: number }
  | { readonly kind: 'compare'; readonly condition: Condition; readonly operands: readonly [Operand, Operand] }
  | { readonly kind: 'constant'; readonly type: ValueKind; readonly words: readonly number[] }

/** Comparisons of integers. */
export const comparisons: Readonly<Record<string, Condition>> = {
  'i32.eq': conditions.equal,
  'i32.ne': conditions.notEqual,
  'i32.lt_s': conditions.less,
  'i32.lt_u': conditions.below,
  'i32.gt_s': conditions.greater,
  'i32.le_s': conditions.notGreater,
  'i32.ge_s': conditions.notLess,
  'i32.ge_u': conditions.notBelow,
}

/** The kinds of vectors, by their length. */
export const vectorKinds = ['v128', 'v256', 'v512'] as const

/** Kinds of values by their types. */
const kindsOfCodes: Readonly<Record<ValueType, ValueKind | undefined>> = {
  i32: 'i32',
  i64: undefined,
  f32: 'f32',
  f64: 'f64',
  v128: 'v128',
  v256: 'v256',
  v512: 'v512',
}

/** The kind of values of a type. @throws Error for types that native code does not have. */
export function kindOf(type: ValueType): ValueKind {
  const kind = kindsOfCodes[type]
  if (!kind) throw new Error(`native code: values of type ${type} have no machine code`)
  return kind
}

/** The kind of value that an entry is. @param kinds of the function's values */
export function kindOfEntry(entry: Entry, kinds: readonly ValueKind[]): ValueKind {
  if (entry.kind === 'value') return kinds[entry.value]
  return entry.kind === 'constant' ? entry.type : 'i32'
}

/** Whether an entry depends on what a local holds. */
export function readsValue(entry: Entry, local: Value): boolean {
  if (entry.kind === 'value' || entry.kind === 'sum') return entry.value === local
  return entry.kind === 'compare' && entry.operands.includes(local)
}

/** The sum (or the difference, if `sign` is −1) of two entries, if one is a constant and the other a value. */
export function sumOf(a: Entry, b: Entry, sign: 1 | -1): Entry | undefined {
  const [value, constant] = a.kind === 'integer' && sign === 1 ? [b, a] : [a, b]
  if (constant.kind !== 'integer' || (value.kind !== 'value' && value.kind !== 'sum')) return undefined
  const before = value.kind === 'sum' ? value.constant : 0
  return { kind: 'sum', value: value.value, constant: (before + sign * constant.constant) | 0 }
}

/** A minimum or maximum with a constant. */
interface Bound {
  readonly op: string
  readonly constant: Entry
  readonly other: Entry
}

/**
 * A minimum or maximum of the last two entries of a stack, if one is a constant: that takes fewer instructions than one of
 * any two numbers.
 */
export function boundOf(name: string, stack: readonly Entry[]): Bound | undefined {
  if (!name.endsWith('.min') && !name.endsWith('.max')) return undefined
  const [x, y] = stack.slice(-2)
  const [constant, other] = x.kind === 'constant' ? [x, y] : [y, x]
  if (constant.kind !== 'constant' || constant.words.length > 1) return undefined
  const [word] = constant.words
  const magnitude = word & 0x7fffffff
  // NaN, or −0
  if (magnitude > 0x7f800000 || (magnitude === 0 && word < 0)) return undefined
  const isZero = magnitude === 0 && name.endsWith('max')
  return { op: `${name} ${isZero ? 'zero' : 'constant'}`, constant, other }
}

/** A block, a loop or a condition that is open. */
export interface Frame {
  readonly kind: 'function' | 'block' | 'loop' | 'if'
  readonly target: Target
  /** Where the other branch of a condition begins, until it has begun. */
  otherwise?: Target | undefined
  /** Entries on the stack when it was opened. */
  readonly height: number
}
