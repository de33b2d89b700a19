/**
 * The training loop: sample a batch, forward, backward, update, report. `Trainer.run` is all of it; `TrainingStep` is
 * one step, `TrainingState` the stored state.
 */

import { Turns } from '../async/turns.ts'
import { yieldToEvents } from '../async/yieldToEvents.ts'
import type { Executable } from '../backends/engine.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { HostTensor } from '../graph/variable.ts'
import { AveragedVariables } from '../optim/average.ts'
import type { EpochScore } from '../optim/schedule.ts'
import { type Checkpoint, CheckpointError, type Progress } from './checkpoint.ts'
import { Evaluator } from './evaluate.ts'
import type { EpochEvent, NoticeEvent, Score, TrainEvent } from './events.ts'
import { alarmsOf, firstBroken, type Health, initialLossNotice, newNotices } from './health.ts'
import { type Sources, sourcesOf } from './sources.ts'
import { Throughput } from './throughput.ts'
import { beginning, type ResolvedOptions, resolveOptions, type TrainerOptions } from './trainerOptions.ts'
import { TrainingState } from './trainingState.ts'
import { TrainingStep } from './trainingStep.ts'

export type { TrainerOptions } from './trainerOptions.ts'

/**
 * A training run that can be stopped and continued at any step. `snapshot` and `inspect` may be called at any time,
 * even during `run`: they take effect between two steps.
 *
 * @example
 * const trainer = new Trainer({ model, train, engine, optimizer: sgd({ lr: 0.05, momentum: 0.9 }), epochs: 3 })
 * for await (const event of trainer.run()) if (event.type === 'epoch') console.log(event.accuracy)
 */
export class Trainer {
  readonly evaluator: Evaluator
  readonly #options: ResolvedOptions
  readonly #sources: Sources
  readonly #averages: AveragedVariables | undefined
  readonly #training: TrainingStep
  readonly #state: TrainingState
  /** Serializes steps and everything that must not run within a step: they share the source of batches. */
  readonly #turns = new Turns()
  #position = beginning
  #running = false
  /** True when the engine may have newer values of the model than the host. */
  #isAhead = true
  #stopping = false
  #finishing = false
  /** The state at the start of this process, to return to when numbers break before the first checkpoint. */
  #origin: Pick<Checkpoint, 'tensors' | 'progress'> | undefined
  #raised = new Set<string>()
  /** True when layers are inspected after every epoch. */
  #isWatching = false
  /** Milliseconds of this epoch in which steps waited for images. */
  #waited = 0
  /** Milliseconds of this epoch in which processes exchanged gradients. */
  #exchanged = 0

