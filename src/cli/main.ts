#!/usr/bin/env node
/** The command line. A command is loaded when it is called, so that `--help` is quick. */
import { Command, CommanderError, Option } from 'commander'
import { defaultModel } from '../recipe/defaults.ts'
import { RecipeError } from '../recipe/errors.ts'
import { sourceErrorOf } from '../recipe/userCode.node.ts'
import { version } from '../recipe/version.ts'
import {
  changedDataOption,
  checkpointOption,
  defaultRuns,
  imageSize,
  jsonOption,
  numericList,
  threadsOption,
  wholeNumber,
  wideOption,
} from './options.ts'
import { recipeOptions, takesRecipe } from './recipeCommand.ts'
import { addStudyCommands } from './studyCommands.ts'
import { describeError, exitCodeOf, exitCodes, oneLine, UsageError } from './terminal/errors.ts'
import { watchOutput } from './terminal/output.ts'

const program = new Command('fovea')
  .description('Train, score and look into convolutional networks.')
  .version(version)
  .option('--debug', 'show the stack of an error (also: FOVEA_DEBUG=1)')
  .configureOutput({ outputError: (text, write) => write(`fovea: ${oneLine(text.replace(/^error: /, ''))}\n`) })
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  fovea train                                train LeNet-5 on MNIST, into the folder runs/lenet5
  fovea train --resume runs/lenet5           go on after an interruption
  fovea eval runs/lenet5                     score on the test set, class by class
  fovea predict runs/lenet5 digit.png        what is on a picture
  fovea summary lenet5                       layers, parameters, memory
  fovea lr-find, search, kfold, ensemble, compare: each has its --help

Exit codes: 0 done as asked; 1 the work failed; 2 the command line, the recipe or a file they name is wrong; 130 stopped by
  Ctrl-C, 143 by SIGTERM, 141 as the output was closed (a training run is saved): docs/troubleshooting.md.
Environment: FOVEA_THREADS threads that compute; FOVEA_WIDE as --wide; FOVEA_DEBUG=1 stacks of errors.`,
  )

takesRecipe(
  program
    .command('train')
    .summary('train a model, or go on training it')
    .description(
      'Trains a model and keeps everything in a run folder: recipe, event log, checkpoints, result and report. ' +
        'Ctrl-C saves the state after the step under way; a second Ctrl-C ends at once.',
    ),
)
  .option('--overfit <n>', 'check: train on n images only, which must be learned by heart', wholeNumber(2, 1000))
  .option('--tensorboard', 'write an event file of TensorBoard into the run folder, too')
  .option('--stop-after <epoch>', 'end after this epoch, to go on later with --resume', wholeNumber(1))
  .option('--workers <n>', 'threads that read and augment images (default: the calling thread)', wholeNumber(1, 64))
  .option('--no-test', 'do not read the test set at the end')
  .option('--resume <run>', 'go on with a run; everything is taken from its recipe')
  .addOption(changedDataOption())
  .option('--out <dir>', 'folder for run folders (default: runs)')
  .option('--name <name>', "name of the run folder (default: the model's, or the recipe file's)")
  .addOption(threadsOption())
  .addOption(wideOption())
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
  fovea train lenet5 --overfit 20            can it learn 20 images by heart?
  fovea train --resume runs/lenet5`,
  )
  .action(async (word: string | undefined, options) => {
    const { given, file } = await recipeOptions(word, options)
    if (options.overfit !== undefined) {
      const { overfitCheck } = await import('./commands/train/overfit.ts')
      process.exitCode = await overfitCheck(options.overfit, given, { ...options, file })
      return
    }
    const { train } = await import('./commands/train/train.ts')
    process.exitCode = await train(given, { ...options, file })
  })

addStudyCommands(program)

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
  .option('--quiet', 'no progress')
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
Examples:
  fovea eval runs/lenet5
  fovea eval runs/lenet5 --split validation --checkpoint best --json`,
  )
  .action(async (run: string, options) => {
    const { evaluate } = await import('./commands/eval/evaluate.ts')
    process.exitCode = await evaluate(run, options)
  })

program
  .command('predict')
  .summary('classify pictures')
  .description(
    'Shows the most probable classes of pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF, SVG, BMP, PPM) of any size and color.',
  )
  .argument('<run>', 'run folder')
  .argument('<images...>', 'picture files, folders of them at any depth, and patterns')
  .option('--top <n>', 'classes to show for each picture (default: 3, or all of fewer)', wholeNumber(1))
  .addOption(
    new Option('--invert <when>', 'turn dark strokes on light paper into light strokes on black')
      .choices(['auto', 'yes', 'no'])
      .default('auto'),
  )
  .addOption(checkpointOption())
  .addOption(wideOption())
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
How a picture of a digit is read:
  Models of digits are trained on light strokes on black. With --invert auto, a picture is inverted when the median of the
  pixels along its border is lighter than the middle between its darkest and its lightest pixel: dark ink on light
  paper. The output says which pictures were. A picture of 28 × 28 pixels is otherwise used as it is; any other is cut to
  its ink, scaled to a box of 20 pixels, and placed with its center of mass in the middle, as MNIST was made.

Examples:
  fovea predict runs/lenet5 digit.png
  fovea predict runs/lenet5 scans --top 1 --json
  fovea predict runs/lenet5 'scans/**/page-*.jpg'`,
  )
  .action(async (run: string, images: string[], options) => {
    const { predict } = await import('./commands/predict/predict.ts')
    process.exitCode = await predict(run, images, options)
  })

