/**
 * The training loop: sample a batch, forward, backward, update, and say so. `Trainer.run` is the whole of it; the
 * rest of this file makes the programs it runs, and stores and restores its state.
 */

import type { Augmentation } from '../augment/compose.ts'
import type { Engine, Executable } from '../backends/engine.ts'
import type { BatchSource, LoaderFactory } from '../data/batches.ts'
import { createLoader } from '../data/createLoader.ts'
import type { ImageCollection } from '../data/dataset.ts'
import type { Subset } from '../data/split.ts'
import type { Variable } from '../graph/variable.ts'
import { crossEntropy, type Loss } from '../nn/losses.ts'
import type { Module } from '../nn/module.ts'
import { loadState } from '../nn/state.ts'
import { GradientAccumulator } from '../optim/accumulate.ts'
import { AveragedVariables, type WeightAverage } from '../optim/average.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Penalty } from '../optim/penalty.ts'
import type { EpochScore, Schedule } from '../optim/schedule.ts'
import { constant } from '../optim/schedules.ts'
import type { Program } from '../plan/program.ts'
import { breathe } from './breathe.ts'
import { CheckpointError, type Progress, type StoredTensor, tensorsOf } from './checkpoint.ts'
import { Evaluator } from './evaluate.ts'
import type { Score, TrainEvent } from './events.ts'
import { statisticsProgram, trainingProgram } from './programs.ts'
import { Throughput } from './throughput.ts'

/** What to train, on what, and how. */
export interface TrainerOptions {
  readonly model: Module
  /** Images to train on, or a source of batches of its own (`streamBatches`), whose options are then its own too. */
  readonly train: Subset<ImageCollection> | BatchSource
  /** What is done to the images of each epoch, a function of (seed, epoch, image); nothing by default. */
  readonly augment?: Augmentation
  /** What makes the batches: `createLoader`, on this thread, by default; `workerLoader()` in other threads. */
  readonly loader?: LoaderFactory
  /** Scored after every epoch. */
  readonly validation?: Subset<ImageCollection>
  readonly engine: Engine
  readonly optimizer: Optimizer
  /** Multiplies the optimizer's learning rate; constant by default. */
  readonly schedule?: Schedule
  /** The optimizer's momentum in each step, in place of its own: see `oneCycleMomentum`. Its own by default. */
  readonly momentum?: Schedule
  /** Softmax cross-entropy by default. */
  readonly loss?: Loss
  readonly epochs: number
  /** A term of the objective that depends on the weights alone. */
  readonly penalty?: Penalty
  /** Images per batch, 128 by default. */
  readonly batchSize?: number
  /**
   * Batches per step, 1 by default: their gradients are accumulated into that of the images of all of them. The last step of
   * an epoch may have fewer.
   */
  readonly accumulate?: number
  /** An average of the weights, with which the model is evaluated; at the end it is what the model's host values are. */
  readonly average?: WeightAverage
  /** Decides the order of the images and all random operations; 0 by default. */
  readonly seed?: number
}

/** Where a run is within its epoch, with the sums its epoch event will need. */
interface Position extends Progress {
  readonly epochLoss: number
  readonly epochCorrect: number
  readonly epochSamples: number
}

const beginning: Position = { epoch: 1, batch: 0, step: 0, epochLoss: 0, epochCorrect: 0, epochSamples: 0 }

/**
 * A training run that can be stopped and continued at any step.
 *
 * @example
 * const trainer = new Trainer({ model, train, engine, optimizer: sgd({ lr: 0.05, momentum: 0.9 }), epochs: 3 })
 * for await (const event of trainer.run()) if (event.type === 'epoch') console.log(event.accuracy)
 */
