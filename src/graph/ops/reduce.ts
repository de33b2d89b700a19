/**
 * Reductions along axes: sum, maximum and minimum as one op, and the mean as a scaled sum.
 *
 * The gradient of a sum repeats the upstream value; the gradient of a maximum (minimum) goes to the elements that
 * attain it, in equal shares among ties, as PyTorch's `amax` and `amin` do.
 */
import * as e from '../expression.ts'
import { apply, elementwiseCost, type Op, type ReferenceTensor } from '../op.ts'
import { formatShape, normalizeAxis, type Shape, ShapeError, sameShape, sizeOf, stridesOf } from '../shape.ts'
import type { Scalar, Tensor } from '../tensor.ts'
import { broadcastTo, map } from './map.ts'
import { reshape } from './reshape.ts'

/** Functions that fold the elements along some axes into one number. */
export type Reduction = 'sum' | 'max' | 'min'

/** Attributes of `reduce`. */
export interface ReduceAttributes {
  readonly fn: Reduction
  /** Axes to fold: distinct, increasing, not negative. */
  readonly axes: readonly number[]
  /** True when the folded axes stay, with size 1. */
  readonly keepDims: boolean
}

const foldings: Record<Reduction, { start: number; fold: (total: number, element: number) => number }> = {
  sum: { start: 0, fold: (total, element) => total + element },
  max: { start: Number.NEGATIVE_INFINITY, fold: Math.max },
  min: { start: Number.POSITIVE_INFINITY, fold: Math.min },
}

/** Reads inputs of any type as numbers; the result is `f32`. A NaN makes the result NaN. */
export const reduceOp: Op<ReduceAttributes> = {
  name: 'reduce',
  shape([x], { fn, axes, keepDims }) {
    if (!Object.hasOwn(foldings, fn)) throw new ShapeError(`reduce: '${fn}' is no reduction`)
    axes.forEach((axis, position) => {
      normalizeAxis(axis, x.shape.length, fn)
      if (axis < 0 || (position > 0 && axis <= axes[position - 1])) {
        throw new ShapeError(`${fn}: axes [${axes.join(', ')}] must be distinct, increasing and not negative`)
      }
    })
    return { shape: reducedShape(x.shape, axes, keepDims), dtype: 'f32' }
  },
  reference([x], { fn, axes }, shape) {
    const { start, fold } = foldings[fn]
    const result = new Float64Array(sizeOf(shape)).fill(start)
    forEachReduced(x, axes, (element, at) => {
      result[at] = fold(result[at], element)
    })
    return result
  },
  vjp(output, gradient, { fn, axes }) {
    const [x] = output.inputs
    if (x.dtype !== 'f32') return [undefined]
    const kept = reducedShape(x.shape, axes, true)
    const upstream = reshape(gradient, kept)
    if (fn === 'sum') return [broadcastTo(upstream, x.shape)]
    const extremum = reshape(output, kept)
    const ties = sum(map(e.compare('eq', e.input(0), e.input(1)), [x, extremum]), axes, { keepDims: true })
    const share = map(e.binary('div', e.input(0), e.input(1)), [upstream, ties])
    const wins = e.compare('eq', e.input(0), e.input(1))
    return [map(e.select(wins, e.input(2), e.constant(0)), [x, extremum, share])]
  },
  cost: elementwiseCost,
  batch({ inputs: [x], isBatched }, { axes }) {
    if (!isBatched(x)) return 'whole'
    return axes.includes(0) ? 'sum' : 'parallel'
  },
}

/** An axis, several axes (negative numbers count from the end), or all axes when omitted. */
export type Axes = number | readonly number[] | undefined

/** Options of the reductions. */
export interface ReduceOptions {
  /** Keep the folded axes with size 1, so that the result broadcasts against the input. False by default. */
  readonly keepDims?: boolean
}

/** A reduction of all elements to a scalar, or along the given axes. */
export interface Reducer {
  (x: Tensor): Scalar
  (x: Tensor, axes: Axes, options?: ReduceOptions): Tensor
}

const reducer = (fn: Reduction): Reducer =>
  ((x: Tensor, axes?: Axes, options: ReduceOptions = {}) => reduce(fn, x, axes, options)) as Reducer

/**
 * Sum along axes, of all elements by default.
 * @throws ShapeError when an axis is out of range or named twice.
 * @example const perChannel = sum(x, [0, 2, 3]) // [N, C, H, W] → [C]
 */
export const sum: Reducer = reducer('sum')
/** Largest element along axes, of all elements by default. @throws ShapeError as {@link sum}. */
export const max: Reducer = reducer('max')
/** Smallest element along axes, of all elements by default. @throws ShapeError as {@link sum}. */
export const min: Reducer = reducer('min')
/** Arithmetic mean along axes, of all elements by default. @throws ShapeError as {@link sum}. */
export const mean: Reducer = ((x: Tensor, axes?: Axes, options: ReduceOptions = {}) => {
  const count = axesOf('mean', x, axes).reduce((product, axis) => product * x.shape[axis], 1)
  return map(e.binary('mul', e.input(0), e.constant(1 / count)), [reduce('sum', x, axes, options)])
}) as Reducer

function reduce(fn: Reduction, x: Tensor, axes: Axes, { keepDims = false }: ReduceOptions): Tensor {
  const normalized = axesOf(fn, x, axes)
  if (normalized.length === 0) return map(e.input(0), [x])
  return apply(reduceOp, [x], { fn, axes: normalized, keepDims })
}

function axesOf(label: string, x: Tensor, axes: Axes): number[] {
  if (axes === undefined) return x.shape.map((_, axis) => axis)
  const list = typeof axes === 'number' ? [axes] : axes
  const normalized = list.map(axis => normalizeAxis(axis, x.shape.length, label)).sort((a, b) => a - b)
  if (new Set(normalized).size !== normalized.length) {
    throw new ShapeError(
      `${label}: axes [${list.join(', ')}] name an axis twice for a tensor of shape ${formatShape(x.shape)}`,
    )
  }
  return normalized
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  return keepDims
    ? shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
    : shape.filter((_, axis) => !axes.includes(axis))
}

/** Calls `visit` with every element and the position of its result, in row-major order of the input. */
function forEachReduced(
  x: ReferenceTensor,
  axes: readonly number[],
  visit: (element: number, at: number) => void,
): void {
  const strides = stridesOf(x.shape)
  const kept = reducedShape(x.shape, axes, true)
  const target = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride))
  const whole = sameShape(kept, x.shape)
  for (let position = 0; position < x.values.length; position++) {
    let at = whole ? position : 0
    if (!whole) {
      for (let axis = 0; axis < strides.length; axis++) {
        at += (Math.floor(position / strides[axis]) % x.shape[axis]) * target[axis]
      }
    }
    visit(x.values[position], at)
  }
}
