/**
 * The machine instructions of every WebAssembly instruction on numbers and vectors. Results are WebAssembly's, to the
 * bit, NaN payloads apart.
 */
import type { Instruction, Operand } from './code.ts'
import { type VectorInstructionName, vectorInstructions } from './instructions.ts'
import type { MachineCode, Memory, Place, Register, VectorLength } from './x86.ts'

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
function put(
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
const binary = (name: VectorInstructionName, result: Signature['result'] = 'vector'): Signature => ({
  operands: 2,
  result,
  fromMemory: 1,
  emit: operation => put(operation, name, [operation.dest, operation.sources[0], placeOf(operation, 1)]),
})

const swapped = (name: VectorInstructionName): Signature => ({
  operands: 2,
  result: 'vector',
  fromMemory: 0,
  emit: operation => put(operation, name, [operation.dest, operation.sources[1], placeOf(operation, 0)]),
})

const unary = (name: VectorInstructionName, immediate?: number): Signature => ({
  operands: 1,
  result: 'vector',
  lowRegisters: 'only' in vectorInstructions[name],
  emit: operation => put(operation, name, [operation.dest, 0, operation.sources[0]], immediate),
})

/** An instruction on single numbers, whose upper lanes come from the same source. */
const scalar = (name: VectorInstructionName, result: 'f32' | 'f64', immediate?: number): Signature => ({
  operands: 1,
  result,
  emit: operation => put(operation, name, [operation.dest, operation.sources[0], operation.sources[0]], immediate),
})

/** An instruction with a constant in memory as its second source. */
const withConstant = (name: VectorInstructionName, word: number, result: Signature['result']): Signature => ({
  operands: 1,
  result,
  emit: operation => put(operation, name, [operation.dest, operation.sources[0], everywhere(operation, word)]),
})

/** Predicates of comparisons: false for NaN, except for `ne`. */
const predicates = { eq: 0, lt: 17, le: 18, ne: 4, gt: 30, ge: 29 } as const

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

const comparison = (predicate: number): Signature => ({
  operands: 2,
  result: 'vector',
  lowRegisters: true,
  emit: operation =>
    compare(operation, 'cmpps', [operation.dest, operation.sources[0], operation.sources[1]], predicate),
})

/** A comparison of single numbers: 1 or 0. */
const scalarComparison = (predicate: number): Signature => ({
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

const integerComparison = (name: VectorInstructionName, order: readonly [0 | 1, 0 | 1]): Signature => ({
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
const minimum = (result: 'vector' | 'f32'): Signature => ({
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
const maximum = (result: 'vector' | 'f32'): Signature => ({
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

/** The smaller of a number and a constant that is neither NaN nor −0: the processor's own minimum will do. */
const minimumWithConstant = (result: 'vector' | 'f32'): Signature => ({
  operands: 2,
  result,
  emit: operation => put(operation, 'minps', [operation.dest, operation.sources[1], operation.sources[0]]),
})

/** The larger of a number and a constant that is neither NaN nor ±0. */
const maximumWithConstant = (result: 'vector' | 'f32'): Signature => ({
  operands: 2,
  result,
  emit: operation => put(operation, 'maxps', [operation.dest, operation.sources[1], operation.sources[0]]),
})

/** The larger of a number and +0: adding the zero makes −0 positive. */
const maximumWithZero = (result: 'vector' | 'f32'): Signature => ({
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
const shift = (group: number): Signature => ({
  operands: 2,
  result: 'vector',
  emit: operation => {
    const [, by] = operation.operands
    if (typeof by === 'number') throw new Error('native code: vectors are shifted by constants only')
    put(operation, 'shiftd', [group, operation.dest, operation.sources[0]], by.constant & 31)
  },
})

/** Products of the lower or upper two lanes, as 64-bit integers. */
const longProduct = (lanes: number): Signature => ({
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
const multiplyAdd = (sign: 'fmadd' | 'fnmadd'): Signature => ({
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
const bitselect: Signature = {
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

const not: Signature = {
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
const truncate: Signature = {
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
const convertUnsigned: Signature = {
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

/** Lanes of two vectors: four numbers 0 … 7, three bits each. */
const shuffle: Signature = {
  lowRegisters: true,
  operands: 2,
  result: 'v128',
  temporaries: () => 1,
  early: true,
  emit: operation => {
    const {
      dest,
      sources: [a, b],
      temporaries: [other],
      immediate,
    } = operation
    const lanes = [0, 1, 2, 3].map(at => (immediate >> (3 * at)) & 7)
    const order = lanes.reduce((sum, lane, at) => sum | ((lane & 3) << (2 * at)), 0)
    const fromSecond = lanes.map(lane => lane >= 4)
    if (fromSecond.every(second => !second)) put(operation, 'pshufd', [dest, 0, a], order)
    else if (fromSecond.every(Boolean)) put(operation, 'pshufd', [dest, 0, b], order)
    else if (fromSecond.join() === 'false,false,true,true') put(operation, 'shufps', [dest, a, b], order)
    else {
      put(operation, 'pshufd', [other, 0, a], order)
      put(operation, 'pshufd', [dest, 0, b], order)
      const mask = fromSecond.reduce((sum, second, at) => sum | (Number(second) << at), 0)
      put(operation, 'blendps', [dest, other, dest], mask)
    }
  },
}

/** Whether any bit is set. */
const anyTrue: Signature = {
  lowRegisters: true,
  operands: 1,
  result: 'i32',
  emit: operation => {
    const { code, dest, sources } = operation
    put(operation, 'ptest', [sources[0], 0, sources[0]])
    code.setIf(5, dest)
    code.extendByte(dest)
  },
}

/** Whether no lane is zero. */
const allTrue: Signature = {
  lowRegisters: true,
  operands: 1,
  result: 'i32',
  temporaries: () => 1,
  emit: operation => {
    const {
      code,
      dest,
      sources,
      temporaries: [zeros],
    } = operation
    put(operation, 'xorps', [zeros, zeros, zeros])
    put(operation, 'pcmpeqd', [zeros, zeros, sources[0]])
    put(operation, 'ptest', [zeros, 0, zeros])
    code.setIf(4, dest)
    code.extendByte(dest)
  },
}

const signatures: Readonly<Record<string, Signature>> = {
  'f32x.add': binary('addps'),
  'f32x.sub': binary('subps'),
  'f32x.mul': binary('mulps'),
  'f32x.div': binary('divps'),
  'f32x.min': minimum('vector'),
  'f32x.max': maximum('vector'),
  'f32x.min constant': minimumWithConstant('vector'),
  'f32x.max constant': maximumWithConstant('vector'),
  'f32x.max zero': maximumWithZero('vector'),
  'f32x.pmin': swapped('minps'),
  'f32x.pmax': swapped('maxps'),
  'f32x.sqrt': unary('sqrtps'),
  'f32x.floor': unary('roundps', 9),
  'f32x.abs': withConstant('andps', 0x7fffffff, 'vector'),
  'f32x.neg': withConstant('xorps', 0x80000000 | 0, 'vector'),
  'f32x.eq': comparison(predicates.eq),
  'f32x.ne': comparison(predicates.ne),
  'f32x.lt': comparison(predicates.lt),
  'f32x.le': comparison(predicates.le),
  'f32x.gt': comparison(predicates.gt),
  'f32x.ge': comparison(predicates.ge),
  'f32x.relaxed_madd': multiplyAdd('fmadd'),
  'f32x.relaxed_nmadd': multiplyAdd('fnmadd'),
  'f32x.splat': unary('broadcastss'),
  'f32x.convert_i32x4_s': unary('cvtdq2ps'),
  'f32x.convert_i32x4_u': convertUnsigned,
  'f32x.demote_f64x2_zero': unary('cvtpd2ps'),
  'f64x.promote_low_f32x4': unary('cvtps2pd'),
  'f64x.add': binary('addpd'),
  'i32x.trunc_sat_f32x4_s': truncate,
  'i32x.add': binary('paddd'),
  'i32x.sub': binary('psubd'),
  'i32x.mul': binary('pmulld'),
  'i32x.max_s': binary('pmaxsd'),
  'i32x.eq': integerComparison('pcmpeqd', [0, 1]),
  'i32x.gt_s': integerComparison('pcmpgtd', [0, 1]),
  'i32x.lt_s': integerComparison('pcmpgtd', [1, 0]),
  'i32x.shl': shift(6),
  'i32x.shr_u': shift(2),
  'i32x.shr_s': shift(4),
  'i32x.all_true': allTrue,
  'i64x.extmul_low_i32x4_u': longProduct(0x50),
  'i64x.extmul_high_i32x4_u': longProduct(0xfa),
  'i16x.extend_low_i8x16_u': unary('pmovzxbw'),
  'i32x.extend_low_i16x8_u': unary('pmovzxwd'),
  'v.and': binary('andps'),
  'v.or': binary('orps'),
  'v.xor': binary('xorps'),
  'v.andnot': swapped('andnps'),
  'v.not': not,
  'v.bitselect': bitselect,
  'v.any_true': anyTrue,
  shuffle,
  'f32.add': binary('addss', 'f32'),
  'f32.sub': binary('subss', 'f32'),
  'f32.mul': binary('mulss', 'f32'),
  'f32.div': binary('divss', 'f32'),
  'f32.min': minimum('f32'),
  'f32.max': maximum('f32'),
  'f32.min constant': minimumWithConstant('f32'),
  'f32.max constant': maximumWithConstant('f32'),
  'f32.max zero': maximumWithZero('f32'),
  'f32.sqrt': scalar('sqrtss', 'f32'),
  'f32.floor': scalar('roundss', 'f32', 9),
  'f32.abs': withConstant('andps', 0x7fffffff, 'f32'),
  'f32.neg': withConstant('xorps', 0x80000000 | 0, 'f32'),
  'f32.eq': scalarComparison(predicates.eq),
  'f32.ne': scalarComparison(predicates.ne),
  'f32.lt': scalarComparison(predicates.lt),
  'f32.le': scalarComparison(predicates.le),
  'f32.gt': scalarComparison(predicates.gt),
  'f32.ge': scalarComparison(predicates.ge),
  'f32.demote_f64': scalar('cvtsd2ss', 'f32'),
  'f64.promote_f32': scalar('cvtss2sd', 'f64'),
  'f64.add': binary('addsd', 'f64'),
  extractLane: {
    operands: 1,
    result: 'f32',
    emit: operation =>
      operation.immediate === 0
        ? put(operation, 'movaps', [operation.dest, 0, operation.sources[0]])
        : put(operation, 'pshufd', [operation.dest, 0, operation.sources[0]], operation.immediate),
  },
  extractPart: {
    operands: 1,
    result: 'v128',
    emit: operation => {
      const { code, dest, sources, immediate: part } = operation
      if (part === 0) code.vector(vectorInstructions.movaps, 0, [dest, 0, sources[0]])
      else put(operation, 'extractf128', [sources[0], 0, dest], part)
    },
  },
  replaceLane: {
    operands: 2,
    result: 'v128',
    emit: operation =>
      put(
        operation,
        'insertps',
        [operation.dest, operation.sources[0], operation.sources[1]],
        operation.immediate << 4,
      ),
  },
  replaceIntegerLane: {
    operands: 2,
    result: 'v128',
    emit: operation =>
      put(operation, 'pinsrd', [operation.dest, operation.sources[0], operation.sources[1]], operation.immediate),
  },
  'i32x.splat': {
    operands: 1,
    result: 'vector',
    emit: operation => {
      const { code, dest, sources } = operation
      code.vector(vectorInstructions.movd, 0, [dest, 0, sources[0]])
      put(operation, 'broadcastss', [dest, 0, dest])
    },
  },
  'f32.convert_i32_s': {
    operands: 1,
    result: 'f32',
    emit: operation => {
      const { dest, sources } = operation
      // Only the lowest lane is written: the zeros keep it from waiting for what the register held.
      put(operation, 'xorps', [dest, dest, dest])
      put(operation, 'cvtsi2ss', [dest, dest, sources[0]])
    },
  },
  'i32.mul': { operands: 2, result: 'i32', emit: printedElsewhere },
  'i32.div_s': { operands: 2, result: 'i32', emit: printedElsewhere },
  'i32.div_u': { operands: 2, result: 'i32', emit: printedElsewhere },
  'i32.rem_s': { operands: 2, result: 'i32', emit: printedElsewhere },
  'i32.rem_u': { operands: 2, result: 'i32', emit: printedElsewhere },
  'i32.and': { operands: 2, result: 'i32', emit: printedElsewhere },
  'i32.or': { operands: 2, result: 'i32', emit: printedElsewhere },
}

/** Integers are printed by `print.ts`, which knows where they lie. */
function printedElsewhere(): never {
  throw new Error('native code: integer arithmetic has no vector instructions')
}

/** What is known of an instruction; `undefined` for moves, jumps, loads and stores. */
export const signatureOf = (op: string): Signature | undefined => signatures[op]

const numbers = new Float32Array(1)
const bits = new Int32Array(numbers.buffer)

/** The bits of a number as f32. */
function bitsOf(value: number): number {
  numbers[0] = value
  return bits[0]
}

/** Whether an instruction has no form for vector registers from 16 on. */
export const needsLowRegisters = ({ op, length }: Instruction): boolean =>
  length < 2 && signatureOf(op)?.lowRegisters === true
