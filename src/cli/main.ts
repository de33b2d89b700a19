#!/usr/bin/env node
/** The command line. Each command is loaded when it is called, so that `--help` is quick. */
import { Command, CommanderError } from 'commander'
import { RecipeError } from '../recipe/errors.ts'
import { sourceErrorOf } from '../recipe/userCode.node.ts'
import { version } from '../recipe/version.ts'
import { addCompare } from './commands/compare.ts'
import { addData } from './commands/data.ts'
import { addDoctor } from './commands/doctor.ts'
import { addEnsemble } from './commands/ensemble.ts'
import { addEval } from './commands/eval.ts'
import { addExport } from './commands/export.ts'
import { addImport } from './commands/import.ts'
import { addInspect } from './commands/inspect.ts'
import { addKfold } from './commands/kfold.ts'
import { addLab } from './commands/lab.ts'
import { addLrFind } from './commands/lrFind.ts'
import { addPredict } from './commands/predict.ts'
import { addSearch } from './commands/search.ts'
import { addServe } from './commands/serve.ts'
import { addSummary } from './commands/summary.ts'
import { addTrain } from './commands/train.ts'
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
  fovea train --resume runs/lenet5           continue after an interruption
  fovea eval runs/lenet5                     score on the test set, class by class
  fovea predict runs/lenet5 digit.png        classify a picture
  fovea inspect runs/lenet5 digit.png        what it looks at
  fovea summary lenet5                       layers, parameters, memory
  fovea lab                                  train in the browser, and look at every number
  fovea lr-find, search, kfold, ensemble, compare: each has its --help

Exit codes: 0 done as asked; 1 the work failed; 2 the command line, the recipe or a file they name is wrong; 130 stopped by
  Ctrl-C, 143 by SIGTERM, 141 as the output was closed (a training run is saved): docs/troubleshooting.md.
Environment: FOVEA_THREADS threads that compute; FOVEA_WIDE as --wide; FOVEA_NATIVE as --native; FOVEA_LOCK_TIMEOUT seconds
  after which the lock of a lost machine is taken over (90); FOVEA_DEBUG=1 stacks of errors.`,
  )

/** In the order of `--help`. */
const commands = [
  addTrain,
  addLrFind,
  addSearch,
  addKfold,
  addEnsemble,
  addCompare,
  addEval,
  addPredict,
  addSummary,
  addInspect,
  addDoctor,
  addData,
  addImport,
  addExport,
  addServe,
  addLab,
]
for (const add of commands) add(program)

const fail = (thrown: unknown): void => {
  // Errors thrown in the user's code are shown with their place there.
  const error =
    thrown instanceof UsageError || thrown instanceof RecipeError ? thrown : (sourceErrorOf(thrown) ?? thrown)
  const debug = program.opts().debug === true || !['', undefined].includes(process.env.FOVEA_DEBUG)
  process.stderr.write(`${describeError(error, debug)}\n`)
  process.exitCode = exitCodeOf(error)
}

// Errors and rejections that no code waits for, such as in a recipe's timer.
const failAtOnce = (thrown: unknown): never => {
  fail(thrown)
  process.exit()
}
process.on('uncaughtException', failAtOnce)
process.on('unhandledRejection', failAtOnce)

/** Whether the command has finished. */
let isDone = false
process.on('exit', code => {
  if (isDone || code !== exitCodes.done) return
  process.stderr.write(
    'fovea: the process was ended before the command was done: a recipe, or what it imports, calls process.exit\n',
  )
  process.exitCode = exitCodes.failed
})

watchOutput()

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) fail(error)
  else process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage
}
isDone = true

// Timers and sockets that a recipe has left open do not keep the process alive.
setTimeout(() => process.exit(), 2000).unref()
