/**
 * Quantized operators, computed in real numbers: values are the same integers, and products and sums of them are exact
 * while they stay below 2^24, the limit of single precision.
 */
import * as e from '../../graph/expression.ts'
import { div, mul, sub } from '../../graph/ops/elementwise.ts'
import { map } from '../../graph/ops/map.ts'
import { max, min } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import type { Shape } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { isFloat, type OnnxType, rangeOf, typeOf } from '../elements.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode, OnnxOp, Result } from '../node.ts'
import { tensorValue, type Value } from '../value.ts'
import { c, least, sub as minus, most, op, div as over, perChannel, add as plus, round } from './build.ts'
import { convolve } from './convolution.ts'
import { product } from './product.ts'

/**
 * A scale or zero point in the shape that broadcasts: one number, one for each index of an axis, or one for each block
 * of it.
 */
function spread(node: OnnxNode, index: number): Tensor | undefined {
  if (!node.has(index)) return undefined
  const value = node.value(index)
  const x = node.shape()
  if (value.rank === 0 || value.size === 1) return reshape(value.float, [])
  const axis = node.axis(1)
  if (value.rank === 1)
    return reshape(
      value.float,
      x.map((_, at) => (at === axis ? value.size : 1)),
    )
  const block = node.int('block_size', 0)
  if (block < 1) throw new Unsupported(`scales of shape [${value.shape.join(', ')}] without a block_size`)
  return repeated(value.float, axis, block, x[axis]!)
}

/** Each number `block` times along an axis. */
function repeated(x: Tensor, axis: number, block: number, size: number): Tensor {
  if (x.shape[axis]! * block !== size) throw new Unsupported(`blocks of ${block} do not divide an axis of ${size}`)
  const apart = reshape(x, [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)])
  const shape: Shape = [...x.shape.slice(0, axis + 1), block, ...x.shape.slice(axis + 1)]
  return reshape(map(e.input(0), [apart], shape), [...x.shape.slice(0, axis), size, ...x.shape.slice(axis + 1)])
}

/** Whole numbers of a type: rounded, shifted, and limited. */
function quantized(type: OnnxType, x: Tensor, zero: Tensor | undefined): Tensor {
  if (isFloat(type)) throw new Unsupported(`quantization to ${type}`)
  const [low, high] = rangeOf(type)
  const shifted = zero ? plus(round(e.input(0)), e.input(1)) : round(e.input(0))
  return map(least(c(high), most(c(low), shifted)), zero ? [x, zero] : [x])
}

function quantizeLinear(node: OnnxNode): Value {
  const named = node.int('output_dtype', 0)
  const type = node.has(2) ? node.type(2) : named > 0 ? typeOf(named, 'output_dtype') : 'uint8'
  return tensorValue(type, quantized(type, div(node.float(0), spread(node, 1)!), spread(node, 2)))
}

function dequantizeLinear(node: OnnxNode): Value {
  const zero = spread(node, 2)
  const shifted = zero ? sub(node.float(0), zero) : node.float(0)
  return tensorValue(node.type(1), mul(shifted, spread(node, 1)!))
}

/** To 8 bits, with the scale and zero point that fit the values. */
function dynamicQuantize(node: OnnxNode): Result {
  const x = node.float()
  const [low, high] = [map(least(c(0), e.input(0)), [min(x)]), map(most(c(0), e.input(0)), [max(x)])]
  const scale = map(over(minus(e.input(1), e.input(0)), c(255)), [low, high])
  const zero = map(least(c(255), most(c(0), round(over(e.unary('neg', e.input(0)), e.input(1))))), [low, scale])
  return [
    tensorValue('uint8', quantized('uint8', div(x, scale), zero)),
    tensorValue('float32', scale),
    tensorValue('uint8', zero),
  ]
}

/** An input without its zero point; one for each row where there are several. */
function centered(node: OnnxNode, index: number, zero: number, place: (zeros: Tensor) => Tensor = x => x): Tensor {
  if (!node.has(zero)) return node.float(index)
  const value = node.value(zero)
  return sub(node.float(index), value.size === 1 ? reshape(value.float, []) : place(value.float))
}

/** One number for each output channel of weights `[O, …]`. */
const perOutput =
  (rank: number) =>
  (x: Tensor): Tensor =>
    reshape(x, [x.shape[0]!, ...new Array<number>(rank - 1).fill(1)])
const single = (node: OnnxNode, index: number): Tensor => {
  const value = node.value(index)
  return value.size === 1 ? reshape(value.float, []) : value.float
}

function qLinearConv(node: OnnxNode): Value {
  const rank = node.rank()
  const y = convolve(node, centered(node, 0, 2), centered(node, 3, 5, perOutput(rank)))
  const sums = node.has(8) ? map(plus(e.input(0), e.input(1)), [y, perChannel(node.float(8), rank)]) : y
  const weights = single(node, 4)
  const scale = div(
    mul(single(node, 1), weights.shape.length > 0 ? perChannel(weights, rank) : weights),
    single(node, 6),
  )
  return tensorValue(node.type(7), quantized(node.type(7), mul(sums, scale), single(node, 7)))
}

/** Numbers for the rows of a left operand, or the columns of a right one. */
const rows = (x: Tensor): Tensor => (x.shape.length === 1 ? reshape(x, [x.shape[0]!, 1]) : x)

function qLinearMatMul(node: OnnxNode): Value {
  const y = product(centered(node, 0, 2, rows), centered(node, 3, 5))
  const scale = div(mul(rows(single(node, 1)), single(node, 4)), single(node, 6))
  return tensorValue(node.type(7), quantized(node.type(7), mul(y, scale), single(node, 7)))
}

/** Quantized operators. */
export const quantizationOps: Readonly<Record<string, OnnxOp>> = {
  QuantizeLinear: op(quantizeLinear),
  DequantizeLinear: op(dequantizeLinear),
  DynamicQuantizeLinear: op(dynamicQuantize),
  QLinearConv: op(qLinearConv),
  QLinearMatMul: op(qLinearMatMul),
  ConvInteger: op(node =>
    tensorValue('int32', convolve(node, centered(node, 0, 2), centered(node, 1, 3, perOutput(node.rank())))),
  ),
  MatMulInteger: op(node => tensorValue('int32', product(centered(node, 0, 2, rows), centered(node, 1, 3)))),
}
