/**
 * Sampling of pictures at computed places: grids, and regions of interest. Two matrices hold the weights of each row
 * and each column in each output. They come from comparison with every position, so that gradients reach the picture
 * and the places.
 */
import * as e from '../../graph/expression.ts'
import { mul } from '../../graph/ops/elementwise.ts'
import { broadcastTo, map } from '../../graph/ops/map.ts'
import { max, mean } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { sliceAxis } from '../../graph/ops/slice.ts'
import { transpose } from '../../graph/ops/transpose.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode, OnnxOp } from '../node.ts'
import { checkSize, knownList, type Value } from '../value.ts'
import { abs, add, c, constantOf, div, floor, least, most, op, positions, round, sub, mul as times } from './build.ts'
import { product } from './product.ts'
import { knownOf, reshapeValue, take } from './shape.ts'

/** The weight of a neighbor, by its distance; cubic with a = −0.75. */
const kernels: Readonly<
  Record<string, { readonly taps: readonly number[]; readonly weight: (t: e.Expression) => e.Expression }>
> = {
  linear: { taps: [0, 1], weight: t => sub(c(1), abs(t)) },
  cubic: { taps: [-1, 0, 1, 2], weight: t => cubicWeight(abs(t), -0.75) },
}

function cubicWeight(t: e.Expression, a: number): e.Expression {
  const polynomial = (...coefficients: number[]): e.Expression =>
    coefficients.map(c).reduce((sum, next) => add(times(sum, t), next))
  return e.select(e.compare('le', t, c(1)), polynomial(a + 2, -(a + 3), 0, 1), polynomial(a, -5 * a, 8 * a, -4 * a))
}

/** A place outside, brought inside. */
function inside(place: e.Expression, size: number, padding: string, isAligned: boolean): e.Expression {
  if (padding === 'border') return most(c(0), least(c(size - 1), place))
  if (padding !== 'reflection') return place
  const [low, high] = isAligned ? [0, size - 1] : [-0.5, size - 0.5]
  const span = high - low
  if (span === 0) return c(0)
  const distance = abs(sub(place, c(low)))
  const turns = floor(div(distance, c(span)))
  const rest = sub(distance, times(turns, c(span)))
  const isOdd = e.compare('ne', sub(turns, times(c(2), floor(times(turns, c(0.5))))), c(0))
  const reflected = add(e.select(isOdd, sub(c(span), rest), rest), c(low))
  return most(c(0), least(c(size - 1), reflected))
}

/** `[N, P, size]`: the weight of each position along an axis for each place. @param places `[N, P, 1]`, from −1 to 1 */
function shares(places: Tensor, size: number, node: OnnxNode): Tensor {
  const isAligned = node.int('align_corners', 0) === 1
  const padding = node.text('padding_mode', 'zeros')
  const mode = node.text('mode', 'linear').replace(/^bi/, '')
  const at = e.input(1)
  const scaled = isAligned
    ? times(add(e.input(0), c(1)), c((size - 1) / 2))
    : sub(times(add(e.input(0), c(1)), c(size / 2)), c(0.5))
  // For cubic, the neighbors are brought inside one by one; otherwise the place itself is.
  const place = mode === 'cubic' ? scaled : inside(scaled, size, padding, isAligned)
  const index = positions(size, 2, 3)
  if (mode === 'nearest') return map(e.compare('eq', round(place), at), [places, index])
  const kernel = kernels[mode]
  if (!kernel) throw new Unsupported(`mode '${mode}' is not known`)
  const base = floor(place)
  const taps = kernel.taps.map(tap => {
    const neighbor = add(base, c(tap))
    const own = mode === 'cubic' ? round(inside(neighbor, size, padding, isAligned)) : neighbor
    return e.select(e.compare('eq', own, at), kernel.weight(sub(place, neighbor)), c(0))
  })
  return map(taps.reduce(add), [places, index])
}

