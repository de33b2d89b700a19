/** The command-line options of `fovea compare`. Its implementation is loaded when the command is called. */
import type { Command } from 'commander'
import { jsonOption } from '../options.ts'

/** Adds the command. */
export function addCompare(program: Command): void {
  program
    .command('compare')
    .summary('compare runs')
    .description('Shows the fields in which the recipes of runs differ, and their scores; draws their curves together.')
    .argument('<runs...>', 'run folders')
    .option('--out <file>', 'draw the curves into a file: .svg, or .html for a page that answers the pointer')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea compare runs/lenet5 runs/lenet5-2 --out curves.html`,
    )
    .action(async (runs: string[], options) => {
      const { compare } = await import('./compare/compare.ts')
      process.exitCode = await compare(runs, options)
    })
}
