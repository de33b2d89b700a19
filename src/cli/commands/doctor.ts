/** The command-line options of `fovea doctor`. Its implementation is loaded when the command is called. */
import type { Command } from 'commander'
import { jsonOption, threadsOption } from '../options.ts'

/** Adds the command. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('show what this machine offers, and how fast it computes')
    .description(
      'Shows the runtime, threads, SIMD and memory that the engine finds, and measures convolutions for a few seconds.',
    )
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  fovea doctor
  fovea doctor --threads 1 --json`,
    )
    .action(async options => {
      const { doctor } = await import('./doctor/doctor.ts')
      process.exitCode = await doctor(options)
    })
}
