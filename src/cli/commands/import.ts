/** The command-line options of `fovea import`. Its implementation is loaded when the command is called. */
import type { Command } from 'commander'
import { defaultRuns, imageSize, numericList } from '../options.ts'

/** Adds the command. */
export function addImport(program: Command): void {
  program
    .command('import')
    .summary('import trained weights')
    .description(
      'Makes a run folder from weights in PyTorch (.pth, .pt, .th) or safetensors files, or from a network in an ' +
        'ONNX file, for eval and predict. ' +
        'Nothing in the file is executed.',
    )
    .argument('<file>', 'file of weights: its path, or its address (https://…); or an ONNX file')
    .option('--model <name>', 'the model they are for; an ONNX file is one itself')
    .option('--data <name>', 'the data set they are for', 'cifar10')
    .option(
      '--mean <list>',
      'mean of each channel they were trained with, pixels from 0 to 1, comma-separated (default: usual for model and data)',
      numericList,
    )
    .option('--std <list>', 'standard deviation of each channel', numericList)
    .option('--input <CxHxW>', 'of an ONNX file that leaves it open: the size of its pictures', imageSize)
    .option('--prefix <text>', "prefix of the model's names in the file (default: detected)")
    .option('--no-average', 'take the weights of the last step, even if the file has averaged ones (EMA)')
    .option('--out <dir>', 'folder for run folders', defaultRuns)
    .option('--name <name>', "name of the run folder (default: the model's)")
    .addHelpText(
      'after',
      `
Examples:
  fovea import resnet20.th --model resnet20-cifar --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  fovea import network.onnx --data folder:photos
  fovea eval runs/resnet20-cifar`,
    )
    .action(async (file: string, options) => {
      const { importWeights } = await import('./import/importWeights.ts')
      process.exitCode = await importWeights(file, options)
    })
}
