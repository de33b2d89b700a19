/** Changes of size: each axis separately, by picking positions or by a matrix of weights. */
import * as e from '../../graph/expression.ts'
import { map } from '../../graph/ops/map.ts'
import { matmul } from '../../graph/ops/matmul.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { transpose } from '../../graph/ops/transpose.ts'
import { sizeOf } from '../../graph/shape.ts'
import type { Matrix, Tensor } from '../../graph/tensor.ts'
import { Unsupported } from '../errors.ts'
import { axisOf, type OnnxNode, type OnnxOp } from '../node.ts'
import { checkSize } from '../value.ts'
import { c, constantOf } from './build.ts'
import { take } from './shape.ts'

/** One axis that changes its size. */
interface Change {
  readonly axis: number
  readonly from: number
  readonly to: number
  readonly scale: number
  /** Region of interest, of `tf_crop_and_resize`: from 0 to 1. */
  readonly region: readonly [number, number]
}

/** The place in the input of the middle of an output position. */
type Mapping = (at: number, change: Change) => number

const mappings: Readonly<Record<string, Mapping>> = {
  half_pixel: (at, { scale }) => (at + 0.5) / scale - 0.5,
  asymmetric: (at, { scale }) => at / scale,
  pytorch_half_pixel: (at, { scale, to }) => (to > 1 ? (at + 0.5) / scale - 0.5 : 0),
  align_corners: (at, { from, scale, to }) => (to === 1 ? 0 : (at * (from - 1)) / (from * scale - 1)),
  half_pixel_symmetric: (at, { from, to, scale }) => (from / 2) * (1 - to / (scale * from)) + (at + 0.5) / scale - 0.5,
  tf_crop_and_resize: (at, { from, to, region: [start, end] }) =>
    to > 1 ? start * (from - 1) + (at * (end - start) * (from - 1)) / (to - 1) : 0.5 * (start + end) * (from - 1),
}

const roundings: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: x => Math.ceil(x - 0.5),
  round_prefer_ceil: x => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
}