/** `[N, C, H, W]` at a grid `[N, h, w, 2]` of places (x, y). */
function gridSample(node: OnnxNode): Tensor {
  const [x, grid] = [node.float(0), node.float(1)]
  if (x.shape.length !== 4)
    throw new Unsupported(`a tensor of ${x.shape.length} axes: Fovea samples pictures [N, C, H, W]`)
  const [n, channels, height, width] = x.shape as readonly [number, number, number, number]
  const [, rows, columns] = grid.shape as readonly [number, number, number]
  const count = rows * columns
  checkSize([n, count, height * width])
  const coordinate = (k: number): Tensor => reshape(sliceAxis(grid, 3, k, k + 1), [n, count, 1])
  const [across, down] = [shares(coordinate(0), width, node), shares(coordinate(1), height, node)]
  const both = reshape(mul(reshape(down, [n, count, height, 1]), reshape(across, [n, count, 1, width])), [
    n,
    count,
    height * width,
  ])
  const sampled = product(both, transpose(reshape(x, [n, channels, height * width]), [0, 2, 1]))
  return reshape(transpose(sampled, [0, 2, 1]), [n, channels, rows, columns])
}

/** A grid of places by affine maps `[N, 2, 3]`. */
function affineGrid(node: OnnxNode): Tensor {
  const theta = node.float(0)
  const [n, , height, width, extra] = Array.from(node.known(1)) as [number, number, number, number, number | undefined]
  if (extra !== undefined) throw new Unsupported('grids of three dimensions')
  const isAligned = node.int('align_corners', 0) === 1
  const place = (at: number, size: number): number =>
    isAligned ? (size === 1 ? 0 : -1 + (2 * at) / (size - 1)) : -1 + (2 * at + 1) / size
  const points = constantOf([1, height * width, 3], k => {
    const at = Math.floor(k / 3)
    return k % 3 === 0 ? place(at % width, width) : k % 3 === 1 ? place(Math.floor(at / width), height) : 1
  })
  const all = broadcastTo(points, [n, height * width, 3])
  return reshape(product(all, transpose(theta, [0, 2, 1])), [n, height, width, 2])
}

/** Regions `[R, 4]` of pictures, each cut into bins, each bin averaged (or its maximum taken) over samples. */
function roiAlign(node: OnnxNode): Tensor {
  const [x, regions] = [node.float(0), node.float(1)]
  const [, channels, height, width] = x.shape as readonly [number, number, number, number]
  const pictures = node.value(2)
  const known = knownOf(pictures)
  if (!known) throw new Unsupported('input 2 must be known before a run: which picture a region is of')
  const count = regions.shape[0]!
  const ratio = node.int('sampling_ratio', 0)
  const sizes = [node.int('output_height', 1), node.int('output_width', 1)] as const
  const isHalf =
    node.text('coordinate_transformation_mode', node.opset >= 16 ? 'half_pixel' : 'output_half_pixel') === 'half_pixel'
  const samples = ratio > 0 ? [ratio, ratio] : adaptiveSamples(node, sizes)
  const picked = take(x, 0, Array.from(known))
  const along = (axis: 0 | 1): Tensor => {
    const [first, last] = axis === 0 ? [1, 3] : [0, 2]
    const size = axis === 0 ? height : width
    const steps = sizes[axis] * samples[axis]!
    checkSize([count, steps, size])
    const corner = (k: number): Tensor => reshape(sliceAxis(regions, 1, k, k + 1), [count, 1, 1])
    const scale = c(node.number('spatial_scale', 1))
    const offset = c(isHalf ? 0.5 : 0)
    const start = sub(times(e.input(0), scale), offset)
    const extent = sub(sub(times(e.input(1), scale), offset), start)
    const bin = div(isHalf ? extent : most(extent, c(1)), c(steps))
    const raw = add(start, times(add(e.input(2), c(0.5)), bin))
    const at = most(c(0), least(c(size - 1), raw))
    const isOut = most(e.compare('lt', raw, c(-1)), e.compare('gt', raw, c(size)))
    const weight = e.select(isOut, c(0), most(c(0), sub(c(1), abs(sub(at, e.input(3))))))
    return map(weight, [corner(first), corner(last), positions(steps, 1, 3), positions(size, 2, 3)])
  }
  const [down, across] = [along(0), along(1)]
  if (node.text('mode', 'avg') === 'max') return largestOfRegions(picked, down, across, sizes, samples)
  const averaged = (weights: Tensor, axis: 0 | 1): Tensor =>
    mean(reshape(weights, [count, sizes[axis], samples[axis]!, weights.shape[2]!]), 2)
  const rows = product(reshape(averaged(down, 0), [count, 1, sizes[0], height]), picked)
  return reshape(product(rows, transpose(reshape(averaged(across, 1), [count, 1, sizes[1], width]), [0, 1, 3, 2])), [
    count,
    channels,
    ...sizes,
  ])
}

