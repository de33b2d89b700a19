/** `fovea kfold`: the score of a recipe as a mean over k divisions of the training images. The test set is not read. */

import { join } from 'node:path'
import type { Recipe } from '../../../recipe/recipe.ts'
import { readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { finalScore } from '../../../runs/finalScore.ts'
import { type FoldScore, scoreFolds } from '../../../study/folds.ts'
import { notBegun, trainAll } from '../../../study/sharing.ts'
import { formatPercent, formatSignificant } from '../../../text/format.ts'
import { type RecipeOptions, resolveOptions } from '../../recipeOptions.ts'
import { inStudy } from '../../study/studyFolder.ts'
import type { TrialOptions } from '../../study/trials.ts'
import { CommandError } from '../../terminal/errors.ts'
import { note, print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import type { RecipeSource } from '../../withTrainer.ts'

/** Options of {@link kfold}. */
export interface KfoldOptions extends RecipeSource, Pick<TrialOptions, 'launcher'> {
  readonly folds: number
  readonly jobs: number
  readonly out: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Trains a recipe once for each fold and averages the scores. @returns the exit code */
export async function kfold(given: RecipeOptions, options: KfoldOptions): Promise<number> {
  const { folds, jobs, out, json } = options
  const base = options.file === undefined ? {} : await readRecipeFile(options.file, { say: note, data: given.data })
  const recipeOf = (index: number): Recipe =>
    resolveOptions(
      { ...given, test: false },
      [...(options.set ?? []), `data.fold={"of":${folds},"index":${index}}`],
      base,
    )
  const asked = { kind: 'kfold', recipe: { ...recipeOf(0), fovea: undefined }, folds }
  return inStudy(out, asked, options, async ({ runner }) => {
    const rows: FoldScore[] = []
    const trials = Array.from({ length: folds }, (_, index) => ({
      name: `fold${index + 1}`,
      fold: index + 1,
      recipe: recipeOf(index),
      progress: notBegun,
    }))
    const sharing = runner.sharing<(typeof trials)[number]>(({ fold, recipe, progress: { scores, failed } }) => {
      const score = finalScore(scores, recipe)
      if (failed !== undefined || !score) throw new CommandError(`fold ${fold}: ${failed ?? 'has no score'}`)
      rows.push({ fold, accuracy: score.accuracy, loss: score.loss })
      runner.progress.say(`fold ${fold} of ${folds}: accuracy ${formatPercent(score.accuracy)}`)
    })
    await trainAll(trials, sharing, jobs)
    const result = scoreFolds(rows)
    const { accuracy, loss } = result
    await writeAtomic(join(out, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`)
    if (json) printJson({ study: out, ...result })
    else {
      const right = 'right' as const
      const columns = [{ title: 'fold' }, { title: 'accuracy', align: right }, { title: 'loss', align: right }]
      print(
        '',
        textTable(
          columns,
          result.folds.map(row => [String(row.fold), formatPercent(row.accuracy), formatSignificant(row.loss)]),
        ),
        '',
        `accuracy ${formatPercent(accuracy.mean)} ± ${formatPercent(accuracy.std)}, loss ${formatSignificant(loss.mean)} ± ${formatSignificant(loss.std)} (mean and standard deviation over ${folds} folds)`,
      )
    }
  })
}
