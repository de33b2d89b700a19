/** The command-line options of `fovea lab`. Its implementation is loaded when the command is called. */
import { type Command, Option } from 'commander'
import { wholeNumber } from '../options.ts'

/** Adds the command. */
export function addLab(program: Command): void {
  program
    .command('lab')
    .summary('train a network in the browser and look at every number in it; compare runs')
    .description(
      'Serves the Lab on this machine: a page that trains LeNet-5 on MNIST at once, and other networks on Fashion-MNIST, CIFAR-10, points of a plane or pictures of your own, with all controls live and every moment kept. With a folder of runs it also shows their curves, live while `fovea train` goes on, and where their recipes differ.',
    )
    .argument('[runs]', 'a folder of runs, or one run, to be shown as well')
    .addOption(new Option('--port <n>', 'port on 127.0.0.1 (any that is free)').argParser(wholeNumber(1, 65_535)))
    .addHelpText(
      'after',
      `
Examples:
  fovea lab
  fovea lab runs
  fovea lab --port 4173

The address that it prints has a token in it, which other pages and users do not know. Ctrl-C ends the server.`,
    )
    .action(async (runs: string | undefined, options) => {
      const { lab } = await import('./lab/lab.ts')
      process.exitCode = await lab(runs, options)
    })
}
