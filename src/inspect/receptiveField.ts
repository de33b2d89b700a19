/**
 * Receptive fields: the part of the image that a unit sees, for every value of a graph.
 *
 * Along a path, a window of kernel k, stride s, dilation d and padding p makes a field of size r, jump j (the distance
 * in the image between neighboring units, also called total stride) and offset o (the first pixel that unit 0
 * sees) into
 *   r ← r + (k − 1) · d · j        o ← o − p · j        j ← j · s
 * and where paths meet, a unit sees what it sees by any of them (Araujo, Norris and Sim, "Computing receptive fields of
 * convolutional neural networks", Distill 2019). A matrix product after `flatten` sees its whole input volume, as a
 * convolution with a kernel of that size would. Fields are counted on the padded image, so they may exceed it.
 */
import { isApplicationOf } from '../graph/table.ts'
import { type Tensor, topologicalOrder } from '../graph/tensor.ts'
import type { Window2d } from '../graph/window.ts'
import type { ReceptiveField } from './imageWindow.ts'

/**
 * A field, and the rows and columns of units that the value holds (even while they are stored in other axes: flattened
 * into one, or moved to work on channels).
 */
interface Extended extends ReceptiveField {
  readonly extent: Pair
  readonly seesAll: readonly [boolean, boolean]
}

/**
 * The receptive field, in the image `input` `[N, C, H, W]`, of the units of every value that `output` depends on;
 * values that do not depend on the image have none.
 * @example receptiveFields(logits, images).get(logits) // { size: [32, 32], stride: [4, 4], offset: [-2, -2] } for LeNet-5
 */
export function receptiveFields(output: Tensor, input: Tensor): Map<Tensor, ReceptiveField> {
  return traceFields(output, input).fields
}

/** The receptive fields, and the window of every convolution and pool that moves over rows and columns of the image. */
export function traceFields(
  output: Tensor,
  input: Tensor,
): { fields: Map<Tensor, ReceptiveField>; windows: Map<Tensor, Window2d> } {
  const fields = new Map<Tensor, Extended>()
  const windows = new Map<Tensor, Window2d>()
  for (const tensor of topologicalOrder([output])) {
    if (tensor === input) {
      const extent: Pair = [tensor.shape[2], tensor.shape[3]]
      fields.set(tensor, { size: one, stride: one, offset: [0, 0], extent, seesAll: [false, false] })
      continue
    }
    const inputs = tensor.inputs.filter(x => fields.has(x))
    if (inputs.length === 0) continue
    const before = unionOf(inputs.map(x => fields.get(x) as Extended))
    const [data] = inputs
    // An operation on other axes leaves rows and columns alone: local response normalization pools over channels.
    const elsewhere = data.shape.length === 4 && !isImage(data, fields.get(data) as Extended)
    const window = elsewhere ? undefined : windowOf(tensor)
    if (window) windows.set(tensor, window)
    fields.set(tensor, elsewhere ? before : window ? moved(tensor, window, before) : folded(tensor, before))
  }
  return {
    fields: new Map([...fields].map(([tensor, field]) => [tensor, publicField(field)])),
    windows,
  }
}

type Pair = readonly [number, number]
const one: Pair = [1, 1]
const pairwise = (f: (axis: 0 | 1) => number): Pair => [f(0), f(1)]

const publicField = ({ size, stride, offset, seesAll }: Extended): ReceptiveField => ({
  size,
  stride,
  offset,
  ...(seesAll.includes(true) && { seesAll }),
})

