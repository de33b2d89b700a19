/**
 * The plan: a program as a flat list of steps in groups, with an address for every value.
 *
 * Groups run one after another; all threads meet between two groups. A *blocked* group takes the batch block by block:
 * every step of the group runs on one block of samples before the next block begins. Values that no other group needs
 * live in a small scratch area of the thread, and threads take different blocks. The steps of a *whole* group are
 * independent of each other; each is split between the threads.
 */

import { byteSizeOf } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { align, type Lifetime, place } from './place.ts'
import type { Program } from './program.ts'
import { schedule } from './schedule.ts'
import { copyStep, type Form, type Group, type Step, stepInputs, storageOf } from './step.ts'
import type { Layout, LayoutChoice, Target } from './target.ts'

/**
 * Where a value lives. Scratch exists once per thread and holds one block. A `kept` value is computed before the runs
 * and has its own memory.
 */
export type Space = 'variable' | 'constant' | 'kept' | 'arena' | 'scratch'

/** A value with its place. */
export interface Value {
  readonly tensor: Tensor
  readonly layout: Layout
  /** True when axis 0 is cut into blocks by blocked groups. */
  readonly sliced: boolean
  readonly space: Space
  /** Bytes from the start of the space; 0 for variables and constants, which have separate addresses. */
  readonly offset: number
  /** Bytes occupied in the space: one block in scratch, the whole value elsewhere. */
  readonly bytes: number
  /** The variable whose memory holds the value. */
  readonly variable?: Variable
}

/** A program ready to be lowered by a backend. */
export interface Plan<F extends Form = Form> {
  /** Groups to execute before the first run, and again when anything but this program has changed variables. */
  readonly preparation: readonly Group<F>[]
  readonly groups: readonly Group<F>[]
  /** Samples per block, and number of blocks; 1 when the batch is not cut. */
  readonly block: number
  readonly blocks: number
  /** The value whose memory holds a tensor; `undefined` for tensors that are not computed. */
  value(tensor: Tensor): Value | undefined
  /** All values, each once. */
  readonly values: readonly Value[]
  /** Row-major value of each output. */
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly inputs: readonly Tensor[]
  /** New values of the variables that are not updated in place. */
  readonly updates: ReadonlyMap<Variable, Tensor>
  /** Whether a step of a blocked group reads only its own block of an operand. */
  slices(step: Step<F>, tensor: Tensor): boolean
  readonly arenaBytes: number
  /** Scratch of one thread: values of blocked groups, followed by the workspace of kernels. */
  readonly scratchBytes: number
  readonly workspaceOffset: number
  /** Multiply-adds of one run. */
  readonly multiplyAdds: number
}

/** How a program is planned. */
export interface PlanOptions {
  /**
   * Bytes that may be computed ahead of the runs and kept; any number by default. What does not fit is computed in each
   * run, just before it is read, and its memory serves others afterwards.
   */
  readonly mostKept?: number
}

/** Plans a program for a backend. @throws ShapeError when the program is inconsistent. */
export function makePlan<F extends Form>(
  program: Program,
  target: Target<F>,
  { mostKept = Number.POSITIVE_INFINITY }: PlanOptions = {},
): Plan<F> {
  const { alignment, span } = target
  const choice = target.layOut(program)
  const { blocks } = choice
  const inBlocks = blocks?.steps ?? new Set<Step<F>>()
  const { kept: invariant, late } = split(invariantSteps(choice), choice, mostKept)
  const preparation = schedule([...invariant], inBlocks)
  const scheduled = withLate(
    schedule(
      choice.steps.filter(step => !invariant.has(step) && !late.has(step)),
      inBlocks,
    ),
    late,
  )
  const { inPlace, copies } = storeUpdates(choice, scheduled)
  const groups = copies.length > 0 ? [...scheduled, { kind: 'whole' as const, steps: copies }] : scheduled
  const { values, arenaBytes, scratchBytes } = placeValues({ choice, groups, inPlace, invariant, alignment, span })
  const workspace = Math.max(target.workspace ?? 0, ...choice.steps.map(step => step.workspace))
  const byStorage = new Map(values.map(value => [value.tensor, value]))
  return {
    preparation,
    groups,
    block: blocks?.samples ?? 1,
    blocks: blocks?.count ?? 1,
    value: tensor => byStorage.get(storageOf(tensor)),
    values,
    outputs: choice.outputs,
    inputs: choice.inputs,
    updates: choice.updates,
    slices: (step, tensor) => blocks?.slices(step, tensor) ?? false,
    arenaBytes,
    scratchBytes: align(scratchBytes + workspace, alignment),
    workspaceOffset: scratchBytes,
    multiplyAdds: choice.steps.reduce((sum, step) => sum + step.multiplyAdds, 0),
  }
}

