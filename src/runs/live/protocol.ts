/** What the Lab's server tells its page of runs. */
import type { CurveData } from './curve.ts'
import type { Story, StoryScore } from './runStory.ts'

/** States of a run: `failed` when a loss was no number, or the process ended without a word. */
export type RunState = 'running' | 'paused' | 'done' | 'failed'

/** A run in the list. */
export interface RunSummary {
  /** Number by which the server knows it. */
  readonly key: number
  /** Path in the folder of runs, with `/`. */
  readonly name: string
  readonly model: string
  readonly data: string
  readonly state: RunState
  /** Why it failed, a sentence. */
  readonly why?: string
  /** False while its log is read for the first time. */
  readonly isRead: boolean
  readonly step: number
  /** Epochs that are complete by their scores or steps, and in total. */
  readonly epoch: number
  readonly epochs: number
  readonly stepsPerEpoch: number
  /** Scores on images that were held out: after the last epoch, and the one with the highest accuracy. */
  readonly last?: StoryScore
  readonly best?: StoryScore
  /** Accuracy on the test images, of a run that is finished. */
  readonly test?: number
  /** ISO 8601 in UTC; empty before the first event. */
  readonly began: string
  /** Seconds spent in its steps. */
  readonly seconds: number
}

/** An event of the stream: runs that are new or have changed, and keys of those that are gone. */
export interface RunsNews {
  readonly runs: readonly RunSummary[]
  readonly gone: readonly number[]
}

/** A run's curve in some range of steps, and where its log stood. */
export interface CurveReply {
  readonly key: number
  /** Where the stream goes on: `offset:mark`. */
  readonly place: string
  readonly story: Story
  readonly curve: CurveData
}

/** What the log says of one step, as it is written there; none before the first. */
export interface StepReply {
  readonly key: number
  readonly step?: number
  readonly loss?: number | string
  readonly accuracy?: number
  readonly seconds?: number
}

/** Runs that are drawn at once. */
export const mostChosen = 20
/** Buckets of a curve that is asked for. */
export const mostBuckets = 4096
