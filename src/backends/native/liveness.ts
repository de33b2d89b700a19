/**
 * From where to where each value of a function is needed. Blocks of instructions without jumps are found first, then
 * the values that are alive at their ends (Aho, Lam, Sethi, Ullman: Compilers, section 9.2.5), then one interval per
 * value that covers everything between its first and its last use.
 */
import type { Instruction, Value, ValueCode } from './code.ts'
import { signatureOf } from './operations.ts'

/** Where a value is needed. Instruction i reads at position 2i and writes at 2i + 1. */
export interface Interval {
  readonly value: Value
  readonly start: number
  readonly end: number
  /** What it costs to keep the value in memory: its uses, those in loops many times. */
  readonly weight: number
}

/** Instructions `from … to − 1`, without a jump or a label between them. */
interface Block {
  readonly from: number
  readonly to: number
  readonly next: readonly number[]
}

/** How many times code is assumed to run, by the loops around it: each loop eight times. */
const weights = Array.from({ length: 7 }, (_, depth) => 8 ** depth)

/** The intervals of all values that are used, and those that are read before anything is written to them. */
export function intervalsOf(code: ValueCode): { intervals: Interval[]; unset: Value[] } {
  const { instructions, kinds, parameters } = code
  const blocks = blocksOf(instructions)
  const reach = new Reach(kinds.length)
  instructions.forEach((instruction, at) => {
    const early = signatureOf(instruction.op)?.early ? 0 : 1
    const weight = weights[Math.min(instruction.depth, weights.length - 1)]
    for (const value of instruction.reads) reach.include(value, 2 * at, weight)
    for (const value of instruction.temporaries) {
      reach.include(value, 2 * at, Number.POSITIVE_INFINITY)
      reach.include(value, 2 * at + 1, 0)
    }
    if (instruction.dest < 0) return
    reach.include(instruction.dest, 2 * at + early, weight)
    reach.include(instruction.dest, 2 * at + 1, 0)
  })
  const alive = aliveAt(code, blocks)
  blocks.forEach(({ from, to }, block) => {
    for (const value of alive.values(alive.atStart[block])) reach.include(value, 2 * from, 0)
    for (const value of alive.values(alive.atEnd[block])) reach.include(value, 2 * to - 1, 0)
  })
  const first = alive.values(alive.atStart[0])
  const unset = first.filter(value => value >= parameters)
  // Parameters arrive, and unset values are made zero, before the first instruction.
  for (const value of first) reach.include(value, -1, 0)
  return { intervals: reach.intervals, unset }
}

/** Collects the positions of values. */
class Reach {
  readonly #start: Float64Array
  readonly #end: Float64Array
  readonly #weight: Float64Array

  constructor(values: number) {
    this.#start = new Float64Array(values).fill(Number.POSITIVE_INFINITY)
    this.#end = new Float64Array(values).fill(Number.NEGATIVE_INFINITY)
    this.#weight = new Float64Array(values)
  }

  include(value: Value, position: number, weight: number): void {
    if (position < this.#start[value]) this.#start[value] = position
    if (position > this.#end[value]) this.#end[value] = position
    this.#weight[value] += weight
  }

  /** In the order of their starts. */
  get intervals(): Interval[] {
    const found: Interval[] = []
    this.#start.forEach((start, value) => {
      if (start !== Number.POSITIVE_INFINITY)
        found.push({ value, start, end: this.#end[value], weight: this.#weight[value] })
    })
    return found.sort((a, b) => a.start - b.start)
  }
}

function blocksOf(instructions: readonly Instruction[]): Block[] {
  const ordered: number[] = []
  instructions.forEach(({ op }, at) => {
    if (at === 0 || op === 'label' || leaves.has(instructions[at - 1].op)) ordered.push(at)
  })
  const blockOfTarget = new Map<number, number>()
  ordered.forEach((at, block) => {
    const { op, target } = instructions[at]
    if (op === 'label' && target !== undefined) blockOfTarget.set(target, block)
  })
  return ordered.map((from, block) => {
    const to = ordered[block + 1] ?? instructions.length
    const { op, target } = instructions[to - 1]
    const next: number[] = []
    if ((op === 'jump' || op === 'branch') && target !== undefined) next.push(blockOfTarget.get(target) as number)
    if ((op === 'branch' || !leaves.has(op)) && block + 1 < ordered.length) next.push(block + 1)
    return { from, to, next }
  })
}

/** Instructions after which another block begins. */
const leaves: ReadonlySet<string> = new Set(['jump', 'branch', 'return', 'trap'])

/** Sets of values, one bit each, at the start and the end of every block. */
interface Alive {
  readonly atStart: readonly Uint32Array[]
  readonly atEnd: readonly Uint32Array[]
  values(set: Uint32Array): Value[]
}

/** Values that are alive at the boundaries of blocks. Those that one block sets and uses alone take no part. */
function aliveAt({ instructions, kinds }: ValueCode, blocks: readonly Block[]): Alive {
  const shared = sharedValues(instructions, kinds.length, blocks)
  const bitOf = new Int32Array(kinds.length).fill(-1)
  shared.forEach((value, bit) => {
    bitOf[value] = bit
  })
  const words = Math.ceil(shared.length / 32)
  const sets = (): Uint32Array[] => blocks.map(() => new Uint32Array(words))
  const [read, written, atStart, atEnd] = [sets(), sets(), sets(), sets()]
  const has = (set: Uint32Array, bit: number): boolean => (set[bit >> 5] & (1 << (bit & 31))) !== 0
  const add = (set: Uint32Array, bit: number): void => {
    set[bit >> 5] |= 1 << (bit & 31)
  }
  blocks.forEach(({ from, to }, block) => {
    for (let at = from; at < to; at++) {
      const { reads, dest } = instructions[at]
      for (const value of reads) {
        const bit = bitOf[value]
        if (bit >= 0 && !has(written[block], bit)) add(read[block], bit)
      }
      if (dest >= 0 && bitOf[dest] >= 0) add(written[block], bitOf[dest])
    }
  })
  for (let changed = true; changed; ) {
    changed = false
    for (let block = blocks.length - 1; block >= 0; block--) {
      for (let word = 0; word < words; word++) {
        const end = blocks[block].next.reduce((set, next) => set | atStart[next][word], 0)
        const start = read[block][word] | (end & ~written[block][word])
        atEnd[block][word] = end
        if ((start | 0) !== (atStart[block][word] | 0)) {
          atStart[block][word] = start
          changed = true
        }
      }
    }
  }
  return { atStart, atEnd, values: set => shared.filter((_, bit) => has(set, bit)) }
}

/** Values that are not just set and then used within one block. */
function sharedValues(instructions: readonly Instruction[], values: number, blocks: readonly Block[]): Value[] {
  const home = new Int32Array(values).fill(-1)
  const shared = new Uint8Array(values)
  blocks.forEach(({ from, to }, block) => {
    for (let at = from; at < to; at++) {
      const { reads, dest } = instructions[at]
      for (const value of reads) if (home[value] !== block) shared[value] = 1
      if (dest < 0) continue
      if (home[dest] >= 0 && home[dest] !== block) shared[dest] = 1
      home[dest] = block
    }
  })
  return [...shared.keys()].filter(value => shared[value] === 1)
}
