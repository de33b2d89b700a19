/** Operators that move elements: shapes, parts, repetitions, padding. */
import { concat } from '../../graph/ops/concat.ts'
import { gather } from '../../graph/ops/gather.ts'
import { broadcastTo } from '../../graph/ops/map.ts'
import { pad } from '../../graph/ops/pad.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { sliceAxis } from '../../graph/ops/slice.ts'
import { transpose } from '../../graph/ops/transpose.ts'
import { type Shape, sameShape, sizeOf } from '../../graph/shape.ts'
import { constantTensor } from '../../graph/sources.ts'
import type { Tensor, Vector } from '../../graph/tensor.ts'
import { Unsupported } from '../errors.ts'
import { axisOf, type OnnxNode, type OnnxOp, type Result, sizeFrom } from '../node.ts'
import {
  checkConstant,
  checkSize,
  emptyValue,
  fold,
  knownList,
  type Numbers,
  tensorValue,
  type Value,
} from '../value.ts'
import { broadcastValues, op, withSize } from './build.ts'

/** The same elements under another shape. */
export function reshapeValue(value: Value, shape: Shape): Value {
  checkSize(shape)
  if (sizeOf(shape) !== value.size) {
    throw new Unsupported(
      `[${value.shape.join(', ')}] holds ${value.size} elements, [${shape.join(', ')}] needs ${sizeOf(shape)}`,
    )
  }
  if (value.isEmpty) return emptyValue(value.type, shape)
  return value.reshaped(shape, () => reshape(value.tensor, shape))
}

/** Elements along an axis by fixed positions: a part where they follow each other. */
export function take(x: Tensor, axis: number, at: readonly number[]): Tensor {
  const step = at.length > 1 ? at[1]! - at[0]! : 1
  const isRange = step > 0 && at.every((position, k) => position === at[0]! + k * step)
  if (isRange) return sliceAxis(x, axis, at[0]!, at[at.length - 1]! + 1, step)
  checkConstant([at.length])
  return gather(x, constantTensor(Int32Array.from(at), [at.length], 'i32') as Vector, axis)
}

function reshapeOf(node: OnnxNode): Value {
  const target = node.listOf('shape', 1)
  if (!target) throw new Unsupported('the shape is missing')
  const x = node.value(0)
  const shape = target.map((extent, axis) =>
    extent === 0 && node.int('allowzero', 0) === 0 ? (x.shape[axis] ?? 0) : extent,
  )
  const open = shape.indexOf(-1)
  if (open >= 0) {
    const rest = -shape.reduce((product, extent) => product * extent, 1)
    shape[open] = rest === 0 ? 0 : x.size / rest
  }
  return reshapeValue(x, shape)
}

function flatten(node: OnnxNode): Value {
  const { shape } = node.value(0)
  const at = node.int('axis', 1)
  const axis = at === shape.length ? at : axisOf(at, shape.length || 1)
  return reshapeValue(node.value(0), [sizeFrom(shape, 0, axis), sizeFrom(shape, axis)])
}

function squeeze(node: OnnxNode): Value {
  const { shape } = node.value(0)
  const axes = node.listOf('axes', 1)?.map(axis => axisOf(axis, shape.length))
  return reshapeValue(
    node.value(0),
    shape.filter((extent, axis) => (axes ? !axes.includes(axis) : extent !== 1)),
  )
}

function unsqueeze(node: OnnxNode): Value {
  const { shape } = node.value(0)
  const given = node.listOf('axes', 1) ?? []
  const rank = shape.length + given.length
  const axes = given.map(axis => axisOf(axis, rank))
  if (new Set(axes).size !== axes.length) throw new Unsupported(`axes [${given.join(', ')}] name an axis twice`)
  const rest = [...shape]
  return reshapeValue(
    node.value(0),
    Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!)),
  )
}

function transposeOf(node: OnnxNode): Result {
  const x = node.value(0)
  const order = node.ints('perm') ?? x.shape.map((_, axis) => axis).reverse()
  if (x.isEmpty)
    return emptyValue(
      x.type,
      order.map(axis => x.shape[axis] ?? 0),
    )
  return transpose(x.tensor, order)
}

