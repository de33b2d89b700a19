/**
 * The machine instructions of every WebAssembly instruction on numbers and vectors. Results are WebAssembly's, to the
 * bit, NaN payloads apart.
 */
import type { Instruction } from './code.ts'
import { conditions } from './conditions.ts'
import { vectorInstructions } from './instructions.ts'
import {
  binary,
  bitselect,
  comparison,
  convertUnsigned,
  integerComparison,
  longProduct,
  maximum,
  maximumWithZero,
  minimum,
  multiplyAdd,
  not,
  predicates,
  put,
  type Signature,
  scalar,
  scalarComparison,
  shift,
  swapped,
  truncate,
  unary,
  withConstant,
} from './vectorOperations.ts'

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
    code.setIf(conditions.notEqual, dest)
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
    code.setIf(conditions.equal, dest)
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
  // With a constant that is no NaN, and no zero that matters, the processor's own minimum and maximum will do.
  'f32x.min constant': swapped('minps'),
  'f32x.max constant': swapped('maxps'),
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
  'f32.min constant': swapped('minps', 'f32'),
  'f32.max constant': swapped('maxps', 'f32'),
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

/** Whether an instruction has no form for vector registers from 16 on. */
export const needsLowRegisters = ({ op, length }: Instruction): boolean =>
  length < 2 && signatureOf(op)?.lowRegisters === true
