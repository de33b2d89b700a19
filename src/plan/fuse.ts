/**
 * Fusion: from a program's graph to the list of steps that will run.
 *
 * - chains of element-wise operations become one `map` with the composed expression
 * - an element-wise operation on the result of a contraction, reduction or pool joins its store (the epilogue)
 * - max pooling and its switches are found in one scan
 * - reshapes are views, not steps
 */
import { type Expression, input, operationCount, substitute } from '../graph/expression.ts'
import { type Shape, sameShape, sizeOf } from '../graph/shape.ts'
import { isApplicationOf } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type Program, programGraph } from './program.ts'
import { type FusedStep, type StepOf, stepInputs, storageOf } from './step.ts'
import type { KernelTraits } from './target.ts'

/** Which operations can also do element-wise work, and how many values a step may read. */
type FusionRules = Pick<KernelTraits, 'epilogues' | 'prologues' | 'mostInputs'>

/** The fused steps of a program; each comes after the steps whose results it reads. */
export function fuse(program: Program, rules: FusionRules): FusedStep[] {
  const { order } = programGraph(program)
  const kept = new Set<Tensor>([...Object.values(program.outputs), ...program.updates.values()].map(storageOf))
  const users = countUsers(order, kept)
  const cheap = rules.prologues ? cheapValues(order, kept) : new Set<Tensor>()
  const fused = new Map<Tensor, FusedStep>()
  for (const tensor of order) {
    if (tensor.op === 'source' || tensor.op === 'reshape') continue
    const step = stepFor(tensor)
    if (step.op === 'map') fused.set(tensor, absorbProducers(step, fused, users, cheap, rules))
    else if (step.op === 'reduce' && rules.prologues) fused.set(tensor, absorbTerms(step, fused, users, cheap, rules))
    else fused.set(tensor, step)
  }
  return sortSteps(pairSwitches(withoutUnread([...fused.values()], kept)))
}

/** The operation that computes a tensor, as a step: a tensor has the attributes of its operation. */
function stepFor(tensor: Tensor): FusedStep {
  const { op, attributes, inputs } = tensor
  return { op, attributes, inputs: inputs.map(withoutDetour), outputs: [tensor] } as unknown as FusedStep
}

/** Whether the store of a step can do element-wise work. (Reductions that keep folded axes store another shape.) */
function storesElementwise(step: FusedStep, { epilogues }: FusionRules): boolean {
  return epilogues.has(step.op) && !(step.op === 'reduce' && step.attributes.keepDims)
}

/** Whether a step with these inputs would read more values than a kernel can. */
function readsTooMany(inputs: readonly Tensor[], { mostInputs = Number.POSITIVE_INFINITY }: FusionRules): boolean {
  return inputs.length > mostInputs && new Set(inputs.map(storageOf)).size > mostInputs
}

/** An expression with at most this many operations costs less than storing and reading its value. */
const fewOperations = 2

/**
 * Values worth recomputing wherever they are read: a few operations on one value of the same size and on small ones,
 * read only by element-wise operations and reductions.
 */
function cheapValues(order: readonly Tensor[], kept: ReadonlySet<Tensor>): Set<Tensor> {
  const cheap = new Set<Tensor>()
  for (const tensor of order) {
    if (!isApplicationOf(tensor, 'map') || kept.has(tensor)) continue
    const { expression } = tensor.attributes
    const large = tensor.inputs.filter(read => sizeOf(read.shape) * 16 > sizeOf(tensor.shape))
    const plain = large.length === 1 && large[0].dtype === 'f32' && sameShape(large[0].shape, tensor.shape)
    if (plain && tensor.inputs.length > 1 && operationCount(expression) <= fewOperations) cheap.add(tensor)
  }
  for (const tensor of order) {
    if (tensor.op === 'source' || tensor.op === 'reshape') continue
    for (const read of tensor.inputs) {
      const storage = storageOf(read)
      const direct = withoutDetour(read) === storage
      const folds = tensor.op === 'reduce' || (tensor.op === 'map' && sameShape(storage.shape, tensor.shape))
      if (!(direct && folds)) cheap.delete(storage)
    }
  }
  return cheap
}

/** Drops the constants that have been folded into all of their readers. */
function withoutUnread(steps: readonly FusedStep[], kept: ReadonlySet<Tensor>): FusedStep[] {
  const read = new Set(steps.flatMap(stepInputs).map(storageOf))
  return steps.filter(step => !isConstant(step) || read.has(step.outputs[0]) || kept.has(step.outputs[0]))
}

/** True for a step that fills its result without reading anything. */
function isConstant(step: FusedStep): boolean {
  return step.op === 'map' && step.inputs.length === 0
}

/** The value itself when a chain of views ends in its own shape, otherwise the view. */
function withoutDetour(tensor: Tensor): Tensor {
  const storage = storageOf(tensor)
  return sameShape(storage.shape, tensor.shape) ? storage : tensor
}

/** How many operations read each value or a view of it; outputs and updates count as one more. */
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
 * Merges steps into the map step that reads them: constants, maps that are cheap or have no other reader, and at most
 * one operation whose store can do the work of the map.
 */
