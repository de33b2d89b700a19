/**
 * One step of training: the programs for each batch size, their inputs, and their results. The number of the step is an
 * argument; nothing here remembers the position of a run.
 */
import { Kept } from '../async/kept.ts'
import type { Executable, RunOptions } from '../backends/engine.ts'
import type { Module } from '../nn/module.ts'
import { GradientAccumulator } from '../optim/accumulate.ts'
import type { AveragedVariables, RunLength } from '../optim/average.ts'
import type { PathPattern } from '../optim/patterns.ts'
import { factorOf } from '../optim/schedule.ts'
import { MemoryError } from '../plan/memoryError.ts'
import type { Program } from '../plan/program.ts'
import type { Progress } from './checkpoint.ts'
import type { PartedStep, PartedSteps, PartPlace } from './distribution.ts'
import { freezing, frozenIn } from './freezing.ts'
import { type Health, type HealthProgram, healthProgram } from './health.ts'
import { largestBatch } from './largestBatch.ts'
import { statisticsProgram, trainingProgram } from './programs.ts'
import { BatchMemory, inputsFor, type SampleSource } from './samples.ts'
import type { ResolvedOptions } from './trainerOptions.ts'

/** Result of a step. */
export interface StepResult {
  /** Sum of the losses of its samples, before the update. */
  readonly loss: number
  /** Samples that were classified correctly, before the update. */
  readonly correct: number
  readonly samples: number
  /** Batches it took from the source. */
  readonly batches: number
  readonly learningRate: number
  /** Milliseconds it waited for its samples. */
  readonly waited: number
  /** Milliseconds it exchanged gradients with other processes, and whether one of them has asked to stop. */
  readonly exchanged: number
  readonly stop: boolean
}

/** Scalars that the program of a step reads; undefined where it reads none of that name. */
type StepInputs = Readonly<Record<string, number | undefined>>

/** The only program of a batch, but for parts that take several. */
const firstPlace: PartPlace = { stage: 0, lane: 0 }

/** The steps of a run, and inspections of what they would do. They share memory for a batch: one at a time. */
export class TrainingStep {
  readonly #options: ResolvedOptions
  readonly #source: SampleSource
  /** The module that steps are traced from: the model, or the part of it that follows the cached features. */
  readonly #traced: Module
  readonly #averages: AveragedVariables | undefined
  readonly #accumulator: GradientAccumulator | undefined
  readonly #executables = new Kept<string, Executable>()
  readonly #healthPrograms = new Map<string, HealthProgram>()
  readonly #memory: BatchMemory
  /** Present when gradients are computed in parts. */
  readonly parted: PartedSteps | undefined

