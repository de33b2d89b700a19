/** Loss functions: from a batch of outputs and targets to the one number that training makes small. */
import { mean } from '../graph/ops/reduce.ts'
import { softmaxCrossEntropy } from '../graph/ops/softmaxCrossEntropy.ts'
import type { Matrix, Scalar, Vector } from '../graph/tensor.ts'

/** A loss over a batch. */
export interface Loss {
  readonly name: string
  /** Mean loss of a batch: logits `[N, classes]` and targets `i32 [N]` → scalar. */
  forward(logits: Matrix, targets: Vector): Scalar
}

/**
 * Mean softmax cross-entropy, −log softmax(logits)[target], in nats. A model that knows nothing scores ln(classes).
 * `forward` throws ShapeError when the logits are not `[N, classes]` or the targets not `i32 [N]`.
 * @example const loss = crossEntropy().forward(model.forward(images, context), labels)
 */
export function crossEntropy(): Loss {
  return {
    name: 'crossEntropy',
    forward: (logits, targets) => mean(softmaxCrossEntropy(logits, targets)),
  }
}
