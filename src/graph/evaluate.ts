/**
 * The reference evaluator: computes tensors with the plain loops of the op table, in double precision.
 * Slow and simple on purpose: it is the definition that backends are tested against.
 */
import type { HostTensor } from './op.ts'
import { formatShape, ShapeError, sameShape, sizeOf } from './shape.ts'
import { opOf } from './table.ts'
import { type Tensor, topologicalOrder } from './tensor.ts'

/** Values of inputs by name: row-major lists, numbers for scalars, or tensors with their shape. */
export type InputValues = Readonly<Record<string, HostTensor | ArrayLike<number> | number>>

/**
 * Values of `tensors`, each computed once however often it is used; variables have their host value.
 * @throws ShapeError when an input has no value, or one of the wrong size.
 * @example const [{ data }] = evaluateReference([mul(x, y)], { x: 3, y: [2] })
 */
export function evaluateReference(tensors: readonly Tensor[], inputs: InputValues = {}): HostTensor[] {
  const values = new Map<Tensor, HostTensor>()
  for (const tensor of topologicalOrder(tensors)) values.set(tensor, compute(tensor, values, inputs))
  return tensors.map(tensor => values.get(tensor) as HostTensor)
}

function compute(tensor: Tensor, values: ReadonlyMap<Tensor, HostTensor>, inputs: InputValues): HostTensor {
  if (tensor.source) return { shape: tensor.shape, data: sourceData(tensor, inputs) }
  const operands = tensor.inputs.map(input => values.get(input) as HostTensor)
  return { shape: tensor.shape, data: opOf(tensor).reference(operands, tensor.attributes, tensor.shape) }
}

function sourceData({ source, shape }: Tensor, inputs: InputValues): Float64Array {
  if (source?.kind === 'variable') return Float64Array.from(source.variable.value)
  if (source?.kind === 'constant') return Float64Array.from(source.values)
  const name = source?.name ?? ''
  if (!Object.hasOwn(inputs, name)) throw new ShapeError(`${name}: no value was given for this input`)
  const given = inputs[name]
  if (typeof given === 'object' && 'data' in given && !sameShape(given.shape, shape)) {
    throw new ShapeError(`${name}: expected a value of shape ${formatShape(shape)}, got ${formatShape(given.shape)}`)
  }
  const list = typeof given === 'number' ? [given] : 'data' in given ? given.data : given
  if (list.length !== sizeOf(shape)) {
    throw new ShapeError(
      `${name}: expected ${sizeOf(shape)} values for shape ${formatShape(shape)}, got ${list.length}`,
    )
  }
  return Float64Array.from(list)
}
