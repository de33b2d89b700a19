/** The command-line options of `fovea ensemble`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { changedDataOption, wholeNumber } from '../options.ts'
import { recipeOptions, takesRecipe, withFile } from '../recipeCommand.ts'
import { inProcesses } from '../study/processes.ts'

/** Repeated here so that `--help` loads nothing else. */
const kinds = ['seeds', 'snapshots', 'bagging']

/** Adds the command. */
export function addEnsemble(program: Command): void {
  inProcesses(
    takesRecipe(
      program
        .command('ensemble')
        .summary('train several models and average them')
        .description(
          'Trains the members of an ensemble and scores each alone, the mean of their probabilities, and the vote of their answers, ' +
            'on the validation images, which are the same for all; with --test on the test images, which should come last.',
        ),
    )
      .option('--members <n>', 'models', wholeNumber(2, 100), 5)
      .addOption(
        new Option('--kind <name>', 'independent seeds, snapshots of one cyclic run, or bagging')
          .choices(kinds)
          .default('seeds'),
      )
      .option('--test', 'score on the test set')
      .addOption(changedDataOption()),
    'studies/ensemble',
  )
    .addHelpText(
      'after',
      `
Examples:
  fovea ensemble lenet5 --members 5 --jobs 2
  fovea ensemble lenet5 --kind snapshots --members 4 --epochs 20 --out studies/snapshots
  fovea ensemble lenet5 --members 5 --test`,
    )
    .action(async (word: string | undefined, options) => {
      const { ensemble } = await import('./ensemble/ensemble.ts')
      // Here `--test` asks for the test set, and says nothing about the members' recipes.
      const { given } = await recipeOptions(word, { ...options, test: undefined })
      process.exitCode = await ensemble(given, await withFile(word, options))
    })
}
