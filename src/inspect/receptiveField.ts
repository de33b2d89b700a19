/**
 * Receptive fields: the part of the image that a unit sees, for every value of a graph.
 *
 * Along a path, a window of kernel k, stride s and dilation d makes a field of size r and jump j (the distance in the
 * image between neighboring units, also called total stride) into
 *   r ← r + (k − 1) · d · j        j ← j · s
 * and where paths meet, the largest counts (Araujo, Norris and Sim, "Computing receptive fields of convolutional neural
 * networks", Distill 2019). A matrix product after `flatten` sees its whole input volume, as a convolution with a kernel of
 * that size would. Fields are counted on the padded image, so they may exceed it.
 */
import { isApplicationOf } from '../graph/table.ts'
import { type Tensor, topologicalOrder } from '../graph/tensor.ts'
import type { Window2d } from '../graph/window.ts'

/** The part of the image that one unit sees, `[vertical, horizontal]`, in pixels of the input. */
export interface ReceptiveField {
  /** Rows and columns seen. */
  readonly size: readonly [number, number]
  /** Rows and columns between the fields of neighboring units. */
  readonly stride: readonly [number, number]
}

/**
 * A field, and the rows and columns of units that the value holds (also while they lie in other axes: flattened into one, or
 * laid aside to work on channels).
 */
interface Extended extends ReceptiveField {
  readonly extent: readonly [number, number]
}

/**
 * The receptive field, in the image `input` `[N, C, H, W]`, of the units of every value that `output` depends on; values
 * that do not depend on the image have none.
 * @example receptiveFields(logits, images).get(logits) // { size: [32, 32], stride: [4, 4] } for LeNet-5
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
      fields.set(tensor, { size: one, stride: one, extent: [tensor.shape[2], tensor.shape[3]] })
      continue
    }
    const inputs = tensor.inputs.filter(x => fields.has(x))
    if (inputs.length === 0) continue
    const before = largestOf(inputs.map(x => fields.get(x) as Extended))
    const [data] = inputs
    // An operation on other axes leaves rows and columns alone: local response normalization pools over channels.
    const elsewhere = data.shape.length === 4 && !isImage(data, fields.get(data) as Extended)
    const window = elsewhere ? undefined : windowOf(tensor)
    if (window) windows.set(tensor, window)
    fields.set(tensor, elsewhere ? before : window ? moved(tensor, window, before) : folded(tensor, before))
  }
  return {
    fields: new Map([...fields].map(([tensor, { size, stride }]) => [tensor, { size, stride }])),
    windows,
  }
}

type Pair = readonly [number, number]
const one: Pair = [1, 1]
const pairwise = (f: (axis: 0 | 1) => number): Pair => [f(0), f(1)]

/** Where paths meet, the largest counts. */
function largestOf(fields: readonly Extended[]): Extended {
  const largest = (part: (field: Extended) => Pair): Pair =>
    pairwise(axis => Math.max(...fields.map(field => part(field)[axis])))
  return { size: largest(f => f.size), stride: largest(f => f.stride), extent: largest(f => f.extent) }
}

/** True when the last two axes of a volume are rows and columns of the image; a reshape may have put others there. */
const isImage = ({ shape }: Tensor, { extent }: Extended): boolean => shape[2] === extent[0] && shape[3] === extent[1]

/** Rows and columns of a volume `[N, C, H, W]`; of other values, those they came from. */
const extentOf = ({ shape, op }: Tensor, before: Pair): Pair =>
  shape.length === 4 && op !== 'reshape' ? [shape[2], shape[3]] : before

/** The field behind a window. */
function moved(tensor: Tensor, { kernel, dilation, stride }: Window2d, before: Extended): Extended {
  return {
    size: pairwise(axis => before.size[axis] + (kernel[axis] - 1) * dilation[axis] * before.stride[axis]),
    stride: pairwise(axis => before.stride[axis] * stride[axis]),
    extent: extentOf(tensor, before.extent),
  }
}

/** The field behind any other operation: one that combines all rows or columns sees their whole extent. */
function folded(tensor: Tensor, before: Extended): Extended {
  const axes = foldedAxes(tensor)
  const extent = pairwise(axis => (axes[axis] ? 1 : before.extent[axis]))
  return {
    size: pairwise(axis => before.size[axis] + (axes[axis] ? (before.extent[axis] - 1) * before.stride[axis] : 0)),
    stride: before.stride,
    extent: extentOf(tensor, extent),
  }
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