export class Trainer {
  readonly evaluator: Evaluator
  private readonly options: TrainerOptions &
    Required<Pick<TrainerOptions, 'schedule' | 'loss' | 'batchSize' | 'accumulate' | 'seed'>>
  private readonly loader: BatchSource
  private readonly programs = new Map<string, Promise<Executable>>()
  private readonly accumulator: GradientAccumulator | undefined
  private readonly averages: AveragedVariables | undefined
  private position = beginning
  private stopping = false
  /** Milliseconds of this epoch in which steps waited for images. */
  private waited = 0

  /** @throws RangeError when `epochs` or `accumulate` is not a whole number of at least 1. */
  constructor(options: TrainerOptions) {
    const { epochs, batchSize = 128, accumulate = 1, seed = 0, loss = crossEntropy(), schedule = constant() } = options
    for (const [name, value] of Object.entries({ epochs, accumulate })) {
      if (Number.isInteger(value) && value >= 1) continue
      throw new RangeError(`trainer: ${name} (=${value}) must be a whole number of at least 1`)
    }
    const { engine, model, train, average } = options
    this.options = { ...options, batchSize, accumulate, seed, loss, schedule }
    this.loader = loaderOf(train, { ...options, batchSize, seed })
    this.accumulator = accumulate > 1 ? new GradientAccumulator() : undefined
    this.averages = average && new AveragedVariables(model.variables())
    this.evaluator = new Evaluator(engine, model, this.loader.shape, async () => {
      // Tracing a step makes the averages.
      if (this.averages) await this.program(this.loader.sizeOf(0))
      return this.averages?.substitutes() ?? new Map()
    })
  }

  /** Trains until the last epoch is done, or `stop` is called. */
  async *run(): AsyncGenerator<TrainEvent> {
    try {
      yield* this.epochs()
    } finally {
      await this.loader.close?.()
    }
  }

