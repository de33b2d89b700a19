/**
 * Operators that read or write elements by index. Known indices become a plain gather. Indices that a run computes are
 * compared with every position, which has a gradient and costs one operation per pair.
 */
import * as e from '../../graph/expression.ts'
import { argmax } from '../../graph/ops/argmax.ts'
import { concat } from '../../graph/ops/concat.ts'
import { add, maximum, minimum, mul } from '../../graph/ops/elementwise.ts'
import { gather, scatterAdd } from '../../graph/ops/gather.ts'
import { broadcastTo, map } from '../../graph/ops/map.ts'
import { max, min, sum } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { type Shape, sizeOf, stridesOf } from '../../graph/shape.ts'
import { constantTensor } from '../../graph/sources.ts'
import type { Tensor, Vector } from '../../graph/tensor.ts'
import { Unsupported } from '../errors.ts'
import { axisOf, type OnnxNode, type OnnxOp } from '../node.ts'
import { checkConstant, emptyValue, knownList, type Numbers, tensorValue, type Value } from '../value.ts'
import { c, op, positions, withSize } from './build.ts'
import { product } from './reduction.ts'
import { knownOf, reshapeValue, take } from './shape.ts'

/** Most pairs of an index and a position that are compared to turn computed indices into whole numbers. */
const mostPairs = 2 ** 24

/** An index from 0. @throws Unsupported when it is out of range */
function checkedIndex(index: number, extent: number): number {
  const positive = index < 0 ? index + extent : index
  if (!Number.isInteger(index) || positive < 0 || positive >= extent)
    throw new Unsupported(`index ${index} is out of range for an axis of size ${extent}`)
  return positive
}

/** Computed indices as `i32 [M]`; negative ones count from the end. */
function indexVector(indices: Value, extent: number): Vector {
  const flat = reshape(indices.tensor, [indices.size])
  if (indices.size * extent > mostPairs) {
    if (flat.dtype === 'i32') return flat
    throw new Unsupported(`${indices.size} computed indices of ${extent} positions`)
  }
  const place = e.select(e.compare('lt', e.input(0), c(0)), e.binary('add', e.input(0), c(extent)), e.input(0))
  const isHere = map(e.compare('eq', place, e.input(1)), [reshape(flat, [indices.size, 1]), positions(extent, 1, 2)])
  return argmax(isHere, 1) as Vector
}

function gatherOf(node: OnnxNode): Value {
  const [x, indices] = [node.value(0), node.value(1)]
  const axis = node.axis(0)
  const extent = x.shape[axis]!
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]
  if (indices.isEmpty) return emptyValue(x.type, shape)
  const known = knownOf(indices)
  if (known && x.known && x.rank === 1) {
    return reshapeValue(
      knownList(
        x.type,
        Array.from(known, index => x.known![checkedIndex(index, extent)]!),
      ),
      shape,
    )
  }
  const picked = known
    ? take(
        x.tensor,
        axis,
        Array.from(known, index => checkedIndex(index, extent)),
      )
    : gather(x.tensor, indexVector(indices, extent), axis)
  return tensorValue(x.type, reshape(picked, shape))
}

/** Elements of the flattened tensor. */
function pick(x: Tensor, at: ArrayLike<number>, shape: Shape): Tensor {
  checkConstant([at.length])
  const indices = constantTensor(Int32Array.from(at), [at.length], 'i32') as Vector
  return reshape(gather(reshape(x, [sizeOf(x.shape)]), indices), shape)
}

/** Where in the flattened tensor each element of an index tensor of the same rank points along an axis. */
function elementPlaces(x: Shape, axis: number, indices: Shape, known: Numbers): number[] {
  const [own, target] = [stridesOf(indices), stridesOf(x)]
  return Array.from(known, (index, position) =>
    own.reduce((at, stride, k) => {
      const here = k === axis ? checkedIndex(index, x[axis]!) : Math.floor(position / stride) % indices[k]!
      return at + here * target[k]!
    }, 0),
  )
}

