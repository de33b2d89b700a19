/**
 * Transposes of volumes move towards the results: op(xᵀ) becomes op(x)ᵀ. Networks whose layers convert between channels first and
 * channels last, each for itself, as those that Keras exports do, then have transposes that meet, and those that meet cancel.
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

/** Axes of a volume. Transposes of other values split and merge heads of attention and the like, and seldom meet. */
const volumeAxes = 4

/**
 * The operation on what its inputs are transposes of, transposed; the tensor itself where its inputs are not alike.
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

/** What an input is the transpose of. Numbers that repeat along axes of size 1 are one, if the order of their other axes is kept. */
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

/** The operation with attributes for the untransposed axes; undefined for one that does not commute. */
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
