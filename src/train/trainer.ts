/**
 * The training loop: sample a batch, forward, backward, update, and say so. `Trainer.run` is the whole of it; the
 * rest of this file makes the programs it runs, and stores and restores its state.
 */

import type { Executable } from '../backends/engine.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { crossEntropy } from '../nn/losses.ts'
import { loadState } from '../nn/state.ts'
import { GradientAccumulator } from '../optim/accumulate.ts'
import { AveragedVariables } from '../optim/average.ts'
import type { PathPattern } from '../optim/patterns.ts'
import type { EpochScore } from '../optim/schedule.ts'
import { constant } from '../optim/schedules.ts'
import type { Program } from '../plan/program.ts'
import { breathe } from './breathe.ts'
import { type Checkpoint, CheckpointError, type Progress, type StoredTensor, tensorsOf } from './checkpoint.ts'
import { Evaluator, type Samples } from './evaluate.ts'
import type { NoticeEvent, Score, TrainEvent } from './events.ts'
import { freezing, frozenIn } from './freezing.ts'
import {
  alarmsOf,
  firstBroken,
  type Health,
  type HealthProgram,
  healthProgram,
  initialLossNotice,
  newNotices,
} from './health.ts'
import { statisticsProgram, trainingProgram } from './programs.ts'
import { type Sources, sourcesOf } from './sources.ts'
import { Throughput } from './throughput.ts'
import { beginning, checkOptions, hasInput, type ResolvedOptions, type TrainerOptions } from './trainerOptions.ts'

export type { TrainerOptions } from './trainerOptions.ts'

/**
 * A training run that can be stopped and continued at any step.
 *
 * @example
 * const trainer = new Trainer({ model, train, engine, optimizer: sgd({ lr: 0.05, momentum: 0.9 }), epochs: 3 })
 * for await (const event of trainer.run()) if (event.type === 'epoch') console.log(event.accuracy)
 */
export class Trainer {
  readonly evaluator: Evaluator
  private readonly options: ResolvedOptions
  private readonly sources: Sources
  private readonly programs = new Map<string, Promise<Executable>>()
  private readonly accumulator: GradientAccumulator | undefined
  private readonly averages: AveragedVariables | undefined
  private position = beginning
  private stopping = false
  private finishing = false
  /** Where this process began, to go back to when numbers break before the first checkpoint. */
  private origin: ReturnType<Trainer['snapshot']> | undefined
  private readonly looks = new Map<string, HealthProgram>()
  private raised = new Set<string>()
  /** Milliseconds of this epoch in which steps waited for images. */
  private waited = 0

  /**
   * @throws RangeError when `epochs` or `accumulate` is not a whole number of at least 1; ShapeError and DatasetError when model
   * and images do not fit each other: another number of outputs than classes, one class only, or no batch to train on.
   */
  constructor(options: TrainerOptions) {
    const { batchSize = 128, accumulate = 1, seed = 0, loss = crossEntropy(), schedule = constant() } = options
    const { engine, model, average, dropLast = false } = options
    this.options = { ...options, batchSize, dropLast, accumulate, seed, loss, schedule }
    checkOptions(this.options)
    this.sources = sourcesOf(this.options)
    this.accumulator = accumulate > 1 ? new GradientAccumulator() : undefined
    this.averages = average && new AveragedVariables(model.variables())
    this.evaluator = new Evaluator(engine, model, this.sources.shape, () => this.substitutes())
  }

  /** Trains until the last epoch is done, or `stop` is called. */
  async *run(): AsyncGenerator<TrainEvent> {
    try {
      yield* this.epochs()
    } finally {
      await this.sources.loader.close?.()
    }
  }

