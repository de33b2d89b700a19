/**
 * Gradient accumulation: the gradient of a large batch, computed in parts that fit into memory. Every part is weighted
 * by its share of the images, so the sum is the gradient of the mean loss over all images, however unequal the parts.
 */
import { add, mul } from '../graph/ops/elementwise.ts'
import { full } from '../graph/ops/map.ts'
import type { Scalar, Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { OptimizerState } from './slots.ts'

/** Sums gradients over several programs; the last program takes the sum. */
export class GradientAccumulator {
  readonly #state = new OptimizerState('accumulation')

  /**
   * Graph for all parts but the last: the new sums.
   * @param share images of this part / images of all
   */
  add(gradients: ReadonlyMap<string, Tensor>, share: Scalar): Map<Variable, Tensor> {
    const updates = new Map<Variable, Tensor>()
    this.#sums(gradients, share, updates, sum => sum)
    return updates
  }

  /** Graph for the last part: the gradients of all parts together, with the sums reset to zero. */
  take(
    gradients: ReadonlyMap<string, Tensor>,
    share: Scalar,
  ): { readonly gradients: Map<string, Tensor>; readonly updates: Map<Variable, Tensor> } {
    const updates = new Map<Variable, Tensor>()
    return { gradients: this.#sums(gradients, share, updates, sum => full(sum.shape, 0)), updates }
  }

  #sums(
    gradients: ReadonlyMap<string, Tensor>,
    share: Scalar,
    updates: Map<Variable, Tensor>,
    next: (sum: Tensor) => Tensor,
  ): Map<string, Tensor> {
    const open = this.#state.slots(updates)
    return new Map(
      [...gradients].map(([path, gradient]) => {
        const slot = open(path, gradient.shape)
        const sum = add(slot.value, mul(gradient, share))
        slot.set(next(sum))
        return [path, sum]
      }),
    )
  }
}
