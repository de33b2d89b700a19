/**
 * What the processor can do, as it says itself: CPUID, and XGETBV for the registers that the system saves (Intel's
 * manual, volume 1, chapters 14 and 15).
 */
import { conditions } from './conditions.ts'
import type { Door } from './door.ts'
import { general } from './operand.ts'
import { MachineCode } from './x86.ts'

const { rax, rcx, rdx, rbx, rdi, r8 } = general

/** Instruction sets of interest. */
export interface ProcessorFeatures {
  /** AVX2 and FMA: vectors of 32 bytes. */
  readonly avx2: boolean
  /** AVX-512 with the parts F, DQ and VL: vectors of 64 bytes. */
  readonly avx512: boolean
}

/** Where the answers are: ecx of leaf 1, ebx of leaf 7, eax of XGETBV. */
const answers = { leaf1: 0, leaf7: 4, saved: 8 }

const bit = (word: number, ...bits: readonly number[]): boolean => bits.every(at => (word >>> at) & 1)

/** Asks the processor. */
export function processorFeatures(door: Door): ProcessorFeatures {
  const code = new MachineCode()
  const answer = (offset: number, register: number): void => code.store({ base: r8, displacement: offset }, register)
  code.push(rbx)
  code.moveLong(r8, rdi)
  code.moveConstant(rax, 1)
  code.moveConstant(rcx, 0)
  code.cpuid()
  answer(answers.leaf1, rcx)
  // Without the bit OSXSAVE, XGETBV is no instruction.
  const end = code.label()
  code.arithmeticConstant('and', rcx, 1 << 27)
  code.jumpIf(conditions.equal, end)
  code.moveConstant(rax, 7)
  code.moveConstant(rcx, 0)
  code.cpuid()
  answer(answers.leaf7, rbx)
  code.moveConstant(rcx, 0)
  code.xgetbv()
  answer(answers.saved, rax)
  code.bind(end)
  code.moveConstant(rax, 0)
  code.moveConstant(rdx, 0)
  code.pop(rbx)
  code.return()
  const pages = door.install(code.finish())
  const context = new Uint8Array(64)
  try {
    door.caller(pages.address)(door.addressOf(context.buffer))
  } finally {
    pages.release()
  }
  const word = (offset: number): number => new Int32Array(context.buffer, offset, 1)[0]
  const avx2 = bit(word(answers.leaf1), 12, 27, 28) && bit(word(answers.saved), 1, 2) && bit(word(answers.leaf7), 5)
  const avx512 = avx2 && bit(word(answers.saved), 5, 6, 7) && bit(word(answers.leaf7), 16, 17, 31)
  return { avx2, avx512 }
}
