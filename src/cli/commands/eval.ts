/** The command-line options of `fovea eval`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { changedDataOption, checkpointOption, jsonOption, threadsOption, wideOption } from '../options.ts'

/** Adds the command. */
export function addEval(program: Command): void {
  program
    .command('eval')
    .summary('score a run')
    .description('Scores a run: accuracy with its 95 % interval, loss, recall of each class, and the confusion matrix.')
    .argument('<run>', 'run folder')
    .addOption(
      new Option('--split <name>', 'images to score on').choices(['test', 'validation', 'train']).default('test'),
    )
    .addOption(
      new Option('--views <name>', 'average over views: the image and its mirror image, five crops, or ten').choices([
        'flip',
        'five',
        'ten',
      ]),
    )
    .addOption(checkpointOption())
    .option('--data-dir <dir>', "folder with the data set's files (default: the recipe's)")
    .addOption(changedDataOption())
    .addOption(threadsOption())
    .addOption(wideOption())
    .option(
      '--calibration <file>',
      'says whether probabilities mean what they say, and draws a reliability diagram (.svg)',
    )
    .option('--quiet', 'no progress')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea eval runs/lenet5
  fovea eval runs/lenet5 --split validation --checkpoint best --json
  fovea eval runs/lenet5 --calibration reliability.svg`,
    )
    .action(async (run: string, options) => {
      const { evaluate } = await import('./eval/evaluate.ts')
      process.exitCode = await evaluate(run, options)
    })
}
