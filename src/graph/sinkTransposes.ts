/**
 * Moves transposes of volumes toward the results: op(xᵀ) becomes op(x)ᵀ. In some networks, such as Keras exports, every
 * layer converts between channels first and channels last. There, moved transposes meet and cancel.
 */
import { apply } from './op.ts'
import { concatOp } from './ops/concat.ts'
import { mapOp } from './ops/map.ts'
import { padOp } from './ops/pad.ts'
import { reduceOp } from './ops/reduce.ts'
import { reshape } from './ops/reshape.ts'
import { sliceOp } from './ops/slice.ts'
import { transpose } from './ops/transpose.ts'
import { sameShape } from './shape.ts'
import { isApplicationOf } from './table.ts'
import type { Tensor } from './tensor.ts'

/** Axes of a volume. Transposes of other values (which split and merge attention heads, for example) seldom meet. */
const volumeAxes = 4

/**
 * The transpose of the operation applied to the untransposed inputs; the tensor itself if its inputs are not all
 * transposed alike.
 * @param label of the operation
 */
export function sinkTransposes(tensor: Tensor, label: string | undefined): Tensor {
  const permutation = permutationOf(tensor)
  if (!permutation) return tensor
  const inputs = tensor.inputs.map(input => untransposed(input, permutation))
  if (!inputs.every(input => input !== undefined)) return tensor
  const sunk = onUntransposed(tensor, inputs, permutation)
  if (!sunk) return tensor
  sunk.label ??= label
  return isApplicationOf(tensor, 'reduce') && !tensor.attributes.keepDims ? sunk : transpose(sunk, permutation)
}

/** The permutation of the first input that is a transposed volume. */
function permutationOf({ inputs }: Tensor): readonly number[] | undefined {
  for (const input of inputs) {
    if (input.shape.length === volumeAxes && isApplicationOf(input, 'transpose')) return input.attributes.permutation
  }
  return undefined
}

/**
 * The input before its transposition. An input with axes of size 1 is reshaped instead if the order of its other axes
 * stays the same; any other input gives `undefined`.
 */
function untransposed(input: Tensor, permutation: readonly number[]): Tensor | undefined {
  const { shape } = input
  if (isApplicationOf(input, 'transpose')) {
    return sameShape(input.attributes.permutation, permutation) ? input.inputs[0] : undefined
  }
  const missing = volumeAxes - shape.length
  if (missing < 0) return undefined
  const sizes = permutation.map(() => 1)
  const axes: number[] = []
  permutation.forEach((axis, position) => {
    const size = position < missing ? 1 : shape[position - missing]!
    sizes[axis] = size
    if (size > 1) axes.push(axis)
  })
  return axes.every((axis, k) => k === 0 || axis > axes[k - 1]!) ? reshape(input, sizes) : undefined
}

/** The operation with attributes for the untransposed axes; undefined if it does not commute with transposes. */
function onUntransposed(tensor: Tensor, inputs: readonly Tensor[], permutation: readonly number[]): Tensor | undefined {
  const moved = (perAxis: readonly number[]): number[] => {
    const result = [...perAxis]
    permutation.forEach((axis, position) => {
      result[axis] = perAxis[position]!
    })
    return result
  }
  if (isApplicationOf(tensor, 'map')) {
    return apply(mapOp, inputs, { ...tensor.attributes, shape: moved(tensor.shape) })
  }
  if (isApplicationOf(tensor, 'concat')) {
    return apply(concatOp, inputs, { axis: permutation[tensor.attributes.axis]! })
  }
  if (isApplicationOf(tensor, 'pad')) {
    const { before, after, interior, value } = tensor.attributes
    return apply(padOp, inputs, { before: moved(before), after: moved(after), interior: moved(interior), value })
  }
  if (isApplicationOf(tensor, 'slice')) {
    const { starts, ends, steps } = tensor.attributes
    return apply(sliceOp, inputs, { starts: moved(starts), ends: moved(ends), steps: moved(steps) })
  }
  if (isApplicationOf(tensor, 'reduce')) {
    const { fn, axes, keepDims } = tensor.attributes
    const kept = permutation.filter((_, position) => !axes.includes(position))
    if (!keepDims && kept.some((axis, k) => k > 0 && axis < kept[k - 1]!)) return undefined
    const folded = axes.map(axis => permutation[axis]!).sort((a, b) => a - b)
    return apply(reduceOp, inputs, { fn, axes: folded, keepDims })
  }
  return undefined
}
