/**
 * The consumer of a training run's events on the command line: log, progress, checkpoints, and the two ways in which a
 * run ends early, a signal and a loss that is no number any more.
 */
import { join } from 'node:path'
import type { EpochEvent, TrainEvent, ValidationEvent } from '../train/events.ts'
import type { RunFolder } from '../train/runFolder.node.ts'
import type { Trainer } from '../train/trainer.ts'
import { CommandError } from './errors.ts'
import type { TrainProgress } from './progress.ts'
import type { Recipe } from './recipe.ts'

/** The best epoch so far by validation accuracy; part of a checkpoint's progress. */
export interface Best {
  readonly epoch: number
  readonly step: number
  readonly accuracy: number
}

/** Where a run stands after {@link trainLoop}. */
export interface TrainOutcome {
  /** False when the run was stopped; its state is then saved. */
  readonly finished: boolean
  readonly step: number
  readonly epoch: number
}

/** What {@link trainLoop} works with. */
export interface TrainLoopOptions {
  readonly trainer: Trainer
  /** The events of `trainer.run()`, the first included. */
  readonly events: AsyncIterable<TrainEvent>
  /** Open for writing. */
  readonly folder: RunFolder
  readonly recipe: Recipe
  /** Whether every epoch ends with a validation event. */
  readonly hasValidation: boolean
  readonly progress: TrainProgress | undefined
  /** Of the run so far, when it is resumed. */
  readonly best?: Best
  /** The checkpoint it is resumed from. */
  readonly saved?: string
}

/**
 * Trains to the end, or until `trainer.stop()`: then the state after the very last step is saved. A checkpoint is
 * written after every epoch, and is the best one when no epoch before had a higher validation accuracy.
 * @throws CommandError naming the step at which the loss or a weight became NaN or infinite; nothing is saved then.
 */
export async function trainLoop(options: TrainLoopOptions): Promise<TrainOutcome> {
  const { trainer, events, folder, recipe, hasValidation, progress } = options
  let { best, saved } = options
  let outcome: TrainOutcome = { finished: false, step: 0, epoch: 1 }

  /** The state after an epoch is that before the next: its sums are in the log. */
  const saveEpoch = async (event: EpochEvent | ValidationEvent): Promise<void> => {
    const { step, epoch } = event
    const isBest = event.type === 'validation' && (best === undefined || event.accuracy > best.accuracy)
    if (isBest) best = { epoch, step, accuracy: event.accuracy }
    await save(isBest)
  }

  const save = async (isBest: boolean): Promise<void> => {
    const { tensors, progress: at } = trainer.snapshot()
    for (const [path, { values }] of tensors) {
      if (!values.every(Number.isFinite)) throw diverged(`${path} has values that are no finite numbers`, at.step)
    }
    const event = await folder.save({ tensors, progress: { ...at, ...(best && { best }) }, recipe }, { best: isBest })
    saved = join(folder.path, event.file)
    progress?.event(event)
  }

  const diverged = (what: string, step: number): CommandError => {
    const kept = saved === undefined ? 'no checkpoint was saved before' : `the last good checkpoint is ${saved}`
    return new CommandError(
      `${folder.path}: training diverged: at step ${step} ${what}; ${kept}; try a smaller learning rate than ${recipe.lr} (--lr)`,
    )
  }

  for await (const event of events) {
    folder.log(event)
    progress?.event(event)
    if ('loss' in event && !Number.isFinite(event.loss)) {
      throw diverged(`the ${event.type === 'validation' ? 'validation ' : ''}loss became ${event.loss}`, event.step)
    }
    if (event.type === 'step') outcome = { finished: false, step: event.step, epoch: event.epoch }
    else if (event.type === 'validation' || (event.type === 'epoch' && !hasValidation)) await saveEpoch(event)
    else if (event.type === 'done') outcome = { finished: true, step: event.step, epoch: recipe.epochs }
  }
  if (!outcome.finished) await save(false)
  return outcome
}
