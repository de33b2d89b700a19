/** The final output of `fovea train`: a result, the place where it was stopped, or the state of a run that failed. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileError } from '../../../data/fileError.node.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { type RunResult, readResult, reportFile, resultFile } from '../../../runs/result.node.ts'
import type { RunFolder } from '../../../runs/runFolder.node.ts'
import { formatCount, formatDuration, formatPercent, formatSignificant } from '../../../text/format.ts'
import type { DivergedError, SessionOutcome } from '../../../train/session.ts'
import { shellWord } from '../../recipeOptions.ts'
import { CommandError } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'

/** How a command reports its outcome. */
interface Output {
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Says where a stopped run can be resumed. */
export async function showStopped(
  folder: RunFolder,
  { step, epoch, finished }: SessionOutcome,
  { epochs }: Recipe,
  { json }: Output,
): Promise<void> {
  const { path } = folder
  const file = await latestFile(folder)
  const resume = `fovea train --resume ${shellWord(path)}`
  if (json) printJson({ status: 'stopped', run: path, step, epoch, checkpoint: file, resume })
  else {
    const where = finished
      ? `after the last step (${formatCount(step)})`
      : `after step ${formatCount(step)} (epoch ${epoch} of ${epochs})`
    print(`stopped ${where}, saved in ${join(path, file)}`, `resume with: ${resume}`)
  }
}

/** The checkpoint from which a run would resume, relative to its folder. */
const latestFile = async ({ path }: RunFolder): Promise<string> => (await readFile(join(path, 'latest'), 'utf8')).trim()

/** The error of a run whose folder can no longer be written, with its last checkpoint. */
export async function unwritten(error: FileError, folder: RunFolder | undefined): Promise<CommandError> {
  if (folder) return brokenOff(error, folder)
  return new CommandError(`${error.message} (--out names another folder for runs)`, { cause: error })
}

/** The error of a run that cannot go on in this process, with its last checkpoint and the command that continues it. */
export async function brokenOff(error: Error, folder: RunFolder): Promise<CommandError> {
  const file = await latestFile(folder).catch(() => undefined)
  const kept = file === undefined ? 'no checkpoint was saved yet' : `the last checkpoint is ${join(folder.path, file)}`
  const message = `${error.message}; ${kept}; continue with: fovea train --resume ${shellWord(folder.path)}`
  return new CommandError(message, { cause: error })
}

/** Shows the result of a complete run, which is not trained again. */
export async function showFinished(folder: RunFolder, options: Output): Promise<void> {
  const result = await readResult(folder.path)
  if (!result) throw new CommandError(`${folder.path}: ${resultFile} is gone`)
  if (!options.json && !options.quiet) print(`${folder.path}: this run is finished`)
  showResult(folder, result, options)
}

/** The result of a run, for people or as JSON. */
export function showResult({ path }: RunFolder, result: RunResult, { json }: Output): void {
  if (json) {
    printJson({ ...result, run: path, report: join(path, reportFile) })
    return
  }
  const { test, validation, trainingSeconds, steps } = result
  const lines: [name: string, value: string][] = []
  if (test) {
    const [low, high] = test.interval
    lines.push([
      'test accuracy',
      `${formatPercent(test.accuracy)} (95 % interval ${(100 * low).toFixed(2)} to ${formatPercent(high)}), ` +
        `${formatCount(test.samples - test.right)} of ${formatCount(test.samples)} images wrong, loss ${formatSignificant(test.loss)}`,
    ])
  } else if (validation) lines.push(['validation', `${formatPercent(validation.accuracy)}; the test set was not read`])
  lines.push(['training', `${formatCount(steps)} steps in ${formatDuration(trainingSeconds)}`])
  if (result.ranks && result.ranks.count > 1) {
    const { count, hosts, exchangeShare } = result.ranks
    const where = [...new Set(hosts)].join(', ')
    lines.push(['processes', `${count} on ${where}, ${formatPercent(exchangeShare, 0)} of the time exchanging`])
  }
  lines.push(['run folder', path], ['report', join(path, reportFile)])
  print(...lines.map(([name, value]) => `${name.padEnd(14)} ${value}`))
}

/** Advice for a loss or weights that are NaN or infinite. */
export function divergedError(
  error: DivergedError,
  folder: RunFolder | undefined,
  { optimizer }: Recipe,
  resumed?: string,
): CommandError {
  const path = folder?.path ?? ''
  const saved = error.checkpoint === undefined ? resumed : join(path, error.checkpoint)
  const kept = saved === undefined ? 'no checkpoint was saved before' : `the last good checkpoint is ${saved}`
  const rate = 'lr' in optimizer ? ` than ${optimizer.lr} (--lr)` : ''
  return new CommandError(`${path}: ${error.message}; ${kept}; try a smaller learning rate${rate}`, { cause: error })
}