program
  .command('summary')
  .summary('layers, parameters and memory of a model, or the tensors of a file')
  .description(
    'Shows a model layer by layer, and the memory that training it is planned to take; or draws its volumes. ' +
      'Of a file of weights it lists the tensors, and the model that they fit.',
  )
  .argument('[what]', 'model, recipe file, run folder, or file of weights', defaultModel)
  .option('--input <CxHxW>', 'another size of images: channels x height x width', imageSize)
  .option('--batch <n>', "images in a training step (default: the recipe's, or 128)", wholeNumber(1))
  .option('--plan', 'print the plan of a training step: every operation, its place in memory, its cost')
  .addOption(
    new Option('--kernels [program]', 'time every kernel of a program on this machine: training (default) or inference')
      .choices(['training', 'inference'])
      .preset('training'),
  )
  .addOption(wideOption())
  .option('--svg <file>', 'draw the volumes into an SVG file')
  .option('--html <file>', 'write a page with the drawing, the layer table and the totals')
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
Examples:
  fovea summary lenet5
  fovea summary resnet18 --input 3x320x240
  fovea summary recipe.ts
  fovea summary resnet18.pth
  fovea summary lenet5 --batch 1 --plan
  fovea summary resnet18 --batch 1 --kernels inference
  fovea summary vgg16 --svg vgg16.svg --html vgg16.html`,
  )
  .action(async (model: string, options) => {
    const { summary } = await import('./commands/summary/summary.ts')
    process.exitCode = await summary(model, options)
  })

program
  .command('doctor')
  .summary('what this machine offers, and how fast it computes')
  .description(
    'Shows the runtime, threads, SIMD and memory that the engine finds, and measures convolutions for a few seconds.',
  )
  .addOption(threadsOption())
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
Examples:
  fovea doctor
  fovea doctor --threads 1 --json`,
  )
  .action(async options => {
    const { doctor } = await import('./commands/doctor/doctor.ts')
    process.exitCode = await doctor(options)
  })

program
  .command('data')
  .summary('what is in a data set, and what augmentation makes of it')
  .description(
    'Shows the classes and statistics of a data set, or of a folder with a sub-folder of pictures for each class, and ' +
      'draws a contact sheet: images, and what epochs of training would see of them.',
  )
  .argument('<data>', 'data set, or image folder')
  .addOption(new Option('--split <name>', 'images to show').choices(['train', 'test']).default('train'))
  .option('--data-dir <dir>', "folder with the data set's files (default: where the data set comes from by itself)")
  .option(
    '--augment <file>',
    "module or JSON file with a pipeline of transforms, or none (default: the data set's usual one)",
  )
  .option('--out <file>', 'write the contact sheet, as .svg or .png')
  .option('--rows <n>', 'images on the sheet', wholeNumber(1, 100), 8)
  .option('--columns <n>', 'augmented versions of each', wholeNumber(1, 100), 8)
  .option('--size <n>', 'side of the pictures of an image folder', wholeNumber(1, 4096), 224)
  .option('--skip-corrupt', 'leave out pictures of a folder that cannot be read')
  .option('--seed <n>', 'decides which images, and what is random', wholeNumber(0, 2 ** 32 - 1), 0)
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
Examples:
  fovea data cifar10 --out sheet.png
  fovea data cifar10 --augment recipe.ts --out sheet.svg
  fovea data photos/train --size 128 --augment recipe.ts --out sheet.png`,
  )
  .action(async (data: string, options) => {
    const { showData } = await import('./commands/data/showData.ts')
    process.exitCode = await showData(data, options)
  })

program
  .command('import')
  .summary('take over trained weights')
  .description(
    'Makes a run folder of weights from PyTorch (.pth, .pt, .th) or safetensors files, for eval and predict. ' +
      'Nothing in the file is executed.',
  )
  .argument('<file>', 'file of weights: its path, or its address (https://…)')
  .requiredOption('--model <name>', 'the model they are for')
  .option('--data <name>', 'the data set they are for', 'cifar10')
  .option(
    '--mean <list>',
    'mean of each channel they were trained with, pixels from 0 to 1, comma-separated (default: usual for model and data)',
    numericList,
  )
  .option('--std <list>', 'standard deviation of each channel', numericList)
  .option('--prefix <text>', 'what stands before the names of the model in the file (default: found)')
  .option('--no-average', 'of a file with averaged weights (EMA) and those of the last step, take the latter')
  .option('--out <dir>', 'folder for run folders', defaultRuns)
  .option('--name <name>', "name of the run folder (default: the model's)")
  .addHelpText(
    'after',
    `
Examples:
  fovea import resnet20.th --model resnet20-cifar --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  fovea eval runs/resnet20-cifar`,
  )
  .action(async (file: string, options) => {
    const { importWeights } = await import('./commands/import/importWeights.ts')
    process.exitCode = await importWeights(file, options)
  })

const fail = (thrown: unknown): void => {
  // What was thrown in code of the user's is shown there.
  const error =
    thrown instanceof UsageError || thrown instanceof RecipeError ? thrown : (sourceErrorOf(thrown) ?? thrown)
  const debug = program.opts().debug === true || !['', undefined].includes(process.env.FOVEA_DEBUG)
  process.stderr.write(`${describeError(error, debug)}\n`)
  process.exitCode = exitCodeOf(error)
}

watchOutput()

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) fail(error)
  else process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage
}

// Timers and sockets that a recipe has left open are no reason to stay.
setTimeout(() => process.exit(), 2000).unref()
