/**
 * Max-norm constraint (Srebro et al. 2005; Srivastava et al. 2014 with dropout): after every step, if the norm of a
 * unit's weights exceeds c, they are scaled back to norm c: w ← w · min(1, c / ‖w‖).
 */
import { div, minimum, mul, sqrt, square } from '../graph/ops/elementwise.ts'
import { sum } from '../graph/ops/reduce.ts'
import { selectPaths, type Transform } from './chain.ts'
import { unitAxes } from './oneBit.ts'
import { checkPositive } from './options.ts'
import type { PathPattern } from './patterns.ts'

/** Options of {@link maxNorm}. */
export interface MaxNormOptions {
  /** c, the largest norm of the weights into one unit; 3 or 4 are usual. */
  readonly limit: number
  /** The parameters to limit; by default the weights, not biases or norms. */
  readonly match?: PathPattern
}

/**
 * Keeps the norm of each filter, or row of a matrix, at or below `limit`. Goes after the optimizer in a chain.
 * @throws RangeError when the limit is not a number above 0; Error (from the update) when `match` matches no parameter.
 * @example chain(sgd({ lr: 0.1, momentum: 0.9 }), maxNorm({ limit: 3 }))
 */
export function maxNorm({ limit, match }: MaxNormOptions): Transform {
  checkPositive('maxNorm', 'limit', limit)
  return {
    name: 'maxNorm',
    on: 'weights',
    apply(weights) {
      const next = new Map(weights)
      for (const path of selectPaths('maxNorm', match, weights)) {
        const w = weights.get(path)!
        const norms = sqrt(sum(square(w), unitAxes(w), { keepDims: true }))
        next.set(path, mul(w, minimum(1, div(limit, norms))))
      }
      return next
    },
  }
}
