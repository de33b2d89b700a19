/** `fovea export`: its words on the command line. What it does is loaded when it is called. */
import { type Command, Option } from 'commander'
import { weightTypes } from '../../classifier/weightData.ts'
import { checkpointOption, jsonOption } from '../options.ts'

/** Adds the command. */
export function addExport(program: Command): void {
  program
    .command('export')
    .summary('write a trained model into one file, for a page or a server')
    .description(
      'Writes a classifier: network, weights, class names and what pictures go through, in one file. ' +
        'loadClassifier() of fovea/classifier reads it, in Node and in a page, without the code of the model.',
    )
    .argument('<run>', 'run folder')
    .requiredOption('--out <file>', 'the file to write, which usually ends in .fovea')
    .addOption(
      new Option(
        '--weights <type>',
        'how weights are stored: half or a quarter of the bytes, and a little less precise',
      )
        .choices(weightTypes)
        .default('float32'),
    )
    .addOption(checkpointOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea export runs/cats --out cats.fovea
  fovea export runs/cats --out cats.fovea --weights float16
  fovea predict cats.fovea photo.jpg

In a page:
  import { loadClassifier } from 'fovea/classifier'
  const classify = await loadClassifier('cats.fovea')
  const [best] = await classify(document.querySelector('img'))`,
    )
    .action(async (run: string, options) => {
      const { exportRun } = await import('./export/exportRun.ts')
      process.exitCode = await exportRun(run, options)
    })
}
