/**
 * The training loop: sample a batch, forward, backward, update, and say so. `Trainer.run` is the whole of it; the
 * rest of this file makes the programs it runs, and stores and restores its state.
 */
import type { Engine, Executable } from '../backends/engine.ts'
import { BatchLoader } from '../data/loader.ts'
import type { Subset } from '../data/split.ts'
import { crossEntropy, type Loss } from '../nn/losses.ts'
import type { Module } from '../nn/module.ts'
import { loadState } from '../nn/state.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Schedule } from '../optim/schedules.ts'
import { constant } from '../optim/schedules.ts'
import { breathe } from './breathe.ts'
import { CheckpointError, type Progress, type StoredTensor, tensorsOf } from './checkpoint.ts'
import { Evaluator } from './evaluate.ts'
import type { Score, TrainEvent } from './events.ts'
import { trainingProgram } from './programs.ts'
import { Throughput } from './throughput.ts'

/** What to train, on what, and how. */
export interface TrainerOptions {
  readonly model: Module
  readonly train: Subset
  /** Scored after every epoch. */
  readonly validation?: Subset
  readonly engine: Engine
  readonly optimizer: Optimizer
  /** Multiplies the optimizer's learning rate; constant by default. */
  readonly schedule?: Schedule
  /** Softmax cross-entropy by default. */
  readonly loss?: Loss
  readonly epochs: number
  /** Images per step, 128 by default. */
  readonly batchSize?: number
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
  private readonly options: Required<Omit<TrainerOptions, 'validation'>> & Pick<TrainerOptions, 'validation'>
  private readonly loader: BatchLoader
  private readonly programs = new Map<number, Promise<Executable>>()
  private position = beginning
  private stopping = false

  /** @throws RangeError when `epochs` is not a whole number of at least 1. */
  constructor(options: TrainerOptions) {
    const { epochs, batchSize = 128, seed = 0, loss = crossEntropy(), schedule = constant() } = options
    if (!Number.isInteger(epochs) || epochs < 1) {
      throw new RangeError(`trainer: epochs (=${epochs}) must be a whole number of at least 1`)
    }
    this.options = { ...options, batchSize, seed, loss, schedule }
    this.loader = new BatchLoader(options.train, { batchSize, seed })
    this.evaluator = new Evaluator(options.engine, options.model, options.train.dataset.shape)
  }

  /** Trains until the last epoch is done, or `stop` is called. */
  async *run(): AsyncGenerator<TrainEvent> {
    const { epochs, validation, optimizer, schedule, seed } = this.options
    const { loader } = this
    const started = performance.now()
    const throughput = new Throughput()
    const totalSteps = epochs * loader.batches
    yield await this.startEvent()
    throughput.pause()

    while (this.position.epoch <= epochs) {
      const { epoch } = this.position
      const epochStarted = performance.now()
      loader.startEpoch(epoch)
      while (this.position.batch < loader.batches) {
        const { batch, step } = this.position
        const program = await this.program(loader.sizeOf(batch))
        const size = loader.fill(batch, program.input('images') as Uint8Array, program.input('labels') as Int32Array)
        const learningRate = optimizer.defaults.lr * schedule(step, totalSteps)
        program.input('learningRate')[0] = learningRate
        if (this.randomKey(program)) program.input('key').set([seed, step])
        await program.run()
        const loss = program.output('loss')[0]
        const accuracy = program.output('accuracy')[0]
        this.advance(size, loss, accuracy)
        yield {
          type: 'step',
          step: step + 1,
          epoch,
          loss,
          accuracy,
          learningRate,
          imagesPerSecond: throughput.add(size),
        }
        if (this.stopping) return
        await breathe()
      }
      const seconds = (performance.now() - epochStarted) / 1000
      const { step } = this.position
      yield { type: 'epoch', epoch, step, seconds, ...this.epochScore() }
      if (validation) {
        const { loss, accuracy, samples } = await this.evaluator.evaluate(validation)
        yield { type: 'validation', epoch, step, loss, accuracy, samples }
      }
      this.position = { ...beginning, step, epoch: epoch + 1 }
      throughput.pause()
    }
    this.synchronize()
    yield { type: 'done', step: this.position.step, seconds: (performance.now() - started) / 1000 }
  }

