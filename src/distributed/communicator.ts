/** What processes that train together need of each other: collective operations, as in MPI. */

/** Arrays that are exchanged. */
export type Exchanged = Float32Array | Float64Array | Int32Array | Uint8Array

/** How {@link Communicator.allReduce} joins numbers. */
export type Reduction = 'sum' | 'min' | 'max'

/**
 * A group of processes. Every operation is collective: all processes must call the same operations in the same order,
 * with arrays of the same type and length. Arrays must not be touched before the operation is done; they may be views of
 * shared memory.
 *
 * When a process does not answer in time, an operation throws a {@link SilenceError}.
 */
export interface Communicator {
  /** Number of this process, from 0. */
  readonly rank: number
  /** Number of processes. */
  readonly size: number
  /** The host of each process. */
  readonly hosts: readonly string[]
  /** What carries the numbers, for people: `Open MPI 4.1.4`. */
  readonly name: string
  /**
   * Whether this process computes while operations are under way; false at first, and set by who computes. If so they
   * go on only when the event loop turns, and do not count the time as silence of the others; if not, they wait.
   */
  computing: boolean
  /** Copies the numbers of one process, `root` (0 by default), to all others. */
  broadcast(values: Exchanged, root?: number): Promise<void>
  /**
   * Gathers the numbers of all processes everywhere.
   * @param all `size` times as long as `mine`, by rank
   * @throws RangeError for other lengths, or more than 2³¹ − 1 bytes of one process
   */
  allGather<T extends Exchanged>(mine: T, all: T): Promise<void>
  /**
   * Sends a stripe to every process, and receives one from each.
   * @param send one stripe for each process, by rank
   * @param receive as long; one stripe from each process, by rank
   * @throws RangeError for lengths that are not equal multiples of `size`, or more than 2³¹ − 1 bytes in a stripe
   */
  allToAll<T extends Exchanged>(send: T, receive: T): Promise<void>
  /**
   * Joins the numbers of all processes, place by place, and leaves the result everywhere. The order of a sum is the
   * library's: it may differ between libraries, numbers of processes and, in the last bits, even runs.
   */
  allReduce(values: Float32Array | Float64Array | Int32Array, reduction?: Reduction): Promise<void>
  /** Waits until all processes have come here. */
  barrier(): Promise<void>
  /**
   * Ends all processes at once, this one included, in bounded time; for errors that the others cannot know of.
   * @param code exit code
   */
  abort(code: number): never
  /** Leaves the group, after all processes have come here. Nothing can be exchanged any more. */
  close(): Promise<void>
}

/** Thrown when processes have not answered in time. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError'
  /** The processes that are silent; empty when it cannot be told which. */
  readonly ranks: readonly number[]

  constructor(message: string, ranks: readonly number[]) {
    super(message)
    this.ranks = ranks
  }
}

/** A process for people: `rank 2 on node7`. */
export const nameOf = ({ hosts }: Pick<Communicator, 'hosts'>, rank: number): string =>
  `rank ${rank} on ${hosts[rank] ?? 'an unknown host'}`

/**
 * Checks the arrays of an operation.
 * @throws RangeError when they do not fit, or a stripe has more bytes than MPI can count
 */
export function checkStripes(
  what: string,
  whole: readonly Exchanged[],
  size: number,
  stripe = whole[0]!.length / size,
) {
  for (const { length } of whole) {
    if (Number.isInteger(stripe) && length === stripe * size) continue
    throw new RangeError(`${what}: an array of ${length} numbers, expected ${size} equal stripes, one for each process`)
  }
  const bytes = stripe * whole[0]!.BYTES_PER_ELEMENT
  if (bytes > mostBytes) throw new RangeError(`${what}: ${bytes} bytes in a stripe; at most ${mostBytes} can be sent`)
}

/** Most bytes in one message: MPI counts in `int`. */
export const mostBytes = 2 ** 31 - 1
