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

/** What one unit sees, `[vertical, horizontal]`, in pixels of the input. */
export interface ReceptiveField {
  /** Rows and columns seen. */
  readonly size: readonly [number, number]
  /** Rows and columns between the fields of neighboring units. */
  readonly stride: readonly [number, number]
}

/** A field, and the rows and columns of units that the value holds (also after they were flattened into one axis). */
interface Extended extends ReceptiveField {
  readonly extent: readonly [number, number]
}

/**
 * The receptive field, in the image `input` `[N, C, H, W]`, of the units of every value that `output` depends on; values
 * that do not depend on the image have none.
 * @example receptiveFields(logits, images).get(logits) // { size: [32, 32], stride: [4, 4] } for LeNet-5
 */
export function receptiveFields(output: Tensor, input: Tensor): Map<Tensor, ReceptiveField> {
  const fields = new Map<Tensor, Extended>()
  for (const tensor of topologicalOrder([output])) {
    const field = tensor === input ? { size: one, stride: one, extent: extentOf(tensor, one) } : fieldOf(tensor, fields)
    if (field) fields.set(tensor, field)
  }
  return new Map([...fields].map(([tensor, { size, stride }]) => [tensor, { size, stride }]))
}

type Pair = readonly [number, number]
const one: Pair = [1, 1]
const pairwise = (f: (axis: 0 | 1) => number): Pair => [f(0), f(1)]

/** Rows and columns of a volume `[N, C, H, W]`; of other values, those they came from. */
const extentOf = ({ shape }: Tensor, before: Pair): Pair => (shape.length === 4 ? [shape[2], shape[3]] : before)

function fieldOf(tensor: Tensor, fields: ReadonlyMap<Tensor, Extended>): Extended | undefined {
  const seen = tensor.inputs.map(input => fields.get(input)).filter(field => field !== undefined)
  if (seen.length === 0) return undefined
  const largest = (part: (field: Extended) => Pair): Pair =>
    pairwise(axis => Math.max(...seen.map(field => part(field)[axis])))
  const before = { size: largest(f => f.size), stride: largest(f => f.stride), extent: largest(f => f.extent) }

  const window = windowOfTensor(tensor)
  if (window) {
    const { kernel, dilation, stride } = window
    return {
      size: pairwise(axis => before.size[axis] + (kernel[axis] - 1) * dilation[axis] * before.stride[axis]),
      stride: pairwise(axis => before.stride[axis] * stride[axis]),
      extent: extentOf(tensor, before.extent),
    }
  }
  const folded = foldedAxes(tensor)
  const size = pairwise(
    axis => before.size[axis] + (folded[axis] ? (before.extent[axis] - 1) * before.stride[axis] : 0),
  )
  return {
    size,
    stride: before.stride,
    extent: extentOf(
      tensor,
      pairwise(axis => (folded[axis] ? 1 : before.extent[axis])),
    ),
  }
}

/** Whether an operation combines all rows, and all columns, of its input. */
function foldedAxes(tensor: Tensor): readonly [boolean, boolean] {
  if (isApplicationOf(tensor, 'matmul')) return [true, true]
  if (!isApplicationOf(tensor, 'reduce') || tensor.inputs[0].shape.length !== 4) return [false, false]
  const { axes } = tensor.attributes
  return [axes.includes(2), axes.includes(3)]
}

/** The window of a convolution or pool. */
export function windowOfTensor(tensor: Tensor): Window2d | undefined {
  if (isApplicationOf(tensor, 'conv2d')) return tensor.attributes
  if (isApplicationOf(tensor, 'maxPool2d')) return tensor.attributes
  return isApplicationOf(tensor, 'averagePool2d') ? tensor.attributes : undefined
}
