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
import { Tensor } from '../graph/tensor.ts'
import type { ConvolutionMethod, ConvolutionTask } from './convolution.ts'
import { type Program, programGraph } from './program.ts'

/** Element-wise work done on a result before it is stored. */
export interface Epilogue {
  /** `input(0)` is the operation's result, `input(k)` is `inputs[k − 1]`. */
  readonly expression: Expression
  readonly inputs: readonly Tensor[]
}

/** One operation to run. */
export interface Step {
  /** An operation of the table, or a `stage` of a convolution. */
  readonly op: OpName | 'stage'
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
  /** How a convolution is computed whose volumes lie channels last. */
  readonly convolution?: { readonly task: ConvolutionTask; readonly method: ConvolutionMethod }
}

/** A step as it comes from the graph. */
export interface FusedStep extends Step {
  readonly op: OpName
}

/** Everything a step reads, once each. */
export function stepInputs(step: Step): readonly Tensor[] {
  return [...new Set([...step.inputs, ...(step.epilogue?.inputs ?? [])])]
}

/** Everything a step writes. */
export function stepOutputs(step: Step): readonly Tensor[] {
  return step.switches ? [step.output, step.switches] : [step.output]
}

/** Operations with a kernel whose store can do element-wise work. */
const epilogueOps: ReadonlySet<string> = new Set<OpName>([
  'matmul',
  'conv2d',
  'conv2dInputGradient',
  'conv2dWeightGradient',
  'reduce',
  'maxPool2d',
  'averagePool2d',
])

/** Whether the store of a step can do element-wise work. (Reductions that keep folded axes store in another shape.) */
function storesElementwise(step: Step): boolean {
  return epilogueOps.has(step.op) && !(step.op === 'reduce' && (step.attributes as ReduceAttributes).keepDims)
}

/** The tensor whose memory a value occupies: reshapes are views of their input. */
export function storageOf(tensor: Tensor): Tensor {
  let root = tensor
  while (root.op === 'reshape') root = root.inputs[0]
  return root
}

/**
 * A step that copies a value, into another layout or into a variable. Unlike the `map` of the op table it keeps the
 * element type: the bits of integers and bytes do not change.
 */
export function copyStep(tensor: Tensor, label = tensor.label): Step {
  const { shape, dtype } = tensor
  const attributes: MapAttributes = { expression: input(0), shape }
  const output = new Tensor({ op: 'map', inputs: [tensor], attributes, shape, dtype, label })
  return { op: 'map', attributes, inputs: [tensor], output }
}

/** The fused steps of a program, in an order in which each runs after what it reads. */
export function fuse(program: Program): FusedStep[] {
  const { order } = programGraph(program)
  const kept = new Set<Tensor>([...Object.values(program.outputs), ...program.updates.values()].map(storageOf))
  const users = countUsers(order, kept)
  const fused = new Map<Tensor, FusedStep>()
  for (const tensor of order) {
    if (tensor.op === 'source' || tensor.op === 'reshape') continue
    const step: FusedStep = {
      op: tensor.op as OpName,
      attributes: tensor.attributes,
      inputs: tensor.inputs.map(withoutDetour),
      output: tensor,
    }
    fused.set(tensor, tensor.op === 'map' ? absorbProducers(step, fused, users) : step)
  }
  return sortSteps(pairSwitches(withoutUnread([...fused.values()], kept)))
}

/** Drops the constants that have become part of everything that read them. */
function withoutUnread(steps: readonly FusedStep[], kept: ReadonlySet<Tensor>): FusedStep[] {
  const read = new Set(steps.flatMap(stepInputs).map(storageOf))
  return steps.filter(step => !isConstant(step) || read.has(step.output) || kept.has(step.output))
}

/** True for a step that fills its result without reading anything. */
function isConstant(step: Step): boolean {
  return step.op === 'map' && step.inputs.length === 0
}

/** The value itself in place of a view that has its shape again. */
function withoutDetour(tensor: Tensor): Tensor {
  const storage = storageOf(tensor)
  return sameShape(storage.shape, tensor.shape) ? storage : tensor
}

/** How many operations read each value, itself or a view of it; outputs and updates count as one more. */
function countUsers(order: readonly Tensor[], kept: ReadonlySet<Tensor>): Map<Tensor, number> {
  const users = new Map<Tensor, number>()
  const count = (tensor: Tensor): void => {
    users.set(tensor, (users.get(tensor) ?? 0) + 1)
  }
  for (const tensor of order)
    if (tensor.op !== 'reshape') for (const read of new Set(tensor.inputs.map(storageOf))) count(read)
  for (const tensor of kept) count(tensor)
  return users
}

/**
 * Merges steps into the map step that reads them: maps that nothing else reads, constants, and at most one operation
 * whose store can do the work of the map.
 */
