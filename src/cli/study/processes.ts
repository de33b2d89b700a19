/** Commands that train in several processes. */
import type { Command } from 'commander'
import { jsonOption, nativeOption, threadsOption, wholeNumber, wideOption } from '../options.ts'
import { parseLauncher } from './launcher.ts'

/** Options of commands that train in several processes. */
export const inProcesses = (command: Command, out: string): Command =>
  command
    .option('--jobs <n>', 'trainings at the same time, in processes that share the cores', wholeNumber(1, 64), 1)
    .option(
      '--launcher <prefix>',
      'command that starts each training, such as "srun --exact -n1 -c4": the training is put behind it',
      parseLauncher,
    )
    .option('--out <dir>', 'folder of the study; the same command goes on with one that is there', out)
    .addOption(threadsOption())
    .addOption(wideOption())
    .addOption(nativeOption())
    .option('--quiet', 'show the result only')
    .addOption(jsonOption())
