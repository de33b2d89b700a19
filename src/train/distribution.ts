/**
 * The seam at which a step's gradient is computed in parts, on one process or many. `inParts` of `fovea/distributed` is
 * what fits here; the trainer knows no more of it than this.
 */
import type { HostTensor } from '../graph/variable.ts'
import type { Module } from '../nn/module.ts'
import type { AveragedVariables } from '../optim/average.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Program } from '../plan/program.ts'
import type { SampleSource } from './samples.ts'
import type { ResolvedOptions } from './trainerOptions.ts'

/** The processes that train one model together. */
export interface Ranks {
  readonly count: number
  /** The host of each. */
  readonly hosts: readonly string[]
  /** Parts of a batch; every process computes some of them. */
  readonly parts: number
  /** How gradients are exchanged: `tree`, `allReduce` or `oneBit`. */
  readonly exchange: string
  /** What carries them: `Open MPI 4.1.4`, or `one process`. */
  readonly by: string
}

/** How a batch is divided into parts, and who computes which. */
export interface Distribution {
  /** Parts that every batch is cut into, whatever the number of processes. */
  readonly parts: number
  readonly ranks: Ranks
  /** This process's share of an evaluation; absent where one process does all of it. */
  readonly share: EvaluationShare | undefined
  /** Whether this process computes a part of a step that has `parts` of them. */
  isOwn(part: number, parts: number): boolean
  /** Asks all processes to stop after the same step. */
  stop(): void
  /** The steps of a run. */
  begin(tools: StepTools): PartedSteps
}

/** Evaluation by several processes: each takes every `size`-th batch. */
export interface EvaluationShare {
  readonly rank: number
  readonly size: number
  /** Fills in the numbers of the other processes: the sum over all, where each has zeros in the places of the others. */
  merge(values: Int32Array): Promise<void>
}

/** What steps in parts are made of. */
export interface StepTools {
  readonly options: ResolvedOptions
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
   * @returns milliseconds it waited for its images
   */
  run(part: number, inputs: Readonly<Record<string, number>>): Promise<number>
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
  /** The program of the gradient of a part. */
  gradientProgram(batch: number, epoch: number): Program
  /** Compiles the update of an epoch. */
  prepare(epoch: number): Promise<void>
  take(step: PartedStep): Promise<PartedResult>
  /** What a checkpoint needs besides: every process has to ask, and gets the same. */
  snapshot(): Promise<Map<string, HostTensor>>
  /** @throws CheckpointError when something is missing */
  restore(tensors: ReadonlyMap<string, HostTensor>): void
}
