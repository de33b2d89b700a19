/**
 * The consumer of a training run's events on the command line: log, progress, checkpoints, and the ways in which a run ends
 * early: a signal, a score that improves no more, and a loss that is no number any more.
 */
import { join } from 'node:path'
import type { Recipe } from '../recipe/recipe.ts'
import type { RunFolder } from '../runs/runFolder.node.ts'
import type { TensorBoardLog } from '../runs/tensorboard.node.ts'
import { EarlyStopping } from '../train/earlyStopping.ts'
import type { EpochEvent, TrainEvent, ValidationEvent } from '../train/events.ts'
import type { Trainer } from '../train/trainer.ts'
import { CommandError } from './errors.ts'
import type { TrainProgress } from './progress.ts'

/** The best epoch so far by its validation score; part of a checkpoint's progress. */
export interface Best {
  readonly epoch: number
  readonly step: number
  readonly accuracy: number
  /** Absent in runs of old versions. */
  readonly loss?: number
}

/** Where a run stands after {@link trainLoop}. */
export interface TrainOutcome {
  /** False when the run was stopped; its state is then saved. */
  readonly finished: boolean
  /** True when it was stopped at the end of an epoch because it was asked to. */
  readonly paused?: boolean
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
  readonly board?: TensorBoardLog | undefined
  /** Of the run so far, when it is resumed. */
  readonly best?: Best
  /** The checkpoint it is resumed from. */
  readonly saved?: string
  /** What early stopping had seen, when it is resumed. */
  readonly waiting?: unknown
  /** Ends the process's part of the run after this epoch. */
  readonly stopAfter?: number
}

/**
 * Trains to the end, or until `trainer.stop()`: then the state after the very last step is saved. A checkpoint is
 * written after every epoch, and is the best one when no epoch before had a better validation score.
 * @throws CommandError naming the step at which the loss or a weight became NaN or infinite, and the first layer in which
 * numbers broke; nothing is saved then.
 */
export async function trainLoop(options: TrainLoopOptions): Promise<TrainOutcome> {
  const { trainer, events, folder, recipe, hasValidation, progress, board, stopAfter } = options
  let { best, saved } = options
  let outcome: TrainOutcome = { finished: false, step: 0, epoch: 1 }
  let hasSaved = false
  const stopping = recipe.earlyStopping && new EarlyStopping(recipe.earlyStopping, options.waiting)
  const metric = recipe.checkpoints?.best ?? recipe.earlyStopping?.metric ?? 'accuracy'

  const isBest = (event: ValidationEvent): boolean => {
    const before = best?.[metric]
    if (before === undefined) return true
    return metric === 'loss' ? event.loss < before : event.accuracy > before
  }

  /** The state after an epoch is that before the next: its sums are in the log. */
  const saveEpoch = async (event: EpochEvent | ValidationEvent): Promise<void> => {
    const { step, epoch } = event
    const better = event.type === 'validation' && isBest(event)
    if (better) best = { epoch, step, accuracy: event.accuracy, loss: event.loss }
    if (event.type === 'validation') stopping?.observe(event)
    await save(better)
    tellParent(event)
    if (!stopping?.isOver || epoch >= recipe.epochs) return
    trainer.finish()
    const message = `${stopping.reason}: the run ends after epoch ${epoch} with the weights of epoch ${best?.epoch}`
    notify({ type: 'notice', kind: 'earlyStopping', step, epoch, message })
  }

  const notify = (event: TrainEvent): void => {
    folder.log(event)
    board?.append(event)
    progress?.event(event)
  }

  const save = async (isBest: boolean): Promise<void> => {
    const { tensors, progress: at } = await trainer.snapshot()
    for (const [path, { values }] of tensors) {
      if (!values.every(Number.isFinite)) throw await diverged(`${path} has values that are no finite numbers`, at.step)
    }
    const more = { ...(best && { best }), ...(stopping && { earlyStopping: stopping.state }) }
    const event = await folder.save({ tensors, progress: { ...at, ...more }, recipe }, { best: isBest })
    saved = join(folder.path, event.file)
    hasSaved = true
    progress?.event(event)
  }

  const diverged = async (what: string, step: number): Promise<CommandError> => {
    const from = hasSaved ? await folder.load('latest') : undefined
    const place = recipe.alarms === false ? undefined : await trainer.locateBreak(step, from).catch(() => undefined)
    const where = place === undefined ? '' : ` (the first that broke: ${place})`
    const kept = saved === undefined ? 'no checkpoint was saved before' : `the last good checkpoint is ${saved}`
    const rate = 'lr' in recipe.optimizer ? ` than ${recipe.optimizer.lr} (--lr)` : ''
    return new CommandError(
      `${folder.path}: training diverged: at step ${step} ${what}${where}; ${kept}; try a smaller learning rate${rate}`,
    )
  }

  if (stopping?.isOver) trainer.finish()
  for await (const event of events) {
    if (event.type === 'notice' && event.kind === 'initialLoss' && recipe.pretrained) continue
    notify(event)
    if ('loss' in event && !Number.isFinite(event.loss)) {
      throw await diverged(
        `the ${event.type === 'validation' ? 'validation ' : ''}loss became ${event.loss}`,
        event.step,
      )
    }
    if (event.type === 'start') {
      // A run may be stopped before its first step, while features are computed.
      outcome = { finished: false, step: event.step, epoch: Math.floor(event.step / event.stepsPerEpoch) + 1 }
    } else if (event.type === 'step') outcome = { finished: false, step: event.step, epoch: event.epoch }
    else if (event.type === 'validation' || (event.type === 'epoch' && !hasValidation)) {
      await saveEpoch(event)
      const { step, epoch } = event
      if (stopAfter !== undefined && epoch >= stopAfter && epoch < recipe.epochs && !stopping?.isOver) {
        return { finished: false, paused: true, step, epoch }
      }
    } else if (event.type === 'done') outcome = { finished: true, step: event.step, epoch: outcome.epoch }
  }
  if (!outcome.finished) await save(false)
  return outcome
}

/** A trial of a study tells the study what an epoch came to. */
function tellParent({ epoch, accuracy, loss }: EpochEvent | ValidationEvent): void {
  // A parent that is gone is told nothing; that it is gone is noticed elsewhere.
  if (process.connected) process.send?.({ epoch, accuracy, loss }, () => undefined)
}