/**
 * Steps that depend on nothing that changes from run to run: only on constants and on variables that the program does
 * not update (packed and transformed weights, folded batch normalization).
 */
function invariantSteps<F extends Form>(choice: LayoutChoice<F>): Set<Step<F>> {
  const invariant = new Set<Step<F>>()
  const kept = new Set<Tensor>()
  const outputs = new Set(Object.values(choice.outputs).map(storageOf))
  const updates = new Set([...choice.updates.values()].map(storageOf))
  const lasts = (tensor: Tensor): boolean => {
    const storage = storageOf(tensor)
    if (kept.has(storage)) return true
    const { source } = storage
    return source?.kind === 'constant' || (source?.kind === 'variable' && !choice.updates.has(source.variable))
  }
  for (const step of choice.steps) {
    const results = step.outputs
    if (results.some(tensor => outputs.has(tensor) || updates.has(tensor))) continue
    if (choice.blocks?.steps.has(step) || !stepInputs(step).every(lasts)) continue
    invariant.add(step)
    for (const tensor of results) kept.add(tensor)
  }
  return invariant
}

/** The steps whose results fit, in order, with what they read; and those that are computed late. */
function split<F extends Form>(
  invariant: ReadonlySet<Step<F>>,
  choice: LayoutChoice<F>,
  most: number,
): { readonly kept: Set<Step<F>>; readonly late: Set<Step<F>> } {
  const [kept, late] = [new Set<Step<F>>(), new Set<Step<F>>()]
  const lateValues = new Set<Tensor>()
  let left = most
  for (const step of invariant) {
    const bytes = step.outputs.reduce((sum, tensor) => sum + bytesOf(choice, tensor), 0)
    if (bytes <= left && !stepInputs(step).some(tensor => lateValues.has(storageOf(tensor)))) {
      kept.add(step)
      left -= bytes
    } else {
      late.add(step)
      for (const tensor of step.outputs) lateValues.add(tensor)
    }
  }
  return { kept, late }
}

/** Groups, each after the late steps that it is the first to need. */
function withLate<F extends Form>(groups: readonly Group<F>[], late: ReadonlySet<Step<F>>): readonly Group<F>[] {
  if (late.size === 0) return groups
  const makers = new Map([...late].flatMap(step => step.outputs.map(tensor => [tensor, step] as const)))
  const done = new Set<Step<F>>()
  return groups.flatMap(group => {
    const needed = new Set<Step<F>>()
    const need = (step: Step<F>): void => {
      for (const tensor of stepInputs(step)) {
        const maker = makers.get(storageOf(tensor))
        if (!maker || done.has(maker)) continue
        done.add(maker)
        need(maker)
        needed.add(maker)
      }
    }
    group.steps.forEach(need)
    return [...schedule([...needed], new Set()), group]
  })
}

/** Bytes of a value that has no memory but what the plan gives it. */
const bytesOf = (choice: LayoutChoice, tensor: Tensor): number => choice.bytesOf?.(tensor) ?? byteSizeOf(tensor)

/** What decides where values are placed. */
interface Placing {
  readonly choice: LayoutChoice
  readonly groups: readonly Group[]
  readonly inPlace: ReadonlyMap<Tensor, Variable>
  readonly invariant: ReadonlySet<Step>
  readonly alignment: number
  readonly span: number | undefined
}

/** Chooses the space and the address of every value. */
function placeValues({ choice, groups, inPlace, invariant, alignment, span }: Placing): {
  values: Value[]
  arenaBytes: number
  scratchBytes: number
} {
  const life = lifetimes(choice, groups, invariant)
  const values: Value[] = []
  const { blocks } = choice
  const arena: { tensor: Tensor; lifetime: Lifetime }[] = []
  const scratch: { tensor: Tensor; lifetime: Lifetime; group: number }[] = []
  const describe = (tensor: Tensor): Pick<Value, 'tensor' | 'layout' | 'sliced'> => ({
    tensor,
    layout: choice.layoutOf(tensor),
    sliced: blocks?.sliced.has(tensor) ?? false,
  })

  for (const tensor of [...invariant].flatMap(step => step.outputs)) {
    life.delete(tensor)
    values.push({ ...describe(tensor), space: 'kept', offset: 0, bytes: bytesOf(choice, tensor) })
  }
  for (const [tensor, { from, to, group, first, last }] of life) {
    const variable = tensor.source?.kind === 'variable' ? tensor.source.variable : inPlace.get(tensor)
    if (variable) {
      values.push({ ...describe(tensor), space: 'variable', offset: 0, bytes: byteSizeOf(tensor), variable })
    } else if (tensor.source?.kind === 'constant') {
      values.push({ ...describe(tensor), space: 'constant', offset: 0, bytes: byteSizeOf(tensor) })
    } else if (group !== undefined && blocks?.sliced.has(tensor)) {
      const bytes = bytesOf(choice, tensor) / blocks.count
      scratch.push({ tensor, lifetime: { bytes, from: first, to: last }, group })
    } else {
      arena.push({ tensor, lifetime: { bytes: bytesOf(choice, tensor), from, to } })
    }
  }

  const arenaPlacement = place(
    arena.map(item => item.lifetime),
    alignment,
    span,
  )
  arena.forEach(({ tensor, lifetime }, index) => {
    values.push({ ...describe(tensor), space: 'arena', offset: arenaPlacement.offsets[index], bytes: lifetime.bytes })
  })
  let scratchBytes = 0
  for (const group of new Set(scratch.map(item => item.group))) {
    const members = scratch.filter(item => item.group === group)
    const placement = place(
      members.map(item => item.lifetime),
      alignment,
    )
    members.forEach(({ tensor, lifetime }, index) => {
      values.push({ ...describe(tensor), space: 'scratch', offset: placement.offsets[index], bytes: lifetime.bytes })
    })
    scratchBytes = Math.max(scratchBytes, placement.bytes)
  }
  return { values, arenaBytes: align(arenaPlacement.bytes, alignment), scratchBytes: align(scratchBytes, alignment) }
}

