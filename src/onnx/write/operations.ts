/** Every operation of the op table in the form of ONNX. Shorter forms have been recognized before. */
import { sameShape } from '../../graph/shape.ts'
import { type AttributesOf, isApplicationOf, isOpName, type OpName } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { Unsupported } from '../errors.ts'
import { writeExpression } from './expressions.ts'
import { meanOf } from './match.ts'
import { typeCodes, type Value } from './nodes.ts'
import type { Rule, Writer } from './rule.ts'
import { type BatchTrace, dependsOnBatch, type Size } from './sizes.ts'

/** Writes an operation, or states why that is impossible. */
type Operation<A> = ((writer: Writer, tensor: Tensor, attributes: A) => Value) | string

const training = 'it belongs to training: export the network as it is at test time'
const recognized = 'its form is none that a convolution or pool of ONNX has'

/** By name of the operation. */
const operations: { readonly [K in OpName]: Operation<AttributesOf<K>> } = {
  argmax: (writer, { inputs: [x] }, { axis }) =>
    writer.add('Cast', [writer.add('ArgMax', [writer.float(x)], { axis, keepdims: 0 })], { to: typeCodes.i32 }),
  averagePool2d: recognized,
  averagePool2dGradient: training,
  concat: (writer, { inputs }, { axis }) =>
    writer.add(
      'Concat',
      inputs.map(input => writer.of(input)),
      { axis },
    ),
  conv2d: recognized,
  conv2dInputGradient: recognized,
  conv2dWeightGradient: training,
  gather: (writer, { inputs: [x, indices] }, { axis }) =>
    writer.add('Gather', [writer.of(x), writer.of(indices)], { axis }),
  increment: (writer, { inputs: [x] }, { by }) => writer.add('Add', [writer.of(x), writer.constant([by], [], 'i32')]),
  map: writeMap,
  matmul: recognized,
  maxPool2d: recognized,
  maxPool2dGradient: training,
  maxPool2dRoute: training,
  maxPool2dSwitches: 'positions of maxima are numbered otherwise in ONNX: export the network without unpooling',
  oneHot: (writer, { inputs: [indices] }, { classes }) =>
    writer.add('OneHot', [writer.of(indices), writer.constant([classes], [], 'i32'), writer.constant([0, 1], [2])]),
  pad: writePad,
  random: 'it draws random numbers: export the network as it is at test time, without dropout',
  reduce: (writer, { inputs: [x] }, { fn, axes, keepDims }) => {
    const keepdims = keepDims ? 1 : 0
    if (fn === 'sum')
      return writer.add('ReduceSum', [writer.float(x), writer.constant(axes, [axes.length], 'i64')], { keepdims })
    return writer.add(fn === 'max' ? 'ReduceMax' : 'ReduceMin', [writer.float(x)], { axes, keepdims })
  },
  reshape: (writer, tensor) => {
    const [x] = tensor.inputs
    const [from, to] = [writer.trace.sizesOf(x), writer.trace.sizesOf(tensor)]
    return isFlattening(from, to)
      ? writer.add('Flatten', [writer.of(x)], { axis: 1 })
      : writer.add('Reshape', [writer.of(x), newShape(writer, from, to)])
  },
  scatterAdd: writeScatterAdd,
  slice: writeSlice,
  softmaxCrossEntropy: 'a loss is no part of a network: export the logits',
  softmaxCrossEntropyGradient: training,
  transpose: (writer, { inputs: [x] }, { permutation }) =>
    writer.add('Transpose', [writer.of(x)], { perm: permutation }),
}

/** Attributes that may grow with the batch: the writer of the operation handles them. */
const sizeAttributes: Partial<Record<OpName, readonly string[]>> = {
  conv2d: ['groups'],
  conv2dInputGradient: ['shape'],
  map: ['shape'],
  reshape: ['shape'],
  slice: ['ends'],
}

/** True for an operation that has no form in ONNX, whatever the batch. */
const isRefused = (op: OpName): boolean => typeof operations[op] === 'string' && operations[op] !== recognized