function absorbProducers(
  map: StepOf<'map'>,
  fused: Fused,
  users: Map<Tensor, number>,
  cheap: ReadonlySet<Tensor>,
  rules: FusionRules,
): FusedStep {
  const { shape } = map.outputs[0]
  const whole = { expression: map.attributes.expression, inputs: map.inputs }
  const { expression, inputs } = absorbMaps(whole, shape, fused, users, cheap, rules)
  const host = inputs
    .map(tensor => (isAlone(tensor, inputs, users) && sameShape(tensor.shape, shape) ? fused.get(tensor) : undefined))
    .find(step => step && storesElementwise(step, rules) && !readsTooMany([...inputs, ...stepInputs(step)], rules))
  if (!host) return { ...map, attributes: { expression, shape }, inputs }
  const [result] = host.outputs
  fused.delete(result)
  const stored = {
    expression: host.epilogue?.expression ?? input(0),
    inputs: [result, ...(host.epilogue?.inputs ?? [])],
  }
  const slot = inputs.indexOf(result)
  // The host's result is `input(0)` of its epilogue, not an operand: keep it first.
  const rest = inline({ expression, inputs }, slot, stored, [result])
  return { ...host, epilogue: { expression: rest.expression, inputs: rest.inputs.slice(1) }, outputs: map.outputs }
}

/** Merges maps into the reduction that reads them. */
function absorbTerms(
  reduce: StepOf<'reduce'>,
  fused: Fused,
  users: Map<Tensor, number>,
  cheap: ReadonlySet<Tensor>,
  rules: FusionRules,
): FusedStep {
  const { shape } = reduce.inputs[0]
  const whole = { expression: input(0), inputs: reduce.inputs }
  const { expression, inputs } = absorbMaps(whole, shape, fused, users, cheap, rules)
  if (inputs === reduce.inputs) return reduce
  if (inputs.length > 0) return { ...reduce, prologue: { expression, shape }, inputs }
  // A sum of a constant keeps its operand, which gives the loops their order; so does a sum of a product with 0.
  const [operand] = reduce.inputs
  const value = storageOf(operand)
  if (!fused.has(value))
    fused.set(value, { op: 'map', attributes: { expression, shape }, inputs: [], outputs: [value] })
  return reduce
}

/** Steps by what they compute, while fusion is under way. */
type Fused = Map<Tensor, FusedStep>

/** Replaces inputs of an expression with the maps that compute them, until no more can be merged. */
function absorbMaps(
  whole: Chain,
  shape: Shape,
  fused: Fused,
  users: Map<Tensor, number>,
  cheap: ReadonlySet<Tensor>,
  rules: FusionRules,
): Chain {
  let chain = whole
  const mergeable = (tensor: Tensor): FusedStep | undefined => {
    const constant = fused.get(storageOf(tensor))
    if (constant && isConstant(constant)) return constant
    const readable = (cheap.has(tensor) || isAlone(tensor, chain.inputs, users)) && sameShape(tensor.shape, shape)
    return readable ? fused.get(tensor) : undefined
  }
  for (let at = 0; at < chain.inputs.length; ) {
    const producer = mergeable(chain.inputs[at])
    if (producer?.op !== 'map') {
      at++
      continue
    }
    const { expression } = producer.attributes
    const merged = inline(chain, at, { expression, inputs: producer.inputs })
    if (readsTooMany(merged.inputs, rules)) {
      at++
      continue
    }
    const [value] = producer.outputs
    const left = (users.get(value) ?? 1) - 1
    if (!isConstant(producer)) users.set(value, left)
    // With y = f(x) and z = g(x, y): z now reads x once. If y has other readers, y stays, and both y and z read x.
    const reads = new Set(chain.inputs.map(storageOf))
    for (const read of new Set(producer.inputs.map(storageOf))) {
      const change = (left > 0 ? 1 : 0) - (reads.has(read) ? 1 : 0)
      users.set(read, (users.get(read) ?? 0) + change)
    }
    chain = merged
    // A constant may have other readers, possibly through views.
    if (!isConstant(producer) && left === 0) fused.delete(value)
    at = 0
  }
  return chain
}

/** Whether an expression with these inputs is the only reader of a value, and reads it directly, not through a view. */
function isAlone(tensor: Tensor, inputs: readonly Tensor[], users: ReadonlyMap<Tensor, number>): boolean {
  return users.get(tensor) === 1 && inputs.every(other => other === tensor || storageOf(other) !== tensor)
}

/** An expression with the tensors that are its inputs. */
interface Chain {
  readonly expression: Expression
  readonly inputs: readonly Tensor[]
}

/** Replaces input number `at` by `producer`; inputs are merged, `first` come first. */
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

/** Lets a max pool store its switches when a program needs both for the same input. */
function pairSwitches(steps: readonly FusedStep[]): FusedStep[] {
  const scanKey = (step: FusedStep): string => `${step.inputs[0]?.id} ${JSON.stringify(step.attributes)}`
  // An epilogue must not read a value computed from switches, because this pool may be the step that makes them.
  const pairs = (step: FusedStep): boolean =>
    step.op === 'maxPool2d' && !(step.epilogue?.inputs ?? []).some(needsSwitches())
  const pools = new Set(steps.filter(pairs).map(scanKey))
  const switches = new Map<string, FusedStep>()
  for (const step of steps) {
    if (step.op === 'maxPool2dSwitches' && pools.has(scanKey(step))) switches.set(scanKey(step), step)
  }
  const absorbed = new Set(switches.values())
  return steps
    .filter(step => !absorbed.has(step))
    .map(step => {
      const key = pairs(step) ? scanKey(step) : undefined
      const partner = key !== undefined && switches.get(key)
      if (!partner) return step
      switches.delete(key)
      return { ...step, outputs: [step.outputs[0], partner.outputs[0]] }
    })
}

/** Returns a test for values that depend on the switches of a pool. */
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
  for (const step of steps) for (const output of step.outputs) producer.set(output, step)
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