/** The largest of the weighted neighbors of all samples of each bin, as ONNX defines its maximum. */
function largestOfRegions(
  x: Tensor,
  down: Tensor,
  across: Tensor,
  sizes: readonly [number, number],
  samples: readonly number[],
): Tensor {
  const [count, channels, height, width] = x.shape as readonly [number, number, number, number]
  const [rows, columns] = [down.shape[1]!, across.shape[1]!]
  checkSize([count, channels, rows, columns, height * width])
  const weights = mul(reshape(down, [count, 1, rows, 1, height, 1]), reshape(across, [count, 1, 1, columns, 1, width]))
  const taken = e.select(e.compare('ne', e.input(0), c(0)), times(e.input(0), e.input(1)), c(Number.NEGATIVE_INFINITY))
  const values = map(taken, [weights, reshape(x, [count, channels, 1, 1, height, width])])
  const best = max(values, [4, 5])
  return max(reshape(best, [count, channels, sizes[0], samples[0]!, sizes[1], samples[1]!]), [3, 5])
}

/** Samples of a bin where they follow from its size, which must be the same for all regions. */
function adaptiveSamples(node: OnnxNode, sizes: readonly [number, number]): number[] {
  const known = knownOf(node.value(1))
  if (!known) throw new Unsupported('sampling_ratio 0 needs regions that are known before a run')
  const scale = node.number('spatial_scale', 1)
  const along = (axis: 0 | 1): number => {
    const counts = Array.from({ length: known.length / 4 }, (_, k) => {
      const [first, last] = axis === 0 ? [1, 3] : [0, 2]
      return Math.max(1, Math.ceil(((known[4 * k + last]! - known[4 * k + first]!) * scale) / sizes[axis]))
    })
    if (new Set(counts).size > 1) throw new Unsupported('sampling_ratio 0 with regions of several sizes')
    return counts[0] ?? 1
  }
  return [along(0), along(1)]
}

/** A box as its corners. */
type Box = readonly [top: number, left: number, bottom: number, right: number]

/** Boxes by falling score, without those that overlap a better box. Their number is known only from their values. */
function nonMaxSuppression(node: OnnxNode): Value {
  const [boxes, scores] = [node.known(0), node.known(1)]
  const [batches, classes, count] = node.shape(1) as readonly [number, number, number]
  const number = (index: number, otherwise: number): number =>
    node.has(index) ? (node.known(index)[0] ?? otherwise) : otherwise
  const [most, overlap, least] = [number(2, 0), number(3, 0), number(4, Number.NEGATIVE_INFINITY)]
  const isCentered = node.int('center_point_box', 0) === 1
  const found: number[] = []
  for (let batch = 0; batch < batches; batch++) {
    const all = Array.from({ length: count }, (_, k) =>
      boxOf(
        Array.from({ length: 4 }, (_, side) => boxes[(batch * count + k) * 4 + side]!),
        isCentered,
      ),
    )
    for (let label = 0; label < classes; label++) {
      const score = (k: number): number => scores[(batch * classes + label) * count + k]!
      const order = [...all.keys()].filter(k => score(k) > least).sort((a, b) => score(b) - score(a))
      const kept: number[] = []
      for (const k of order) {
        if (kept.length >= most) break
        if (kept.every(other => intersectionOverUnion(all[k]!, all[other]!) <= overlap)) kept.push(k)
      }
      for (const k of kept) found.push(batch, label, k)
    }
  }
  return reshapeValue(knownList('int64', found), [found.length / 3, 3])
}

function boxOf([a, b, p, q]: readonly number[], isCentered: boolean): Box {
  if (isCentered) return [b! - q! / 2, a! - p! / 2, b! + q! / 2, a! + p! / 2]
  return [Math.min(a!, p!), Math.min(b!, q!), Math.max(a!, p!), Math.max(b!, q!)]
}

function intersectionOverUnion(a: Box, b: Box): number {
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0])
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1])
  const shared = Math.max(0, height) * Math.max(0, width)
  const area = ([top, left, bottom, right]: Box): number => (bottom - top) * (right - left)
  const union = area(a) + area(b) - shared
  return union > 0 ? shared / union : 0
}

/** Sampling. */
export const samplingOps: Readonly<Record<string, OnnxOp>> = {
  GridSample: op(gridSample),
  AffineGrid: op(affineGrid, 1),
  RoiAlign: op(roiAlign, 2),
  NonMaxSuppression: op(nonMaxSuppression, 0, 1, 2, 3, 4),
}
