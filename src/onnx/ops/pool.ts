/** Pools. */
import * as e from '../../graph/expression.ts'
import { apply } from '../../graph/op.ts'
import { averagePool2dOp } from '../../graph/ops/averagePool2d.ts'
import { conv2d } from '../../graph/ops/conv2d.ts'
import { mul } from '../../graph/ops/elementwise.ts'
import { broadcastTo, map } from '../../graph/ops/map.ts'
import { maxPool2d, maxPool2dGradientOp, maxPool2dSwitches } from '../../graph/ops/maxPool2d.ts'
import { pad } from '../../graph/ops/pad.ts'
import { max, mean, sum } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import type { Tensor, Volume } from '../../graph/tensor.ts'
import type { Window2d } from '../../graph/window.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode, OnnxOp, Result } from '../node.ts'
import { checkSize, tensorValue, type Value } from '../value.ts'
import { abs, add, c, constantOf, div, exp, floor, log, op, positions, sub, mul as times } from './build.ts'
import { fromVolume, toVolume, type WindowFor, windowFor } from './window.ts'

function kernelOf(node: OnnxNode): number[] {
  const kernel = node.ints('kernel_shape')
  if (!kernel) throw new Unsupported('kernel_shape is missing')
  return kernel
}

/** The window, with the part that reaches beyond the padding added to the padding. */
function widened({ window, beyond }: WindowFor): Window2d {
  const { top, left, bottom, right } = window.padding
  return { ...window, padding: { top, left, bottom: bottom + beyond[0], right: right + beyond[1] } }
}

/** Whether Fovea's pools accept the padding: at most half the kernel. */
function isHalf({ kernel, dilation, padding }: Window2d): boolean {
  const reach = kernel.map((size, k) => dilation[k as 0 | 1] * (size - 1) + 1)
  return (
    Math.max(padding.top, padding.bottom) * 2 <= reach[0]! && Math.max(padding.left, padding.right) * 2 <= reach[1]!
  )
}

function maxPool(node: OnnxNode): Result {
  const rank = node.rank()
  const x = toVolume(node.float())
  const window = widened(windowFor(node, kernelOf(node), node.shape().slice(2), true))
  const { padding, ...bare } = window
  const isPadded = !isHalf(window)
  const sides = { before: [0, 0, padding.top, padding.left], after: [0, 0, padding.bottom, padding.right] }
  const source = isPadded ? (pad(x, { ...sides, value: Number.NEGATIVE_INFINITY }) as Volume) : x
  const own = isPadded ? { ...bare, padding: { top: 0, bottom: 0, left: 0, right: 0 } } : window
  const pooled = fromVolume(maxPool2d(source, own.kernel, own), rank)
  if (!node.wants(1)) return pooled
  if (isPadded) throw new Unsupported('indices of a pool with more padding than half its kernel')
  const switches = maxPool2dSwitches(x, own)
  const indices = tensorValue(
    'int64',
    fromVolume(flatIndices(switches, x.shape, node.int('storage_order', 0) === 1), rank),
  )
  indices.switches = switches
  return [pooled, indices]
}

/** From row · W + column in a plane to positions in the whole tensor, whose planes may be stored column by column. */
function flatIndices(switches: Volume, [n, channels, h, w]: Volume['shape'], isByColumn: boolean): Tensor {
  const planes = constantOf([n, channels, 1, 1], k => k * h * w)
  const at = e.input(0)
  const row = floor(div(at, c(w)))
  const place = isByColumn ? add(row, times(c(h), sub(at, times(row, c(w))))) : at
  return map(add(place, e.input(1)), [switches, planes])
}

/** Every element at the place of its index. */
function maxUnpool(node: OnnxNode): Result {
  const rank = node.rank()
  const [x, indices] = [toVolume(node.float(0)), node.value(1)]
  const kernel = kernelOf(node)
  const strides = node.ints('strides') ?? kernel.map(() => 1)
  const pads = node.ints('pads') ?? new Array<number>(2 * kernel.length).fill(0)
  const sizes = kernel.map(
    (size, k) => (node.shape()[k + 2]! - 1) * strides[k]! + size - pads[k]! - pads[k + kernel.length]!,
  )
  const [n, channels, h, w] = x.shape
  const [height, width] = sizes.length === 1 ? [1, sizes[0]!] : [sizes[0]!, sizes[1]!]
  const shape = [n, channels, height, width] as const
  checkSize([...shape, h * w])
  const window = windowFor(node, kernel, sizes).window
  const isApart = window.kernel.every((size, k) => size <= window.stride[k as 0 | 1])
  const plain = indices.switches && isApart && indices.switches.shape.join() === x.shape.join()
  const placed = plain
    ? apply(maxPool2dGradientOp, [x, indices.switches!], { ...window, shape })
    : placedByIndex(x, indices, shape)
  const wanted = node.has(2) ? Array.from(node.known(2)) : undefined
  const result = fromVolume(placed, rank)
  if (!wanted) return result
  const after = wanted.map((size, axis) => size - result.shape[axis]!)
  return pad(result, { after })
}