  private async *epochs(): AsyncGenerator<TrainEvent> {
    const { epochs, validation } = this.options
    const { loader, features, notices } = this.sources
    const started = performance.now()
    const throughput = new Throughput()
    yield await this.startEvent()
    yield* newNotices(notices, this.raised, this.position)
    if (this.options.alarms) this.origin = this.snapshot()
    if (features && this.position.epoch <= epochs && !this.finishing) {
      yield* features.events(this.position, () => this.stopping)
      if (this.stopping) return
    }
    throughput.pause()

    while (this.position.epoch <= epochs && !this.finishing) {
      const { epoch } = this.position
      const epochStarted = performance.now()
      loader.startEpoch(epoch, this.position.batch)
      this.waited = 0
      while (this.position.batch < loader.batches) {
        const { samples, ...result } = await this.step()
        const imagesPerSecond = throughput.add(samples)
        yield { type: 'step', step: this.position.step, epoch, ...result, imagesPerSecond }
        if (this.options.alarms && this.position.step === 1)
          yield* initialLossNotice(result.loss, this.options.loss, loader)
        if (this.stopping) return
        await breathe()
      }
      const seconds = (performance.now() - epochStarted) / 1000
      const { step } = this.position
      const trained = this.epochScore()
      if (this.options.alarms) yield* this.alarms()
      if (validation || epoch === epochs) await this.refreshStatistics()
      // The last event of an epoch finds the run at the beginning of the next, ready to be stored.
      if (!validation) this.finishEpoch(trained)
      yield { type: 'epoch', epoch, step, seconds, waitShare: this.waited / (1000 * seconds), ...trained }
      if (validation) {
        const scores = features ? features.evaluate(() => this.substitutes()) : this.evaluator.evaluate(validation)
        const { loss, accuracy, samples } = await scores
        this.finishEpoch({ loss, accuracy })
        yield { type: 'validation', epoch, step, loss, accuracy, samples }
      }
      throughput.pause()
    }
    this.synchronize()
    yield { type: 'done', step: this.position.step, seconds: (performance.now() - started) / 1000 }
  }

  /** Ends `run` after the step that is under way; the state is then that of the step's end. */
  stop(): void {
    this.stopping = true
  }

  /** Ends `run` after the epoch that is under way, as if it were the last one. */
  finish(): void {
    this.finishing = true
  }

  /**
   * All weights, buffers and averages, the state of optimizer and schedule, and where the run is: what {@link restore} needs
   * to continue exactly.
   */
  snapshot(): { tensors: Map<string, StoredTensor>; progress: Progress } {
    const { engine, model, schedule } = this.options
    const tensors = new Map<string, StoredTensor>()
    for (const [part, variables] of [['model', model.variables()] as const, ...this.states()]) {
      for (const [path, variable] of variables) {
        tensors.set(`${part}.${path}`, { shape: variable.shape, values: engine.read(variable) })
      }
    }
    const { feedback } = schedule
    const raised = this.raised.size > 0 && { raised: [...this.raised] }
    return { tensors, progress: { ...this.position, ...raised, ...(feedback && { schedule: feedback.save() }) } }
  }

  /** Continues from a snapshot. @throws CheckpointError or StateError when it is of another model or optimizer. */
  async restore(snapshot: { tensors: ReadonlyMap<string, StoredTensor>; progress: Progress }): Promise<void> {
    const { model, optimizer, schedule, engine } = this.options
    this.position = { ...beginning, ...snapshot.progress }
    this.raised = new Set(Array.isArray(snapshot.progress.raised) ? snapshot.progress.raised : [])
    // Tracing a step makes the optimizer's variables: those of the parameters that are trained in this epoch.
    await this.program(this.sources.loader.sizeOf(0))
    loadState(model, tensorsOf(snapshot, 'model'))
    for (const variable of model.variables().values()) engine.write(variable, variable.value)
    for (const [part, variables] of this.states()) {
      const stored = tensorsOf(snapshot, part)
      for (const [name, variable] of variables) {
        const tensor = stored.get(name)
        // What is thawed in this very epoch has no state yet.
        if (!tensor && this.options.freeze?.some(({ until }) => until !== undefined)) continue
        if (!tensor)
          throw new CheckpointError(
            `the checkpoint has no ${part} state '${name}'; was it made with ${optimizer.name}?`,
          )
        engine.write(variable, tensor.values)
      }
    }
    if (schedule.feedback) {
      if (snapshot.progress.schedule === undefined) throw new CheckpointError('the checkpoint has no schedule state')
      schedule.feedback.restore(snapshot.progress.schedule)
    }
  }

