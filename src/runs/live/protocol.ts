/** What the Lab's server tells its page of runs. */
import type { Axis } from '../../study/space.ts'
import type { ScalarRole } from '../eventLine.ts'
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
  /** Where somebody has paused its training; and the learning rate of its last step. */
  readonly isPaused?: boolean
  readonly rate?: number
  /** Of a trial of a search. */
  readonly trial?: TrialSummary
  /** True for a run of others, of which there are event files of TensorBoard: it has no recipe, no epochs and no checkpoints. */
  readonly isScalars?: boolean
}

/** What a run is in a search. */
export interface TrialSummary {
  /** Name of the search. */
  readonly search: string
  /** Its values of the searched fields, in the order of the search's axes; null where its recipe has none. */
  readonly values: readonly TrialValue[]
}

/** A value of a searched field: what is no text and no number is its JSON. */
export type TrialValue = string | number | boolean | null

/** A study by `fovea search`, whose trials are runs of the list. */
export interface SearchSummary {
  /** Path in the folder of runs, with `/`. */
  readonly name: string
  readonly strategy: string
  /** What its trials are judged by, on images that were held out. */
  readonly metric: 'accuracy' | 'loss'
  /** The searched fields with their ranges. */
  readonly axes: readonly { readonly field: string; readonly axis: Axis }[]
}

/** An event of the stream: runs that are new or have changed, keys of those that are gone, and all searches when they have changed. */
export interface RunsNews {
  readonly runs: readonly RunSummary[]
  readonly gone: readonly number[]
  readonly searches?: readonly SearchSummary[]
}

/** A run's curve in some range of steps, and where its log stood. */
export interface CurveReply {
  readonly key: number
  /** Where the stream goes on: `offset:mark`. */
  readonly place: string
  readonly story: Story
  readonly curve: CurveData
  /** Of a run of scalars. */
  readonly scalars?: ScalarsReply
}

/** What there is to be shown of a run of scalars, and the tags that are. */
export interface ScalarsReply {
  readonly tags: readonly ScalarTag[]
  readonly shown: { readonly [role in ScalarRole]?: string }
}

/** A tag. */
export interface ScalarTag {
  readonly tag: string
  /** Whether its values are shares or percentages, so that it may stand for the accuracy. */
  readonly isShare: boolean
}

/** Tags that a page wants to be shown; without one, what is known by its name as a loss or an accuracy. */
export interface ScalarChoice {
  readonly loss?: string | undefined
  readonly accuracy?: string | undefined
}

/** What the log says of one step, as it is written there; none before the first. */
export interface StepReply {
  readonly key: number
  readonly step?: number
  readonly loss?: number | string
  readonly accuracy?: number
  readonly seconds?: number
}

/** The network of a run, as a page can make it, and its checkpoints. */
export interface NetworkReply {
  /** Newest first. */
  readonly checkpoints: readonly CheckpointSummary[]
  /** Of the run; none where a page cannot make its network. */
  readonly recipe?: unknown
  /** Why it cannot. */
  readonly problem?: string
}

/** A checkpoint. */
export interface CheckpointSummary {
  readonly step: number
  readonly isLast: boolean
  /** By its validation score. */
  readonly isBest: boolean
}

/** Runs that are drawn at once. */
export const mostChosen = 20
/** Buckets of a curve that is asked for. */
export const mostBuckets = 4096
