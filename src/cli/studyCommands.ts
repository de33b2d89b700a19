/** The commands that train more than once, or judge what was trained: lr-find, search, kfold, ensemble, compare. */
import { type Command, Option } from 'commander'
import { changedDataOption, collect, jsonOption, numeric, threadsOption, wholeNumber, wideOption } from './options.ts'
import { recipeOptions, takesRecipe } from './recipeCommand.ts'

/** Names here, so that `--help` loads nothing else. */
const strategies = ['random', 'grid', 'coarse-to-fine', 'asha']
const kinds = ['seeds', 'snapshots', 'bagging']

/** Adds the commands. */
export function addStudyCommands(program: Command): void {
  addRateFinder(program)
  addSearch(program)
  addKfold(program)
  addEnsemble(program)
  addCompare(program)
}

/** Options of commands that train in several processes. */
const inProcesses = (command: Command, out: string): Command =>
  command
    .option('--jobs <n>', 'trainings at the same time, in processes that share the cores', wholeNumber(1, 64), 1)
    .option('--out <dir>', 'folder of the study; the same command goes on with one that is there', out)
    .addOption(threadsOption())
    .addOption(wideOption())
    .option('--quiet', 'show the result only')
    .addOption(jsonOption())

function addRateFinder(program: Command): void {
  takesRecipe(
    program
      .command('lr-find')
      .summary('find a learning rate')
      .description(
        'Trains a new model for a few steps while the learning rate rises, and suggests a rate (Smith 2015). Leaves no run behind.',
      ),
  )
    .option('--steps <n>', 'steps of the test', wholeNumber(20), 100)
    .option('--from <rate>', 'first rate', numeric, 1e-5)
    .option('--to <rate>', 'last rate', numeric, 10)
    .option('--out <file>', 'draw losses and suggestion into an SVG file')
    .addOption(threadsOption())
    .addOption(wideOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea lr-find lenet5 --out rates.svg
  fovea lr-find recipe.ts --batch-size 256`,
    )
    .action(async (word: string | undefined, options) => {
      const { findRate } = await import('./commands/lrFind/findRate.ts')
      process.exitCode = await findRate((await recipeOptions(word, options)).given, await withFile(word, options))
    })
}

function addSearch(program: Command): void {
  inProcesses(
    takesRecipe(
      program
        .command('search')
        .summary('search for hyperparameters')
        .description(
          'Trains with many values of some fields and reports which are best on the validation images. The test set is not read. ' +
            'A study that was stopped or killed goes on by the same command.',
        ),
    )
      .requiredOption(
        '--vary <field=range>',
        'a field and its log(low, high), uniform(low, high), int(low, high) or choice(a, b, …); may be given again',
        collect,
      )
      .addOption(new Option('--strategy <name>', 'how to search').choices(strategies).default('random'))
      .option('--trials <n>', 'trainings (of a grid: all of its points)', wholeNumber(1), 20)
      .option('--points <n>', 'grid: values of every number', wholeNumber(1), 3)
      .option('--stages <n>', 'coarse-to-fine: rounds, each around the best of the one before', wholeNumber(2), 2)
      .option('--factor <n>', 'asha: one trial in so many goes on to the next rung', wholeNumber(2), 3)
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
      const { search } = await import('./commands/search/search.ts')
      process.exitCode = await search((await recipeOptions(word, options)).given, await withFile(word, options))
    })
}

function addKfold(program: Command): void {
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
      const { kfold } = await import('./commands/kfold/kfold.ts')
      process.exitCode = await kfold((await recipeOptions(word, options)).given, await withFile(word, options))
    })
}

function addEnsemble(program: Command): void {
  inProcesses(
    takesRecipe(
      program
        .command('ensemble')
        .summary('train several models and average them')
        .description(
          'Trains the members of an ensemble and scores each alone, the mean of their probabilities, and the vote of their answers, ' +
            'on the validation images, which are the same for all; with --test on the test images, as the last act.',
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
      const { ensemble } = await import('./commands/ensemble/ensemble.ts')
      // Here `--test` asks for the test set, and says nothing about the members' recipes.
      const { given } = await recipeOptions(word, { ...options, test: undefined })
      process.exitCode = await ensemble(given, await withFile(word, options))
    })
}

function addCompare(program: Command): void {
  program
    .command('compare')
    .summary('compare runs')
    .description('Shows in which fields of their recipes runs differ, and their scores; draws their curves together.')
    .argument('<runs...>', 'run folders')
    .option('--out <file>', 'draw the curves into an SVG file')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea compare runs/lenet5 runs/lenet5-2 --out curves.svg`,
    )
    .action(async (runs: string[], options) => {
      const { compare } = await import('./commands/compare/compare.ts')
      process.exitCode = await compare(runs, options)
    })
}

async function withFile<T extends object>(
  word: string | undefined,
  options: T,
): Promise<T & { file: string | undefined }> {
  const { isRecipeFile } = await import('../recipe/recipeFile.node.ts')
  return { ...options, file: word !== undefined && isRecipeFile(word) ? word : undefined }
}
