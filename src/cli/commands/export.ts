/** The command-line options of `fovea export`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { weightTypes } from '../../classifier/weightData.ts'
import { checkpointOption, jsonOption, networkOptions, wholeNumber } from '../options.ts'

/** Adds the command. */
export function addExport(program: Command): void {
  const command = program
    .command('export')
    .summary('write a trained model into one file, for a page, a server, or other programs')
    .description(
      'Writes a classifier: network, weights, class names and what pictures go through, in one file. ' +
        'loadClassifier() of fovea/classifier reads it, in Node and in a page, without the code of the model. ' +
        'With --format onnx, or a name that ends in .onnx, it writes an ONNX file (operator set 17), which ONNX Runtime and other programs run.',
    )
    .argument('<run>', 'run folder, the file of a classifier, or an ONNX file')
    .requiredOption('--out <file>', 'the file to write, which usually ends in .fovea or .onnx')
    .addOption(
      new Option('--format <format>', "the file's format (onnx for a name that ends in .onnx, else fovea)").choices([
        'fovea',
        'onnx',
      ]),
    )
    .addOption(
      new Option(
        '--weights <type>',
        'how weights are stored: half or a quarter of the bytes, and a little less precise (not in ONNX)',
      )
        .choices(weightTypes)
        .default('float32'),
    )
    .addOption(
      new Option(
        '--preprocessing <where>',
        'ONNX: inside takes bytes, uint8 [batch, height, width, channels]; outside takes normalized floats, [batch, channels, height, width] (inside)',
      ).choices(['inside', 'outside']),
    )
    .addOption(
      new Option(
        '--batch-norm <how>',
        'ONNX: keep it, or fold it into the weights of the layer before it (keep)',
      ).choices(['keep', 'fold']),
    )
    .addOption(
      new Option('--batch <n>', 'ONNX: exactly so many images at a time (any number)').argParser(wholeNumber(1)),
    )
    .option('--probabilities', 'ONNX: put a softmax behind the network')
    .option('--external', 'ONNX: weights in a second file, FILE.data; a file alone has at most 2 GiB')
    .addOption(checkpointOption())
    .option('--data <name>', 'of an ONNX file: data set, or folder:PATH, whose classes it tells apart')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea export runs/cats --out cats.fovea
  fovea export runs/cats --out cats.fovea --weights float16
  fovea predict cats.fovea photo.jpg
  fovea export runs/cats --out cats.onnx
  fovea export cats.fovea --out cats.onnx --preprocessing outside --batch-norm fold

In a page:
  import { loadClassifier } from 'fovea/classifier'
  const classify = await loadClassifier('cats.fovea')
  const [best] = await classify(document.querySelector('img'))

In Python, a picture of the network's size:
  session = onnxruntime.InferenceSession('cats.onnx')
  [logits] = session.run(None, {'images': numpy.asarray(picture)[None]})`,
    )
    .action(async (run: string, options) => {
      const { exportRun } = await import('./export/exportRun.ts')
      process.exitCode = await exportRun(run, options)
    })
  for (const option of networkOptions()) command.addOption(option)
}
