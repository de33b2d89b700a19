/** The command-line options of `fovea serve`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import {
  backendOption,
  checkpointOption,
  collect,
  nativeOption,
  networkOptions,
  threadsOption,
  wholeNumber,
  wideOption,
} from '../options.ts'

/** Adds the command. */
export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .summary('answer over HTTP what pictures show')
    .description('Serves a classifier over HTTP: pictures are posted, classes with probabilities come back as JSON.')
    .argument('<run>', 'run folder, the file of a classifier, or an ONNX file')
    .option('--host <name>', 'address to listen at; 0.0.0.0 for other machines, too', '127.0.0.1')
    .addOption(
      new Option('--port <n>', 'port to listen at; 0 for any that is free')
        .argParser(wholeNumber(0, 65_535))
        .default(8080),
    )
    .addOption(new Option('--max-size <MB>', 'largest picture file').argParser(wholeNumber(1, 1000)).default(10))
    .addOption(
      new Option('--max-pixels <millions>', 'largest picture, width × height')
        .argParser(wholeNumber(1, 100))
        .default(50),
    )
    .addOption(
      new Option('--timeout <seconds>', 'time that a request may take').argParser(wholeNumber(1, 3600)).default(30),
    )
    .addOption(
      new Option('--queue <n>', 'requests that are worked on or wait; further ones are told to come back')
        .argParser(wholeNumber(1, 10_000))
        .default(64),
    )
    .option('--cors <origin>', 'pages of this origin may ask, * for all; may be repeated', collect)
    .addOption(checkpointOption())
    .option('--data <name>', 'of an ONNX file: data set, or folder:PATH, whose classes it tells apart')
    .addOption(backendOption())
    .addOption(threadsOption())
    .addOption(wideOption())
    .addOption(nativeOption())
    .addHelpText(
      'after',
      `
Endpoints:
  POST /classify?top=3   a picture as the body, or as the file of a form: { "predictions": [{ "class", "index", "probability" }, …] }
  GET  /info             classes, input, and where the classifier came from
  GET  /health           200 while it answers
  GET  /                 a page to drop pictures on
  What goes wrong has a status of its own and says why: { "error": "…" }.

Examples:
  fovea serve runs/cats
  fovea serve cats.fovea --host 0.0.0.0 --port 80 --cors https://example.com
  curl --data-binary @photo.jpg 'http://127.0.0.1:8080/classify?top=1'

Ctrl-C and SIGTERM end it: what was begun is answered first.`,
    )
    .action(async (run: string, options) => {
      const { serve } = await import('./serve/serve.ts')
      process.exitCode = await serve(run, options)
    })
  for (const option of networkOptions()) command.addOption(option)
}