  /**
   * A look at the network on the batch that is next: how large values and gradients are, which units are dead. Nothing is
   * changed.
   */
  async inspect(): Promise<Health> {
    const { accumulate, loss, optimizer, seed } = this.options
    const { frozen } = this
    const { loader, traced, features } = this.sources
    await features?.compute()
    // At the end of an epoch its first batch is looked at.
    const batch = this.position.batch % loader.batches
    const size = loader.sizeOf(batch)
    const key = `health ${size} ${frozen.length}`
    const soft = loader.softLabels ? loader.dataset.classes.length : undefined
    const look =
      this.looks.get(key) ?? healthProgram(traced, loader.shape, size, loss, freezing(optimizer, frozen), soft)
    this.looks.set(key, look)
    const program = await this.compiled(key, () => look.program)
    loader.startEpoch(this.position.epoch, batch)
    await loader.fill(batch, program.input('images') as Samples, program.input('labels') as Int32Array | Float32Array)
    if (hasInput(program, 'key')) program.input('key').set([seed, this.position.step * accumulate])
    await program.run()
    return look.read(program)
  }

  /**
   * Finds where numbers broke: goes back to a snapshot (by default that of this process's beginning), repeats the steps up to the
   * broken one, which gives the same bits, and looks at every layer before it.
   * @param step at which the loss, or a weight, became no finite number, counted from 1
   * @returns such as `the output of conv2`, or undefined when only the update itself broke. The run cannot go on after this.
   */
  async locateBreak(
    step: number,
    from: Pick<Checkpoint, 'tensors' | 'progress'> | undefined = this.origin,
  ): Promise<string | undefined> {
    if (!from || from.progress.step >= step) return undefined
    await this.restore(from)
    const { loader } = this.sources
    while (this.position.step < step - 1) {
      if (this.position.batch === 0) loader.startEpoch(this.position.epoch)
      await this.step()
      if (this.position.batch >= loader.batches)
        this.position = { ...beginning, step: this.position.step, epoch: this.position.epoch + 1 }
    }
    return firstBroken(await this.inspect())
  }

  /** What is not as it should be after an epoch; each thing once in a run, also when it is interrupted. */
  private async *alarms(): AsyncGenerator<NoticeEvent> {
    const { optimizer, schedule } = this.options
    const { step, epoch } = this.position
    const rate = optimizer.defaults.lr * schedule(Math.max(0, step - 1), this.length.totalSteps)
    yield* newNotices(alarmsOf(await this.inspect(), rate), this.raised, { step, epoch })
  }

  /** What is stored besides the model, by part of a checkpoint. */
  private states(): [part: string, variables: ReadonlyMap<string, Variable>][] {
    const optimizer = this.options.optimizer.state()
    return [
      ['optimizer', optimizer],
      ...(this.averages ? [['average', this.averages.state()] as [string, Map<string, Variable>]] : []),
    ]
  }

  /** Copies the engine's values of the model, averaged where there are averages, back to its host values. */
  private synchronize(): void {
    const { model, engine } = this.options
    const averages = this.averages?.state()
    for (const [path, variable] of model.variables()) variable.setValue(engine.read(averages?.get(path) ?? variable))
  }

  /** Steps of the run and of an epoch. */
  private get length(): { totalSteps: number; stepsPerEpoch: number } {
    const stepsPerEpoch = Math.ceil(this.sources.loader.batches / this.options.accumulate)
    return { totalSteps: this.options.epochs * stepsPerEpoch, stepsPerEpoch }
  }

  /** One optimizer step: the batches of the step, one after another; with the last of them the weights change. */
  private async step(): Promise<Score & { learningRate: number }> {
    const { accumulate, average, momentum, optimizer, schedule, seed } = this.options
    const { position } = this
    const { loader } = this.sources
    const { batch: first, step } = position
    const { totalSteps } = this.length
    const learningRate = optimizer.defaults.lr * schedule(step, totalSteps)
    const rates = {
      learningRate,
      momentum: momentum?.(step, totalSteps),
      averaging: average?.rate(step, this.length),
    }
    const count = Math.min(accumulate, loader.batches - first)
    const sizes = Array.from({ length: count }, (_, part) => loader.sizeOf(first + part))
    const samples = sizes.reduce((sum, size) => sum + size, 0)
    let loss = 0
    let correct = 0
    for (const [part, size] of sizes.entries()) {
      const program = await this.program(size, part === count - 1)
      const asked = performance.now()
      const labels = program.input('labels') as Int32Array | Float32Array
      await loader.fill(first + part, program.input('images') as Samples, labels)
      this.waited += performance.now() - asked
      for (const [name, values] of Object.entries({
        ...rates,
        share: size / samples,
        key: [seed, step * accumulate + part],
      })) {
        if (values !== undefined && hasInput(program, name)) program.input(name).set([values].flat())
      }
      await program.run()
      loss += program.output('loss')[0] * size
      correct += Math.round(program.output('accuracy')[0] * size)
    }
    this.position = {
      ...position,
      batch: first + count,
      step: step + 1,
      epochLoss: position.epochLoss + loss,
      epochCorrect: position.epochCorrect + correct,
      epochSamples: position.epochSamples + samples,
    }
    return { loss: loss / samples, accuracy: correct / samples, samples, learningRate }
  }