/** When a value lives: in groups, and in steps of one blocked group when no other group touches it. */
interface Life {
  /** First and last group; inputs live from before the first, outputs until after the last. */
  from: number
  to: number
  /** The blocked group that touches the value, if no other group does. */
  group: number | undefined
  /** First and last step within that group. */
  first: number
  last: number
}

function lifetimes(choice: LayoutChoice, groups: readonly Group[], invariant: ReadonlySet<Step>): Map<Tensor, Life> {
  const life = new Map<Tensor, Life>()
  const touch = (tensor: Tensor, group: number, step: number): void => {
    const storage = storageOf(tensor)
    const known = life.get(storage)
    if (!known) {
      const local = groups[group]?.kind === 'blocked' && storage.op !== 'source' ? group : undefined
      life.set(storage, { from: group, to: group, group: local, first: step, last: step })
      return
    }
    known.to = Math.max(known.to, group)
    known.last = step
    if (known.group !== group) known.group = undefined
  }
  // Data written to an input stays there for later runs of the plan.
  for (const tensor of choice.inputs) {
    touch(tensor, -1, 0)
    touch(tensor, groups.length, 0)
  }
  for (const tensor of [...invariant].flatMap(stepInputs)) touch(tensor, -1, 0)
  groups.forEach((group, at) => {
    group.steps.forEach((step, index) => {
      for (const tensor of [...stepInputs(step), ...step.outputs]) touch(tensor, at, index)
    })
  })
  for (const tensor of Object.values(choice.outputs)) touch(tensor, groups.length, 0)
  return life
}

/**
 * Decides how variables get their new values. An update is computed in place when the step that makes it is the last to
 * read the old value, and reads it element by element (in its expression), never as the operand of a contraction. All
 * other updates are copied at the very end.
 */
function storeUpdates<F extends Form>(
  choice: LayoutChoice<F>,
  groups: readonly Group<F>[],
): { inPlace: Map<Tensor, Variable>; copies: Step<F>[] } {
  const lastRead = new Map<Tensor, number>()
  const readers = new Map<Tensor, Step<F>[]>()
  const producedAt = new Map<Tensor, { group: number; step: Step<F> }>()
  groups.forEach((group, at) => {
    for (const step of group.steps) {
      for (const tensor of stepInputs(step)) {
        const storage = storageOf(tensor)
        lastRead.set(storage, at)
        readers.set(storage, [...(readers.get(storage) ?? []), step])
      }
      for (const tensor of step.outputs) producedAt.set(tensor, { group: at, step })
    }
  })
  const inPlace = new Map<Tensor, Variable>()
  const copies: Step<F>[] = []
  for (const [variable, next] of choice.updates) {
    const { group, step } = producedAt.get(next)!
    const old = variable.tensor
    const last = lastRead.get(old) ?? -1
    const sameGroup = (readers.get(old) ?? []).filter(reader => groups[group].steps.includes(reader))
    const elementwise =
      step.op === 'map' || step.op === 'increment'
        ? step.inputs.every(read => storageOf(read) !== old || read === old)
        : step.inputs.every(read => storageOf(read) !== old)
    const safe = last < group || (last === group && sameGroup.every(reader => reader === step) && elementwise)
    if (safe && groups[group].kind === 'whole') {
      inPlace.set(next, variable)
      continue
    }
    const copy = copyStep(next, variable.name)
    copies.push(copy)
    inPlace.set(copy.outputs[0], variable)
  }
  return { inPlace, copies }
}