function absorbProducers(map: FusedStep, fused: Map<Tensor, FusedStep>, users: Map<Tensor, number>): FusedStep {
  let chain: Chain = { expression: (map.attributes as MapAttributes).expression, inputs: map.inputs }
  const mergeable = (tensor: Tensor): FusedStep | undefined => {
    const constant = fused.get(storageOf(tensor))
    if (constant && isConstant(constant)) return constant
    const alone =
      users.get(tensor) === 1 && chain.inputs.every(other => other === tensor || storageOf(other) !== tensor)
    return alone && sameShape(tensor.shape, map.output.shape) ? fused.get(tensor) : undefined
  }

  for (let at = 0; at < chain.inputs.length; ) {
    const producer = mergeable(chain.inputs[at])
    if (producer?.op === 'map') {
      const { expression } = producer.attributes as MapAttributes
      // What both have read is now read once.
      const reads = new Set(chain.inputs.map(storageOf))
      for (const read of new Set(producer.inputs.map(storageOf)))
        if (reads.has(read)) users.set(read, users.get(read)! - 1)
      chain = inline(chain, at, { expression, inputs: producer.inputs })
      // A constant may have readers left, also by way of views.
      if (!isConstant(producer)) fused.delete(producer.output)
      at = 0
    } else at++
  }
  const { expression, inputs } = chain
  const host = inputs.map(mergeable).find(step => step && storesElementwise(step))
  if (!host) return { ...map, attributes: { expression, shape: map.output.shape } satisfies MapAttributes, inputs }
  fused.delete(host.output)
  const stored = {
    expression: host.epilogue?.expression ?? input(0),
    inputs: [host.output, ...(host.epilogue?.inputs ?? [])],
  }
  const slot = inputs.indexOf(host.output)
  // The host's own result is no operand but `input(0)` of its epilogue: keep it first.
  const rest = inline({ expression, inputs }, slot, stored, [host.output])
  return { ...host, epilogue: { expression: rest.expression, inputs: rest.inputs.slice(1) }, output: map.output }
}

/** An expression with the tensors that are its inputs. */
interface Chain {
  readonly expression: Expression
  readonly inputs: readonly Tensor[]
}

/** Writes `producer` in place of input number `at`; inputs are merged, `first` come first. */
function inline(outer: Chain, at: number, producer: Chain, first: readonly Tensor[] = []): Chain {
  const inputs = [...first, ...outer.inputs.filter((tensor, index) => index !== at && !first.includes(tensor))]
  const slotOf = (tensor: Tensor): Expression => {
    const known = inputs.indexOf(tensor)
    return input(known >= 0 ? known : inputs.push(tensor) - 1)
  }
  const inner = substitute(producer.expression, index => slotOf(producer.inputs[index]))
  const expression = substitute(outer.expression, index => (index === at ? inner : slotOf(outer.inputs[index])))
  return { expression, inputs }
}

/** Lets a max pool store its switches, when both are wanted of the same input. */
function pairSwitches(steps: readonly FusedStep[]): FusedStep[] {
  const scanKey = (step: Step): string => `${step.inputs[0]?.id} ${JSON.stringify(step.attributes)}`
  // What rides in the store of a scan must not wait for switches, of this scan or (by way of others) any.
  const pairs = (step: Step): boolean => step.op === 'maxPool2d' && !(step.epilogue?.inputs ?? []).some(needsSwitches())
  const pools = new Set(steps.filter(pairs).map(scanKey))
  const switches = new Map<string, FusedStep>()
  for (const step of steps) {
    if (step.op === 'maxPool2dSwitches' && pools.has(scanKey(step))) switches.set(scanKey(step), step)
  }
  const absorbed = new Set(switches.values())
  return steps
    .filter(step => !absorbed.has(step))
    .map(step => {
      const key = scanKey(step)
      const partner = pairs(step) ? switches.get(key) : undefined
      if (!partner) return step
      switches.delete(key)
      return { ...step, switches: partner.output }
    })
}

/** Tells whether a value depends on the switches of a pool. */
function needsSwitches(): (tensor: Tensor) => boolean {
  const known = new Map<Tensor, boolean>()
  const visit = (tensor: Tensor): boolean => {
    const answer = known.get(tensor) ?? (tensor.op === 'maxPool2dSwitches' || tensor.inputs.some(visit))
    known.set(tensor, answer)
    return answer
  }
  return visit
}

/** Orders steps so that each runs after the steps whose results it reads. */
function sortSteps(steps: readonly FusedStep[]): FusedStep[] {
  const producer = new Map<Tensor, FusedStep>()
  for (const step of steps) for (const output of stepOutputs(step)) producer.set(output, step)
  const sorted = new Set<FusedStep>()
  const visit = (step: FusedStep): void => {
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
