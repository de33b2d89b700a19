/**
 * `fovea train --overfit N`: a network that can learn must be able to memorize a few images. If it cannot, something is
 * wrong that longer training will not fix.
 */

import type { ImageCollection, Subset } from '../../../data/dataset.ts'
import { subsetOf } from '../../../data/split.ts'
import { constant } from '../../../optim/schedules.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { isCode } from '../../../recipe/rules.ts'
import { formatPercent, formatSignificant } from '../../../text/format.ts'
import type { RecipeOptions } from '../../recipeOptions.ts'
import { exitCodes, UsageError } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'
import { type RecipeSource, recipeOf, withTrainer } from '../../withTrainer.ts'

/** Steps, and seconds, after which the check fails if the network has not learned the images. */
const mostSteps = 300
const mostSeconds = 600
/** Mean loss that counts as memorized when every answer is right. */
const learned = 0.1

/** Options of {@link overfitCheck}. */
export interface OverfitOptions extends RecipeSource {
  readonly quiet?: boolean
  readonly json?: boolean
}

/**
 * Trains on a few images at the full learning rate, without augmentation, schedule and label smoothing, until they are
 * learned or the steps or the time run out.
 * @returns the exit code: failed when the images were not learned
 * @throws UsageError when there are fewer images
 */
export async function overfitCheck(count: number, given: RecipeOptions, options: OverfitOptions): Promise<number> {
  const recipe = withoutSmoothing(await recipeOf(given, options))
  const started = performance.now()
  const outcome = await withTrainer(
    recipe,
    options,
    ({ train }) => ({
      train: some(train, count, recipe.seed),
      augment: false,
      options: () => ({
        schedule: constant(),
        epochs: mostSteps,
        batchSize: count,
        dropLast: false,
        accumulate: 1,
        alarms: true,
      }),
    }),
    async trainer => {
      let last = { step: 0, loss: Number.NaN, accuracy: 0 }
      for await (const event of trainer.run()) {
        if (event.type === 'notice' && event.kind !== 'features' && !options.json) print(`warning: ${event.message}`)
        if (event.type !== 'step') continue
        last = event
        if (!options.quiet && !options.json && (event.step === 1 || event.step % 50 === 0)) {
          print(
            `step ${String(event.step).padStart(3)}  loss ${formatSignificant(event.loss)}  accuracy ${formatPercent(event.accuracy, 0)}`,
          )
        }
        if (!Number.isFinite(event.loss) || (event.loss < learned && event.accuracy === 1)) break
        if (performance.now() - started > 1000 * mostSeconds) break
      }
      return last
    },
  )
  const { step, loss, accuracy } = outcome
  const isLearned = loss < learned && accuracy === 1
  if (options.json) printJson({ images: count, learned: isLearned, steps: step, loss, accuracy })
  else if (isLearned) print(`${count} images were memorized in ${step} steps (loss ${formatSignificant(loss)})`)
  else {
    print(
      `${count} images were not learned in ${step} steps${step < mostSteps && Number.isFinite(loss) ? ` and ${mostSeconds / 60} minutes` : ''}: loss ${formatSignificant(loss)}, accuracy ${formatPercent(accuracy, 0)}`,
      'look at the learning rate (fovea lr-find), the labels, the preprocessing, and dropout or decay that are too strong',
    )
  }
  return isLearned ? exitCodes.done : exitCodes.failed
}

/** With smoothed labels the loss would stay high however well the images are known. */
const withoutSmoothing = (recipe: Recipe): Recipe =>
  isCode(recipe.loss) ? recipe : { ...recipe, loss: { ...recipe.loss, labelSmoothing: undefined } }

/** Some of the images, chosen by the seed. @throws UsageError when there are fewer */
function some(train: Subset<ImageCollection>, count: number, seed: number): Subset<ImageCollection> {
  if (count <= train.indices.length) return subsetOf(train, count, seed)
  throw new UsageError(`--overfit ${count}: there are only ${train.indices.length} images to train on`)
}
