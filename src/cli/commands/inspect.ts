/** The command-line options of `fovea inspect`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { backendOption, checkpointOption, jsonOption, numericList, wholeNumber } from '../options.ts'

/** Adds the command. */
export function addInspect(program: Command): void {
  program
    .command('inspect')
    .summary('see what a network looks at')
    .description('Draws what pictures, or the network itself, have to do with what a trained network says.')
    .argument('<run>', 'run folder')
    .argument('[images...]', 'picture files, folders of them at any depth, and patterns')
    .option('--method <name>', 'what is drawn, see below; or all', 'gradcam')
    .option(
      '--layer <name>',
      'layer of gradcam, gradcam++, guided-gradcam, patches, dead, filters, visualize, deepdream',
    )
    .option(
      '--channel <list>',
      'channels of --layer that visualize draws, comma-separated (default: the first 24)',
      numericList,
    )
    .option('--class <class>', 'name or number of the class that is asked about (default: the predicted one)')
    .option(
      '--out <file>',
      'picture to write: .png for one, .svg for any number, .html for a page that answers the pointer (default: inspect.png or inspect.svg)',
    )
    .option(
      '--steps <n>',
      'gradients of integrated-gradients and smoothgrad; steps of visualize and of an octave of deepdream',
      wholeNumber(1),
    )
    .option('--window <n>', 'rows and columns of the patch of occlusion', wholeNumber(1))
    .option('--seed <n>', 'of the noise and views of visualize, and the shifts of deepdream', wholeNumber(0))
    .option('--size <n>', 'longer side of the picture of deepdream (default: its own, at most 512)', wholeNumber(1))
    .addOption(
      new Option('--image <kind>', 'what visualize moves: the spectrum of a picture or its pixels').choices([
        'fourier',
        'pixels',
      ]),
    )
    .addOption(
      new Option('--invert <when>', 'turn dark strokes on light paper into light strokes on black, see predict')
        .choices(['auto', 'yes', 'no'])
        .default('auto'),
    )
    .addOption(checkpointOption())
    .addOption(backendOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Methods for pictures (S is the logit of the class):
  gradcam, gradcam++      where a layer saw what speaks for the class
  occlusion               how far S falls when a gray patch covers a place
  integrated-gradients    shares of S(picture) − S(black), pixel by pixel; the error of their sum is printed
  saliency, smoothgrad, gradient-input     slopes of S
  guided, deconvnet, guided-gradcam        strokes that the network reads; guided hardly depends on the upper layers,
                                           so it does not show why the network decides
Methods for a network:
  filters                 kernels of a convolution, the first by default; needs no pictures
  visualize               pictures, made from noise, that raise channels of --layer or the logit of --class; needs no pictures
  deepdream               a picture in which --layer says more of what it says already
  dead                    channels that no picture makes positive, layer by layer; needs pictures
  patches                 what makes each channel of --layer largest; needs pictures

Orange is negative, blue positive, and zero has no color. Colors end at the 99th percentile of a map, for gradcam at its largest
number.

Examples:
  fovea inspect runs/lenet5 seven.png
  fovea inspect runs/resnet18 photo.jpg --method gradcam --layer layer3 --out cam.png
  fovea inspect runs/resnet18 photos --method all --class bee --out sheet.svg
  fovea inspect runs/lenet5 --method filters
  fovea inspect runs/resnet18 --method visualize --layer layer3 --channel 7 --out channel.png
  fovea inspect runs/resnet18 photo.jpg --method deepdream --layer layer3
  fovea inspect runs/lenet5 digits --method dead`,
    )
    .action(async (run: string, images: string[], options) => {
      const { inspect } = await import('./inspect/inspect.ts')
      process.exitCode = await inspect(run, images, options)
    })
}
