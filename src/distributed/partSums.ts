/** What is summed over the parts of a step, who computes which, and the sums of one process over its own parts. */
import type { Region, RegionPause } from '../backends/engine.ts'
import type { Communicator } from './communicator.ts'
import type { Layer } from './oneBit.ts'
import { childrenOf, isPart, nodesWithin, partsOf, type Span } from './tree.ts'

/**
 * Computes a part into the region of its gradient, and shows it in pauses, as {@link Region.changeDuring} does.
 * @param use called with the region's values, valid during the call; numbers of variables that have come may be changed
 */
export type ComputePart = (
  part: number,
  use: (values: Float32Array, pause: RegionPause) => void | Promise<void>,
) => Promise<void>

/** What is summed. */
export interface SumTask {
  /** Parts of this step that there are; the last step of an epoch may have fewer. */
  readonly present: number
  readonly compute: ComputePart
  /** Steps done before. */
  readonly step: number
}

/** What is summed where. */
export interface SummedRegion {
  readonly division: Division
  /** Its variables begin at multiples of the number of processes. */
  readonly region: Region
  /** The gradients in it. */
  readonly layers: readonly Layer[]
}

/** A way to sum over all parts. */
export interface PartSums {
  /**
   * Leaves the sum over all parts in the region, on every process.
   * @returns milliseconds spent exchanging, waiting for others included, that nothing was computed in
   */
  sum(task: SumTask): Promise<number>
}

/** The parts of a step, and who computes which. */
export class Division {
  readonly communicator: Communicator
  readonly whole: Span
  /** The parts of this process. */
  readonly own: Span
  /** The process that computes each part, the first part of each process, and the most that one has. */
  readonly owners: readonly number[]
  readonly starts: readonly number[]
  readonly mostParts: number
  /** The largest nodes of the tree that each process computes alone. */
  readonly nodes: readonly (readonly Span[])[]

  /** @throws RangeError when there are fewer parts than processes */
  constructor(communicator: Communicator, parts: number) {
    const { rank, size } = communicator
    if (size > parts) {
      throw new RangeError(`${size} processes cannot share ${parts} parts: a batch must be cut into at least as many`)
    }
    const spans = Array.from({ length: size }, (_, other) => partsOf(other, size, parts))
    this.communicator = communicator
    this.whole = { from: 0, to: parts }
    this.own = spans[rank]!
    this.owners = spans.flatMap(({ from, to }, other) => new Array<number>(to - from).fill(other))
    this.starts = spans.map(({ from }) => from)
    this.mostParts = Math.max(...spans.map(({ from, to }) => to - from))
    this.nodes = spans.map(span => nodesWithin(span, this.whole))
  }
}

/** The last part of a node that is to be computed, and what its sum completes. */
export interface LastPart {
  readonly part: number
  /** The sums of the branches to its left, the nearest first: each is added to the left of what is right of it. */
  readonly lefts: readonly Float32Array[]
}

/**
 * Adds to the values of a node's last part what is left of it, in single precision: `v ← left + v` for each branch.
 * @param into may be the values, or one of the branches
 */
export function complete(
  values: Float32Array,
  lefts: readonly Float32Array[],
  into: Float32Array,
  { from, to }: Span = { from: 0, to: values.length },
): void {
  if (lefts.length === 0 && into !== values) into.set(values.subarray(from, to), from)
  let right = values
  for (const left of lefts) {
    for (let k = from; k < to; k++) into[k] = left[k]! + right[k]!
    right = into
  }
}

/** Sums of nodes that one process computes alone, in the order of the tree. */
export class OwnSums {
  readonly #length: number
  readonly #spare: Float32Array[] = []

  /** @param length numbers of a sum */
  constructor(length: number) {
    this.#length = length
  }

  /** Sums a node, of which some part is present. */
  async sum(node: Span, task: Pick<SumTask, 'present' | 'compute'>, into: Float32Array): Promise<void> {
    const { part, lefts } = await this.allButLast(node, task)
    await task.compute(part, (values, { isLast }) => {
      if (isLast) complete(values, lefts, into)
    })
    this.release(lefts)
  }

  /** Computes a node but for its last part. The sums are the caller's until it releases them. */
  async allButLast(
    node: Span,
    task: Pick<SumTask, 'present' | 'compute'>,
    lefts: readonly Float32Array[] = [],
  ): Promise<LastPart> {
    if (isPart(node)) return { part: node.from, lefts }
    const [left, right] = childrenOf(node)
    if (right.from >= task.present) return this.allButLast(left, task, lefts)
    const sum = this.#spare.pop() ?? new Float32Array(this.#length)
    await this.sum(left, task, sum)
    return this.allButLast(right, task, [sum, ...lefts])
  }

  release(sums: readonly Float32Array[]): void {
    this.#spare.push(...sums)
  }
}