  private async *epochs(): AsyncGenerator<TrainEvent> {
    const { epochs, validation } = this.options
    const { loader } = this
    const started = performance.now()
    const throughput = new Throughput()
    yield await this.startEvent()
    throughput.pause()

    while (this.position.epoch <= epochs) {
      const { epoch } = this.position
      const epochStarted = performance.now()
      loader.startEpoch(epoch, this.position.batch)
      this.waited = 0
      while (this.position.batch < loader.batches) {
        const { samples, ...result } = await this.step()
        const imagesPerSecond = throughput.add(samples)
        yield { type: 'step', step: this.position.step, epoch, ...result, imagesPerSecond }
        if (this.stopping) return
        await breathe()
      }
      const seconds = (performance.now() - epochStarted) / 1000
      const { step } = this.position
      const trained = this.epochScore()
      if (validation || epoch === epochs) await this.refreshStatistics()
      // The last event of an epoch finds the run at the beginning of the next, ready to be stored.
      if (!validation) this.finishEpoch(trained)
      yield { type: 'epoch', epoch, step, seconds, waitShare: this.waited / (1000 * seconds), ...trained }
      if (validation) {
        const { loss, accuracy, samples } = await this.evaluator.evaluate(validation)
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
    return { tensors, progress: { ...this.position, ...(feedback && { schedule: feedback.save() }) } }
  }

  /** Continues from a snapshot. @throws CheckpointError or StateError when it is of another model or optimizer. */
  async restore(snapshot: { tensors: ReadonlyMap<string, StoredTensor>; progress: Progress }): Promise<void> {
    const { model, optimizer, schedule, engine } = this.options
    // Tracing a step makes the optimizer's variables.
    await this.program(this.loader.sizeOf(0))
    loadState(model, tensorsOf(snapshot, 'model'))
    for (const variable of model.variables().values()) engine.write(variable, variable.value)
    for (const [part, variables] of this.states()) {
      const stored = tensorsOf(snapshot, part)
      for (const [name, variable] of variables) {
        const tensor = stored.get(name)
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
    this.position = { ...beginning, ...snapshot.progress }
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
    for (const [path, variable] of model.variables()) variable.value.set(engine.read(averages?.get(path) ?? variable))
  }

  /** Steps of the run and of an epoch. */
  private get length(): { totalSteps: number; stepsPerEpoch: number } {
    const stepsPerEpoch = Math.ceil(this.loader.batches / this.options.accumulate)
    return { totalSteps: this.options.epochs * stepsPerEpoch, stepsPerEpoch }
  }

  /** One optimizer step: the batches of the step, one after another; with the last of them the weights change. */
  private async step(): Promise<Score & { learningRate: number }> {
    const { accumulate, average, momentum, optimizer, schedule, seed } = this.options
    const { loader, position } = this
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
      await loader.fill(first + part, program.input('images') as Uint8Array, labels)
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
    const { loader, averages, position } = this
    const { average, model, seed } = this.options
    const batches = average?.statisticsBatches ?? 0
    if (!averages || batches === 0 || average?.rate(position.step - 1, this.length) === 1) return
    const labels = new (loader.softLabels ? Float32Array : Int32Array)(loader.batchSize * loader.dataset.classes.length)
    for (let done = 0; done < batches; done++) {
      const batch = done % loader.batches
      if (batch === 0) loader.startEpoch(position.epoch)
      const size = loader.sizeOf(batch)
      const program = await this.compiled(`statistics ${size}`, () =>
        statisticsProgram(model, loader.shape, size, averages),
      )
      if (!hasInput(program, 'images')) return // the model keeps no statistics
      await loader.fill(batch, program.input('images') as Uint8Array, labels)
      if (hasInput(program, 'key')) program.input('key').set([seed, done])
      await program.run()
    }
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
    const { plan } = await this.program(this.loader.sizeOf(0))
    let parameters = 0
    for (const parameter of model.parameters().values()) parameters += parameter.value.length
    return {
      type: 'start',
      epochs,
      stepsPerEpoch: this.length.stepsPerEpoch,
      step: this.position.step,
      trainSamples: this.loader.samples,
      validationSamples: validation?.indices.length ?? 0,
      parameters,
      engine: engine.description,
      arenaBytes: plan.arenaBytes + plan.scratchBytes * engine.description.threads,
    }
  }

  /**
   * The compiled step for a batch size; the last batch of an epoch may have one of its own.
   * @param last false for a batch whose gradient is only added to the others' of the step
   */
  private program(batch: number, last = true): Promise<Executable> {
    const { model, loss, optimizer, penalty, momentum } = this.options
    const { loader } = this
    return this.compiled(`${batch} ${last}`, () =>
      trainingProgram(model, loader.shape, batch, loss, optimizer, {
        softLabels: loader.softLabels ? loader.dataset.classes.length : undefined,
        penalty,
        scheduledMomentum: momentum !== undefined,
        average: this.averages,
        accumulation: this.accumulator && { into: this.accumulator, last },
      }),
    )
  }

  private compiled(key: string, make: () => Program): Promise<Executable> {
    const known = this.programs.get(key) ?? this.options.engine.compile(make())
    this.programs.set(key, known)
    return known
  }
}

/** The source of a run's batches. */
function loaderOf(
  train: Subset<ImageCollection> | BatchSource,
  options: Pick<TrainerOptions, 'augment' | 'loader'> & { readonly batchSize: number; readonly seed: number },
): BatchSource {
  if ('fill' in train) return train
  const { augment, loader = createLoader, batchSize, seed } = options
  return loader(train, { batchSize, seed, ...(augment && { augment }) })
}

function hasInput(program: Executable, name: string): boolean {
  return program.plan.inputs.some(({ source }) => source?.kind === 'input' && source.name === name)
}

/**
 * Trains a model and yields what happens; at the end the model's host values are the trained ones.
 * @example for await (const event of fit({ model, train, engine, optimizer, epochs: 3 })) console.log(event)
 */
export function fit(options: TrainerOptions): AsyncGenerator<TrainEvent> {
  return new Trainer(options).run()
}
