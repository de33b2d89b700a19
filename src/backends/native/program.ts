/**
 * Machine code of a program: all its functions, and entries by which they are called from outside.
 *
 * Between functions, the caller leaves arguments at the top of its stack; a result is in eax or in the first vector
 * register; no register survives a call but the stack pointer and the start of the memory. An entry is a function of C,
 * `(context) → 0`, by the System V convention: it reads the start of the memory and its arguments from the context
 * (`contexts` in `control.ts`).
 */
import type { FunctionBuilder } from '../wasm/emit/assembler.ts'
import { contexts } from '../wasm/runtime/control.ts'
import { lift } from './lift.ts'
import { general } from './operand.ts'
import { argumentOffsets } from './places.ts'
import { memoryBase, printFunction } from './print.ts'
import { type Label, MachineCode } from './x86.ts'

const { rax, rbx, rbp, rsp, rdi, r12, r13, r14, r15 } = general

/**
 * Number of what is printed. Raise it when other code is printed for the same functions: kernels that were checked before
 * are checked again.
 */
export const printer = 1

/** Code with its entries. */
export interface NativeCode {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Offset of the entry of each function that was asked for. */
  readonly entries: readonly number[]
}

/** Registers that belong to the caller. */
const preserved = [rbx, rbp, r12, r13, r14, r15]

/**
 * Machine code for functions on integers, and for all that they call.
 * @param avx512 whether the processor has AVX-512 (F, DQ, VL); else AVX2 and FMA
 * @throws Error for an instruction that native code does not have.
 */
export function nativeCode(functions: readonly FunctionBuilder[], avx512: boolean): NativeCode {
  const code = new MachineCode()
  const labels = new Map<number, Label>()
  const labelOf = (index: number): Label => {
    const label = labels.get(index) ?? code.label()
    labels.set(index, label)
    return label
  }
  const entries = functions.map(f => {
    const entry = code.size
    printEntry(code, f, labelOf(f.index))
    return entry
  })
  for (const f of new Set(functions.flatMap(f => [...f.reachable]))) {
    code.bind(labelOf(f.index))
    printFunction(lift(f), { code, avx512, labelOf })
  }
  return { bytes: code.finish(), entries }
}

function printEntry(code: MachineCode, { parameters }: FunctionBuilder, target: Label): void {
  for (const register of preserved) code.push(register)
  code.moveLong(rbp, rsp)
  code.alignStack()
  const { offsets, bytes } = argumentOffsets(parameters.map(() => 'i32'))
  // The stack pointer of before is kept above the arguments.
  code.moveStack(-bytes - 64)
  code.storeLong({ base: rsp, displacement: bytes }, rbp)
  code.moveLong(memoryBase, { base: rdi, displacement: 0 })
  offsets.forEach((offset, index) => {
    code.move(rax, { base: rdi, displacement: contexts.arguments + 4 * index })
    code.storeLong({ base: rsp, displacement: offset }, rax)
  })
  code.call(target)
  code.moveLong(rsp, { base: rsp, displacement: bytes })
  code.clearUpperVectors()
  code.moveConstant(rax, 0)
  for (const register of [...preserved].reverse()) code.pop(register)
  code.return()
}