function gatherElements(node: OnnxNode): Value {
  const [x, indices] = [node.value(0), node.value(1)]
  const axis = node.axis(0)
  const known = knownOf(indices)
  if (known)
    return tensorValue(x.type, pick(x.tensor, elementPlaces(x.shape, axis, indices.shape, known), indices.shape))
  // Along a new axis every position is compared with the index.
  const extent = x.shape[axis]!
  const rank = x.rank
  const part = x.shape.map((size, k) => (k === axis ? size : indices.shape[k]!))
  if (part.join() !== x.shape.join()) throw new Unsupported('computed indices for a part of the tensor')
  const source = reshape(x.tensor, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)])
  const at = reshape(indices.tensor, [...indices.shape.slice(0, axis + 1), 1, ...indices.shape.slice(axis + 1)])
  const place = e.select(e.compare('lt', e.input(0), c(0)), e.binary('add', e.input(0), c(extent)), e.input(0))
  const isHere = e.compare('eq', place, e.input(1))
  return tensorValue(
    x.type,
    sum(map(e.select(isHere, e.input(2), c(0)), [at, positions(extent, axis + 1, rank + 1), source]), axis + 1),
  )
}

/** For each tuple of indices, where its part begins in the flattened tensor. */
function tuplePlaces(x: Shape, lead: number, indices: Shape, known: Numbers): { starts: number[]; inner: number } {
  const width = indices[indices.length - 1]!
  const strides = stridesOf(x)
  const inner = sizeOf(x.slice(lead + width))
  if (lead + width > x.length) throw new Unsupported(`tuples of ${width} indices for a tensor of ${x.length} axes`)
  const count = sizeOf(indices.slice(0, -1))
  const perSample = count / sizeOf(x.slice(0, lead))
  const outer = sizeOf(x.slice(lead))
  const starts = Array.from({ length: count }, (_, tuple) => {
    let at = Math.floor(tuple / perSample) * outer
    for (let k = 0; k < width; k++) at += checkedIndex(known[tuple * width + k]!, x[lead + k]!) * strides[lead + k]!
    return at
  })
  return { starts, inner }
}

const runs = (starts: readonly number[], inner: number): number[] =>
  starts.flatMap(start => Array.from({ length: inner }, (_, k) => start + k))

function gatherND(node: OnnxNode): Value {
  const [x, indices] = [node.value(0), node.value(1)]
  const lead = node.int('batch_dims', 0)
  const { starts, inner } = tuplePlaces(x.shape, lead, indices.shape, node.known(1))
  const width = indices.shape[indices.rank - 1]!
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(lead + width)]
  return tensorValue(x.type, pick(x.tensor, runs(starts, inner), shape))
}

const combinations: Readonly<Record<string, { combine: (a: Tensor, b: Tensor) => Tensor; neutral: number }>> = {
  mul: { combine: mul, neutral: 1 },
  max: { combine: maximum, neutral: Number.NEGATIVE_INFINITY },
  min: { combine: minimum, neutral: Number.POSITIVE_INFINITY },
}

/** Writes elements at places of the flattened tensor, which may repeat: the last wins, or all are combined. */
function put(x: Tensor, places: readonly number[], updates: Tensor, reduction: string): Tensor {
  const size = sizeOf(x.shape)
  const [old, fresh] = [reshape(x, [size]), reshape(updates, [places.length])]
  checkConstant([size])
  if (reduction === 'add') {
    const indices = constantTensor(Int32Array.from(places), [places.length], 'i32') as Vector
    return reshape(add(old, scatterAdd(fresh, indices, 0, size)), x.shape)
  }
  if (reduction === 'none') {
    const source = Int32Array.from({ length: size }, (_, at) => at)
    places.forEach((place, k) => {
      source[place] = size + k
    })
    return pick(concat([old, fresh], 0), source, x.shape)
  }
  const rule = combinations[reduction]
  if (!rule) throw new Unsupported(`reduction '${reduction}' is not known`)
  // One round for each repetition of a place.
  const seen = new Map<number, number>()
  const rounds: Int32Array[] = []
  const all = concat([fresh, broadcastTo(constantTensor(rule.neutral), [1])], 0)
  places.forEach((place, k) => {
    const round = seen.get(place) ?? 0
    seen.set(place, round + 1)
    rounds[round] ??= new Int32Array(size).fill(places.length)
    rounds[round]![place] = k
  })
  if (rounds.length * size > mostPairs) throw new Unsupported(`${rounds.length} updates of one place`)
  const combined = rounds.reduce<Tensor>((value, round) => rule.combine(value, pick(all, round, [size])), old)
  return reshape(combined, x.shape)
}