/** Where paths meet, a unit sees everything from the first to the last pixel that any of them sees. */
function unionOf(fields: readonly Extended[]): Extended {
  const over = (f: (axis: 0 | 1) => readonly number[], pick: (...numbers: number[]) => number): Pair =>
    pairwise(axis => pick(...f(axis)))
  const offset = over(axis => fields.map(field => field.offset[axis]), Math.min)
  const end = over(axis => fields.map(field => field.offset[axis] + field.size[axis]), Math.max)
  const extent = over(axis => fields.map(field => field.extent[axis]), Math.max)
  // One unit that is read by all units of another value: a gate.
  const isGate = (field: Extended, axis: 0 | 1): boolean => field.extent[axis] === 1 && extent[axis] > 1
  const seesAll = (axis: 0 | 1): boolean => fields.some(field => field.seesAll[axis] || isGate(field, axis))
  return {
    size: pairwise(axis => end[axis] - offset[axis]),
    stride: over(axis => fields.map(field => field.stride[axis]), Math.max),
    offset,
    extent,
    seesAll: [seesAll(0), seesAll(1)],
  }
}

/** True when the last two axes of a volume are rows and columns of the image; a reshape may have put others there. */
const isImage = ({ shape }: Tensor, { extent }: Extended): boolean => shape[2] === extent[0] && shape[3] === extent[1]

/** Rows and columns of a volume `[N, C, H, W]`; of other values, those they came from. */
const extentOf = ({ shape, op }: Tensor, before: Pair): Pair =>
  shape.length === 4 && op !== 'reshape' ? [shape[2], shape[3]] : before

/** The field after a window. */
function moved(tensor: Tensor, { kernel, dilation, stride, padding }: Window2d, before: Extended): Extended {
  return {
    ...before,
    size: pairwise(axis => before.size[axis] + (kernel[axis] - 1) * dilation[axis] * before.stride[axis]),
    stride: pairwise(axis => before.stride[axis] * stride[axis]),
    offset: pairwise(axis => before.offset[axis] - [padding.top, padding.left][axis] * before.stride[axis]),
    extent: extentOf(tensor, before.extent),
  }
}

/** The field after any other operation: one that combines all rows or columns sees their whole extent. */
function folded(tensor: Tensor, before: Extended): Extended {
  const axes = foldedAxes(tensor)
  const extent = pairwise(axis => (axes[axis] ? 1 : before.extent[axis]))
  const { stride, offset } = placed(tensor, before)
  return {
    ...before,
    size: pairwise(axis => before.size[axis] + (axes[axis] ? (before.extent[axis] - 1) * before.stride[axis] : 0)),
    stride,
    offset,
    extent: extentOf(tensor, extent),
  }
}

/** Stride and offset after an operation that leaves units out or puts others before them. */
function placed(tensor: Tensor, before: Extended): Pick<Extended, 'stride' | 'offset'> {
  const { stride, offset } = before
  if (tensor.shape.length !== 4 || !isImage(tensor.inputs[0], before)) return before
  if (isApplicationOf(tensor, 'slice')) {
    const { starts, steps } = tensor.attributes
    return {
      stride: pairwise(axis => stride[axis] * steps[axis + 2]),
      offset: pairwise(axis => offset[axis] + starts[axis + 2] * stride[axis]),
    }
  }
  if (!isApplicationOf(tensor, 'pad')) return before
  return { stride, offset: pairwise(axis => offset[axis] - tensor.attributes.before[axis + 2] * stride[axis]) }
}

/** True when an operation combines all rows, or all columns, of its input. */
function foldedAxes(tensor: Tensor): readonly [boolean, boolean] {
  if (isApplicationOf(tensor, 'matmul')) return [true, true]
  if (!isApplicationOf(tensor, 'reduce') || tensor.inputs[0].shape.length !== 4) return [false, false]
  const { axes } = tensor.attributes
  return [axes.includes(2), axes.includes(3)]
}

/** The window of a convolution or pool. */
function windowOf(tensor: Tensor): Window2d | undefined {
  if (isApplicationOf(tensor, 'conv2d')) return tensor.attributes
  if (isApplicationOf(tensor, 'maxPool2d')) return tensor.attributes
  return isApplicationOf(tensor, 'averagePool2d') ? tensor.attributes : undefined
}