/**
 * The element whose index is a position, if there is one: the largest of several, which are all copies of one maximum.
 */
function placedByIndex(x: Volume, indices: Value, shape: readonly [number, number, number, number]): Tensor {
  const [n, channels, h, w] = x.shape
  const plane = shape[2] * shape[3]
  const apart = (tensor: Tensor): Tensor => reshape(tensor, [n, channels, 1, h * w])
  const offsets = constantOf([n, channels, 1, 1], k => k * plane)
  const isHere = e.compare('eq', sub(e.input(1), e.input(2)), e.input(3))
  const parts = [apart(x), apart(indices.tensor), offsets, positions(plane, 2, 4)]
  const here = map(e.select(isHere, e.input(0), c(Number.NEGATIVE_INFINITY)), parts)
  const found = max(here, 3)
  return reshape(map(e.select(e.compare('eq', e.input(0), c(Number.NEGATIVE_INFINITY)), c(0), e.input(0)), [found]), [
    ...shape,
  ])
}

/** Sums of windows of any geometry: a convolution of each channel with ones. */
function windowSums(x: Volume, window: Window2d): Tensor {
  const channels = x.shape[1]
  const ones = broadcastTo(
    constantOf([1, 1, 1, 1], () => 1),
    [channels, 1, ...window.kernel],
  ) as Volume
  return conv2d(x, ones, { ...window, groups: channels })
}

function averagePool(node: OnnxNode): Tensor {
  const rank = node.rank()
  const x = toVolume(node.float())
  const found = windowFor(node, kernelOf(node), node.shape().slice(2), true)
  const { window, beyond } = found
  const countPadding = node.int('count_include_pad', 0) === 1
  const isPlain = beyond.every(size => size === 0) && window.dilation.every(rate => rate === 1) && isHalf(window)
  if (isPlain) return fromVolume(apply(averagePool2dOp, [x], { ...window, countPadding }), rank)
  const sums = windowSums(x, widened(found)) as Volume
  const shares = sharesOf(found, [x.shape[2], x.shape[3]], [sums.shape[2], sums.shape[3]], countPadding)
  return fromVolume(mul(sums, shares), rank)
}

/** 1 / the number of elements that each window counts: those of the image, and those of the padding on request. */
function sharesOf(
  { window }: WindowFor,
  sizes: readonly [number, number],
  counts: readonly [number, number],
  countPadding: boolean,
): Tensor {
  const { kernel, stride, dilation, padding } = window
  const along = (axis: 0 | 1, low: number, high: number): number[] =>
    Array.from({ length: counts[axis] }, (_, at) => {
      const [from, to] = countPadding ? [-low, sizes[axis] + high] : [0, sizes[axis]]
      const first = at * stride[axis] - low
      return Array.from({ length: kernel[axis] }, (_, k) => first + k * dilation[axis]).filter(k => k >= from && k < to)
        .length
    })
  const [rows, columns] = [along(0, padding.top, padding.bottom), along(1, padding.left, padding.right)]
  return constantOf([1, 1, ...counts], k => 1 / (rows[Math.floor(k / counts[1])]! * columns[k % counts[1]]!))
}

/** |x|ᵖ by its logarithm, 0 at 0. */
const sizePower = (x: e.Expression, p: number): e.Expression =>
  p === 1 ? abs(x) : p === 2 ? times(x, x) : exp(times(c(p), log(abs(x))))

function lpPool(node: OnnxNode): Tensor {
  const p = node.int('p', 2)
  const rank = node.rank()
  const powers = map(sizePower(e.input(0), p), [node.float()])
  const sums = windowSums(toVolume(powers), widened(windowFor(node, kernelOf(node), node.shape().slice(2), true)))
  return fromVolume(map(p === 2 ? e.unary('sqrt', e.input(0)) : sizePower(e.input(0), 1 / p), [sums]), rank)
}

const planeAxes = (node: OnnxNode): number[] =>
  node
    .shape()
    .map((_, axis) => axis)
    .slice(2)

function globalLpPool(node: OnnxNode): Tensor {
  const p = node.int('p', 2)
  const sums = sum(map(sizePower(e.input(0), p), [node.float()]), planeAxes(node), { keepDims: true })
  return map(sizePower(e.input(0), 1 / p), [sums])
}

/** Pools. */
export const poolOps: Readonly<Record<string, OnnxOp>> = {
  MaxPool: op(maxPool),
  AveragePool: op(averagePool),
  LpPool: op(lpPool),
  GlobalAveragePool: op(node => mean(node.float(), planeAxes(node), { keepDims: true })),
  GlobalMaxPool: op(node => max(node.float(), planeAxes(node), { keepDims: true })),
  GlobalLpPool: op(globalLpPool),
  MaxUnpool: op(maxUnpool, 2),
}