/** Keys' cubic, by the distance; a is −0.75 in PyTorch, −0.5 in TensorFlow. */
function cubic(distance: number, a: number): number {
  const t = Math.abs(distance)
  if (t <= 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
  return t < 2 ? a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a : 0
}

function resize(node: OnnxNode): Tensor {
  const isOld = node.op === 'Upsample' || node.opset < 11
  const x = node.float()
  const coordinates = isOld ? 'asymmetric' : node.text('coordinate_transformation_mode', 'half_pixel')
  const mapping = mappings[coordinates]
  if (!mapping) throw new Unsupported(`coordinate_transformation_mode '${coordinates}' is not known`)
  const mode = node.text('mode', 'nearest').replace('bilinear', 'linear')
  const changes = changesOf(node, isOld, coordinates === 'tf_crop_and_resize').filter(
    ({ from, to, scale }) => from !== to || scale !== 1 || coordinates === 'tf_crop_and_resize',
  )
  checkSize(
    changes.reduce((shape, { axis, to }) => shape.map((extent, at) => (at === axis ? to : extent)), [...x.shape]),
  )
  const resized = changes.reduce((y, change) => {
    if (mode !== 'nearest') return weighted(y, change, weightsOf(node, change, mapping, mode))
    const pick = roundings[isOld ? 'floor' : node.text('nearest_mode', 'round_prefer_floor')]
    if (!pick) throw new Unsupported(`nearest_mode '${node.text('nearest_mode', '')}' is not known`)
    const { axis, from, to } = change
    return take(
      y,
      axis,
      Array.from({ length: to }, (_, at) => Math.min(from - 1, Math.max(0, pick(mapping(at, change))))),
    )
  }, x)
  return coordinates === 'tf_crop_and_resize' ? outsideFilled(node, resized, changes, mapping) : resized
}

/** Sizes and scales of the axes. */
function changesOf(node: OnnxNode, isOld: boolean, isCropped: boolean): Change[] {
  const shape = node.shape()
  const axes = node.ints('axes')?.map(axis => axisOf(axis, shape.length)) ?? shape.map((_, axis) => axis)
  const list = (index: number): number[] | undefined => {
    if (!node.has(index) || node.value(index).isEmpty) return undefined
    return Array.from(node.known(index))
  }
  const scales = isOld ? (node.numbers('scales') ?? list(1)) : list(2)
  const sizes = isOld ? undefined : list(3)
  const roi = isCropped ? list(1) : undefined
  const regions = axes.map((_, k): readonly [number, number] => (roi ? [roi[k]!, roi[k + axes.length]!] : [0, 1]))
  if (scales) {
    return axes.map((axis, k) => {
      const [start, end] = regions[k]!
      return {
        axis,
        from: shape[axis]!,
        to: Math.floor(shape[axis]! * (end - start) * scales[k]! + 1e-6),
        scale: scales[k]!,
        region: regions[k]!,
      }
    })
  }
  if (!sizes) throw new Unsupported('scales and sizes are missing')
  const policy = node.text('keep_aspect_ratio_policy', 'stretch')
  const own = axes.map((axis, k) => sizes[k]! / shape[axis]!)
  const common = policy === 'stretch' ? undefined : policy === 'not_larger' ? Math.min(...own) : Math.max(...own)
  return axes.map((axis, k) => ({
    axis,
    from: shape[axis]!,
    to: common === undefined ? sizes[k]! : Math.floor(common * shape[axis]! + 0.5),
    scale: common ?? own[k]!,
    region: regions[k]!,
  }))
}

/** `[to, from]`: the weight of each input position in each output position. */
function weightsOf(node: OnnxNode, change: Change, mapping: Mapping, mode: string): Tensor {
  if (mode !== 'linear' && mode !== 'cubic') throw new Unsupported(`mode '${mode}' is not known`)
  const { from, to, scale } = change
  const a = node.number('cubic_coeff_a', -0.75)
  const kernel = mode === 'cubic' ? (t: number) => cubic(t, a) : (t: number) => Math.max(0, 1 - Math.abs(t))
  const isInsideOnly = node.int('exclude_outside', 0) === 1
  // Antialiasing widens the kernel by the factor of a reduction.
  const narrow = node.int('antialias', 0) === 1 && scale < 1 ? scale : 1
  const reach = (mode === 'cubic' ? 2 : 1) / narrow
  const rows = new Map<number, Float64Array>()
  const rowOf = (at: number): Float64Array => {
    const middle = mapping(at, change)
    const row = new Float64Array(from)
    let total = 0
    for (let k = Math.ceil(middle - reach); k <= Math.floor(middle + reach); k++) {
      if (isInsideOnly && (k < 0 || k >= from)) continue
      const weight = kernel((k - middle) * narrow)
      row[Math.min(from - 1, Math.max(0, k))]! += weight
      total += weight
    }
    return row.map(weight => weight / total)
  }
  return constantOf([to, from], k => {
    const at = Math.floor(k / from)
    const row = rows.get(at) ?? rowOf(at)
    rows.set(at, row)
    return row[k % from]!
  })
}

/** An axis multiplied by a matrix. */
function weighted(x: Tensor, { axis, from, to }: Change, matrix: Tensor): Tensor {
  const order = [...x.shape.keys()].filter(at => at !== axis).concat(axis)
  const last = transpose(x, order)
  const rows = reshape(last, [sizeOf(last.shape) / from, from]) as Matrix
  const product = matmul(rows, matrix as Matrix, { transposeB: true })
  const back = order.map((_, at) => order.indexOf(at))
  return transpose(reshape(product, [...last.shape.slice(0, -1), to]), back)
}

/** Positions outside the image have a constant value. */
function outsideFilled(node: OnnxNode, y: Tensor, changes: readonly Change[], mapping: Mapping): Tensor {
  const rank = y.shape.length
  const fill = node.number('extrapolation_value', 0)
  return changes.reduce((value, change) => {
    const isInside = (at: number): boolean => {
      const place = mapping(at, change)
      return place >= 0 && place <= change.from - 1
    }
    const shape = Array.from({ length: rank }, (_, axis) => (axis === change.axis ? change.to : 1))
    const mask = constantOf(shape, at => (isInside(at) ? 1 : 0))
    return map(e.select(e.input(1), e.input(0), c(fill)), [value, mask])
  }, y)
}

/** Changes of size. */
export const resizeOps: Readonly<Record<string, OnnxOp>> = {
  Resize: { build: resize, known: [1, 2, 3] },
  Upsample: { build: resize, known: [1] },
}
