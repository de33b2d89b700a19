/** `fovea lr-find`: finds a learning rate for a recipe (Smith 2015). */

import { dataName, modelName } from '../../../recipe/recipe.ts'
import { version } from '../../../recipe/version.ts'
import { ratePlot } from '../../../report/lrPlot.ts'
import { isPage } from '../../../report/page.ts'
import { ratePage } from '../../../report/ratePage.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { rangeTest, rateOfStep, suggestRate } from '../../../study/lrRange.ts'
import { formatSignificant } from '../../../text/format.ts'
import { checkEnding } from '../../endings.ts'
import type { RecipeOptions } from '../../recipeOptions.ts'
import { CommandError, exitCodes, UsageError } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'
import { type RecipeSource, recipeOf, withTrainer } from '../../withTrainer.ts'

/** Options of {@link findRate}. */
export interface FindRateOptions extends RecipeSource {
  /** Steps of the test. */
  readonly steps: number
  /** First and last rate. */
  readonly from: number
  readonly to: number
  /** File for the drawing, `.svg`, or for a page, `.html`. */
  readonly out?: string
  readonly json?: boolean
}

/**
 * Trains a new model for some steps with a rising rate, draws the losses and suggests a rate.
 * @returns the exit code
 */
export async function findRate(given: RecipeOptions, options: FindRateOptions): Promise<number> {
  const { steps, from, to, out } = options
  if (!(from > 0 && to > from)) throw new UsageError(`--from ${from} --to ${to}: expected 0 < from < to`)
  checkEnding('--out', out, ['.svg', '.html'])
  const recipe = await recipeOf(given, options)
  const points = await withTrainer(
    recipe,
    options,
    ({ train }) => ({
      options: ({ optimizer }) => ({
        // More than enough, even when last batches are left out: the test ends after its steps.
        epochs: Math.ceil(
          steps / Math.max(1, Math.floor(train.indices.length / (recipe.batchSize * (recipe.accumulate ?? 1)))),
        ),
        schedule: step => rateOfStep(step, steps, from, to) / optimizer.defaults.lr,
      }),
    }),
    trainer => rangeTest(trainer.run(), steps),
  )
  if (points.length < 10)
    throw new CommandError(`the loss broke after ${points.length} steps: begin lower than --from ${from}`)
  const suggestion = suggestRate(points)
  if (out !== undefined) {
    const subject = `${modelName(recipe)} on ${dataName(recipe)}`
    await writeAtomic(
      out,
      isPage(out) ? ratePage({ subject, points, suggestion, version }) : ratePlot(points, suggestion),
    )
  }
  const { steepest, careful } = suggestion
  if (options.json) printJson({ steepest, careful, points, ...(out === undefined ? {} : { out }) })
  else {
    const lines =
      steepest === undefined
        ? [`the loss never fell: try another range (--from, --to), or fovea train --overfit 20`]
        : [
            `suggested learning rate  ${formatSignificant(steepest, 2)}  (the loss falls fastest)`,
            `more careful             ${formatSignificant(careful ?? steepest, 2)}  (a tenth of the rate with the lowest loss)`,
          ]
    print(...lines, `${points.length} steps, up to a rate of ${formatSignificant(points.at(-1)!.learningRate, 2)}`)
    if (out !== undefined) print(`drawing                  ${out}`)
  }
  return exitCodes.done
}