/** @throws OnnxError for an operation that is another one for another batch, means over the batch aside */
export function checkSteady(tensor: Tensor, trace: BatchTrace): void {
  const { op } = tensor
  if (!isOpName(op) || isRefused(op) || trace.isSteady(tensor, sizeAttributes[op])) return
  if (!meanOf(tensor) || !meanOf(trace.twinOf(tensor))) throw dependsOnBatch(tensor, `attributes of '${op}'`)
}

/** Writes any operation in ONNX's form. @throws Unsupported for one without a form there, with the reason */
export const operation: Rule = tensor => {
  const { op, inputs } = tensor
  if (!isOpName(op)) return undefined
  const operation = operations[op] as Operation<unknown>
  if (typeof operation === 'string') throw new Unsupported(`operation '${op}' has no form in ONNX: ${operation}`)
  return { reads: inputs, write: writer => operation(writer, tensor, tensor.attributes) }
}

/** An expression of the inputs, repeated to the shape of the result where that is larger. */
function writeMap(writer: Writer, tensor: Tensor, { expression }: AttributesOf<'map'>): Value {
  const value = writeExpression(
    writer,
    expression,
    tensor.inputs.map(input => writer.float(input)),
  )
  const from = broadcastSizes(tensor, writer)
  const to = writer.trace.sizesOf(tensor)
  if (from.length === to.length && to.every((size, axis) => isSame(size, from[axis]))) return value
  // A size of 1 leaves an axis unchanged.
  const lead = to.length - from.length
  return writer.add('Expand', [
    value,
    writer.shape(to.map((size, axis) => (isSame(size, from[axis - lead] ?? 1) ? 1 : size))),
  ])
}

const isSame = (a: Size | undefined, b: Size | undefined): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && a.timesBatch === b.timesBatch)

/** The sizes to which the inputs of an element-wise operation broadcast by themselves. */
function broadcastSizes({ inputs }: Tensor, { trace }: Writer): Size[] {
  const shapes = inputs.map(input => trace.sizesOf(input))
  const rank = Math.max(0, ...shapes.map(sizes => sizes.length))
  return Array.from({ length: rank }, (_, axis) => {
    const along = shapes.map(sizes => sizes[axis - rank + sizes.length] ?? 1)
    return along.find(size => size !== 1) ?? 1
  })
}

/** `[N, C, H, W] → [N, C · H · W]` */
const isFlattening = (from: readonly Size[], to: readonly Size[]): boolean =>
  from.length > 2 && to.length === 2 && isSame(from[0], to[0])

/** The shape that `Reshape` takes: 0 for a size that stays, −1 for one that follows from the others. */
function newShape(writer: Writer, from: readonly Size[], to: readonly Size[]): Value {
  const short = to.map((size, axis) => (typeof size === 'number' ? size : isSame(size, from[axis]) ? 0 : -1))
  return short.filter(size => size === -1).length > 1 ? writer.shape(to) : writer.constant(short, [short.length], 'i64')
}

function writeSlice(writer: Writer, tensor: Tensor, { starts, steps }: AttributesOf<'slice'>): Value {
  const { trace } = writer
  const [x] = tensor.inputs
  const twin = trace.twinOf(tensor)
  const endOf = (slice: Tensor, axis: number): number => (slice.attributes as AttributesOf<'slice'>).ends[axis]
  const cut = x.shape.flatMap((size, axis) =>
    starts[axis] !== 0 || steps[axis] !== 1 || endOf(tensor, axis) !== size ? [axis] : [],
  )
  const ends = cut.map(axis => {
    const end = endOf(tensor, axis)
    if (end === endOf(twin, axis)) return end
    const isToTheEnd = end === x.shape[axis] && endOf(twin, axis) === twin.inputs[0].shape[axis]
    if (!isToTheEnd) throw dependsOnBatch(tensor, `it ends at ${end} of axis ${axis} for 2 images`)
    return Number.MAX_SAFE_INTEGER
  })
  const lists = [cut.map(axis => starts[axis]), ends, cut, cut.map(axis => steps[axis])]
  return writer.add('Slice', [writer.of(x), ...lists.map(list => writer.constant(list, [list.length], 'i64'))])
}