  constructor(options: ResolvedOptions, source: SampleSource, traced: Module, averages: AveragedVariables | undefined) {
    this.#options = options
    this.#source = source
    this.#traced = traced
    this.#averages = averages
    this.#accumulator = options.accumulate > 1 ? new GradientAccumulator() : undefined
    this.#memory = new BatchMemory(source)
    const { engine, loss, penalty, momentum, accumulate, freeze = [] } = options
    this.parted = options.distribution?.begin({
      engine,
      loss,
      penalty,
      scheduledMomentum: momentum !== undefined,
      parts: accumulate,
      thaws: freeze.some(({ until }) => until !== undefined),
      source,
      traced,
      averages,
      softLabels: this.#softLabels,
      optimizerIn: epoch => freezing(options.optimizer, this.#frozenIn(epoch)),
    })
  }

  /** Numbers of steps in the run and in an epoch. */
  get length(): RunLength {
    const stepsPerEpoch = Math.ceil(this.#source.batches / this.#options.accumulate)
    return { totalSteps: this.#options.epochs * stepsPerEpoch, stepsPerEpoch }
  }

  /** The learning rate of a step, counted from 0. */
  learningRate(step: number): number {
    const { optimizer, schedule, steering } = this.#options
    const scheduled = optimizer.defaults.lr * factorOf(schedule, step, this.length.totalSteps)
    return steering ? steering.rateOf(step, scheduled) : scheduled
  }

  /**
   * The compiled step for a batch size in an epoch; the last batch of an epoch may have its own.
   * @param last false for a batch whose gradient is only added to the other gradients of the step
   * @param place which of the programs of a part
   */
  async executable(batch: number, epoch: number, last = true, place = firstPlace): Promise<Executable> {
    await this.parted?.prepare(epoch)
    const { stage, lane } = place
    // In parts, a step has an update of its own, so that its last part is like the others.
    const key = `${batch} ${last || this.parted !== undefined} ${this.#frozenIn(epoch).length} ${lane} ${stage}`
    return this.#compiled(key, () => this.#program(batch, epoch, last, place))
  }

  /**
   * Compiles all programs for the steps of an epoch and later ones: for all batch sizes, later unfreezing, and running
   * statistics.
   * @throws MemoryError when something does not fit; it names the largest batch that does, where the engine knows its limit.
   */
  async prepare(from: number): Promise<void> {
    for (const epoch of this.#phases(from)) {
      for (const [size, last] of this.#parts()) {
        try {
          for (const place of this.parted?.places(epoch) ?? [firstPlace]) {
            await this.executable(size, epoch, last, place)
          }
        } catch (error) {
          throw error instanceof MemoryError ? this.#withCure(error, size, epoch, last) : error
        }
      }
    }
    for (const size of this.#statisticsSizes()) await this.#statistics(size)
  }

  /**
   * Compiles what {@link inspect} runs, starting at an epoch, on first batches.
   * @throws MemoryError when one does not fit.
   */
  async prepareInspections(from: number): Promise<void> {
    for (const epoch of this.#phases(from)) await this.#inspectionOf(this.#source.sizeOf(0), epoch)
  }

  /** Takes the batches of a step, one after another; the last one changes the weights. */
  async take({ epoch, batch: first, step }: Progress): Promise<StepResult> {
    const { accumulate, average, momentum, seed } = this.#options
    const { totalSteps } = this.length
    const learningRate = this.learningRate(step)
    const rates = {
      learningRate,
      momentum: momentum && factorOf(momentum, step, totalSteps, 'momentum'),
      averaging: average?.rate(step, this.length),
    }
    const count = Math.min(accumulate, this.#source.batches - first)
    const sizes = Array.from({ length: count }, (_, part) => this.#source.sizeOf(first + part))
    const samples = sizes.reduce((sum, size) => sum + size, 0)
    const run = async (part: number, inputs: StepInputs, options?: RunOptions, place = firstPlace) => {
      const size = sizes[part]
      const executable = await this.executable(size, epoch, part === count - 1, place)
      const asked = performance.now()
      const batch = place.stage === 0 ? await this.#memory.fill(first + part) : {}
      const waited = performance.now() - asked
      const more = { share: size / samples, key: [seed, step * accumulate + part] }
      const outputs = await executable.run(inputsFor(executable, { ...batch, ...inputs, ...more }), options)
      return { waited, outputs }
    }
    const taken = { samples, batches: count, learningRate }
    if (this.parted) {
      const runPart: PartedStep['run'] = async (...given) => (await run(...given)).waited
      return { ...(await this.parted.take({ epoch, step, sizes, rates, run: runPart })), ...taken }
    }
    const result = { loss: 0, correct: 0, waited: 0, exchanged: 0, stop: false }
    for (const [part, size] of sizes.entries()) {
      const { waited, outputs } = await run(part, rates)
      result.waited += waited
      result.loss += outputs.loss[0] * size
      result.correct += Math.round(outputs.accuracy[0] * size)
    }
    return { ...result, ...taken }
  }

  /** Inspects the next batch: how large values and gradients are, which units are dead. Nothing is changed. */
  async inspect({ epoch, batch: next, step }: Progress): Promise<Health> {
    const { accumulate, seed } = this.#options
    const source = this.#source
    // At the end of an epoch its first batch is inspected.
    const batch = next % source.batches
    const { health, executable } = await this.#inspectionOf(source.sizeOf(batch), epoch)
    source.startEpoch(epoch, batch)
    const images = await this.#memory.fill(batch)
    // The source continues where it was.
    if (next < source.batches) source.startEpoch(epoch, next)
    return health.read(await executable.run(inputsFor(executable, { ...images, key: [seed, step * accumulate] })))
  }

  /** Fits the averages of running statistics to the averaged weights, if the average asks for that. */
  async refreshStatistics({ epoch, step }: Progress): Promise<void> {
    const { average, seed } = this.#options
    const source = this.#source
    if (!this.#averages || average?.rate(step - 1, this.length) === 1) return
    for (let done = 0; done < (average?.statisticsBatches ?? 0); done++) {
      const batch = done % source.batches
      if (batch === 0) source.startEpoch(epoch)
      const executable = await this.#statistics(source.sizeOf(batch))
      if (!executable?.inputs.has('images')) return // the model keeps no statistics
      const { images } = await this.#memory.fill(batch)
      await executable.run(inputsFor(executable, { images, key: [seed, done] }))
    }
  }

  #program(batch: number, epoch: number, last: boolean, place = firstPlace): Program {
    if (this.parted) return this.parted.gradientProgram(batch, epoch, place)
    const { loss, optimizer, penalty, momentum } = this.#options
    return trainingProgram(this.#traced, this.#source.shape, batch, loss, freezing(optimizer, this.#frozenIn(epoch)), {
      softLabels: this.#softLabels,
      penalty,
      scheduledMomentum: momentum !== undefined,
      average: this.#averages,
      accumulation: this.#accumulator && { into: this.#accumulator, last },
    })
  }

  async #inspectionOf(size: number, epoch: number): Promise<{ health: HealthProgram; executable: Executable }> {
    const { loss, optimizer } = this.#options
    const frozen = this.#frozenIn(epoch)
    const key = `health ${size} ${frozen.length}`
    const health =
      this.#healthPrograms.get(key) ??
      healthProgram(this.#traced, this.#source.shape, size, loss, freezing(optimizer, frozen), this.#softLabels)
    this.#healthPrograms.set(key, health)
    return { health, executable: await this.#compiled(key, () => health.program) }
  }

  /** The forward pass that fits running statistics to averaged weights; none without averages. */
  async #statistics(size: number): Promise<Executable | undefined> {
    const averages = this.#averages
    if (!averages) return undefined
    return this.#compiled(`statistics ${size}`, () =>
      statisticsProgram(this.#traced, this.#source.shape, size, averages),
    )
  }

  #statisticsSizes(): Set<number> {
    const count = Math.min(this.#options.average?.statisticsBatches ?? 0, this.#source.batches)
    return new Set(Array.from({ length: count }, (_, batch) => this.#source.sizeOf(batch)))
  }

  /** The given epoch, and each later epoch in which the set of trained parameters changes. */
  #phases(from: number): number[] {
    const { epochs, freeze = [] } = this.#options
    const thaws = freeze.flatMap(({ until }) => (until !== undefined && until > from && until <= epochs ? [until] : []))
    return [from, ...new Set(thaws.sort((a, b) => a - b))]
  }

  /** The kinds of batches of an epoch: their sizes, and whether they end a step. */
  #parts(): (readonly [size: number, last: boolean])[] {
    const { accumulate } = this.#options
    const { batches } = this.#source
    const parts = Array.from({ length: batches }, (_, batch) => {
      const last = (batch + 1) % accumulate === 0 || batch === batches - 1
      return [`${this.#source.sizeOf(batch)} ${last}`, [this.#source.sizeOf(batch), last]] as const
    })
    return [...new Map(parts).values()]
  }

  #withCure({ need }: MemoryError, size: number, epoch: number, last: boolean): MemoryError {
    const { engine } = this.#options
    const refused = `a step on ${size} images does not fit`
    if (!Number.isFinite(need.limit)) return new MemoryError(need, `${refused}; use a smaller batch`)
    const bytesOf = (batch: number): number => engine.memoryFor(this.#program(batch, epoch, last)).bytes
    const fits = largestBatch(bytesOf, size, need.limit)
    const cure =
      fits === undefined
        ? 'not even a batch of one sample fits; use smaller images or a smaller network'
        : `${refused}; the largest batch that does is ${fits}`
    return new MemoryError(need, cure)
  }

  get #softLabels(): number | undefined {
    return this.#source.softLabels ? this.#source.dataset.classes.length : undefined
  }

  #frozenIn(epoch: number): readonly PathPattern[] {
    return frozenIn(this.#options.freeze ?? [], epoch)
  }

  #compiled(key: string, make: () => Program): Promise<Executable> {
    return this.#executables.of(key, () => this.#options.engine.compile(make()))
  }
}
