/** Helpers that several families of operators share. */
import * as e from '../../graph/expression.ts'
import { map } from '../../graph/ops/map.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { broadcastShapes, type Shape } from '../../graph/shape.ts'
import { constantTensor } from '../../graph/sources.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { OnnxType } from '../elements.ts'
import type { OnnxNode, OnnxOp, Result } from '../node.ts'
import { checkConstant, checkSize, emptyValue, tensorValue, type Value } from '../value.ts'

export const c = e.constant
export const add = (x: e.Expression, y: e.Expression): e.Expression => e.binary('add', x, y)
export const sub = (x: e.Expression, y: e.Expression): e.Expression => e.binary('sub', x, y)
export const mul = (x: e.Expression, y: e.Expression): e.Expression => e.binary('mul', x, y)
export const div = (x: e.Expression, y: e.Expression): e.Expression => e.binary('div', x, y)
export const least = (x: e.Expression, y: e.Expression): e.Expression => e.binary('min', x, y)
export const most = (x: e.Expression, y: e.Expression): e.Expression => e.binary('max', x, y)
export const abs = (x: e.Expression): e.Expression => e.unary('abs', x)
export const floor = (x: e.Expression): e.Expression => e.unary('floor', x)
export const exp = (x: e.Expression): e.Expression => e.unary('exp', x)
export const log = (x: e.Expression): e.Expression => e.unary('log', x)
export const sqrt = (x: e.Expression): e.Expression => e.unary('sqrt', x)
export const neg = (x: e.Expression): e.Expression => e.unary('neg', x)

/** ⌈x⌉ */
export const ceil = (x: e.Expression): e.Expression => neg(floor(neg(x)))

/** Towards zero. */
export const truncate = (x: e.Expression): e.Expression => e.select(e.compare('ge', x, c(0)), floor(x), ceil(x))

/** To the nearest whole number; halves to the even one. */
export function round(x: e.Expression): e.Expression {
  const below = floor(x)
  const rest = sub(x, below)
  const isOdd = sub(below, mul(c(2), floor(mul(below, c(0.5)))))
  const half = e.select(e.compare('eq', rest, c(0.5)), add(below, isOdd), below)
  return e.select(e.compare('gt', rest, c(0.5)), add(below, c(1)), half)
}

/** An operator that computes each element from the elements at its position. */
export function pointwise(
  build: (node: OnnxNode, ...elements: e.Expression[]) => e.Expression,
  type?: OnnxType,
): OnnxOp {
  return { build: node => applied(node, build, node.values, type ?? node.type()) }
}

/** Elements of broadcast values, combined. */
export function applied(
  node: OnnxNode,
  build: (node: OnnxNode, ...elements: e.Expression[]) => e.Expression,
  values: readonly Value[],
  type: OnnxType,
): Value {
  const shape = broadcastValues(values.map(value => value.shape))
  if (shape.includes(0)) return emptyValue(type, shape)
  const expression = build(node, ...values.map((_, k) => e.input(k)))
  return tensorValue(
    type,
    map(
      expression,
      values.map(value => value.tensor),
      shape,
    ),
  )
}

/** {@link broadcastShapes}, for values without elements too. */
export function broadcastValues(shapes: readonly Shape[]): number[] {
  const shape = broadcastShapes(shapes.map(sizes => sizes.map(extent => (extent === 0 ? 1 : extent))))
  for (const sizes of shapes) {
    for (const [axis, extent] of sizes.entries()) if (extent === 0) shape[shape.length - sizes.length + axis] = 0
  }
  checkSize(shape)
  return shape
}

/** An operator without inputs that decide shapes. */
export const op = (build: (node: OnnxNode) => Result, ...known: number[]): OnnxOp => ({ build, known })

/** A number for each channel, `[C]`, in the shape that broadcasts along axis 1. */
export const perChannel = (x: Tensor, rank: number): Tensor =>
  reshape(x, [x.shape[0] ?? 1, ...new Array<number>(Math.max(0, rank - 2)).fill(1)])

/** A constant whose values are computed from their index. */
export function constantOf(shape: Shape, value: (index: number) => number, dtype: 'f32' | 'i32' = 'f32'): Tensor {
  checkConstant(shape)
  const size = shape.reduce((product, extent) => product * extent, 1)
  const values = dtype === 'f32' ? new Float32Array(size) : new Int32Array(size)
  for (let k = 0; k < size; k++) values[k] = value(k)
  return constantTensor(values, shape, dtype)
}

/** 0, 1, … along one axis of a shape whose others are 1. */
export const positions = (size: number, axis: number, rank: number): Tensor =>
  constantOf(
    Array.from({ length: rank }, (_, at) => (at === axis ? size : 1)),
    k => k,
  )

/** A shape with another size along an axis. */
export const withSize = (shape: Shape, axis: number, size: number): number[] =>
  shape.map((extent, at) => (at === axis ? size : extent))
