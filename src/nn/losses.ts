/**
 * Loss functions: from a batch of outputs and targets to the single number that training minimizes.
 *
 * Targets are class numbers `i32 [N]`, or numbers `f32` of the outputs' shape: probabilities of soft targets, values of
 * a regression. Where a loss compares numbers, class numbers stand for their indicator rows (1 at the class, else 0).
 */
import {
  abs,
  add,
  equal,
  exp,
  greater,
  log,
  maximum,
  mul,
  neg,
  relu,
  square,
  sub,
  where,
} from '../graph/ops/elementwise.ts'
import { stopGradient } from '../graph/ops/map.ts'
import { oneHot } from '../graph/ops/oneHot.ts'
import { mean, sum } from '../graph/ops/reduce.ts'
import { logSoftmax } from '../graph/ops/softmax.ts'
import { softmaxCrossEntropy } from '../graph/ops/softmaxCrossEntropy.ts'
import { formatShape, ShapeError, sameShape } from '../graph/shape.ts'
import type { Matrix, Scalar, Tensor, Vector } from '../graph/tensor.ts'

/** A loss over a batch. */
export interface Loss {
  readonly name: string
  /**
   * Mean loss of a batch: outputs `[N, classes]` (or `[N, …]` for regressions) and targets, class numbers `i32 [N]` or
   * `f32` of the outputs' shape → scalar.
   */
  forward(outputs: Tensor, targets: Tensor): Scalar
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** ε: the targets become (1 − ε) · target + ε / classes (Szegedy et al. 2016). 0 by default. */
  readonly labelSmoothing?: number
}

/** Options of {@link multiclassHinge}. */
export interface MulticlassHingeOptions {
  /** Margin by which the right score must be larger, 1 by default. */
  readonly margin?: number
  /** True for squared terms (an L2-SVM), false by default. */
  readonly squared?: boolean
  /**
   * True when the sum over the classes is divided by their number, as PyTorch's `MultiMarginLoss` does; false by
   * default.
   */
  readonly divideByClasses?: boolean
}

/** Options of {@link squaredError}. */
export interface SquaredErrorOptions {
  /**
   * `'half'` (the default) is the lectures' E = ½ Σ (t − o)² of a sample, averaged over the batch; `'mean'` averages
   * (t − o)² over all numbers, as PyTorch's `MSELoss` does.
   */
  readonly scale?: 'half' | 'mean'
}

/**
 * Mean softmax cross-entropy, −Σ target · log softmax(logits), in nats. A model that knows nothing scores ln(classes).
 * `forward` throws ShapeError when the logits are not `[N, classes]` or the targets neither `i32 [N]` nor `f32` of
 * their shape.
 * @throws RangeError when `labelSmoothing` is not in 0 … 1.
 * @example const loss = crossEntropy().forward(model.forward(images, context), labels)
 * @example crossEntropy().forward(logits, mixed) // soft targets: cat 0.4, dog 0.6
 */
export function crossEntropy({ labelSmoothing = 0 }: CrossEntropyOptions = {}): Loss {
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(`crossEntropy: labelSmoothing (=${labelSmoothing}) must lie in 0 … 1`)
  }
  return {
    name: 'crossEntropy',
    forward(logits, targets) {
      checkScores('crossEntropy', logits)
      const sharp = targets.dtype === 'f32' ? softLoss(logits, targets) : hardLoss(logits, targets)
      if (labelSmoothing === 0) return mean(sharp)
      const even = neg(mean(logSoftmax(logits, 1), 1))
      return mean(add(mul(sharp, 1 - labelSmoothing), mul(even, labelSmoothing)))
    },
  }
}

/**
 * Mean multiclass hinge loss (SVM loss): Σ_{j ≠ y} max(0, s_j − s_y + margin) of each sample with scores s and class y.
 * `forward` throws ShapeError when the scores are not `[N, classes]` or the targets not `i32 [N]`.
 * @throws RangeError when the margin is not positive.
 */
export function multiclassHinge(options: MulticlassHingeOptions = {}): Loss {
  const { margin = 1, squared = false, divideByClasses = false } = options
  if (!(margin > 0)) throw new RangeError(`multiclassHinge: margin (=${margin}) must be positive`)
  return {
    name: 'multiclassHinge',
    forward(scores, targets) {
      checkScores('multiclassHinge', scores)
      if (targets.dtype !== 'i32') {
        throw new ShapeError(`multiclassHinge: expected class numbers i32 [${scores.shape[0]}], got ${targets.dtype}`)
      }
      const right = numbersOf('multiclassHinge', scores, targets)
      const rightScore = sum(mul(scores, right), 1, { keepDims: true })
      const excess = relu(add(sub(scores, rightScore), margin))
      const terms = where(equal(right, 1), 0, squared ? square(excess) : excess)
      return mean(divideByClasses ? mean(terms, 1) : sum(terms, 1))
    },
  }
}

