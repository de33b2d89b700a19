/** Reductions, positions of extremes, sums along an axis, and the largest elements. */
import * as e from '../../graph/expression.ts'
import { argmax } from '../../graph/ops/argmax.ts'
import { abs, add, exp, log, mul, neg, sqrt, square, sub } from '../../graph/ops/elementwise.ts'
import { map, stopGradient } from '../../graph/ops/map.ts'
import { oneHot } from '../../graph/ops/oneHot.ts'
import { pad } from '../../graph/ops/pad.ts'
import { max, mean, min, sum } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { sliceAxis } from '../../graph/ops/slice.ts'
import { logSoftmax, softmax } from '../../graph/ops/softmax.ts'
import { transpose } from '../../graph/ops/transpose.ts'
import { sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { isFloat, rangeOf } from '../elements.ts'
import { Unsupported } from '../errors.ts'
import { axisOf, type OnnxNode, type OnnxOp, type Result, sizeFrom } from '../node.ts'
import { emptyValue, knownValue, tensorValue, type Value } from '../value.ts'
import { applied, c, op, positions, truncate, withSize } from './build.ts'
import { take } from './shape.ts'

type Fold = (x: Tensor, axes: readonly number[], keepDims: boolean) => Tensor

/** A reduction. @param empty its value over no elements */
function reduction(fold: Fold, empty: (node: OnnxNode) => number): OnnxOp {
  return op(node => {
    const x = node.value(0)
    const given = node.listOf('axes', 1) ?? []
    if (given.length === 0 && node.int('noop_with_empty_axes', 0) === 1)
      return tensorValue(x.type, fold(x.float, [], true))
    const all = x.shape.map((_, axis) => axis)
    const axes = given.length === 0 ? all : [...new Set(given.map(axis => axisOf(axis, x.rank)))].sort((a, b) => a - b)
    const keepDims = node.int('keepdims', 1) === 1
    const kept = keepDims
      ? x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
      : x.shape.filter((_, axis) => !axes.includes(axis))
    if (!x.isEmpty) return tensorValue(x.type, reshape(fold(x.float, axes, keepDims), kept))
    return kept.includes(0)
      ? emptyValue(x.type, kept)
      : knownValue(x.type, kept, new Array<number>(sizeOf(kept)).fill(empty(node)))
  }, 1)
}

const sums: Fold = (x, axes, keepDims) => sum(x, axes, { keepDims })

/** log Σ eˣ, without overflow. */
const logSumExp: Fold = (x, axes, keepDims) => {
  if (axes.length === 0) return x
  const largest = stopGradient(max(x, axes, { keepDims: true }))
  // Nothing is subtracted from an infinite maximum.
  const isFiniteMaximum = e.compare('lt', e.unary('abs', e.input(0)), c(Number.POSITIVE_INFINITY))
  const shift = map(e.select(isFiniteMaximum, e.input(0), c(0)), [largest])
  const total = log(sum(exp(sub(x, shift)), axes, { keepDims }))
  return add(total, reshape(shift, total.shape))
}

/** A product along axes, by repeated halving. */
export const product: Fold = (x, axes, keepDims) => {
  let value = x
  for (const axis of axes) {
    while (value.shape[axis]! > 1) {
      const extent = value.shape[axis]!
      const half = Math.floor(extent / 2)
      const pairs = mul(sliceAxis(value, axis, 0, half), sliceAxis(value, axis, half, 2 * half))
      // A leftover element is multiplied into the first.
      value =
        extent % 2 === 0
          ? pairs
          : mul(
              pairs,
              pad(sliceAxis(value, axis, extent - 1), {
                after: withSize(
                  x.shape.map(() => 0),
                  axis,
                  half - 1,
                ),
                value: 1,
              }),
            )
    }
  }
  return keepDims
    ? value
    : reshape(
        value,
        x.shape.filter((_, axis) => !axes.includes(axis)),
      )
}

/** Softmax and related functions: along one axis, or before operator set 13 over it and all axes after it. */
function alongAxis(node: OnnxNode, compute: (x: Tensor, axis: number) => Tensor): Tensor {
  const x = node.float()
  if (node.opset >= 13) return compute(x, node.axis(-1))
  const axis = node.axis(1)
  return reshape(compute(reshape(x, [sizeFrom(x.shape, 0, axis), sizeFrom(x.shape, axis)]), 1), x.shape)
}

function hardmax(x: Tensor, axis: number): Tensor {
  const rank = x.shape.length
  const order = Array.from({ length: rank }, (_, at) => (at < axis ? at : at === axis ? rank - 1 : at - 1))
  return transpose(oneHot(argmax(x, axis), x.shape[axis]!), order)
}

function extreme(node: OnnxNode, sign: 1 | -1): Value {
  const x = node.float()
  const axis = node.axis(0)
  const extent = x.shape[axis]!
  const isLast = node.int('select_last_index', 0) === 1
  const signed = sign === 1 ? x : neg(x)
  const found = argmax(
    isLast
      ? take(
          signed,
          axis,
          Array.from({ length: extent }, (_, k) => extent - 1 - k),
        )
      : signed,
    axis,
  )
  const index = isLast ? map(e.binary('sub', c(extent - 1), e.input(0)), [found]) : found
  return tensorValue('int64', node.int('keepdims', 1) === 1 ? reshape(index, withSize(x.shape, axis, 1)) : index)
}

/** Cumulative sums or products, in steps that double. */
function cumulative(node: OnnxNode, combine: (x: Tensor, y: Tensor) => Tensor, neutral: number): Tensor {
  const x = node.float()
  const axis = axisOf(node.known(1)[0] ?? 0, x.shape.length)
  const extent = x.shape[axis]!
  const isReverse = node.int('reverse', 0) === 1
  const along = (amount: number): number[] =>
    withSize(
      x.shape.map(() => 0),
      axis,
      amount,
    )
  const shifted = (y: Tensor, by: number): Tensor =>
    isReverse
      ? pad(sliceAxis(y, axis, by), { after: along(by), value: neutral })
      : pad(sliceAxis(y, axis, 0, extent - by), { before: along(by), value: neutral })
  const isExclusive = node.int('exclusive', 0) === 1
  if (isExclusive && extent === 1) return map(c(neutral), [x])
  let total = isExclusive ? shifted(x, 1) : x
  for (let by = 1; by < extent; by *= 2) total = combine(total, shifted(total, by))
  return total
}

/**
 * The k largest (smallest) elements along an axis, and their positions. The rank of an element is the number of
 * elements before it in order; comparison picks the element of each rank. So gradients flow to the elements.
 */
function topK(node: OnnxNode): Result {
  const x = node.float()
  const axis = node.axis(-1)
  const rank = x.shape.length
  const extent = x.shape[axis]!
  const count = node.numberOf('k', 1) ?? 1
  if (!(count >= 1 && count <= extent))
    throw new Unsupported(`k (=${count}) must be between 1 and the size of the axis, ${extent}`)
  const before = node.int('largest', 1) === 1 ? 'gt' : 'lt'
  // Elements along the axis, and once more along a new last one.
  const order = [...x.shape.keys()].filter(at => at !== axis).concat(axis)
  const last = transpose(x, order)
  const lead = last.shape.slice(0, -1)
  const [column, row] = [reshape(last, [...lead, extent, 1]), reshape(last, [...lead, 1, extent])]
  const index = [positions(extent, rank - 1, rank + 1), positions(extent, rank, rank + 1)]
  const isEarlier = e.binary('mul', e.compare('eq', e.input(1), e.input(0)), e.compare('lt', e.input(3), e.input(2)))
  const comesBefore = e.binary('add', e.compare(before, e.input(1), e.input(0)), isEarlier)
  const place = stopGradient(sum(map(comesBefore, [column, row, ...index]), rank))
  const places = positions(count, rank, rank + 1)
  const isHere = e.compare('eq', e.input(0), e.input(1))
  const pick = (elements: Tensor): Tensor =>
    sum(map(e.select(isHere, e.input(2), c(0)), [reshape(place, [...lead, extent, 1]), places, elements]), rank - 1)
  const back = order.map((_, at) => order.indexOf(at))
  return [transpose(pick(column), back), tensorValue('int64', transpose(pick(index[0]!), back))]
}

function oneHotOf(node: OnnxNode): Value {
  const indices = node.value(0)
  const depth = Math.round(node.known(1)[0] ?? 0)
  const rank = indices.rank + 1
  const axis = axisOf(node.int('axis', -1), rank)
  const apart = reshape(indices.tensor, [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)])
  const values = node.value(2).float
  const [off, on] = [0, 1].map(k => reshape(sliceAxis(values, 0, k, k + 1), []))
  // Negative indices count from the end; beyond either end nothing is hot.
  const own = e.select(e.compare('lt', e.input(0), c(0)), e.binary('add', e.input(0), c(depth)), e.input(0))
  const hot = map(e.select(e.compare('eq', own, e.input(1)), e.input(2), e.input(3)), [
    apart,
    positions(depth, axis, rank),
    on!,
    off!,
  ])
  return tensorValue(node.type(2), hot)
}

