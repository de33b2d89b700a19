/**
 * Element-wise operations on weights written as one: there is less to read, check and plan, and values stay the same to
 * the bit, since a plan composes these operations, too.
 */
import { input, substitute } from './expression.ts'
import { type MapAttributes, map } from './ops/map.ts'
import { sameShape } from './shape.ts'
import { isApplicationOf } from './table.ts'
import { Tensor, topologicalOrder } from './tensor.ts'

/** What a composed operation reads at most: graphics processors bind few values to a kernel. */
const mostInputs = 4

/**
 * An equivalent tensor for `root`. Where an element-wise operation on values that depend on no input of the graph, such
 * as γ / √(σ² + ε), alone reads another one of the same shape, the two become one; what has a label stays a value of its
 * own. The given tensors do not change; those that nothing changes for are reused.
 */
export function composeMaps(root: Tensor): Tensor {
  const order = topologicalOrder([root])
  const readers = countReaders(order)
  const settled = new Set<Tensor>()
  const done = new Map<Tensor, Tensor>()
  for (const tensor of order) {
    const { source, op, attributes, shape, dtype, label } = tensor
    if (source?.kind !== 'input' && tensor.inputs.every(read => settled.has(read))) settled.add(tensor)
    const inputs = tensor.inputs.map(read => done.get(read) as Tensor)
    const isSame = inputs.every((read, k) => read === tensor.inputs[k])
    let result = isSame ? tensor : new Tensor({ op, inputs, attributes, shape, dtype, label })
    if (settled.has(tensor)) {
      for (const [k, read] of tensor.inputs.entries()) {
        const isAlone = readers.get(read) === 1 && read.label === undefined
        if (isAlone && sameShape(read.shape, shape)) result = composedWith(result, inputs[k]) ?? result
      }
    }
    done.set(tensor, result)
  }
  return done.get(root) as Tensor
}

/** How many operations read each value. */
function countReaders(order: readonly Tensor[]): Map<Tensor, number> {
  const readers = new Map<Tensor, number>()
  for (const { inputs } of order) for (const read of new Set(inputs)) readers.set(read, (readers.get(read) ?? 0) + 1)
  return readers
}

/**
 * A map with one of its inputs, a map as well, written out; undefined when one is none, when too much would be read, or
 * when what is left is a value that was there before.
 */
function composedWith(tensor: Tensor, part: Tensor): Tensor | undefined {
  if (!isPlainMap(tensor) || !isPlainMap(part)) return undefined
  const { inputs, label, shape } = tensor
  const written = substitute(part.attributes.expression, index => input(inputs.length + index))
  const expression = substitute(tensor.attributes.expression, index =>
    inputs[index] === part ? written : input(index),
  )
  const reads = [...inputs, ...part.inputs]
  const whole = map(expression, reads, shape)
  if (reads.includes(whole) || whole.inputs.length > mostInputs) return undefined
  return label === undefined ? whole : whole.named(label)
}

const isPlainMap = (tensor: Tensor): tensor is Tensor & { readonly attributes: MapAttributes } =>
  isApplicationOf(tensor, 'map') && tensor.attributes.stopGradient !== true
