/** The command-line options of `fovea lr-find`. Its implementation is loaded when the command is called. */
import type { Command } from 'commander'
import { jsonOption, nativeOption, numeric, threadsOption, wholeNumber, wideOption } from '../options.ts'
import { recipeOptions, takesRecipe, withFile } from '../recipeCommand.ts'

/** Adds the command. */
export function addLrFind(program: Command): void {
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
    .option(
      '--out <file>',
      'draw losses and suggestion into a file: .svg, or .html for a page that answers the pointer',
    )
    .addOption(threadsOption())
    .addOption(wideOption())
    .addOption(nativeOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea lr-find lenet5 --out rates.html
  fovea lr-find recipe.ts --batch-size 256`,
    )
    .action(async (word: string | undefined, options) => {
      const { findRate } = await import('./lrFind/findRate.ts')
      process.exitCode = await findRate((await recipeOptions(word, options)).given, await withFile(word, options))
    })
}
