/**
 * Convolutions, transposed convolutions and pools. Windows on series are written with one axis of positions, although
 * Fovea computes them on images of one row.
 */
import { type Shape, sameShape } from '../../graph/shape.ts'
import { isApplicationOf } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Window2d } from '../../graph/window.ts'
import { inference } from '../../nn/module.ts'
import { L2Pool2d } from '../../nn/poolingVariants.ts'
import type { AttributeValue } from './attributes.ts'
import { binaryOf, bothOrders, channelNumbers, meanOf, sameGraph } from './match.ts'
import { oneNode, type Rule } from './rule.ts'
import type { BatchTrace } from './sizes.ts'

/** An operator that moves a window, or looks at the whole image. */
export interface WindowOp {
  readonly op: 'Conv' | 'ConvTranspose' | 'MaxPool' | 'AveragePool' | 'LpPool' | 'GlobalMaxPool' | 'GlobalAveragePool'
  readonly x: Tensor
  readonly weight?: Tensor
  /** A number for each output channel, `[O]`. */
  readonly bias?: Tensor | undefined
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** Attributes of a node. Those of a window have one number for each axis that it moves along. */
type Attributes = Readonly<Record<string, AttributeValue>>

/** Recognizes windows, on images and on series. */
export const windows: Rule = (tensor, trace) => {
  const found = windowOpOf(tensor, trace)
  if (!found) return undefined
  const { op, x, weight, bias, attributes } = found
  return oneNode(op, [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])], attributes)
}

/** The window of the operation that computes a value. */
export const windowOpOf = (tensor: Tensor, trace: BatchTrace): WindowOp | undefined =>
  seriesOp(tensor, trace) ?? imageOp(tensor, trace, 2)

/** An operation on a series: reshaped to an image of one row, computed, and reshaped back. */
function seriesOp(tensor: Tensor, trace: BatchTrace): WindowOp | undefined {
  const [image] = tensor.inputs
  if (tensor.op !== 'reshape' || !image || !trace.isPrivate(image) || !sameShape(image.shape, asImage(tensor.shape)))
    return undefined
  const found = imageOp(image, trace, 1)
  const x = found && asSeries(found.x)
  if (!found || !x) return undefined
  const weight = found.weight && asSeries(found.weight)
  return found.weight && !weight ? undefined : { ...found, x, ...(weight && { weight }) }
}

/** `[N, C, L]` as `[N, C, 1, L]`. */
const asImage = ([n, c, ...positions]: Shape): number[] => [n, c, 1, ...positions]

/** `[N, C, L]` that is read as `[N, C, 1, L]`. */
function asSeries({ op, shape, inputs: [series] }: Tensor): Tensor | undefined {
  return op === 'reshape' && series && sameShape(asImage(series.shape), shape) ? series : undefined
}

/** @param axes 2 for images, 1 for images of one row whose rows are not written */
function imageOp(tensor: Tensor, trace: BatchTrace, axes: 1 | 2): WindowOp | undefined {
  return biased(tensor, trace, axes) ?? convolution(tensor, trace, axes) ?? pool(tensor, trace, axes)
}

/** A convolution and the number for each channel that is added to it. */
function biased(tensor: Tensor, trace: BatchTrace, axes: 1 | 2): WindowOp | undefined {
  for (const [x, bias] of bothOrders(binaryOf(tensor, 'add') ?? [0, 0])) {
    if (typeof x === 'number' || !trace.isPrivate(x)) continue
    const found = convolution(x, trace, axes)
    const numbers = channelNumbers(bias, x.shape[1], 4)
    if (found && numbers) return { ...found, bias: numbers }
  }
  return undefined
}

function convolution(tensor: Tensor, trace: BatchTrace, axes: 1 | 2): WindowOp | undefined {
  const [x, weight] = tensor.inputs
  if (isApplicationOf(tensor, 'conv2d') && trace.isSteady(tensor)) {
    const geometry = geometryOf(tensor.attributes, axes)
    return geometry && { op: 'Conv', x, weight, attributes: { ...geometry, ...grouped(tensor.attributes) } }
  }
  if (!isApplicationOf(tensor, 'conv2dInputGradient')) return undefined
  const geometry = geometryOf(tensor.attributes, axes)
  const added = outputPadding(x, tensor.attributes)
  if (!geometry || (axes === 1 && added[0] !== 0)) return undefined
  const padded = added.some(count => count > 0) && { output_padding: added.slice(-axes) }
  return { op: 'ConvTranspose', x, weight, attributes: { ...geometry, ...grouped(tensor.attributes), ...padded } }
}