/** Known lists of any kind stay numbers; other values are joined, without those that have no elements. */
function concatOf(node: OnnxNode): Result {
  const axis = node.axis(0)
  const values = node.values
  const parts = values.filter(value => !value.isEmpty)
  if (values.every(value => value.known) && values.every(({ rank }) => rank === 1)) {
    return knownList(
      node.type(),
      values.flatMap(value => Array.from(value.known as Numbers)),
    )
  }
  if (parts.length === 0) {
    const total = values.reduce((sum, { shape }) => sum + shape[axis]!, 0)
    return emptyValue(node.type(), withSize(node.shape(), axis, total))
  }
  return tensorValue(
    node.type(),
    concat(
      parts.map(value => value.float),
      axis,
    ),
  )
}

function split(node: OnnxNode): Value[] {
  const x = node.value(0)
  const axis = node.axis(0)
  const sizes =
    node.listOf('split', 1) ??
    evenParts(x.shape[axis]!, node.int('num_outputs', node.outputs.length), node.outputs.length)
  if (sizes.length !== node.outputs.length || sizes.reduce((sum, size) => sum + size, 0) !== x.shape[axis]) {
    throw new Unsupported(
      `parts of ${sizes.join(', ')} are not ${node.outputs.length} parts of ${x.shape[axis]} elements`,
    )
  }
  let from = 0
  return sizes.map(size => {
    const part =
      size === 0
        ? emptyValue(x.type, withSize(x.shape, axis, 0))
        : tensorValue(x.type, sliceAxis(x.tensor, axis, from, from + size))
    from += size
    return part
  })
}

function evenParts(extent: number, count: number, outputs: number): number[] {
  if (count !== outputs) throw new Unsupported(`num_outputs (=${count}) must be the number of outputs, ${outputs}`)
  const size = Math.ceil(extent / count)
  return Array.from({ length: count }, (_, k) => Math.max(0, Math.min(size, extent - k * size)))
}

function slice(node: OnnxNode): Value {
  const x = node.value(0)
  const [starts, ends] = [node.listOf('starts', 1) ?? [], node.listOf('ends', 2) ?? []]
  const axes = (node.listOf('axes', 3) ?? starts.map((_, k) => k)).map(axis => axisOf(axis, x.rank))
  const steps = node.listOf('steps', 4) ?? starts.map(() => 1)
  if (![ends, axes, steps].every(list => list.length === starts.length))
    throw new Unsupported('starts, ends, axes and steps differ in length')
  let value = x
  axes.forEach((axis, k) => {
    const at = range(value.shape[axis]!, starts[k]!, ends[k]!, steps[k]!)
    if (at.length === value.shape[axis] && steps[k] === 1) return
    value =
      at.length === 0 || value.isEmpty
        ? emptyValue(x.type, withSize(value.shape, axis, at.length))
        : tensorValue(x.type, take(value.tensor, axis, at))
  })
  return value
}

/** Positions from start up to, but without, end, as Python counts them. */
function range(extent: number, start: number, end: number, step: number): number[] {
  if (step === 0) throw new Unsupported('a step of 0 goes nowhere')
  const within = (at: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, at < 0 ? at + extent : at))
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1]
  const [from, to] = [within(start, step > 0 ? 0 : 0, high), within(end, low, high)]
  const count = Math.max(0, Math.ceil((to - from) / step))
  return Array.from({ length: count }, (_, k) => from + k * step)
}

function expand(node: OnnxNode): Value {
  const x = node.value(0)
  const shape = broadcastValues([x.shape, Array.from(node.known(1))])
  if (shape.includes(0)) return emptyValue(x.type, shape)
  return sameShape(shape, x.shape) ? x : tensorValue(x.type, broadcastTo(x.tensor, shape))
}

function tile(node: OnnxNode): Value {
  const x = node.value(0)
  const counts = Array.from(node.known(1))
  const shape = x.shape.map((extent, axis) => extent * (counts[axis] ?? 1))
  checkSize(shape)
  if (shape.includes(0)) return emptyValue(x.type, shape)
  // Repeated along new axes, which are then joined with the old ones.
  const apart = x.shape.flatMap(extent => [1, extent])
  const repeated = x.shape.flatMap((extent, axis) => [counts[axis] ?? 1, extent])
  return tensorValue(x.type, reshape(broadcastTo(reshape(x.tensor, apart), repeated), shape))
}

/** Padding that repeats elements: where each position of the result comes from. */
const sourceOf: Readonly<Record<string, (at: number, extent: number) => number>> = {
  edge: (at, extent) => Math.min(extent - 1, Math.max(0, at)),
  wrap: (at, extent) => ((at % extent) + extent) % extent,
  reflect: (at, extent) => {
    const period = 2 * (extent - 1) || 1
    const within = ((at % period) + period) % period
    return within < extent ? within : period - within
  },
}

