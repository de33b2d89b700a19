/**
 * Checks kernels with wide vectors, and native ones. Each kernel runs on pseudo-random operands in two builds: one by
 * V8's optimizing compiler, with pairs of vectors joined, or in machine code; the other by V8's quick compiler, which
 * joins nothing. Both do the same arithmetic in the same order, so the results must be equal bit for bit (except that
 * any two NaN are equal). A kernel runs on its first units, some in the middle and its last ones, which meet all
 * borders; so a check takes milliseconds where the program takes seconds.
 */
import { byteSizeOf, type DType } from '../../../graph/shape.ts'
import type { Plan } from '../../../plan/plan.ts'
import type { Step } from '../../../plan/step.ts'
import { alignToLines as align } from '../../cpu/target.ts'
import type { GeneratedKernel } from '../codegen.ts'
import type { KernelCall } from '../lower.ts'
import { controlBytes } from './control.ts'
import type { CheckedKernels } from './wideCache.ts'

/** One call of a kernel, ready to try. */
export interface Trial {
  readonly key: string
  /** Name under which both modules export the kernel. */
  readonly name: string
  readonly units: number
  /** Rough cost of a unit, in multiply-adds. */
  readonly unitCost: number
  readonly operands: readonly TrialOperand[]
  readonly tables: readonly Int32Array[]
}

/** An operand of a trial. */
interface TrialOperand {
  readonly role: 'input' | 'output' | 'workspace'
  readonly bytes: number
  /** Bytes from the start of the value to the address passed to the kernel. */
  readonly offset: number
  readonly dtype: DType
  /** What is read: any numbers; numbers and NaN, if the operation treats NaN specially; or 0 and 1, for indices. */
  readonly kind: OperandKind
}

type OperandKind = 'numbers' | 'withNaN' | 'indices'

/** Operations whose integers choose a place: indices, labels, switches. */
const indexing: ReadonlySet<string> = new Set([
  'gather',
  'scatterAdd',
  'oneHot',
  'softmaxCrossEntropy',
  'softmaxCrossEntropyGradient',
  'maxPool2dGradient',
  'maxPool2dRoute',
])

/** Operations that look for a maximum, in which NaN counts as larger than everything. */
function comparesNumbers(step: Step): boolean {
  if (step.op === 'reduce') return step.attributes.fn === 'max'
  return ['maxPool2d', 'maxPool2dSwitches', 'argmax'].includes(step.op)
}

/** The trial of one call of a plan's step. @param name under which the kernel is exported */
export function trialOf(plan: Plan, step: Step, { kernel, addresses }: KernelCall, name: string): Trial {
  const operands = addresses.map(({ tensor, offset }): TrialOperand => {
    if (tensor === 'workspace') {
      const bytes = plan.scratchBytes - plan.workspaceOffset
      return { role: 'workspace', bytes, offset, dtype: 'f32', kind: 'numbers' }
    }
    const { dtype } = tensor
    const role = step.outputs.includes(tensor) ? 'output' : 'input'
    const kind = dtype !== 'f32' && indexing.has(step.op) ? 'indices' : comparesNumbers(step) ? 'withNaN' : 'numbers'
    return { role, bytes: byteSizeOf(tensor), offset, dtype, kind }
  })
  const elements = operands.reduce((sum, { role, bytes }) => sum + (role === 'workspace' ? 0 : bytes / 4), 0)
  const unitCost = (step.multiplyAdds + 2 * elements) / kernel.units
  return { key: kernel.key, name, units: kernel.units, unitCost, operands, tables: kernel.tables }
}

/** The functions of kernels by the names of their trials, called with a range of units and addresses. */
type KernelFunctions = (name: string) => (...values: number[]) => void

/** A build of kernels, for a memory to work on. */
export type KernelBuild = (memory: WebAssembly.Memory) => KernelFunctions

/** Kernels of a program in two builds, and what is said of those that differ. */
export interface CheckedProgram {
  readonly plan: Plan
  readonly kernels: readonly GeneratedKernel[]
  readonly shared: boolean
  /** What a kernel that differs does: `computes something else with them than without`. */
  readonly difference: string
}

/**
 * What is wrong with the kernels of a program; `undefined` when each computes the same in both builds.
 * @param checked  kernels known to be correct, which are not tried again; kernels found to be correct are added
 * @param buildsOf makes both builds of the kernels that are not known, and lets go of them when they have been tried
 */