/**
 * Squared error: ½ Σ (t − o)² of a sample, averaged over the batch, or the mean of (t − o)² over all numbers.
 * `forward` throws ShapeError when the targets are neither of the outputs' shape nor class numbers `i32 [N]` for
 * outputs
 * `[N, classes]`.
 */
export function squaredError({ scale = 'half' }: SquaredErrorOptions = {}): Loss {
  return {
    name: 'squaredError',
    forward(outputs, targets) {
      const squares = square(sub(outputs, numbersOf('squaredError', outputs, targets)))
      return scale === 'mean' ? mean(squares) : (mul(sum(squares), 0.5 / (outputs.shape[0] ?? 1)) as Scalar)
    },
  }
}

/**
 * Mean binary cross-entropy, −t ln p − (1 − t) ln(1 − p), of probabilities in 0 … 1 (after a sigmoid). As in PyTorch,
 * logarithms are kept at −100 or above, and the slope (p − t) / (p (1 − p)) is taken with a divisor of 1e-12 or more,
 * so that a probability of 0 or 1 gives no infinity. Prefer {@link binaryCrossEntropyWithLogits}.
 * `forward` throws ShapeError as {@link squaredError}.
 */
export function binaryCrossEntropy(): Loss {
  return {
    name: 'binaryCrossEntropy',
    forward(p, targets) {
      const t = numbersOf('binaryCrossEntropy', p, targets)
      const inside = greater(mul(p, sub(1, p)), smallestDivisor)
      const logarithm = (q: Tensor): Tensor => where(inside, log(where(inside, q, 0.5)), stopGradient(boundedLog(q)))
      const entropy = neg(add(mul(t, logarithm(p)), mul(sub(1, t), logarithm(sub(1, p)))))
      // At 0 and 1 the slope differs; the value does not.
      const edge = mul(sub(p, stopGradient(p)), stopGradient(mul(sub(p, t), 1 / smallestDivisor)))
      return mean(add(entropy, where(inside, 0, edge)))
    },
  }
}

/**
 * Mean binary cross-entropy of logits z, with p = σ(z): max(z, 0) − z · t + ln(1 + e^{−|z|}), which does not overflow.
 * `forward` throws ShapeError as {@link squaredError}.
 */
export function binaryCrossEntropyWithLogits(): Loss {
  return {
    name: 'binaryCrossEntropyWithLogits',
    forward(logits, targets) {
      const t = numbersOf('binaryCrossEntropyWithLogits', logits, targets)
      return mean(add(sub(maximum(logits, 0), mul(logits, t)), log(add(1, exp(neg(abs(logits)))))))
    },
  }
}

/** Least p (1 − p) by which the slope of the binary cross-entropy divides, as in PyTorch. */
const smallestDivisor = 1e-12

/** e⁻¹⁰⁰, the probability whose logarithm is −100; as f32 it is 3.8e-44, still above 0. */
const smallestProbability = Math.exp(-100)

/** ln p, or −100 where that is less. */
function boundedLog(p: Tensor): Tensor {
  const safe = greater(p, smallestProbability)
  return where(safe, log(where(safe, p, 1)), -100)
}

const hardLoss = (logits: Tensor, targets: Tensor): Tensor => softmaxCrossEntropy(logits as Matrix, targets as Vector)

function softLoss(logits: Tensor, targets: Tensor): Tensor {
  return neg(sum(mul(numbersOf('crossEntropy', logits, targets), logSoftmax(logits, 1)), 1))
}

function checkScores(label: string, scores: Tensor): void {
  if (scores.shape.length !== 2) {
    throw new ShapeError(`${label}: expected scores [N, classes], got ${formatShape(scores.shape)}`)
  }
}

/** Targets as numbers of the outputs' shape: themselves, or the indicator rows of class numbers. */
function numbersOf(label: string, outputs: Tensor, targets: Tensor): Tensor {
  if (targets.dtype === 'f32' && sameShape(targets.shape, outputs.shape)) return targets
  const [batch, classes] = outputs.shape
  if (targets.dtype === 'i32' && outputs.shape.length === 2 && sameShape(targets.shape, [batch])) {
    return oneHot(targets, classes)
  }
  throw new ShapeError(
    `${label}: expected targets f32 ${formatShape(outputs.shape)} or class numbers i32 [${batch ?? 'N'}], ` +
      `got ${targets.dtype} ${formatShape(targets.shape)}`,
  )
}
