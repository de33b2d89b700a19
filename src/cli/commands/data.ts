/** The command-line options of `fovea data`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { jsonOption, wholeNumber } from '../options.ts'

/** Adds the command. */
export function addData(program: Command): void {
  program
    .command('data')
    .summary('show a data set, and the effect of augmentation')
    .description(
      'Shows the classes and statistics of a data set, or of a folder with a sub-folder of pictures for each class, and ' +
        'draws a contact sheet: images as they are, and as several epochs of training would see them.',
    )
    .argument('<data>', 'data set, or image folder')
    .addOption(new Option('--split <name>', 'images to show').choices(['train', 'test']).default('train'))
    .option('--data-dir <dir>', "folder with the data set's files (default: the data set's own source)")
    .option(
      '--augment <file>',
      "module or JSON file with a pipeline of transforms, or none (default: the data set's usual one)",
    )
    .option('--out <file>', 'write the contact sheet: .svg, .png, or .html for a page that answers the pointer')
    .option('--rows <n>', 'images on the sheet', wholeNumber(1, 100), 8)
    .option(
      '--columns <n>',
      'augmented versions of each; without augmentation, images of its class',
      wholeNumber(1, 100),
      8,
    )
    .option('--size <n>', 'side of the pictures of an image folder', wholeNumber(1, 4096), 224)
    .option('--skip-corrupt', 'leave out pictures of a folder that cannot be read')
    .option('--seed <n>', 'seed of the choice of images and of augmentation', wholeNumber(0, 2 ** 32 - 1), 0)
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
      const { showData } = await import('./data/showData.ts')
      process.exitCode = await showData(data, options)
    })
}