  /** Fits the averages of running statistics to the averaged weights, when the average asks for it. */
  private async refreshStatistics(): Promise<void> {
    const { averages, position } = this
    const { loader } = this.sources
    const { average, seed } = this.options
    const batches = average?.statisticsBatches ?? 0
    if (!averages || batches === 0 || average?.rate(position.step - 1, this.length) === 1) return
    const labels = new (loader.softLabels ? Float32Array : Int32Array)(loader.batchSize * loader.dataset.classes.length)
    for (let done = 0; done < batches; done++) {
      const batch = done % loader.batches
      if (batch === 0) loader.startEpoch(position.epoch)
      const size = loader.sizeOf(batch)
      const program = await this.compiled(`statistics ${size}`, () =>
        statisticsProgram(this.sources.traced, loader.shape, size, averages),
      )
      if (!hasInput(program, 'images')) return // the model keeps no statistics
      await loader.fill(batch, program.input('images') as Samples, labels)
      if (hasInput(program, 'key')) program.input('key').set([seed, done])
      await program.run()
    }
  }

  /** What evaluation reads in place of the variables. */
  private async substitutes(): Promise<ReadonlyMap<Tensor, Tensor>> {
    // Tracing a step makes the averages.
    if (this.averages) await this.program(this.sources.loader.sizeOf(0))
    return this.averages?.substitutes() ?? new Map()
  }

  /** Tells the schedule the score of the epoch, and goes to the beginning of the next. */
  private finishEpoch(score: EpochScore): void {
    this.options.schedule.feedback?.observe(score)
    const { step, epoch } = this.position
    this.position = { ...beginning, step, epoch: epoch + 1 }
  }

  private epochScore(): Score {
    const { epochLoss, epochCorrect, epochSamples } = this.position
    return { loss: epochLoss / epochSamples, accuracy: epochCorrect / epochSamples, samples: epochSamples }
  }

  private async startEvent(): Promise<TrainEvent> {
    const { engine, epochs, model, validation } = this.options
    const { plan } = await this.program(this.sources.loader.sizeOf(0))
    return {
      type: 'start',
      epochs,
      stepsPerEpoch: this.length.stepsPerEpoch,
      step: this.position.step,
      trainSamples: this.sources.loader.samples,
      validationSamples: validation?.indices.length ?? 0,
      parameters: model.countParameters(),
      engine: engine.description,
      arenaBytes: plan.arenaBytes + plan.scratchBytes * engine.description.threads,
    }
  }

  /**
   * The compiled step for a batch size; the last batch of an epoch may have one of its own.
   * @param last false for a batch whose gradient is only added to the others' of the step
   */
  private program(batch: number, last = true): Promise<Executable> {
    const { loss, penalty, momentum } = this.options
    const { frozen } = this
    const { loader, traced } = this.sources
    return this.compiled(`${batch} ${last} ${frozen.length}`, () =>
      trainingProgram(traced, loader.shape, batch, loss, freezing(this.options.optimizer, frozen), {
        softLabels: loader.softLabels ? loader.dataset.classes.length : undefined,
        penalty,
        scheduledMomentum: momentum !== undefined,
        average: this.averages,
        accumulation: this.accumulator && { into: this.accumulator, last },
      }),
    )
  }

  /** What is frozen in the epoch under way. */
  private get frozen(): readonly PathPattern[] {
    return frozenIn(this.options.freeze ?? [], this.position.epoch)
  }

  private compiled(key: string, make: () => Program): Promise<Executable> {
    const known = this.programs.get(key) ?? this.options.engine.compile(make())
    this.programs.set(key, known)
    return known
  }
}
