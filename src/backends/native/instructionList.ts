/** The instructions of one function while it is rewritten. */
import type { Instruction, Operand, Target, Value, ValueCode, ValueKind } from './code.ts'
import { signatureOf } from './operations.ts'
import { vectorKinds } from './stackEntry.ts'

/** Parts of an instruction that have defaults. */
type InstructionParts = Partial<Pick<Instruction, 'dest' | 'length' | 'immediate' | 'words' | 'condition' | 'target'>>

const noParts: InstructionParts = {}
const none: readonly Value[] = []

const isValue = (operand: Operand): operand is Value => typeof operand === 'number'

/** A growing list of instructions, with the values that they set and the targets of their jumps. */
export class InstructionList implements ValueCode {
  readonly kinds: ValueKind[]
  readonly parameters: number
  readonly instructions: Instruction[] = []
  targets = 0
  /** Loops around the next instruction. */
  depth = 0

  /** @param kinds of the parameters and locals */
  constructor(kinds: ValueKind[], parameters: number) {
    this.kinds = kinds
    this.parameters = parameters
  }

  get last(): Instruction | undefined {
    return this.instructions[this.instructions.length - 1]
  }

  /** A new target. */
  target(): Target {
    return this.targets++
  }

  /** A new value. */
  temporary(kind: ValueKind): Value {
    return this.kinds.push(kind) - 1
  }

  /** Adds an instruction, with values for what it computes on the way. */
  add(op: string, sources: readonly Operand[], more: InstructionParts = noParts): void {
    const { dest = -1, length = 0, immediate = 0, words, condition, target } = more
    const wanted = signatureOf(op)?.temporaries?.(length) ?? 0
    const temporaries = wanted === 0 ? none : Array.from({ length: wanted }, () => this.temporary(vectorKinds[length]))
    const reads = sources.every(isValue) ? sources : sources.filter(isValue)
    const { depth } = this
    this.instructions.push({
      op,
      dest,
      sources,
      reads,
      temporaries,
      length,
      immediate,
      words,
      condition,
      target,
      depth,
    })
  }
}
