/** Arithmetic on integers as machine code. */
import type { Instruction, Operand } from './code.ts'
import { conditions } from './conditions.ts'
import { general, type Place, type Register } from './operand.ts'
import type { Places } from './places.ts'
import type { MachineCode } from './x86.ts'

const { rax, rdx } = general

/** Prints the integer arithmetic of one function. */
export class IntegerPrinter {
  readonly #code: MachineCode
  readonly #places: Places
  readonly #trap: () => void

  /** @param trap prints a trap */
  constructor(code: MachineCode, places: Places, trap: () => void) {
    this.#code = code
    this.#places = places
    this.#trap = trap
  }

  /** Prints an instruction, with its result in its place. */
  print({ op, sources, dest }: Instruction): void {
    const [a, b] = sources
    const divided = op.startsWith('i32.div') ? rax : op.startsWith('i32.rem') ? rdx : undefined
    if (divided !== undefined) this.#divide(op, a, b)
    this.#places.toGeneral(dest, register => {
      if (divided !== undefined) this.#places.moveGeneral(register, divided)
      else if (op === 'i32.add') this.#add(register, a, b)
      else if (op === 'i32.mul') this.#multiply(register, a, b)
      else this.#combine(op.slice(4) as 'sub' | 'and' | 'or', register, [a, b])
    })
  }

  #add(to: Register, a: Operand, b: Operand): void {
    const first = this.#places.general(a, rax)
    if (typeof b !== 'number') {
      if (first === to) this.#code.arithmeticConstant('add', to, b.constant)
      else this.#code.address(to, { base: first, displacement: b.constant })
      return
    }
    const second = this.#places.general(b, rdx)
    if (first === to) this.#code.arithmetic('add', to, second)
    else if (second === to) this.#code.arithmetic('add', to, first)
    else this.#code.address(to, { base: first, index: second, displacement: 0 })
  }

  #multiply(to: Register, a: Operand, b: Operand): void {
    const [x, y] = typeof a === 'number' ? [a, b] : [b, a]
    if (typeof y !== 'number') {
      const power = Math.log2(y.constant)
      if (Number.isInteger(power)) {
        this.#places.moveToGeneral(to, x)
        if (power > 0) this.#code.shift(to, 'left', power)
      } else this.#code.multiplyConstant(to, this.#places.generalPlace(x, rax), y.constant)
      return
    }
    const second = this.#places.general(y, rdx)
    if (second === to) this.#code.multiply(to, this.#places.general(x, rax))
    else {
      this.#places.moveToGeneral(to, x)
      this.#code.multiply(to, second)
    }
  }

  /** to ← a (operation) b, by way of eax where b is in the place of the result. */
  #combine(operation: 'sub' | 'and' | 'or', to: Register, [a, b]: readonly [Operand, Operand]): void {
    const via = typeof b === 'number' && this.#places.allocation.registers.get(b) === to ? rax : to
    this.#places.moveToGeneral(via, a)
    if (typeof b === 'number') this.#code.arithmetic(operation, via, this.#places.place(b))
    else this.#code.arithmeticConstant(operation, via, b.constant)
    this.#places.moveGeneral(to, via)
  }

  /** eax, edx ← quotient and remainder. The processor's division would end the process where WebAssembly's traps. */
  #divide(op: string, a: Operand, b: Operand): void {
    const code = this.#code
    const signed = op.endsWith('_s')
    const divide = (by: Place): void => {
      if (signed) code.extendSign()
      else code.moveConstant(rdx, 0)
      code.divide(by, signed)
    }
    this.#places.moveToGeneral(rax, a)
    if (typeof b !== 'number') {
      if (b.constant === 0 || b.constant === -1) throw new Error(`native code: division by ${b.constant}`)
      divide(code.constant([b.constant]))
      return
    }
    const by = this.#places.place(b)
    this.#trapIf(by, 0)
    if (!signed) {
      divide(by)
      return
    }
    const [usual, end] = [code.label(), code.label()]
    code.arithmeticConstant('cmp', by, -1)
    code.jumpIf(conditions.notEqual, usual)
    // −a and 0; there is no −(−2³¹).
    if (op === 'i32.div_s') this.#trapIf(rax, -(2 ** 31))
    code.multiplyConstant(rax, rax, -1)
    code.moveConstant(rdx, 0)
    code.jump(end)
    code.bind(usual)
    divide(by)
    code.bind(end)
  }

  /** Goes on unless a number is `value`. */
  #trapIf(place: Place, value: number): void {
    const end = this.#code.label()
    this.#code.arithmeticConstant('cmp', place, value)
    this.#code.jumpIf(conditions.notEqual, end)
    this.#trap()
    this.#code.bind(end)
  }
}
