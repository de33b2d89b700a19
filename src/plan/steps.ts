/**
 * Fusion: from a program's graph to the list of steps that will run.
 *
 * - chains of element-wise operations become one `map` with the composed expression
 * - an element-wise operation on the result of a contraction, reduction or pool rides in its store (the epilogue)
 * - max pooling and its switches are found in one scan
 * - reshapes are views, not steps
 */
import { type Expression, input, substitute } from '../graph/expression.ts'
import type { MapAttributes } from '../graph/ops/map.ts'
import type { ReduceAttributes } from '../graph/ops/reduce.ts'
import { sameShape } from '../graph/shape.ts'
import type { OpName } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type Program, programGraph } from './program.ts'

/** Element-wise work done on a result before it is stored. */
export interface Epilogue {
  /** `input(0)` is the operation's result, `input(k)` is `inputs[k − 1]`. */
  readonly expression: Expression
  readonly inputs: readonly Tensor[]
}

/** One operation to run. */
export interface Step {
  readonly op: OpName
  readonly attributes: unknown
  /** What the operation itself reads. */
  readonly inputs: readonly Tensor[]
  readonly epilogue?: Epilogue
  /** The value this step defines: after the epilogue. */
  readonly output: Tensor
  /** The switches, when a max pool stores them as well. */
  readonly switches?: Tensor
  /** True when the step sums over one block of the batch only and leaves the rest to a following `reduce`. */
  readonly partial?: boolean
}

/** Everything a step reads, once each. */
export function stepInputs(step: Step): readonly Tensor[] {
  return [...new Set([...step.inputs, ...(step.epilogue?.inputs ?? [])])]
}

/** Everything a step writes. */
export function stepOutputs(step: Step): readonly Tensor[] {
  return step.switches ? [step.output, step.switches] : [step.output]
}

const storesElementwise: ReadonlySet<string> = new Set<OpName>([
  'matmul',
  'conv2d',
  'conv2dInputGradient',
  'conv2dWeightGradient',
  'reduce',
  'maxPool2d',
  'averagePool2d',
])

/** Whether the store of a step can carry an epilogue. (Reductions that keep folded axes store in another shape.) */
function carriesEpilogue(step: Step): boolean {
  if (step.epilogue || !storesElementwise.has(step.op)) return false
  return step.op !== 'reduce' || !(step.attributes as ReduceAttributes).keepDims
}

/** The tensor whose memory a value occupies: reshapes are views of their input. */
export function storageOf(tensor: Tensor): Tensor {
  let root = tensor
  while (root.op === 'reshape') root = root.inputs[0]
  return root
}

/** The fused steps of a program, in an order in which each runs after what it reads. */
export function fuse(program: Program): Step[] {
  const { order } = programGraph(program)
  const kept = new Set<Tensor>([...Object.values(program.outputs), ...program.updates.values()].map(storageOf))
  const users = countUsers(order, kept)
  const fused = new Map<Tensor, Step>()
  for (const tensor of order) {
    if (tensor.op === 'source' || tensor.op === 'reshape') continue
    const step: Step = {
      op: tensor.op as OpName,
      attributes: tensor.attributes,
      inputs: tensor.inputs,
      output: tensor,
    }
    fused.set(tensor, tensor.op === 'map' ? absorbProducers(step, fused, users) : step)
  }
  return sortSteps(pairSwitches([...fused.values()]))
}

/** How many operations read each tensor; outputs and updates count as one more. */
function countUsers(order: readonly Tensor[], kept: ReadonlySet<Tensor>): Map<Tensor, number> {
  const users = new Map<Tensor, number>()
  const count = (tensor: Tensor): void => {
    users.set(tensor, (users.get(tensor) ?? 0) + 1)
  }
  for (const tensor of order) for (const operand of new Set(tensor.inputs)) count(operand)
  for (const tensor of kept) count(tensor)
  return users
}

/** Merges into a map step the steps that only it reads: other maps, and at most one operation with an epilogue. */
function absorbProducers(map: Step, fused: Map<Tensor, Step>, users: ReadonlyMap<Tensor, number>): Step {
  let expression = (map.attributes as MapAttributes).expression
  let inputs = [...map.inputs]
  const onlyUser = (tensor: Tensor): Step | undefined =>
    users.get(tensor) === 1 && sameShape(tensor.shape, map.output.shape) ? fused.get(tensor) : undefined

  for (let at = 0; at < inputs.length; ) {
    const producer = onlyUser(inputs[at])
    if (producer?.op !== 'map') {
      at++
      continue
    }
    const merged = compose(expression, inputs, at, producer)
    expression = merged.expression
    inputs = merged.inputs
    fused.delete(producer.output)
    at = 0
  }
  const host = inputs.map(onlyUser).find(step => step && carriesEpilogue(step))
  if (!host) return { ...map, attributes: { expression, shape: map.output.shape } satisfies MapAttributes, inputs }
  fused.delete(host.output)
  const slot = inputs.indexOf(host.output)
  const others = inputs.filter((_, index) => index !== slot)
  const epilogue = substitute(expression, index => input(index === slot ? 0 : others.indexOf(inputs[index]) + 1))
  return { ...host, epilogue: { expression: epilogue, inputs: others }, output: map.output }
}

/** Writes a producer's expression in place of input number `at`. */
function compose(
  expression: Expression,
  inputs: readonly Tensor[],
  at: number,
  producer: Step,
): { expression: Expression; inputs: Tensor[] } {
  const merged = inputs.filter((_, index) => index !== at)
  const slotOf = (tensor: Tensor): Expression => {
    const known = merged.indexOf(tensor)
    return input(known >= 0 ? known : merged.push(tensor) - 1)
  }
  const inner = substitute((producer.attributes as MapAttributes).expression, index => slotOf(producer.inputs[index]))
  const result = substitute(expression, index => (index === at ? inner : slotOf(inputs[index])))
  return { expression: result, inputs: merged }
}

/** Lets a max pool store its switches, when both are wanted of the same input. */
function pairSwitches(steps: readonly Step[]): Step[] {
  const scanKey = (step: Step): string => `${step.inputs[0]?.id} ${JSON.stringify(step.attributes)}`
  const pools = new Set(steps.filter(step => step.op === 'maxPool2d').map(scanKey))
  const switches = new Map<string, Step>()
  for (const step of steps) {
    if (step.op === 'maxPool2dSwitches' && pools.has(scanKey(step))) switches.set(scanKey(step), step)
  }
  const absorbed = new Set(switches.values())
  return steps
    .filter(step => !absorbed.has(step))
    .map(step => {
      const key = scanKey(step)
      const partner = step.op === 'maxPool2d' ? switches.get(key) : undefined
      if (!partner) return step
      switches.delete(key)
      return { ...step, switches: partner.output }
    })
}

/** Orders steps so that each runs after the steps whose results it reads. */
function sortSteps(steps: readonly Step[]): Step[] {
  const producer = new Map<Tensor, Step>()
  for (const step of steps) for (const output of stepOutputs(step)) producer.set(output, step)
  const sorted = new Set<Step>()
  const visit = (step: Step): void => {
    if (sorted.has(step)) return
    for (const read of stepInputs(step)) {
      const source = producer.get(storageOf(read))
      if (source) visit(source)
    }
    sorted.add(step)
  }
  for (const step of steps) visit(step)
  return [...sorted]
}
