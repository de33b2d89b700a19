/** The command-line options of `fovea predict`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import {
  backendOption,
  checkpointOption,
  jsonOption,
  nativeOption,
  networkOptions,
  wholeNumber,
  wideOption,
} from '../options.ts'

/** Adds the command. */
export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .summary('classify pictures')
    .description(
      'Shows the most probable classes of pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF, SVG, BMP, PPM) of any size and color.',
    )
    .argument('<run>', 'run folder, the file of a classifier, or an ONNX file')
    .argument('<images...>', 'picture files, folders of them at any depth, and patterns')
    .option('--top <n>', 'classes to show for each picture (default: 3, or all if there are fewer)', wholeNumber(1))
    .addOption(
      new Option('--invert <when>', 'turn dark strokes on light paper into light strokes on black')
        .choices(['auto', 'yes', 'no'])
        .default('auto'),
    )
    .addOption(checkpointOption())
    .option('--data <name>', 'of an ONNX file: data set, or folder:PATH, whose classes it tells apart')
    .addOption(backendOption())
    .addOption(wideOption())
    .addOption(nativeOption())
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
  fovea predict digits.fovea digit.png
  fovea predict network.onnx photo.jpg --data folder:photos
  fovea predict runs/lenet5 'scans/**/page-*.jpg'`,
    )
    .action(async (run: string, images: string[], options) => {
      const { predict } = await import('./predict/predict.ts')
      process.exitCode = await predict(run, images, options)
    })
  for (const option of networkOptions()) command.addOption(option)
}
