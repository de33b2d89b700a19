/** The command-line options of `fovea train`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { changedDataOption, jsonOption, nativeOption, threadsOption, wholeNumber, wideOption } from '../options.ts'
import { recipeOptions, takesRecipe } from '../recipeCommand.ts'

/** Options that only a run has: the check of `--overfit` leaves none. */
const ofRuns = ['tensorboard', 'lab', 'stopAfter', 'workers', 'resume', 'allowChangedData', 'out', 'name']

/** Adds the command. */
export function addTrain(program: Command): void {
  takesRecipe(
    program
      .command('train')
      .summary('train a model, or resume training')
      .description(
        'Trains a model and keeps everything in a run folder: recipe, event log, checkpoints, result and report. ' +
          'Ctrl-C saves the state after the step under way; a second Ctrl-C ends at once.',
      ),
  )
    .addOption(
      new Option('--overfit <n>', 'check: overfit n images, which a working network memorizes')
        .argParser(wholeNumber(2, 1000))
        .conflicts(ofRuns),
    )
    .option('--tensorboard', 'also write a TensorBoard event file into the run folder')
    .option('--lab', 'serve a page that shows this run live and steers it: rate, pause, one step, stop')
    .option('--stop-after <epoch>', 'stop after this epoch, to be resumed later', wholeNumber(1))
    .option('--workers <n>', 'threads that read and augment images (default: the calling thread)', wholeNumber(1, 64))
    .option('--no-test', 'do not read the test set at the end')
    .option('--resume <run>', 'resume a run; everything is taken from its recipe')
    .addOption(changedDataOption())
    .addOption(new Option('--trial <token>', 'of a study, which starts its trials with it').hideHelp())
    .option('--out <dir>', 'folder for run folders (default: runs)')
    .option('--name <name>', "name of the run folder (default: the model's, or the recipe file's)")
    .addOption(threadsOption())
    .addOption(wideOption())
    .addOption(nativeOption())
    .option('--quiet', 'show the result only')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea train
  fovea train lenet5 --data mnist --epochs 10 --lr 0.02 --schedule cosine --name slow
  fovea train --limit 5000 --epochs 1
  fovea train recipe.ts --set optimizer.lr=0.1 --set epochs=3
  fovea train resnet18 --data folder:photos
  fovea train lenet5 --overfit 20            can it memorize 20 images?
  fovea train --resume runs/lenet5`,
    )
    .action(async (word: string | undefined, options) => {
      const { given, file } = await recipeOptions(word, options)
      if (options.overfit !== undefined) {
        const { overfitCheck } = await import('./train/overfit.ts')
        process.exitCode = await overfitCheck(options.overfit, given, { ...options, file })
        return
      }
      const { train } = await import('./train/train.ts')
      process.exitCode = await train(given, { ...options, file })
    })
}