  /** Ends `run` after the step that is under way; the state is then that of the step's end. */
  stop(): void {
    this.stopping = true
  }

  /** All weights, buffers and optimizer state, and where the run is: what {@link restore} needs to continue exactly. */
  snapshot(): { tensors: Map<string, StoredTensor>; progress: Progress } {
    const { model, optimizer, engine } = this.options
    const tensors = new Map<string, StoredTensor>()
    for (const [part, variables] of [
      ['model', model.variables()],
      ['optimizer', optimizer.state()],
    ] as const) {
      for (const [path, variable] of variables) {
        tensors.set(`${part}.${path}`, { shape: variable.shape, values: engine.read(variable) })
      }
    }
    return { tensors, progress: this.position }
  }

  /** Continues from a snapshot. @throws CheckpointError or StateError when it is of another model or optimizer. */
  async restore(snapshot: { tensors: ReadonlyMap<string, StoredTensor>; progress: Progress }): Promise<void> {
    const { model, optimizer, engine } = this.options
    // Tracing a step makes the optimizer's variables.
    await this.program(this.loader.sizeOf(0))
    loadState(model, tensorsOf(snapshot, 'model'))
    for (const variable of model.variables().values()) engine.write(variable, variable.value)
    const stored = tensorsOf(snapshot, 'optimizer')
    for (const [name, variable] of optimizer.state()) {
      const tensor = stored.get(name)
      if (!tensor)
        throw new CheckpointError(
          `the checkpoint has no optimizer state '${name}'; was it made with ${optimizer.name}?`,
        )
      engine.write(variable, tensor.values)
    }
    this.position = { ...beginning, ...snapshot.progress }
  }

  /** Copies the engine's values of the model back to its host values. */
  private synchronize(): void {
    const { model, engine } = this.options
    for (const variable of model.variables().values()) variable.value.set(engine.read(variable))
  }

  private advance(size: number, loss: number, accuracy: number): void {
    const { position } = this
    this.position = {
      ...position,
      batch: position.batch + 1,
      step: position.step + 1,
      epochLoss: position.epochLoss + loss * size,
      epochCorrect: position.epochCorrect + Math.round(accuracy * size),
      epochSamples: position.epochSamples + size,
    }
  }

  private epochScore(): Score {
    const { epochLoss, epochCorrect, epochSamples } = this.position
    return { loss: epochLoss / epochSamples, accuracy: epochCorrect / epochSamples, samples: epochSamples }
  }

  private async startEvent(): Promise<TrainEvent> {
    const { engine, epochs, model, train, validation } = this.options
    const { plan } = await this.program(this.loader.sizeOf(0))
    let parameters = 0
    for (const parameter of model.parameters().values()) parameters += parameter.value.length
    return {
      type: 'start',
      epochs,
      stepsPerEpoch: this.loader.batches,
      step: this.position.step,
      trainSamples: train.indices.length,
      validationSamples: validation?.indices.length ?? 0,
      parameters,
      engine: engine.description,
      arenaBytes: plan.arenaBytes + plan.scratchBytes * engine.description.threads,
    }
  }

  /** The compiled step for a batch size; the last batch of an epoch may have one of its own. */
  private program(batch: number): Promise<Executable> {
    const { engine, model, train, loss, optimizer } = this.options
    const known =
      this.programs.get(batch) ?? engine.compile(trainingProgram(model, train.dataset.shape, batch, loss, optimizer))
    this.programs.set(batch, known)
    return known
  }

  private randomKey(program: Executable): boolean {
    return program.plan.inputs.some(({ source }) => source?.kind === 'input' && source.name === 'key')
  }
}

/**
 * Trains a model and yields what happens; at the end the model's host values are the trained ones.
 * @example for await (const event of fit({ model, train, engine, optimizer, epochs: 3 })) console.log(event)
 */
export function fit(options: TrainerOptions): AsyncGenerator<TrainEvent> {
  return new Trainer(options).run()
}
