/** The command-line options of `fovea summary`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { defaultModel } from '../../recipe/defaults.ts'
import { imageSize, jsonOption, nativeOption, wholeNumber, wideOption } from '../options.ts'

/** Adds the command. */
export function addSummary(program: Command): void {
  program
    .command('summary')
    .summary('layers, parameters and memory of a model, or the tensors of a file')
    .description(
      'Shows a model layer by layer, and the memory that training needs; or draws its volumes. ' +
        'For a file of weights, lists its tensors and the model that they fit.',
    )
    .argument('[what]', 'model, recipe file, run folder, or file of weights', defaultModel)
    .option('--input <CxHxW>', 'another size of images: channels x height x width', imageSize)
    .option('--batch <n>', "images in a training step (default: the recipe's, or 128)", wholeNumber(1))
    .option('--plan', 'print the plan of a training step: every operation, its place in memory, its cost')
    .addOption(
      new Option(
        '--kernels [program]',
        'time every kernel of a program on this machine: training (default) or inference',
      )
        .choices(['training', 'inference'])
        .preset('training'),
    )
    .addOption(wideOption())
    .addOption(nativeOption())
    .option('--svg <file>', 'draw the volumes into an SVG file')
    .option('--graph <file>', 'draw the network as a graph, with its branches, into an SVG file')
    .option('--html <file>', 'write a page with both drawings, the layer table and the totals')
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
  fovea summary vgg16 --svg vgg16.svg --html vgg16.html
  fovea summary googlenet --graph googlenet.svg`,
    )
    .action(async (model: string, options) => {
      const { summary } = await import('./summary/summary.ts')
      process.exitCode = await summary(model, options)
    })
}
