/**
 * The loss of classification: Lᵢ = −log softmax(sᵢ)[yᵢ] = log Σₖ e^{sᵢₖ} − sᵢ[yᵢ], with gradient softmax(sᵢ) −
 * onehot(yᵢ). One op for each direction, so that the forward pass never stores the probabilities.
 */
import { eachOfBoth } from '../batch.ts'
import { apply, elementwiseCost, type IndexOperand, type Op, type ReferenceTensor } from '../op.ts'
import { formatShape, ShapeError, sizeOf } from '../shape.ts'
import type { Matrix, Tensor, Vector } from '../tensor.ts'
import { mul, sub } from './elementwise.ts'
import { oneHot } from './oneHot.ts'
import { sum } from './reduce.ts'
import { reshape } from './reshape.ts'
import { softmax } from './softmax.ts'

/** The op has no attributes. */
export type NoAttributes = Readonly<Record<string, never>>

/** Inputs: logits `f32 [N, K]`, targets `i32 [N]` in 0 … K − 1; result `[N]`. */
export const softmaxCrossEntropyOp: Op<NoAttributes> = {
  name: 'softmaxCrossEntropy',
  shape([logits, targets]) {
    checkOperands(logits, targets, 'softmaxCrossEntropy')
    return { shape: [logits.shape[0]], dtype: 'f32' }
  },
  reference([logits, targets]) {
    return targets.values.map((target, row) => {
      const scores = rowOf(logits, row, target)
      const largest = Math.max(...scores)
      const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0)
      return Math.log(total) + largest - scores[target]
    })
  },
  vjp(output, gradient) {
    const [logits, targets] = output.inputs
    return [apply(softmaxCrossEntropyGradientOp, [logits, targets, gradient], {}), undefined]
  },
  cost: elementwiseCost,
  indices: targetsOf,
  batch: eachOfBoth,
}

/**
 * Inputs: logits `f32 [N, K]`, targets `i32 [N]`, upstream `f32 [N]`; result `(softmax − onehot) · upstream`, `[N,
 * K]`.
 */
export const softmaxCrossEntropyGradientOp: Op<NoAttributes> = {
  name: 'softmaxCrossEntropyGradient',
  shape([logits, targets, upstream]) {
    checkOperands(logits, targets, 'softmaxCrossEntropyGradient')
    if (upstream.shape.length !== 1 || upstream.shape[0] !== logits.shape[0]) {
      throw new ShapeError(
        `softmaxCrossEntropyGradient: expected an upstream gradient [${logits.shape[0]}], got ${formatShape(upstream.shape)}`,
      )
    }
    return { shape: logits.shape, dtype: 'f32' }
  },
  reference([logits, targets, upstream], _, shape) {
    const result = new Float64Array(sizeOf(shape))
    const classes = shape[1]
    targets.values.forEach((target, row) => {
      const scores = rowOf(logits, row, target)
      const largest = Math.max(...scores)
      const powers = scores.map(score => Math.exp(score - largest))
      const total = powers.reduce((sum, power) => sum + power, 0)
      powers.forEach((power, k) => {
        result[row * classes + k] = (power / total - (k === target ? 1 : 0)) * upstream.values[row]
      })
    })
    return result
  },
  // With p = softmax(s): ∂/∂s ⟨G, (p − onehot) u⟩ = u · (p ∘ G − p ⟨p, G⟩) and ∂/∂u = ⟨G, p − onehot⟩, row by row.
  vjp(output, gradient) {
    const [logits, targets, upstream] = output.inputs
    const p = softmax(logits)
    const column = reshape(upstream, [logits.shape[0], 1])
    const weighted = mul(p, gradient)
    const toLogits = mul(column, sub(weighted, mul(p, sum(weighted, 1, { keepDims: true }))))
    const toUpstream = sum(mul(gradient, sub(p, oneHot(targets, logits.shape[1]))), 1)
    return [toLogits, undefined, toUpstream]
  },
  cost: elementwiseCost,
  indices: targetsOf,
  batch: eachOfBoth,
}

/**
 * Cross-entropy of each row of logits `[N, K]` with its class in targets, `i32 [N]`: `[N]`, in nats. Take the `mean`
 * for the usual loss.
 * @throws ShapeError when the shapes or types do not fit. A target out of range is a RangeError when the reference
 * evaluates it.
 * @example const loss = mean(softmaxCrossEntropy(logits, labels))
 */
export function softmaxCrossEntropy(logits: Matrix, targets: Vector): Vector {
  return apply(softmaxCrossEntropyOp, [logits, targets], {}) as Vector
}

function targetsOf({ inputs: [logits, targets] }: Tensor): IndexOperand {
  return { operand: targets, limit: logits.shape[1] }
}

function checkOperands(logits: Tensor, targets: Tensor, label: string): void {
  if (logits.shape.length !== 2 || logits.dtype !== 'f32') {
    throw new ShapeError(`${label}: expected logits f32 [N, K], got ${logits.dtype} ${formatShape(logits.shape)}`)
  }
  if (targets.dtype !== 'i32' || targets.shape.length !== 1 || targets.shape[0] !== logits.shape[0]) {
    throw new ShapeError(
      `${label}: expected targets i32 [${logits.shape[0]}], got ${targets.dtype} ${formatShape(targets.shape)}`,
    )
  }
}

function rowOf(logits: ReferenceTensor, row: number, target: number): Float64Array {
  const classes = logits.shape[1]
  if (!Number.isInteger(target) || target < 0 || target >= classes) {
    throw new RangeError(`softmaxCrossEntropy: target ${target} (row ${row}) is out of range for ${classes} classes`)
  }
  return logits.values.subarray(row * classes, (row + 1) * classes)
}
