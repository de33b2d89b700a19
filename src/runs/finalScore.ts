/** Which of a run's validation scores belongs to its final weights. */
import type { Recipe } from '../recipe/recipe.ts'

/** The score of a run's final weights: that of the last epoch, or of the best epoch of a run that stops early. */
export function finalScore<S extends { accuracy: number; loss: number }>(
  scores: readonly S[],
  { earlyStopping, checkpoints }: Recipe,
): S | undefined {
  if (!earlyStopping) return scores.at(-1)
  const metric = checkpoints?.best ?? earlyStopping.metric ?? 'accuracy'
  const sign = metric === 'loss' ? -1 : 1
  return scores.reduce<S | undefined>(
    (best, score) => (best && sign * best[metric] >= sign * score[metric] ? best : score),
    undefined,
  )
}
