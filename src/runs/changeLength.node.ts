/** Changes the number of epochs of a run, finished or not. */

import type { Recipe } from '../recipe/recipe.ts'
import { isCode } from '../recipe/rules.ts'
import type { Progress } from '../train/checkpoint.ts'
import { EarlyStopping } from '../train/earlyStopping.ts'
import { RunFolderError } from './errors.ts'
import { resultFile } from './result.node.ts'
import type { RunFolder } from './runFolder.node.ts'

/**
 * Writes the new number of epochs into a run that is open for writing, before training continues. A result is removed
 * first: a run that has one counts as finished.
 * @param known the recipe so far
 * @param asked the recipe with the new number of epochs
 * @param progress of the checkpoint from which the run resumes; absent for a run without one
 * @returns warnings about what may be unexpected
 * @throws RunFolderError when more epochs have begun than requested, or early stopping has ended the run.
 */
export async function changeLength(
  folder: RunFolder,
  known: Recipe,
  asked: Recipe,
  progress: Progress | undefined,
): Promise<string[]> {
  const field = `epochs (=${asked.epochs})`
  const begun = progress ? progress.epoch - (progress.batch > 0 ? 0 : 1) : 0
  if (asked.epochs < begun) {
    throw new RunFolderError(`${field}: ${folder.path} has already begun epoch ${begun} of ${known.epochs}`)
  }
  const stopping = asked.earlyStopping && new EarlyStopping(asked.earlyStopping, progress?.earlyStopping)
  if (stopping?.isOver) {
    throw new RunFolderError(`${field}: ${folder.path} was stopped early after epoch ${begun}: ${stopping.reason}`)
  }
  await folder.removeFile(resultFile)
  await folder.changeRecipe(asked)
  const parts = progress ? partsOfLength(asked) : []
  if (parts.length === 0) return []
  return [`${parts.join(' and ')}: from here on as in a run of ${asked.epochs} epochs, no longer of ${known.epochs}`]
}

/** Parts of a recipe that depend on how long the run is. */
function partsOfLength({ schedule, momentum, average }: Recipe): string[] {
  const isCodeSchedule = isCode(schedule)
  const isLengthless = !isCodeSchedule && ['constant', 'onPlateau'].includes(schedule.name)
  const isWarmedByShare = !isCodeSchedule && !Number.isInteger(schedule.warmup ?? 0)
  return [
    ...(isLengthless && !isWarmedByShare ? [] : [`schedule (${isCodeSchedule ? 'a function' : schedule.name})`]),
    ...(momentum ? [`momentum (${momentum.name})`] : []),
    ...(average?.name === 'swa' ? ['average (swa)'] : []),
  ]
}