  /**
   * @throws RangeError when `epochs` or `accumulate` is not a whole number of at least 1; ShapeError and DatasetError
   * when model and images do not fit each other: different numbers of outputs and classes, a single class, or no batch
   * to train on.
   */
  constructor(options: TrainerOptions) {
    const { engine, model, average } = options
    this.#options = resolveOptions(options)
    this.#sources = sourcesOf(this.#options)
    const { loader, traced, shape } = this.#sources
    this.#averages = average && new AveragedVariables(model.variables())
    this.#training = new TrainingStep(this.#options, loader, traced, this.#averages)
    this.#state = new TrainingState(options, this.#averages, this.#training.parted)
    this.evaluator = new Evaluator(engine, model, shape, () => this.#substitutes(), options.distribution?.share)
  }

  /**
   * Trains until the last epoch is done, or `stop` is called. However it ends, by `stop`, a `break` in the consumer's
   * loop or an error, the model's host values are then those after the last step, averaged if there are averages.
   * @throws Error when a run is already under way, and whatever a step throws. When the engine itself has stopped
   * within a step, its weights may be partly from before and partly from after the step.
   */
  async *run(): AsyncGenerator<TrainEvent> {
    if (this.#running) throw new Error('trainer: already running: wait until its run ends, or make another trainer')
    this.#running = true
    let failed = false
    try {
      yield* this.#epochs()
    } catch (error) {
      failed = true
      throw error
    } finally {
      await this.#end(failed)
    }
  }

  /** @param failed true when the run has failed: its error is reported, not another one while it ends */
  async #end(failed: boolean): Promise<void> {
    const ending = this.#turns.take(async () => {
      const ends = await Promise.allSettled([this.#synchronize(), this.#sources.loader.close?.()])
      for (const end of ends) if (end.status === 'rejected' && !failed) throw end.reason
    })
    await ending.finally(() => {
      this.#running = this.#stopping = this.#finishing = false
    })
  }

  async *#epochs(): AsyncGenerator<TrainEvent> {
    const { epochs, validation } = this.#options
    const { loader, features, notices } = this.#sources
    const started = performance.now()
    const throughput = new Throughput()
    const leftOut = await this.#prepare()
    yield await this.#startEvent()
    yield* newNotices(notices, this.#raised, this.#position)
    yield* leftOut
    if (this.#options.alarms) this.#origin = await this.snapshot()
    if (features && this.#position.epoch <= epochs && !this.#finishing) {
      yield* features.events(this.#position, () => this.#stopping)
      if (this.#stopping) return
    }
    throughput.pause()

    while (this.#position.epoch <= epochs && !this.#finishing) {
      const { epoch } = this.#position
      const epochStarted = performance.now()
      await this.#turns.take(async () => loader.startEpoch(epoch, this.#position.batch))
      this.#waited = this.#exchanged = 0
      while (this.#position.batch < loader.batches) {
        const { samples, stop, ...result } = await this.#step()
        const imagesPerSecond = throughput.add(samples)
        if (stop) this.#stopping = true
        yield { type: 'step', step: this.#position.step, epoch, ...result, imagesPerSecond }
        if (this.#options.alarms && this.#position.step === 1)
          yield* initialLossNotice(result.loss, this.#options.loss, loader)
        if (this.#stopping) return
        await yieldToEvents()
      }
      const seconds = (performance.now() - epochStarted) / 1000
      const { step } = this.#position
      const trained = this.#epochScore()
      if (this.#isWatching) yield* this.#alarms()
      if (validation || epoch === epochs) {
        await this.#turns.take(() => this.#training.refreshStatistics(this.#position))
      }
      // At the last event of an epoch the run is at the beginning of the next one, ready to be stored.
      if (!validation) this.#finishEpoch(trained)
      yield { type: 'epoch', epoch, step, seconds, ...this.#shares(seconds), ...trained }
      if (validation) {
        const scores = features ? features.evaluate(() => this.#substitutes()) : this.evaluator.evaluate(validation)
        const { loss, accuracy, samples } = await scores
        this.#finishEpoch({ loss, accuracy })
        yield { type: 'validation', epoch, step, loss, accuracy, samples }
      }
      throughput.pause()
    }
    await this.#turns.take(() => this.#synchronize())
    yield { type: 'done', step: this.#position.step, seconds: (performance.now() - started) / 1000 }
  }

  /**
   * Ends `run` after the current step; the state is then that at the end of the step. Processes that train together all
   * end after the same step: this one, or the next.
   */
  stop(): void {
    const { distribution } = this.#options
    // Several processes stop at the same step.
    if (distribution && distribution.ranks.count > 1) distribution.stop()
    else this.#stopping = true
  }

  /** Ends `run` after the current epoch, as if it were the last one. */
  finish(): void {
    this.#finishing = true
  }

  /**
   * Everything that {@link restore} needs to continue exactly: all weights, buffers and averages, the state of
   * optimizer and schedule, and the position of the run between two steps.
   */
  async snapshot(): Promise<{ tensors: Map<string, HostTensor>; progress: Progress }> {
    return this.#turns.take(async () => {
      const { feedback } = this.#options.schedule
      const raised = this.#raised.size > 0 && { raised: [...this.#raised] }
      const progress = { ...this.#position, ...raised, ...(feedback && { schedule: feedback.save() }) }
      return { tensors: await this.#state.snapshot(), progress }
    })
  }

  /** Continues from a snapshot. @throws CheckpointError or StateError when it is of another model or optimizer. */
  async restore(snapshot: { tensors: ReadonlyMap<string, HostTensor>; progress: Progress }): Promise<void> {
    await this.#turns.take(async () => {
      const { feedback } = this.#options.schedule
      const { progress } = snapshot
      this.#isAhead = true
      this.#position = { ...beginning, ...progress }
      this.#raised = new Set(Array.isArray(progress.raised) ? progress.raised : [])
      // Tracing a step creates the optimizer's variables for the parameters that are trained in this epoch.
      await this.#executable()
      await this.#state.restore(snapshot)
      if (!feedback) return
      if (progress.schedule === undefined) throw new CheckpointError('the checkpoint has no schedule state')
      feedback.restore(progress.schedule)
    })
  }

  /**
   * Inspects the network on the next batch: how large values and gradients are, which units are dead. Nothing is
   * changed.
   */
  async inspect(): Promise<Health> {
    return this.#turns.take(async () => {
      await this.#sources.features?.compute()
      return this.#training.inspect(this.#position)
    })
  }

  /**
   * Finds where numbers broke: goes back to a snapshot (by default that from the start of this process), repeats the
   * steps up to the broken one, with identical bits, and inspects every layer before that step.
   * @param step at which the loss, or a weight, became NaN or infinite, counted from 1
   * @returns such as `the output of conv2`, or undefined when only the update itself broke. The run cannot continue
   * after this.
   */
  async locateBreak(
    step: number,
    from: Pick<Checkpoint, 'tensors' | 'progress'> | undefined = this.#origin,
  ): Promise<string | undefined> {
    if (!from || from.progress.step >= step) return undefined
    await this.restore(from)
    const { loader } = this.#sources
    while (this.#position.step < step - 1) {
      if (this.#position.batch === 0) loader.startEpoch(this.#position.epoch)
      await this.#step()
      if (this.#position.batch >= loader.batches)
        this.#position = { ...beginning, step: this.#position.step, epoch: this.#position.epoch + 1 }
    }
    return firstBroken(await this.inspect())
  }

  async #synchronize(): Promise<void> {
    if (this.#isAhead) await this.#state.synchronize()
    this.#isAhead = false
  }

  /**
   * Compiles all programs that the run needs, so that one that does not fit into memory fails before the first step.
   * @returns a notice when alarms do not fit and are left out
   */
  async #prepare(): Promise<NoticeEvent[]> {
    const { alarms = false, validation } = this.#options
    const { epoch } = this.#position
    await this.#training.prepare(epoch)
    if (validation && !this.#sources.features) await this.evaluator.prepare(validation)
    this.#isWatching = alarms
    if (!alarms) return []
    try {
      await this.#training.prepareInspections(epoch)
      return []
    } catch (error) {
      return [this.#withoutAlarms(error)]
    }
  }

  /** The problems found after an epoch; each is reported once in a run, even when the run is interrupted. */
  async *#alarms(): AsyncGenerator<NoticeEvent> {
    const { step, epoch } = this.#position
    const rate = this.#training.learningRate(Math.max(0, step - 1))
    try {
      yield* newNotices(alarmsOf(await this.inspect(), rate), this.#raised, { step, epoch })
    } catch (error) {
      yield this.#withoutAlarms(error)
    }
  }

  /** An inspection that fails does not end the training: inspections are switched off. */
  #withoutAlarms(error: unknown): NoticeEvent {
    this.#isWatching = false
    const { step, epoch } = this.#position
    const reason = error instanceof Error ? error.message : String(error)
    return { type: 'notice', kind: 'alarms', step, epoch, message: `the layers are not watched: ${reason}` }
  }

  /** The shares of an epoch's time in which steps waited for images, and processes exchanged gradients. */
  #shares(seconds: number): Pick<EpochEvent, 'waitShare' | 'exchangeShare'> {
    const exchangeShare = this.#options.distribution && { exchangeShare: this.#exchanged / (1000 * seconds) }
    return { waitShare: this.#waited / (1000 * seconds), ...exchangeShare }
  }

  /** One optimizer step. */
  #step(): Promise<Score & { learningRate: number; stop: boolean }> {
    return this.#turns.take(async () => {
      const position = this.#position
      this.#isAhead = true
      const { loss, correct, samples, batches, learningRate, stop, ...times } = await this.#training.take(position)
      this.#waited += times.waited
      this.#exchanged += times.exchanged
      this.#position = {
        ...position,
        batch: position.batch + batches,
        step: position.step + 1,
        epochLoss: position.epochLoss + loss,
        epochCorrect: position.epochCorrect + correct,
        epochSamples: position.epochSamples + samples,
      }
      return { loss: loss / samples, accuracy: correct / samples, samples, learningRate, stop }
    })
  }

  /** Averaged values that evaluation reads instead of the variables. */
  async #substitutes(): Promise<ReadonlyMap<Tensor, Tensor>> {
    // Tracing a step creates the averages.
    if (this.#averages) await this.#executable()
    return this.#averages?.substitutes() ?? new Map()
  }

  /** Passes the score of the epoch to the schedule, and moves to the beginning of the next epoch. */
  #finishEpoch(score: EpochScore): void {
    this.#options.schedule.feedback?.observe(score)
    const { step, epoch } = this.#position
    this.#position = { ...beginning, step, epoch: epoch + 1 }
  }

  #epochScore(): Score {
    const { epochLoss, epochCorrect, epochSamples } = this.#position
    return { loss: epochLoss / epochSamples, accuracy: epochCorrect / epochSamples, samples: epochSamples }
  }

  async #startEvent(): Promise<TrainEvent> {
    const { engine, epochs, model, validation, distribution } = this.#options
    const { memoryBytes } = await this.#executable()
    return {
      type: 'start',
      epochs,
      stepsPerEpoch: this.#training.length.stepsPerEpoch,
      step: this.#position.step,
      trainSamples: this.#sources.loader.samples,
      validationSamples: validation?.indices.length ?? 0,
      parameters: model.countParameters(),
      engine: engine.description,
      arenaBytes: memoryBytes,
      ...(distribution && { ranks: distribution.ranks }),
    }
  }

  /** The compiled step for the first batch of the current epoch. */
  #executable(): Promise<Executable> {
    return this.#training.executable(this.#sources.loader.sizeOf(0), this.#position.epoch)
  }
}
