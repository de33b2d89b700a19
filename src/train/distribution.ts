/**
 * The seam at which a step's gradient is computed in parts, on one process or many. `inParts` of `fovea/distributed` is
 * what fits here; the trainer knows no more of it than this.
 */
import type { Engine, RunOptions } from '../backends/engine.ts'
import type { HostTensor } from '../graph/variable.ts'
import type { Loss } from '../nn/losses.ts'
import type { Module } from '../nn/module.ts'
import type { AveragedVariables } from '../optim/average.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Penalty } from '../optim/penalty.ts'
import type { Program } from '../plan/program.ts'
import type { EvaluationShare, Ranks } from './ranks.ts'
import type { SampleSource } from './samples.ts'

/** How a batch is divided into parts, and who computes which. */
export interface Distribution {
  /** Parts that every batch is cut into, whatever the number of processes. */
  readonly parts: number
  readonly ranks: Ranks
  /** Whether batch norm normalizes over all parts of a step, instead of each by itself. */
  readonly syncBatchNorm: boolean
  /** This process's share of an evaluation; absent where one process does all of it. @internal */
  readonly share: EvaluationShare | undefined
  /** Whether this process computes a part of a step that has `parts` of them. @internal */
  isOwn(part: number, parts: number): boolean
  /** Asks all processes to stop after the same step. */
  stop(): void
  /** The steps of a run. @internal */
  begin(tools: StepTools): PartedSteps
}

/** What steps in parts are made of. */
export interface StepTools {
  readonly engine: Engine
  readonly loss: Loss
  readonly penalty: Penalty | undefined
  /** Whether the momentum is scheduled. */
  readonly scheduledMomentum: boolean
  /** Parts of a step, but for the last one of an epoch. */
  readonly parts: number
  /** Whether parameters are unfrozen during the run. */
  readonly thaws: boolean
  readonly source: SampleSource
  readonly traced: Module
  readonly averages: AveragedVariables | undefined
  /** Number of classes when labels are probabilities. */
  readonly softLabels: number | undefined
  /** The optimizer of an epoch, which skips what is frozen in it. */
  optimizerIn(epoch: number): Optimizer
}

/** Values of a step that its update reads. */
export interface StepRates {
  readonly learningRate: number
  readonly momentum: number | undefined
  readonly averaging: number | undefined
}

/** A program of a part's gradient. */
export interface PartPlace {
  /** Number of the program; a part takes several when sums over all parts are needed in the middle. */
  readonly stage: number
  /** What is kept from stage to stage has a lane for each part that a process computes. */
  readonly lane: number
}

/** One step, as its caller sees it. */
export interface PartedStep {
  readonly epoch: number
  /** Steps done before. */
  readonly step: number
  /** Images of each part. */
  readonly sizes: readonly number[]
  readonly rates: StepRates
  /**
   * Runs the gradient program of a part.
   * @param inputs more of its inputs
   * @param options of the run
   * @returns milliseconds it waited for its images
   */
  run(part: number, inputs: Readonly<Record<string, number>>, options: RunOptions, place: PartPlace): Promise<number>
}

/** Result of a step in parts; equal on all processes but for times. */
export interface PartedResult {
  /** Sum of the losses of all images, and the number of those that were classified correctly, before the update. */
  readonly loss: number
  readonly correct: number
  /** Milliseconds spent waiting for images, and exchanging. */
  readonly waited: number
  readonly exchanged: number
  /** True when a process has asked to stop. */
  readonly stop: boolean
}

/** The steps of a run in parts. */
export interface PartedSteps {
  /** A program of the gradient of a part. The first stage reads all inputs, others none. */
  gradientProgram(batch: number, epoch: number, place: PartPlace): Program
  /** All programs that a part of an epoch may need. */
  places(epoch: number): readonly PartPlace[]
  /** Compiles the update of an epoch. */
  prepare(epoch: number): Promise<void>
  take(step: PartedStep): Promise<PartedResult>
  /** What a checkpoint needs besides: every process has to ask, and gets the same. */
  snapshot(): Promise<Map<string, HostTensor>>
  /** @throws CheckpointError when something is missing */
  restore(tensors: ReadonlyMap<string, HostTensor>): void
}
