/** What the watch and the server ask of a run that is watched, of whatever kind. */
import type { Follower, Place } from './logTail.node.ts'
import type { CurveReply, RunSummary, ScalarChoice, SearchSummary, StepReply } from './protocol.ts'

/** The run. */
export interface Watched {
  readonly key: number
  readonly name: string
  /** Of its folder, without links. */
  readonly path: string
  readonly isRead: boolean
  readonly isRunning: boolean
  /** Bytes of memory that its steps take. */
  readonly bytes: number
  /** When it was last asked for, counted by the watch; 0 for never. */
  asked: number
  /** The search whose trial it is, as the watch knows it. */
  search: SearchSummary | undefined
  /** Gives its steps back; they are read again when they are asked for. */
  forget(): void
  /** Ends a reading that is under way. */
  end(): void
  /** Reads what the folder says besides the log. */
  look(): Promise<void>
  /** Reads on in the log. One that cannot be read is a problem of this run alone. */
  read(): Promise<void>
  /** Follows its log from a place on. */
  follow(place: Place): Follower
  /**
   * The curve of some steps, with all that the log has now: whoever follows it by a stream knows nothing that was written before and is
   * not in the curve.
   * @param choice of tags, for a run of scalars
   */
  curve(from: number, to: number, most: number, choice?: ScalarChoice): Promise<CurveReply>
  /** What the log says of a step, or of the last one before it. */
  at(step: number, choice?: ScalarChoice): Promise<StepReply>
  /** The list's row. @returns undefined when it is what the last call told */
  news(): RunSummary | undefined
  summary(): RunSummary
}