function scatterElements(node: OnnxNode): Value {
  const [x, indices, updates] = [node.value(0), node.value(1), node.value(2)]
  const axis = axisOf(node.int('axis', 0), x.rank)
  const reduction = node.text('reduction', 'none')
  const known = knownOf(indices)
  if (known)
    return tensorValue(
      x.type,
      put(x.float, elementPlaces(x.shape, axis, indices.shape, known), updates.float, reduction),
    )
  const rest = (shape: Shape): string => withSize(shape, axis, 1).join()
  if (rest(x.shape) !== rest(indices.shape)) throw new Unsupported('computed indices for a part of the tensor')
  const extent = x.shape[axis]!
  const apart = (value: Value): Tensor =>
    reshape(value.tensor, [...value.shape.slice(0, axis), 1, ...value.shape.slice(axis)])
  const place = e.select(e.compare('lt', e.input(0), c(0)), e.binary('add', e.input(0), c(extent)), e.input(0))
  const isHere = e.compare('eq', place, e.input(1))
  const parts = [apart(indices), positions(extent, axis, x.rank + 1), apart(updates)]
  const spread = (otherwise: number): Tensor => map(e.select(isHere, e.input(2), c(otherwise)), parts)
  if (reduction === 'add') return tensorValue(x.type, add(x.float, sum(spread(0), axis + 1)))
  if (reduction === 'max') return tensorValue(x.type, maximum(x.float, max(spread(Number.NEGATIVE_INFINITY), axis + 1)))
  if (reduction === 'min') return tensorValue(x.type, minimum(x.float, min(spread(Number.POSITIVE_INFINITY), axis + 1)))
  if (reduction === 'mul') return tensorValue(x.type, mul(x.float, product(spread(1), [axis + 1], false)))
  if (reduction !== 'none') throw new Unsupported(`reduction '${reduction}' is not known`)
  const isHit = max(map(isHere, parts.slice(0, 2)), axis + 1)
  return tensorValue(
    x.type,
    map(e.select(e.input(0), e.input(1), e.input(2)), [isHit, sum(spread(0), axis + 1), x.tensor]),
  )
}

function scatterND(node: OnnxNode): Value {
  const [x, indices, updates] = [node.value(0), node.value(1), node.value(2)]
  const { starts, inner } = tuplePlaces(x.shape, 0, indices.shape, node.known(1))
  return tensorValue(x.type, put(x.float, runs(starts, inner), updates.float, node.text('reduction', 'none')))
}

function compress(node: OnnxNode): Value {
  const x = node.value(0)
  const chosen = Array.from(node.known(1)).flatMap((isKept, at) => (isKept ? [at] : []))
  const isFlat = !node.hasAttribute('axis')
  const source = isFlat ? reshapeValue(x, [x.size]) : x
  const axis = isFlat ? 0 : node.axis(0)
  if (chosen.length === 0) return emptyValue(x.type, withSize(source.shape, axis, 0))
  return tensorValue(
    x.type,
    take(
      source.tensor,
      axis,
      chosen.map(at => checkedIndex(at, source.shape[axis]!)),
    ),
  )
}

function nonZero(node: OnnxNode): Value {
  const { shape } = node.value(0)
  const strides = stridesOf(shape)
  const found = Array.from(node.known(0)).flatMap((value, at) => (value !== 0 ? [at] : []))
  const rows = strides.flatMap((stride, axis) => found.map(at => Math.floor(at / stride) % shape[axis]!))
  return reshapeValue(knownList('int64', rows), [shape.length, found.length])
}

/** Elements of each sequence, a given number of the first ones reversed. */
function reverseSequence(node: OnnxNode): Value {
  const x = node.value(0)
  const [time, batch] = [axisOf(node.int('time_axis', 0), x.rank), axisOf(node.int('batch_axis', 1), x.rank)]
  const lengths = node.known(1)
  const strides = stridesOf(x.shape)
  const places = Array.from({ length: x.size }, (_, at) => {
    const [step, sample] = [time, batch].map(axis => Math.floor(at / strides[axis]!) % x.shape[axis]!) as [
      number,
      number,
    ]
    const length = lengths[sample]!
    return step < length ? at + (length - 1 - 2 * step) * strides[time]! : at
  })
  return tensorValue(x.type, pick(x.tensor, places, x.shape))
}

/** Reading and writing by index. */
export const gatheringOps: Readonly<Record<string, OnnxOp>> = {
  Gather: op(gatherOf),
  GatherElements: op(gatherElements),
  GatherND: op(gatherND, 1),
  Scatter: op(scatterElements),
  ScatterElements: op(scatterElements),
  ScatterND: op(scatterND, 1),
  Compress: op(compress, 1),
  NonZero: op(nonZero, 0),
  ReverseSequence: op(reverseSequence, 1),
}
