/** Vector instructions of WebAssembly, made of the processor's: each with what it takes, gives, and becomes. */
import type { Operand } from './code.ts'
import { type VectorInstructionName, vectorInstructions } from './instructions.ts'
import type { Memory, Place, Register } from './operand.ts'
import type { MachineCode, VectorLength } from './x86.ts'

/** An instruction with its registers. */
export interface Operation {
  readonly code: MachineCode
  readonly length: VectorLength
  /** The result: a vector register, or a general one. */
  readonly dest: Register
  readonly sources: readonly Register[]
  /** A source that is read from memory, if it has no register; its number in `sources` means nothing. */
  readonly inMemory?: { readonly index: number; readonly place: Memory }
  readonly temporaries: readonly Register[]
  /** Sources as the instruction has them: constants among them have no register. */
  readonly operands: readonly Operand[]
  readonly immediate: number
  /** Whether the processor has AVX-512. */
  readonly avx512: boolean
}

/** What an instruction takes, gives, and becomes. */
export interface Signature {
  readonly operands: number
  readonly result: 'vector' | 'v128' | 'i32' | 'f32' | 'f64'
  /** Vector registers it needs on the way. */
  readonly temporaries?: (length: VectorLength) => number
  /** Whether it may write its result before it has read all its sources. */
  readonly early?: boolean
  /** The source that may be in memory. */
  readonly fromMemory?: number
  /** Whether it has no form for registers from 16 on, unless its vectors have 64 bytes. */
  readonly lowRegisters?: boolean
  readonly emit: (operation: Operation) => void
}

/** Emits one vector instruction. */
export function put(
  { code, length }: Operation,
  name: VectorInstructionName,
  registers: readonly [reg: Register, operand: Register, place: Place],
  immediate?: number,
): void {
  code.vector(vectorInstructions[name], length, registers, immediate)
}

/** Where a source is. */
const placeOf = ({ sources, inMemory }: Operation, index: number): Place =>
  inMemory?.index === index ? inMemory.place : sources[index]

/** Number of 32-bit lanes. */
const lanesOf = (length: VectorLength): number => 4 << length

/** Equal words in all lanes, in memory. */
const everywhere = ({ code, length }: Operation, word: number): Place =>
  code.constant(new Array(lanesOf(length)).fill(word))

/** `name(first, second)`, for the sources in this order. */
export const binary = (name: VectorInstructionName, result: Signature['result'] = 'vector'): Signature => ({
  operands: 2,
  result,
  fromMemory: 1,
  emit: operation => put(operation, name, [operation.dest, operation.sources[0], placeOf(operation, 1)]),
})

/** `name(second, first)`. */
export const swapped = (name: VectorInstructionName, result: Signature['result'] = 'vector'): Signature => ({
  operands: 2,
  result,
  fromMemory: 0,
  emit: operation => put(operation, name, [operation.dest, operation.sources[1], placeOf(operation, 0)]),
})

export const unary = (name: VectorInstructionName, immediate?: number): Signature => ({
  operands: 1,
  result: 'vector',
  lowRegisters: 'only' in vectorInstructions[name],
  emit: operation => put(operation, name, [operation.dest, 0, operation.sources[0]], immediate),
})

/** An instruction on single numbers, whose upper lanes come from the same source. */
export const scalar = (name: VectorInstructionName, result: 'f32' | 'f64', immediate?: number): Signature => ({
  operands: 1,
  result,
  emit: operation => put(operation, name, [operation.dest, operation.sources[0], operation.sources[0]], immediate),
})

/** An instruction with a constant in memory as its second source. */
export const withConstant = (name: VectorInstructionName, word: number, result: Signature['result']): Signature => ({
  operands: 1,
  result,
  emit: operation => put(operation, name, [operation.dest, operation.sources[0], everywhere(operation, word)]),
})

/** Predicates of comparisons: false for NaN, except for `ne`. */
export const predicates = { eq: 0, lt: 17, le: 18, ne: 4, gt: 30, ge: 29 } as const