const infinite =
  (sign: 1 | -1) =>
  (node: OnnxNode): number => {
    if (isFloat(node.type())) return sign * Number.POSITIVE_INFINITY
    return rangeOf(node.type())[sign === 1 ? 1 : 0]
  }
const zero = (): number => 0

/** Whole numbers stay whole. */
const averageOf = (node: OnnxNode, y: Value): Value =>
  isFloat(node.type()) ? y : applied(node, (_, x) => truncate(x!), [y], y.type)

const meanOp = reduction(
  (x, axes, keepDims) => mean(x, axes, { keepDims }),
  () => Number.NaN,
)

/** Reductions. */
export const reductionOps: Readonly<Record<string, OnnxOp>> = {
  ReduceSum: reduction(sums, zero),
  ReduceMean: { build: node => averageOf(node, meanOp.build(node) as Value), known: [1] },
  ReduceMax: reduction((x, axes, keepDims) => max(x, axes, { keepDims }), infinite(-1)),
  ReduceMin: reduction((x, axes, keepDims) => min(x, axes, { keepDims }), infinite(1)),
  ReduceProd: reduction(product, () => 1),
  ReduceL1: reduction((x, axes, keepDims) => sums(abs(x), axes, keepDims), zero),
  ReduceL2: reduction((x, axes, keepDims) => sqrt(sums(square(x), axes, keepDims)), zero),
  ReduceSumSquare: reduction((x, axes, keepDims) => sums(square(x), axes, keepDims), zero),
  ReduceLogSum: reduction(
    (x, axes, keepDims) => log(sums(x, axes, keepDims)),
    () => Number.NEGATIVE_INFINITY,
  ),
  ReduceLogSumExp: reduction(logSumExp, () => Number.NEGATIVE_INFINITY),
  Softmax: op(node => alongAxis(node, softmax)),
  LogSoftmax: op(node => alongAxis(node, logSoftmax)),
  Hardmax: op(node => alongAxis(node, hardmax)),
  ArgMax: op(node => extreme(node, 1)),
  ArgMin: op(node => extreme(node, -1)),
  CumSum: op(node => cumulative(node, add, 0), 1),
  CumProd: op(node => cumulative(node, mul, 1), 1),
  TopK: op(topK, 1),
  OneHot: op(oneHotOf, 1),
}
