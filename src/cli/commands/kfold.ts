/** The command-line options of `fovea kfold`. Its implementation is loaded when the command is called. */
import type { Command } from 'commander'
import { wholeNumber } from '../options.ts'
import { recipeOptions, takesRecipe, withFile } from '../recipeCommand.ts'
import { inProcesses } from '../study/processes.ts'

/** Adds the command. */
export function addKfold(program: Command): void {
  inProcesses(
    takesRecipe(
      program
        .command('kfold')
        .summary('cross-validate a recipe')
        .description(
          'Trains once for each of k folds of the training images and averages the scores on the fold left out.',
        ),
    ).option('--folds <k>', 'number of folds', wholeNumber(2), 5),
    'studies/kfold',
  )
    .addHelpText(
      'after',
      `
Examples:
  fovea kfold lenet5 --folds 5 --jobs 2
  fovea kfold recipe.ts --set optimizer.lr=0.02 --out studies/slower`,
    )
    .action(async (word: string | undefined, options) => {
      const { kfold } = await import('./kfold/kfold.ts')
      process.exitCode = await kfold((await recipeOptions(word, options)).given, await withFile(word, options))
    })
}
