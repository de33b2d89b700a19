/**
 * The reference evaluator: computes tensors with the plain loops of the op table, in double precision.
 * Slow and simple on purpose: it is the definition that backends are tested against.
 */
import type { ReferenceTensor } from './op.ts'
import { formatShape, ShapeError, sameShape, sizeOf } from './shape.ts'
import { opOf } from './table.ts'
import { type Tensor, topologicalOrder } from './tensor.ts'

/** Values of inputs by name: row-major lists, numbers for scalars, or tensors with their shape. */
export type InputValues = Readonly<Record<string, ReferenceTensor | ArrayLike<number> | number>>

/**
 * Values of `tensors`. Each is computed once, no matter how often it is used; variables have their host value.
 * @throws ShapeError when an input has no value or a value of the wrong size.
 * @example const [{ values }] = evaluateReference([mul(x, y)], { x: 3, y: [2] })
 */
export function evaluateReference(tensors: readonly Tensor[], inputs: InputValues = {}): ReferenceTensor[] {
  const values = new Map<Tensor, ReferenceTensor>()
  for (const tensor of topologicalOrder(tensors)) values.set(tensor, compute(tensor, values, inputs))
  return tensors.map(tensor => values.get(tensor) as ReferenceTensor)
}

function compute(tensor: Tensor, values: ReadonlyMap<Tensor, ReferenceTensor>, inputs: InputValues): ReferenceTensor {
  if (tensor.source) return { shape: tensor.shape, values: sourceData(tensor, inputs) }
  const operands = tensor.inputs.map(input => values.get(input) as ReferenceTensor)
  return { shape: tensor.shape, values: opOf(tensor).reference(operands, tensor.attributes, tensor.shape) }
}

function sourceData({ source, shape }: Tensor, inputs: InputValues): Float64Array {
  if (source?.kind === 'variable') return Float64Array.from(source.variable.value)
  if (source?.kind === 'constant') return Float64Array.from(source.values)
  const name = source?.name ?? ''
  if (!Object.hasOwn(inputs, name)) throw new ShapeError(`${name}: no value was given for this input`)
  const given = inputs[name]
  if (typeof given === 'object' && 'shape' in given && !sameShape(given.shape, shape)) {
    throw new ShapeError(`${name}: expected a value of shape ${formatShape(shape)}, got ${formatShape(given.shape)}`)
  }
  const list = typeof given === 'number' ? [given] : 'shape' in given ? given.values : given
  if (list.length !== sizeOf(shape)) {
    throw new ShapeError(
      `${name}: expected ${sizeOf(shape)} values for shape ${formatShape(shape)}, got ${list.length}`,
    )
  }
  return Float64Array.from(list)
}