/** dest ← all ones in the lanes where a comparison holds. */
function compare(
  operation: Operation,
  name: VectorInstructionName,
  [dest, a, b]: readonly [Register, Register, Place],
  predicate?: number,
): void {
  if (operation.length < 2) {
    put(operation, name, [dest, a, b], predicate)
    return
  }
  const mask = 1
  put(operation, name, [mask, a, b], predicate)
  put(operation, 'pmovm2d', [dest, 0, mask])
}

export const comparison = (predicate: number): Signature => ({
  operands: 2,
  result: 'vector',
  lowRegisters: true,
  emit: operation =>
    compare(operation, 'cmpps', [operation.dest, operation.sources[0], operation.sources[1]], predicate),
})

/** A comparison of single numbers: 1 or 0. */
export const scalarComparison = (predicate: number): Signature => ({
  operands: 2,
  result: 'i32',
  lowRegisters: true,
  temporaries: () => 1,
  emit: operation => {
    const { code, dest, sources, temporaries } = operation
    put(operation, 'cmpss', [temporaries[0], sources[0], sources[1]], predicate)
    put(operation, 'storemovd', [temporaries[0], 0, dest])
    code.arithmeticConstant('and', dest, 1)
  },
})

export const integerComparison = (name: VectorInstructionName, order: readonly [0 | 1, 0 | 1]): Signature => ({
  operands: 2,
  result: 'vector',
  lowRegisters: true,
  emit: operation =>
    compare(operation, name, [operation.dest, operation.sources[order[0]], operation.sources[order[1]]]),
})

/**
 * The smaller of two numbers: NaN if one is, −0 before +0. Both orders of the processor's minimum, which returns its
 * second operand when in doubt, together have all bits of either.
 */
export const minimum = (result: 'vector' | 'f32'): Signature => ({
  operands: 2,
  result,
  temporaries: () => 1,
  early: true,
  emit: operation => {
    const {
      dest,
      sources: [a, b],
      temporaries: [other],
    } = operation
    put(operation, 'minps', [other, a, b])
    put(operation, 'minps', [dest, b, a])
    put(operation, 'orps', [dest, dest, other])
  },
})

/** The larger of two numbers: NaN if one is, +0 before −0. Where the two orders differ, subtracting the difference gives it. */
export const maximum = (result: 'vector' | 'f32'): Signature => ({
  operands: 2,
  result,
  temporaries: () => 1,
  early: true,
  emit: operation => {
    const {
      dest,
      sources: [a, b],
      temporaries: [difference],
    } = operation
    put(operation, 'maxps', [difference, a, b])
    put(operation, 'maxps', [dest, b, a])
    put(operation, 'xorps', [difference, difference, dest])
    put(operation, 'orps', [dest, dest, difference])
    put(operation, 'subps', [dest, dest, difference])
  },
})

/** The larger of a number and +0: adding the zero makes −0 positive. */
export const maximumWithZero = (result: 'vector' | 'f32'): Signature => ({
  operands: 2,
  result,
  early: true,
  emit: operation => {
    const { dest, sources } = operation
    put(operation, 'maxps', [dest, sources[1], sources[0]])
    put(operation, 'addps', [dest, dest, sources[1]])
  },
})

/** Shifts by a constant number of bits. */
export const shift = (group: number): Signature => ({
  operands: 2,
  result: 'vector',
  emit: operation => {
    const [, by] = operation.operands
    if (typeof by === 'number') throw new Error('native code: vectors are shifted by constants only')
    put(operation, 'shiftd', [group, operation.dest, operation.sources[0]], by.constant & 31)
  },
})

/** Products of the lower or upper two lanes, as 64-bit integers. */
export const longProduct = (lanes: number): Signature => ({
  operands: 2,
  result: 'v128',
  temporaries: () => 1,
  early: true,
  emit: operation => {
    const { dest, sources, temporaries } = operation
    put(operation, 'pshufd', [temporaries[0], 0, sources[0]], lanes)
    put(operation, 'pshufd', [dest, 0, sources[1]], lanes)
    put(operation, 'pmuludq', [dest, temporaries[0], dest])
  },
})

