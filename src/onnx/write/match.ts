/** Looks at values of a graph: what they are computed from, and whether they match a known form. */
import type { BinaryFunction, Expression, UnaryFunction } from '../../graph/expression.ts'
import { map, type Operand } from '../../graph/ops/map.ts'
import { type Shape, sameShape, sizeOf } from '../../graph/shape.ts'
import { structuralKey } from '../../graph/structuralKey.ts'
import { isApplicationOf } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'

/** The expression of an element-wise operation whose result has the shape its inputs broadcast to. */
export function expressionOf(tensor: Tensor): Expression | undefined {
  return isApplicationOf(tensor, 'map') && tensor.attributes.stopGradient !== true
    ? tensor.attributes.expression
    : undefined
}

/** What an expression of a value reads as an operand; undefined when it is none. */
type Reading = (tensor: Tensor, e: Expression) => Operand | undefined

/** x and y, of a value that is `fn(x, y)`. */
export function binaryOf(
  tensor: Tensor | undefined,
  fn: BinaryFunction,
  read: Reading = operandOf,
): readonly [x: Operand, y: Operand] | undefined {
  const e = tensor && expressionOf(tensor)
  if (!tensor || e?.kind !== 'binary' || e.fn !== fn) return undefined
  const [x, y] = [read(tensor, e.x), read(tensor, e.y)]
  return x === undefined || y === undefined ? undefined : [x, y]
}

/** x, of a value that is `fn(x)`. */
export function unaryOf(tensor: Tensor | undefined, fn: UnaryFunction, read: Reading = operandOf): Tensor | undefined {
  const e = tensor && expressionOf(tensor)
  if (!tensor || e?.kind !== 'unary' || e.fn !== fn) return undefined
  return asTensor(read(tensor, e.x))
}

function operandOf(tensor: Tensor, e: Expression): Operand | undefined {
  if (e.kind === 'constant') return e.value
  return e.kind === 'input' ? tensor.inputs[e.index] : undefined
}

/** Parts of expressions that have been read as values. */
const parts = new WeakSet<Tensor>()

/** Reads any part of an expression as a value, which the graph does not have: it can only be looked into. */
export const partOf: Reading = (tensor, e) => {
  const operand = operandOf(tensor, e)
  if (operand !== undefined) return operand
  const part = map(e, tensor.inputs)
  parts.add(part)
  return part
}

/** Whether a value is none that {@link partOf} has made. */
export const isInGraph = (tensor: Tensor): boolean => !parts.has(tensor)

/** An operand that is a value of the graph. */
export const asTensor = (operand: Operand | undefined): Tensor | undefined =>
  typeof operand === 'number' ? undefined : operand

/** The value before a reshape to a shape; a value of that shape is returned itself. */
export function beforeReshape(tensor: Tensor | undefined, shape: Shape): Tensor | undefined {
  if (!tensor) return undefined
  if (sameShape(tensor.shape, shape)) return tensor
  const [x] = tensor.inputs
  return tensor.op === 'reshape' && x && sameShape(x.shape, shape) ? x : undefined
}

/** One number for each of some channels, of a value that broadcasts along axis 1 of a tensor of some rank. */
export function channelNumbers(operand: Operand | undefined, channels: number, rank: number): Tensor | undefined {
  const tensor = asTensor(operand)
  if (!tensor) return undefined
  const along = [channels, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]
  return sameShape(tensor.shape, along) ? beforeReshape(tensor, [channels]) : undefined
}

/** Two orders of a pair. */
export const bothOrders = <T>([x, y]: readonly [T, T]): readonly (readonly [T, T])[] => [
  [x, y],
  [y, x],
]

/** True when two values are the same operations on the same values. */
export function sameGraph(a: Tensor, b: Tensor): boolean {
  const seen = new Map<Tensor, Tensor>()
  const same = (one: Tensor, other: Tensor): boolean => {
    if (one === other || seen.get(one) === other) return true
    const isEqual =
      one.op === other.op &&
      one.op !== 'source' &&
      one.inputs.length === other.inputs.length &&
      sameShape(one.shape, other.shape) &&
      structuralKey(one.attributes) === structuralKey(other.attributes) &&
      one.inputs.every((input, k) => same(input, other.inputs[k] as Tensor))
    if (isEqual) seen.set(one, other)
    return isEqual
  }
  return same(a, b)
}

/** Elements that a reduction folds into one. */
export const foldedCount = (x: Tensor, axes: readonly number[]): number =>
  sizeOf(axes.map(axis => x.shape[axis] as number))

/** The mean that a value is, written as a sum times or by a number. */
export function meanOf(
  tensor: Tensor | undefined,
): { readonly x: Tensor; readonly axes: readonly number[]; readonly keepDims: boolean } | undefined {
  const divided = binaryOf(tensor, 'div')
  const scaled = binaryOf(tensor, 'mul')
  const total = asTensor((divided ?? scaled)?.[0])
  const by = (divided ?? scaled)?.[1]
  if (!total || typeof by !== 'number' || !isApplicationOf(total, 'reduce') || total.attributes.fn !== 'sum')
    return undefined
  const [x] = total.inputs as readonly [Tensor]
  const { axes, keepDims } = total.attributes
  const count = foldedCount(x, axes)
  return by === (divided ? count : 1 / count) ? { x, axes, keepDims } : undefined
}