function writePad(writer: Writer, tensor: Tensor, { before, after, interior, value }: AttributesOf<'pad'>): Value {
  const [x] = tensor.inputs
  const spaced = interior.reduce(
    (padded, amount, axis) => (amount === 0 ? padded : writeSpacing(writer, padded, x, { axis, interior, value })),
    writer.of(x),
  )
  const pads = [...before, ...after]
  if (pads.every(amount => amount === 0)) return spaced
  return writer.add('Pad', [spaced, writer.constant(pads, [pads.length], 'i64'), writer.constant([value])])
}

/**
 * Numbers between neighbors along an axis: a new axis after it is padded, joined with it, and cut after the last
 * element.
 */
function writeSpacing(
  writer: Writer,
  padded: Value,
  x: Tensor,
  { axis, interior, value }: { readonly axis: number; readonly interior: readonly number[]; readonly value: number },
): Value {
  const sizes = writer.trace
    .sizesOf(x)
    .map((size, at) => (at < axis && interior[at] > 0 ? spacedSize(size, interior[at], x) : size))
  const amount = interior[axis]
  const after = sizes.slice(axis + 1)
  const reshaped = (value: Value, from: readonly Size[], to: readonly Size[]): Value =>
    writer.add('Reshape', [value, newShape(writer, from, to)])
  const columns = [...sizes.slice(0, axis + 1), 1, ...after]
  const column = reshaped(padded, sizes, columns)
  const pads = [
    ...new Array(sizes.length + 1).fill(0),
    ...sizes.slice(0, axis + 1).map(() => 0),
    amount,
    ...after.map(() => 0),
  ]
  const framed = writer.add('Pad', [column, writer.constant(pads, [pads.length], 'i64'), writer.constant([value])])
  const size = sizes[axis]
  if (typeof size !== 'number') throw dependsOnBatch(x, 'numbers are put between the samples')
  const joined = reshaped(framed, columns, [...sizes.slice(0, axis), size * (amount + 1), ...after])
  const list = (number: number): Value => writer.constant([number], [1], 'i64')
  return writer.add('Slice', [joined, list(0), list(spacedSize(size, amount, x)), list(axis), list(1)])
}

function spacedSize(size: Size, amount: number, x: Tensor): number {
  if (typeof size !== 'number') throw dependsOnBatch(x, 'numbers are put between the samples')
  return size + (size - 1) * amount
}

/** Slices that are added to zeros where they belong; along another axis than the first, with the axes exchanged. */
function writeScatterAdd(writer: Writer, tensor: Tensor, { axis }: AttributesOf<'scatterAdd'>): Value {
  const [slices, indices] = tensor.inputs
  const rank = tensor.shape.length
  const perm = Array.from({ length: rank }, (_, at) => (at === 0 ? axis : at === axis ? 0 : at))
  const exchanged = (value: Value): Value => (axis === 0 ? value : writer.add('Transpose', [value], { perm }))
  const sizes = writer.trace.sizesOf(tensor)
  const zeros = writer.add('Expand', [writer.constant([0]), writer.shape(perm.map(at => sizes[at]))])
  const column = writer.add('Unsqueeze', [
    writer.add('Cast', [writer.of(indices)], { to: typeCodes.i64 }),
    writer.constant([1], [1], 'i64'),
  ])
  return exchanged(writer.add('ScatterND', [zeros, column, exchanged(writer.of(slices))], { reduction: 'add' }))
}

/** True for a value that is another one as it stands. */
export const isCopy = (tensor: Tensor): boolean => {
  const [x] = tensor.inputs
  if (!isApplicationOf(tensor, 'map') || !x || x.dtype !== 'f32' || !sameShape(x.shape, tensor.shape)) return false
  return tensor.attributes.expression.kind === 'input'
}
