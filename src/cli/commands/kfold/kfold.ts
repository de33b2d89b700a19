/** `fovea kfold`: the score of a recipe as a mean over k divisions of the training images. The test set is not read. */

import { join } from 'node:path'
import { workOn } from '../../../async/workOn.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { finalScore } from '../../../runs/finalScore.ts'
import { type FoldScore, scoreFolds } from '../../../study/folds.ts'
import { formatPercent, formatSignificant } from '../../../text/format.ts'
import { type RecipeOptions, resolveOptions } from '../../recipeOptions.ts'
import { inStudy } from '../../study/studyFolder.ts'
import { CommandError } from '../../terminal/errors.ts'
import { note, print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import type { RecipeSource } from '../../withTrainer.ts'

/** Options of {@link kfold}. */
export interface KfoldOptions extends RecipeSource {
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
  return inStudy(out, asked, options, async runner => {
    const rows: FoldScore[] = []
    const left = Array.from({ length: folds }, (_, index) => index)
    await workOn(
      jobs,
      () => left.shift(),
      async index => {
        const trial = { name: `fold${index + 1}`, recipe: recipeOf(index) }
        const known = await runner.progressOf(trial)
        const { scores, failed } = known.finished ? known : await runner.train(trial)
        const score = finalScore(scores, trial.recipe)
        if (failed !== undefined || !score) throw new CommandError(`fold ${index + 1}: ${failed ?? 'has no score'}`)
        rows.push({ fold: index + 1, accuracy: score.accuracy, loss: score.loss })
        runner.progress.say(`fold ${index + 1} of ${folds}: accuracy ${formatPercent(score.accuracy)}`)
      },
    )
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
