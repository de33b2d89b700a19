/**
 * The type of an operation: five facets in one object.
 *
 * - `shape`     the rule for the result's shape and type, with errors that carry the values
 * - `reference` plain loops in double precision: the definition every backend is tested against
 * - `vjp`       the gradient with respect to each input, written in operations of the same table
 * - `cost`      multiply-adds and bytes
 * - `batch`     whether it takes the samples of a batch one by one, or sums over them
 *
 * An operation that reads an input as indices or labels also has `indices`, so that the values given to a run can be
 * checked.
 *
 * Each operation is one file under `ops/`; `table.ts` collects them and derives the types that make the compiler
 * reject an operation without a facet and a backend without an operation.
 */
import type { BatchRule } from './batch.ts'
import { byteSizeOf, type DType, type Shape } from './shape.ts'
import { Tensor } from './tensor.ts'
import type { HostTensor } from './variable.ts'

/** An operand or result of a reference implementation, in double precision. */
export type ReferenceTensor = HostTensor<Float64Array>

/** Work of one execution of an operation. */
export interface Cost {
  /** Multiply-accumulate operations of contractions (the lectures' "FLOPs"); 0 for element-wise work. */
  readonly multiplyAdds: number
  /** Bytes read and written at least once. */
  readonly bytes: number
}

/** An operation with attributes of type `A`. */
export interface Op<A> {
  readonly name: string
  /** Shape and type of the result. @throws ShapeError naming what does not fit. */
  shape(inputs: readonly Tensor[], attributes: A): { shape: Shape; dtype: DType }
  /** The definition, in double precision; returns the result row-major. */
  reference(inputs: readonly ReferenceTensor[], attributes: A, shape: Shape): Float64Array
  /**
   * Gradients of a scalar loss with respect to each input of `output`, given the gradient of `output`;
   * `undefined` where the input is not differentiable (labels, indices).
   */
  vjp(output: Tensor, gradient: Tensor, attributes: A): readonly (Tensor | undefined)[]
  cost(output: Tensor, attributes: A): Cost
  /** What the operation does to a batch, given which of its inputs are batched. */
  readonly batch: BatchRule<A>
  /** For an operation that reads an input as indices or labels: which input, and the limit of its numbers. */
  indices?(output: Tensor, attributes: A): IndexOperand
}

/** An input that is read as indices or labels. */
export interface IndexOperand {
  readonly operand: Tensor
  /** Its numbers are 0 … limit − 1. */
  readonly limit: number
}

/** Makes the tensor that applies `op` to `inputs`. @throws ShapeError from the operation's shape rule. */
export function apply<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  const { shape, dtype } = op.shape(inputs, attributes)
  return new Tensor({ op: op.name, inputs, attributes, shape, dtype })
}

/** Bytes of all inputs and of the result, each counted once: the minimum that an execution must move. */
export function bytesTouched(output: Tensor): number {
  return [...new Set(output.inputs)].reduce((sum, tensor) => sum + byteSizeOf(tensor), byteSizeOf(output))
}

/** Cost of an operation without contractions. */
export function elementwiseCost(output: Tensor): Cost {
  return { multiplyAdds: 0, bytes: bytesTouched(output) }
}
