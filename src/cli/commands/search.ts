/** The command-line options of `fovea search`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { collect, wholeNumber } from '../options.ts'
import { recipeOptions, takesRecipe, withFile } from '../recipeCommand.ts'
import { inProcesses } from '../study/processes.ts'

/** Repeated here so that `--help` loads nothing else. */
const strategies = ['random', 'grid', 'coarse-to-fine', 'asha']

/** Adds the command. */
export function addSearch(program: Command): void {
  inProcesses(
    takesRecipe(
      program
        .command('search')
        .summary('search for hyperparameters')
        .description(
          'Trains with many values of some fields and reports which are best on the validation images. The test set is not read. ' +
            'The same command continues a study that was stopped or killed.',
        ),
    )
      .requiredOption(
        '--vary <field=range>',
        'a field and its log(low, high), uniform(low, high), int(low, high) or choice(a, b, …); may be repeated',
        collect,
      )
      .addOption(new Option('--strategy <name>', 'how to search').choices(strategies).default('random'))
      .option('--trials <n>', 'number of trials (grid: all of its points)', wholeNumber(1), 20)
      .option('--points <n>', 'grid: values per numeric axis', wholeNumber(1), 3)
      .option(
        '--stages <n>',
        'coarse-to-fine: number of rounds, each around the best of the one before',
        wholeNumber(2),
        2,
      )
      .option('--factor <n>', 'asha: one in this many trials continues to the next rung', wholeNumber(2), 3)
      .option('--min-epochs <n>', 'asha: epochs of the first rung', wholeNumber(1), 1)
      .option('--search-seed <n>', 'decides the points', wholeNumber(0, 2 ** 32 - 1), 0)
      .addOption(new Option('--metric <name>', 'what is judged by').choices(['accuracy', 'loss']).default('accuracy')),
    'studies/search',
  )
    .addHelpText(
      'after',
      `
Examples:
  fovea search lenet5 --vary 'optimizer.lr=log(1e-3, 1)' --vary 'batchSize=choice(32, 64, 128)' --trials 30
  fovea search recipe.ts --vary 'optimizer.lr=log(1e-4, 1e-1)' --strategy asha --epochs 9 --jobs 2`,
    )
    .action(async (word: string | undefined, options) => {
      const { search } = await import('./search/search.ts')
      process.exitCode = await search((await recipeOptions(word, options)).given, await withFile(word, options))
    })
}