function padOf(node: OnnxNode): Value {
  const x = node.value(0)
  const pads = node.listOf('pads', 1) ?? node.ints('paddings') ?? []
  const axes = node.has(3)
    ? Array.from(node.known(3)).map(axis => axisOf(axis, x.rank))
    : x.shape.map((_, axis) => axis)
  if (pads.length !== 2 * axes.length) throw new Unsupported(`${pads.length} pads for ${axes.length} axes`)
  const mode = node.text('mode', 'constant')
  const source = sourceOf[mode]
  if (mode !== 'constant' && !source) throw new Unsupported(`mode '${mode}' is not known`)
  checkSize(x.shape.map((extent, axis) => extent + sidesOf(axes, pads, axis).reduce((sum, side) => sum + side, 0)))
  let value = x.float
  if (source) {
    axes.forEach((axis, k) => {
      const [low, high] = [pads[k]!, pads[k + axes.length]!]
      const extent = value.shape[axis]!
      if (low === 0 && high === 0) return
      value = take(
        value,
        axis,
        Array.from({ length: extent + low + high }, (_, at) => source(at - low, extent)),
      )
    })
    return tensorValue(x.type, value)
  }
  const number = (node.has(2) ? node.known(2)[0] : node.number('value', 0)) ?? 0
  const sides = x.shape.map((_, axis) => sidesOf(axes, pads, axis))
  // Negative pads cut.
  sides.forEach(([low, high], axis) => {
    const extent = value.shape[axis]!
    if (low < 0 || high < 0) value = sliceAxis(value, axis, Math.max(0, -low), extent - Math.max(0, -high))
  })
  const [before, after] = [0, 1].map(side => sides.map(pair => Math.max(0, pair[side as 0 | 1])))
  return tensorValue(x.type, pad(value, { before: before!, after: after!, value: number }))
}

function sidesOf(axes: readonly number[], pads: readonly number[], axis: number): readonly [number, number] {
  const k = axes.indexOf(axis)
  return k < 0 ? [0, 0] : [pads[k]!, pads[k + axes.length]!]
}

function blocksOf(node: OnnxNode): readonly [n: number, c: number, h: number, w: number, block: number] {
  const [n, channels, h, w] = node.shape() as readonly [number, number, number, number]
  return [n, channels, h, w, node.int('blocksize', 1)]
}

function depthToSpace(node: OnnxNode): Tensor {
  const [n, channels, h, w, block] = blocksOf(node)
  const depth = channels / block / block
  const isColumnFirst = node.text('mode', 'DCR') === 'DCR'
  const apart = isColumnFirst ? [n, block, block, depth, h, w] : [n, depth, block, block, h, w]
  const order = isColumnFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]
  return reshape(transpose(reshape(node.tensor(), apart), order), [n, depth, h * block, w * block])
}

function spaceToDepth(node: OnnxNode): Tensor {
  const [n, channels, h, w, block] = blocksOf(node)
  const apart = reshape(node.tensor(), [n, channels, h / block, block, w / block, block])
  const order = node.text('mode', 'DCR') === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]
  return reshape(transpose(apart, order), [n, channels * block * block, h / block, w / block])
}

/** The branch that a known condition chooses. */
function branch(node: OnnxNode): Value[] {
  return node.runGraph(node.graph(node.known(0)[0] ? 'then_branch' : 'else_branch'))
}

/** Shapes, constants and movements. */
export const shapeOps: Readonly<Record<string, OnnxOp>> = {
  Identity: op(node => node.value(0)),
  Reshape: op(reshapeOf, 1),
  Flatten: op(flatten),
  Squeeze: op(squeeze, 1),
  Unsqueeze: op(unsqueeze, 1),
  Transpose: op(transposeOf),
  Concat: op(concatOf),
  Split: op(split, 1),
  Slice: op(slice, 1, 2, 3, 4),
  Expand: op(expand, 1),
  Tile: op(tile, 1),
  Pad: op(padOf, 1, 2, 3),
  DepthToSpace: op(depthToSpace),
  SpaceToDepth: op(spaceToDepth),
  If: op(branch, 0),
}

/** Known numbers of a value, folded. */
export const knownOf = (value: Value): Numbers | undefined => fold(value).known