/** ±first · second + third, with the result in the place of whichever source ends here. */
export const multiplyAdd = (sign: 'fmadd' | 'fnmadd'): Signature => ({
  operands: 3,
  result: 'vector',
  fromMemory: 1,
  emit: operation => {
    const {
      dest,
      sources: [a, b, c],
      inMemory,
    } = operation
    const factor = placeOf(operation, 1)
    if (dest === a) put(operation, `${sign}132ps`, [dest, c, factor])
    else if (dest === b && !inMemory) put(operation, `${sign}132ps`, [dest, c, a])
    else {
      if (dest !== c) put(operation, 'movaps', [dest, 0, c])
      put(operation, `${sign}231ps`, [dest, a, factor])
    }
  },
})

/** (first where the mask is 1) or (second where it is 0), bit by bit. */
export const bitselect: Signature = {
  operands: 3,
  result: 'vector',
  temporaries: length => (length === 2 ? 0 : 1),
  early: true,
  emit: operation => {
    const {
      dest,
      sources: [chosen, otherwise, mask],
      temporaries: [part],
    } = operation
    if (operation.length === 2) {
      put(operation, 'movaps', [dest, 0, mask])
      put(operation, 'pternlogd', [dest, chosen, otherwise], 0xca)
      return
    }
    put(operation, 'andps', [part, mask, chosen])
    put(operation, 'andnps', [dest, mask, otherwise])
    put(operation, 'orps', [dest, dest, part])
  },
}

export const not: Signature = {
  lowRegisters: true,
  operands: 1,
  result: 'vector',
  temporaries: length => (length === 2 ? 0 : 1),
  emit: operation => {
    const {
      dest,
      sources: [x],
      temporaries: [ones],
    } = operation
    if (operation.length === 2) {
      put(operation, 'pternlogd', [dest, x, x], 0x55)
      return
    }
    put(operation, 'pcmpeqd', [ones, ones, ones])
    put(operation, 'xorps', [dest, x, ones])
  },
}

/** Rounds towards zero: NaN gives 0, numbers out of range the nearest integer. */
export const truncate: Signature = {
  lowRegisters: true,
  operands: 1,
  result: 'vector',
  temporaries: () => 1,
  early: true,
  emit: operation => {
    const {
      dest,
      sources: [x],
      temporaries: [tooLarge],
    } = operation
    compare(operation, 'cmpps', [dest, x, x], predicates.eq)
    put(operation, 'andps', [dest, dest, x])
    compare(operation, 'cmpps', [tooLarge, dest, everywhere(operation, bitsOf(2 ** 31))], predicates.ge)
    // Out of range, the processor gives the smallest integer; its complement is the largest.
    put(operation, 'cvttps2dq', [dest, 0, dest])
    put(operation, 'xorps', [dest, dest, tooLarge])
  },
}

/** Unsigned integers as numbers: two halves, each exact, whose sum is rounded once. */
export const convertUnsigned: Signature = {
  operands: 1,
  result: 'vector',
  temporaries: () => 1,
  early: true,
  emit: operation => {
    const {
      dest,
      sources: [x],
      temporaries: [low],
      avx512,
    } = operation
    if (avx512) {
      put(operation, 'cvtudq2ps', [dest, 0, x])
      return
    }
    put(operation, 'andps', [low, x, everywhere(operation, 0xffff)])
    put(operation, 'cvtdq2ps', [low, 0, low])
    put(operation, 'shiftd', [2, dest, x], 16)
    put(operation, 'cvtdq2ps', [dest, 0, dest])
    put(operation, 'mulps', [dest, dest, everywhere(operation, bitsOf(65536))])
    put(operation, 'addps', [dest, dest, low])
  },
}

const numbers = new Float32Array(1)
const bits = new Int32Array(numbers.buffer)

/** The bits of a number as f32. */
function bitsOf(value: number): number {
  numbers[0] = value
  return bits[0]
}