const grouped = ({ groups }: { readonly groups: number }): Attributes => (groups === 1 ? {} : { group: groups })

/** Rows and columns of the output beyond those that the windows reach. */
function outputPadding(x: Tensor, { shape, kernel, stride, padding, dilation }: Window2d & { shape: Shape }): number[] {
  const cut = [padding.top + padding.bottom, padding.left + padding.right]
  return [0, 1].map(axis => {
    const reached = (x.shape[axis + 2] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - cut[axis]
    return shape[axis + 2] - reached
  })
}

function pool(tensor: Tensor, trace: BatchTrace, axes: 1 | 2): WindowOp | undefined {
  const mean = meanOf(tensor)
  if (mean && mean.x.shape.length === 4 && mean.keepDims && mean.axes.join() === '2,3')
    return { op: 'GlobalAveragePool', x: mean.x, attributes: {} }
  if (isApplicationOf(tensor, 'averagePool2d')) {
    const geometry = geometryOf(tensor.attributes, axes)
    const counted = isPadded(tensor.attributes) && { count_include_pad: tensor.attributes.countPadding ? 1 : 0 }
    return geometry && { op: 'AveragePool', x: tensor.inputs[0], attributes: { ...geometry, ...counted } }
  }
  if (!isApplicationOf(tensor, 'maxPool2d')) return rootOfSquares(tensor, axes)
  const { x, window } = joined(tensor, trace)
  if (isWhole(window, x.shape)) return { op: 'GlobalMaxPool', x, attributes: {} }
  const geometry = geometryOf(window, axes)
  return geometry && { op: 'MaxPool', x, attributes: geometry }
}

/** √Σ x² of each window, as Fovea's layer writes it. */
function rootOfSquares(tensor: Tensor, axes: 1 | 2): WindowOp | undefined {
  const [isPositive] = tensor.inputs
  const [averages] = (isPositive && binaryOf(isPositive.inputs[0], 'mul')) ?? []
  if (typeof averages !== 'object' || !isApplicationOf(averages, 'averagePool2d')) return undefined
  const { kernel, stride, padding } = averages.attributes
  const [x] = binaryOf(averages.inputs[0], 'mul') ?? []
  if (typeof x !== 'object') return undefined
  const layer = new L2Pool2d(kernel, { stride, padding })
  if (!sameGraph(tensor, layer.forward(x, inference()))) return undefined
  const geometry = geometryOf(averages.attributes, axes)
  return geometry && { op: 'LpPool', x, attributes: { ...geometry, p: 2 } }
}

/** A maximum of columns after one of rows is a maximum of both. */
function joined(
  tensor: Tensor & { readonly attributes: Window2d },
  trace: BatchTrace,
): { readonly x: Tensor; readonly window: Window2d } {
  const [rows] = tensor.inputs
  const window = tensor.attributes
  const isPlain = (pool: Window2d, still: 0 | 1): boolean =>
    pool.kernel[still] === 1 && pool.stride[still] === 1 && !isPadded(pool) && pool.dilation.every(rate => rate === 1)
  if (!isApplicationOf(rows, 'maxPool2d') || !trace.isPrivate(rows)) return { x: tensor.inputs[0], window }
  const inner = rows.attributes
  if (!isPlain(window, 1) || !isPlain(inner, 0)) return { x: tensor.inputs[0], window }
  const [kernel, stride] = (['kernel', 'stride'] as const).map(name => [window[name][0], inner[name][1]] as const)
  return { x: rows.inputs[0], window: { ...window, kernel, stride } }
}

const isPadded = ({ padding: { top, bottom, left, right } }: Window2d): boolean => top + bottom + left + right > 0

const isWhole = (window: Window2d, [, , height, width]: Shape): boolean =>
  window.kernel[0] === height && window.kernel[1] === width && !isPadded(window)

/** Attributes of a window; undefined for one of series that has rows. */
function geometryOf(window: Window2d, axes: 1 | 2): Attributes | undefined {
  const { kernel, stride, padding, dilation } = window
  const { top, bottom, left, right } = padding
  if (axes === 1 && (kernel[0] !== 1 || top + bottom !== 0)) return undefined
  const last = (pair: readonly number[]): number[] => pair.slice(-axes)
  return {
    kernel_shape: last(kernel),
    strides: last(stride),
    ...(isPadded(window) && { pads: [...last([top, left]), ...last([bottom, right])] }),
    ...(dilation.some(rate => rate !== 1) && { dilations: last(dilation) }),
  }
}
