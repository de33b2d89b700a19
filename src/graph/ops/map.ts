/**
 * Element-wise operations: one op, `map`, applies a scalar {@link Expression} to broadcast inputs.
 * Every function here (`add`, `relu`, `select`, …) is a `map` with its own expression; their gradients follow from
 * symbolic differentiation, so a new activation is one line.
 */
import { differentiableFromOutput, gradientExpression } from '../derivative.ts'
import * as e from '../expression.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { broadcastShapes, broadcastStrides, type Shape, sameShape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { sum } from './reduce.ts'
import { reshape } from './reshape.ts'

/** Attributes of `map`. */
export interface MapAttributes {
  /** Value of one element in terms of the inputs' elements at that position. */
  readonly expression: e.Expression
  /** Shape that the inputs are broadcast to, in addition to each other's. */
  readonly shape?: Shape
  /** True when the result counts as a constant for differentiation; see {@link stopGradient}. */
  readonly stopGradient?: true
}

/** Reads inputs of any type as numbers; the result is `f32`. Inputs broadcast by NumPy's rule. */
export const mapOp: Op<MapAttributes> = {
  name: 'map',
  shape: (inputs, { shape = [] }) => ({
    shape: broadcastShapes([...inputs.map(input => input.shape), shape], 'element-wise'),
    dtype: 'f32',
  }),
  reference(inputs, { expression }, shape) {
    const result = new Float64Array(sizeOf(shape))
    const strides = inputs.map(input => broadcastStrides(input.shape, shape))
    const offsets = inputs.map(() => 0)
    const index = shape.map(() => 0)
    const elements = inputs.map(() => 0)
    for (let position = 0; position < result.length; position++) {
      for (let k = 0; k < inputs.length; k++) elements[k] = inputs[k].values[offsets[k]]
      result[position] = e.evaluate(expression, elements)
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        index[axis]++
        for (let k = 0; k < inputs.length; k++) offsets[k] += strides[k][axis]
        if (index[axis] < shape[axis]) break
        for (let k = 0; k < inputs.length; k++) offsets[k] -= strides[k][axis] * shape[axis]
        index[axis] = 0
      }
    }
    return result
  },
  vjp(output, gradient, { expression, stopGradient }) {
    if (stopGradient) return output.inputs.map(() => undefined)
    const count = output.inputs.length
    const upstream = e.input(count)
    const value = differentiableFromOutput(expression) ? e.input(count + 1) : expression
    return output.inputs.map((target, index) => {
      if (target.dtype !== 'f32') return undefined
      const local = gradientExpression(expression, index, upstream, value)
      if (local.kind === 'constant' && local.value === 0) return undefined
      return sumToShape(map(local, [...output.inputs, gradient, output], output.shape), target.shape)
    })
  },
  cost: elementwiseCost,
  batch({ output, inputs, isBatched }) {
    const aligned = ({ shape }: Tensor): boolean => shape.length === output.shape.length && shape[0] === output.shape[0]
    const batched = inputs.filter(isBatched)
    return batched.length > 0 && batched.every(aligned) ? 'parallel' : 'whole'
  },
}

/**
 * Applies an expression to tensors, broadcasting them to each other and to `shape`. Inputs that the expression does
 * not read are dropped and repeated inputs are merged; the identity of one tensor is that tensor.
 */
export function map(expression: e.Expression, inputs: readonly Tensor[], shape: Shape = []): Tensor {
  const kept: Tensor[] = []
  const slots = new Map<number, e.Expression>()
  for (const index of e.inputsOf(expression)) {
    let slot = kept.indexOf(inputs[index])
    if (slot < 0) slot = kept.push(inputs[index]) - 1
    slots.set(index, e.input(slot))
  }
  const compact = e.substitute(expression, index => slots.get(index) ?? e.input(index))
  const target = broadcastShapes([...inputs.map(tensor => tensor.shape), shape], 'element-wise')
  if (compact.kind === 'input' && kept[0].dtype === 'f32' && sameShape(kept[0].shape, target)) return kept[0]
  return apply(mapOp, kept, { expression: compact, shape: target })
}

/** A tensor or a plain number, which becomes part of the expression. */
export type Operand = Tensor | number

/** Applies an expression with one input per operand; numbers are folded into the expression. */
export function mapOperands(
  build: (...elements: e.Expression[]) => e.Expression,
  operands: readonly Operand[],
): Tensor {
  const tensors: Tensor[] = []
  const elements = operands.map(operand =>
    typeof operand === 'number' ? e.constant(operand) : e.input(tensors.push(operand) - 1),
  )
  return map(build(...elements), tensors)
}

/** Repeats `x` along axes of size 1 and new leading axes. @throws ShapeError when `x` does not broadcast to `shape`. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return map(e.input(0), [x], shape)
}

/** A tensor filled with one number. */
export function full<const S extends Shape>(shape: S, value: number): Tensor<S> {
  return map(e.constant(value), [], shape) as Tensor<S>
}

/** The value of `x` as a constant for differentiation: nothing flows back through it. */
export function stopGradient<S extends Shape>(x: Tensor<S>): Tensor<S> {
  return apply(mapOp, [x], { expression: e.input(0), shape: x.shape, stopGradient: true }) as Tensor<S>
}

/** Sums a broadcast gradient back to the shape the operand had: the adjoint of broadcasting. */
export function sumToShape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x
  const lead = x.shape.length - shape.length
  const axes = x.shape
    .map((_, axis) => axis)
    .filter(axis => axis < lead || (shape[axis - lead] === 1 && x.shape[axis] !== 1))
  return reshape(axes.length > 0 ? sum(x, axes) : x, shape)
}