export function problemOfKernels(
  { plan, kernels, shared, difference }: CheckedProgram,
  checked: CheckedKernels,
  buildsOf: (unknown: readonly GeneratedKernel[]) => {
    readonly builds: readonly [plain: KernelBuild, other: KernelBuild]
    readonly release?: () => void
  },
): string | undefined {
  const unknown = kernels.filter(({ code }) => !checked.has(code))
  if (unknown.length === 0) return undefined
  const trials = unknown.map(({ step, call, name }) => trialOf(plan, step, call, name))
  const { builds, release } = buildsOf(unknown)
  try {
    const [first, ...others] = differingKernels(trials, builds, shared)
    if (first !== undefined) {
      const more = others.length > 0 ? ` and ${others.length} more` : ''
      return `the kernel '${first.slice(0, 80)}'${more} ${difference}`
    }
  } catch (error) {
    return `they cannot be checked: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    release?.()
  }
  checked.add(unknown.map(({ code }) => code))
  return undefined
}

/** The build that a module exports. */
export function buildOfModule(module: WebAssembly.Module): KernelBuild {
  return memory => {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    return name => exports[name] as (...values: number[]) => void
  }
}

/**
 * The keys of the kernels whose results differ between two builds.
 * @param shared whether the modules import a shared memory
 */
export function differingKernels(
  trials: readonly Trial[],
  [plain, other]: readonly [plain: KernelBuild, other: KernelBuild],
  shared: boolean,
): string[] {
  if (trials.length === 0) return []
  const bench = new TestBench(trials, shared)
  const builds = [plain(bench.memory), other(bench.memory)]
  return trials.filter(trial => !bench.agree(trial, builds)).map(({ key }) => key)
}

const pageBytes = 65536

/** The place of a result, relative to the start of the room for results. */
interface Region {
  readonly offset: number
  readonly bytes: number
  readonly dtype: DType
}

/** Most bytes of an operand that are filled with numbers; the rest of a larger operand is zeros. */
const mostFilled = 16 * 1024 * 1024

/** Period of the numbers in operands: a prime, so that neighboring rows differ, whatever their length. */
const period = 65521

/** Guard area around results, so that a kernel that writes a little outside them damages nothing else. */
const guard = 65536

/** Distance between the starts of a trial's inputs in the numbers that they share. */
const inputShift = 4100

/** Distance from one NaN to the next. */
const betweenNaN = 997

/** Multiply-adds that a trial of a kernel may cost, unless single units cost more. */
const budget = 150_000

/** Results up to this size are compared as a whole; of larger ones, only pages that were written to. */
const wholeBytes = 65536

/** Size of a page in words, and distance in words between the probes that show whether it was written to. */
const [pageWords, probeStep] = [1024, 253]

/** A memory with operands for all trials and, for each of the two builds, room for results. */
class TestBench {
  readonly memory: WebAssembly.Memory
  /**
   * What inputs are read from: numbers in −1 … 1 (read as bytes, they can be anything), the same with NaN, or integers
   * 0 and 1.
   */
  readonly #inputs: Readonly<Record<OperandKind, number>>
  readonly #tables: number
  readonly #results: readonly [plain: number, other: number]
  readonly #workspaces: readonly [plain: number, other: number]

  constructor(trials: readonly Trial[], shared: boolean) {
    const most = (size: (trial: Trial) => number): number => align(Math.max(0, ...trials.map(size)))
    const spare = inputShift * Math.max(...trials.map(({ operands }) => operands.length))
    const inputBytes = (wanted: OperandKind): number => {
      const bytes = most(({ operands }) => largest(operands, ({ role, kind }) => role === 'input' && kind === wanted))
      return bytes === 0 ? 0 : align(bytes + spare)
    }
    const sizes = { numbers: inputBytes('numbers'), withNaN: inputBytes('withNaN'), indices: inputBytes('indices') }
    const tableBytes = most(({ tables }) => tables.reduce((sum, table) => sum + align(table.byteLength), 0))
    const resultBytes = most(({ operands }) => resultOffsets(operands).end)
    const workspaceBytes = most(({ operands }) => largest(operands, ({ role }) => role === 'workspace'))
    let end = controlBytes
    const claim = (bytes: number): number => {
      const address = align(end + guard)
      end = address + bytes + guard
      return address
    }
    this.#inputs = { numbers: claim(sizes.numbers), withNaN: claim(sizes.withNaN), indices: claim(sizes.indices) }
    this.#tables = claim(tableBytes)
    this.#results = [claim(resultBytes), claim(resultBytes)]
    this.#workspaces = [claim(workspaceBytes), claim(workspaceBytes)]
    this.memory = new WebAssembly.Memory({ initial: Math.ceil(end / pageBytes), maximum: pageBytes, shared })
    const filled = (kind: OperandKind): [ArrayBufferLike, number, number] => [
      this.memory.buffer,
      this.#inputs[kind],
      Math.min(sizes[kind], mostFilled) / 4,
    ]
    fill(new Float32Array(...filled('numbers')), number => number)
    fill(new Float32Array(...filled('withNaN')), (number, at) => (at % betweenNaN === 0 ? Number.NaN : number))
    fill(new Int32Array(...filled('indices')), number => (number > 0 ? 1 : 0))
  }

  /** Whether both builds of a kernel compute the same. */
  agree(trial: Trial, builds: readonly KernelFunctions[]): boolean {
    this.#writeTables(trial)
    const [plain, wide] = builds.map((functions, build) => this.#outcome(trial, functions, build as 0 | 1))
    const { regions } = resultOffsets(trial.operands)
    const same = regions.map(region => this.#compare(region))
    return plain === wide && same.every(Boolean)
  }

  /** Runs a build. The outcome is `done` or the message of its trap. */
  #outcome(trial: Trial, functions: KernelFunctions, build: 0 | 1): string {
    const run = functions(trial.name)
    const addresses = this.#addressesOf(trial, build)
    try {
      for (const [from, to] of rangesOf(trial)) run(from, to, ...addresses)
      return 'done'
    } catch (error) {
      return String(error)
    }
  }

  #writeTables({ tables }: Trial): void {
    let at = this.#tables
    for (const table of tables) {
      this.#view(at, table.byteLength).set(table)
      at += align(table.byteLength)
    }
  }

  #addressesOf({ operands, tables }: Trial, build: 0 | 1): number[] {
    const { regions } = resultOffsets(operands)
    let results = 0
    const addresses = operands.map(({ role, offset, kind }, at) => {
      if (role === 'output') return this.#results[build] + regions[results++].offset + offset
      if (role === 'workspace') return this.#workspaces[build] + offset
      return this.#inputs[kind] + at * inputShift + offset
    })
    let at = this.#tables
    for (const table of tables) {
      addresses.push(at)
      at += align(table.byteLength)
    }
    return addresses
  }

  /** Whether a region of the results is equal in both builds; resets it to zeros. */
  #compare({ offset, bytes, dtype }: Region): boolean {
    const [plain, wide] = this.#results.map(address => this.#view(address + offset, align(bytes)))
    let equal = true
    const page = (from: number): void => {
      const to = Math.min(from + pageWords, plain.length)
      for (let i = from; i < to; i++)
        if (plain[i] !== wide[i] && !(dtype === 'f32' && areNaN(plain[i], wide[i]))) equal = false
      plain.fill(0, from, to)
      wide.fill(0, from, to)
    }
    const written = (from: number): boolean => {
      const to = Math.min(from + pageWords, plain.length)
      for (let i = from; i < to; i += probeStep) if ((plain[i] | wide[i]) !== 0) return true
      return false
    }
    for (let from = 0; from < plain.length; from += pageWords) if (bytes <= wholeBytes || written(from)) page(from)
    return equal
  }

  #view(address: number, bytes: number): Int32Array<ArrayBufferLike> {
    return new Int32Array(this.memory.buffer, address, bytes / 4)
  }
}

/**
 * Units to try: all, or the first ones, some in the middle and the last ones; if units are expensive, only the last.
 */
function rangesOf({ units, unitCost }: Trial): [from: number, to: number][] {
  const count = Math.max(1, Math.floor(budget / 3 / unitCost))
  if (units <= 3 * count) return unitCost > budget ? [[units - 1, units]] : [[0, units]]
  const middle = (units - count) >> 1
  if (unitCost > 4 * budget) return [[units - 1, units]]
  if (unitCost > budget)
    return [
      [0, 1],
      [units - 1, units],
    ]
  return [
    [0, count],
    [middle, middle + count],
    [units - count, units],
  ]
}

/** Where the results of a trial begin, and where the last one ends. */
function resultOffsets(operands: readonly TrialOperand[]): { regions: Region[]; end: number } {
  let end = 0
  const regions = operands
    .filter(({ role }) => role === 'output')
    .map(({ bytes, dtype }) => {
      const offset = end
      end += align(bytes) + guard
      return { offset, bytes, dtype }
    })
  return { regions, end }
}

function largest(operands: readonly TrialOperand[], wanted: (operand: TrialOperand) => boolean): number {
  return Math.max(0, ...operands.filter(wanted).map(({ bytes }) => bytes))
}

/** Fills an array with `made` of pseudo-random numbers in −1 … 1 (Numerical Recipes' generator), repeating them. */
function fill(array: Float32Array | Int32Array, made: (number: number, at: number) => number): void {
  let state = 1
  for (let i = 0; i < Math.min(period, array.length); i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    array[i] = made(state / 2 ** 31 - 1, i)
  }
  for (let done = period; done < array.length; done *= 2) array.copyWithin(done, 0, Math.min(done, array.length - done))
}

/** Whether two words are both NaN as f32. */
function areNaN(a: number, b: number): boolean {
  return (a & 0x7fffffff) > 0x7f800000 && (b & 0x7fffffff) > 0x7f800000
}
