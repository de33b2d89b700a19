/** The command-line options of `fovea eval`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import {
  backendOption,
  changedDataOption,
  checkpointOption,
  jsonOption,
  nativeOption,
  networkOptions,
  threadsOption,
  wideOption,
} from '../options.ts'

/** Adds the command. */
export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .summary('score a run, or a file of a classifier')
    .description(
      'Scores a run, the file of a classifier, or an ONNX file: accuracy with its 95 % interval, loss, recall of each class, and the confusion matrix.',
    )
    .argument('<run>', 'run folder, the file of a classifier, or an ONNX file')
    .addOption(
      new Option(
        '--split <name>',
        'images to score on (default: test; of a folder without test pictures, for a file, all)',
      ).choices(['test', 'validation', 'train']),
    )
    .option('--data <name>', 'for a file: data set, or folder:PATH, to score on')
    .addOption(
      new Option(
        '--views <name>',
        'average over views: the image and its mirror image, these also moved by a pixel, five crops, or ten',
      ).choices(['flip', 'shift', 'five', 'ten']),
    )
    .addOption(checkpointOption())
    .option('--data-dir <dir>', "folder with the data set's files (default: the recipe's)")
    .addOption(changedDataOption())
    .addOption(backendOption())
    .addOption(threadsOption())
    .addOption(wideOption())
    .addOption(nativeOption())
    .option(
      '--calibration <file>',
      'says whether probabilities mean what they say, and draws a reliability diagram: .svg, or .html for a page that answers the pointer',
    )
    .option('--quiet', 'no progress')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea eval runs/lenet5
  fovea eval runs/lenet5 --split validation --checkpoint best --json
  fovea eval runs/lenet5 --calibration reliability.svg
  fovea eval cats.fovea --data folder:photos
  fovea eval network.onnx --data cifar10 --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5`,
    )
    .action(async (run: string, options) => {
      const { evaluate } = await import('./eval/evaluate.ts')
      process.exitCode = await evaluate(run, options)
    })
  for (const option of networkOptions()) command.addOption(option)
}
