/**
 * Sums in full precision. The gradients of neighboring layers make a bucket, from the last layers to the first. While a
 * process computes the last of its parts, it exchanges the buckets that are complete, one after another (Li et al. 2020,
 * "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", section 3.2.3).
 *
 * A process's own sum ends in the region: where it has one part, nothing is copied before it is sent.
 */
import { yieldToEvents } from '../async/yieldToEvents.ts'
import type { Region } from '../backends/engine.ts'
import { complete, type Division, OwnSums, type PartSums, type SummedRegion, type SumTask } from './partSums.ts'
import { addInto, type Span, sumOfNodes } from './tree.ts'

/** Bytes of a bucket, at least: 21 ms of a link of 100 Mbit/s, 2 ms of one of 1 Gbit/s. */
export const usualBucketBytes = 2 ** 18

/** Neighboring variables of a region. */
export interface Bucket extends Span {
  /** How many variables there are, and the first of them, in the order of the region. */
  readonly count: number
  readonly first: number
}

/** A region's variables in buckets of at least as many bytes, the last variables first. */
export function bucketsOf({ offsets, length }: Pick<Region, 'offsets' | 'length'>, bytes: number): Bucket[] {
  const buckets: Bucket[] = []
  let [to, end] = [length, offsets.length]
  for (let first = end - 1; first >= 0; first--) {
    const from = offsets[first]!
    if (first > 0 && (to - from) * Float32Array.BYTES_PER_ELEMENT < bytes) continue
    buckets.push({ from, to, first, count: end - first })
    ;[to, end] = [from, first]
  }
  return buckets
}

/** A bucket of a step as a process has it. */
interface OwnBucket {
  /** The bucket's numbers in the region: the sum of the last node of this process that is present. */
  readonly values: Float32Array
  /** The sums of its earlier nodes. */
  readonly earlier: readonly Float32Array[]
  /** Parts of this step that there are. */
  readonly present: number
}

/** Leaves the sum of a bucket over all parts in the region, on every process. */
export type BucketExchange = (bucket: OwnBucket) => Promise<void>

/** Sums whose buckets are exchanged while the last part of a process is computed. */
export class BucketSums implements PartSums {
  readonly #division: Division
  readonly #region: Region
  readonly #buckets: readonly Bucket[]
  /** The bucket of each variable. */
  readonly #bucketOf: readonly number[]
  readonly #own: OwnSums
  /** Sums of this process's nodes but for the last one. */
  readonly #earlier: readonly Float32Array[]
  readonly #exchange: BucketExchange

  /**
   * @param bytes of a bucket, at least
   * @param exchange makes the exchange, given the numbers of the largest bucket
   */
  constructor(
    { division, region }: SummedRegion,
    bytes: number,
    exchange: (division: Division, most: number) => BucketExchange,
  ) {
    this.#division = division
    this.#region = region
    this.#buckets = bucketsOf(region, bytes)
    this.#bucketOf = this.#buckets.flatMap(({ count }, bucket) => new Array<number>(count).fill(bucket)).reverse()
    this.#own = new OwnSums(region.length)
    this.#earlier = this.#nodes.slice(1).map(() => new Float32Array(region.length))
    this.#exchange = exchange(division, Math.max(...this.#buckets.map(({ from, to }) => to - from)))
  }

  async sum(task: SumTask): Promise<number> {
    const { communicator } = this.#division
    const nodes = this.#nodes.filter(({ from }) => from < task.present)
    const last = nodes.pop()
    if (!last) return this.#exchangeAll(task.present)
    for (const [k, node] of nodes.entries()) await this.#own.sum(node, task, this.#earlier[k]!)
    const { part, lefts } = await this.#own.allButLast(last, task)
    const missing = this.#buckets.map(({ count }) => count)
    let [begun, exposed] = [0, 0]
    let exchanged = Promise.resolve()
    communicator.computing = true
    try {
      await task.compute(part, async (values, { updated, isLast }) => {
        const started = performance.now()
        for (const variable of updated) missing[this.#bucketOf[variable]!]!--
        for (; begun < missing.length && (isLast || missing[begun] === 0); begun++) {
          const bucket = this.#buckets[begun]!
          complete(values, lefts, values, bucket)
          exchanged = exchanged.then(() => this.#exchange(this.#ownBucket(bucket, values, nodes.length, task.present)))
          exchanged.catch(() => undefined)
        }
        if (isLast) {
          communicator.computing = false
          await exchanged
        } else if (begun > 0 && communicator.size > 1) await yieldToEvents()
        exposed += performance.now() - started
      })
    } finally {
      communicator.computing = false
    }
    this.#own.release(lefts)
    return exposed
  }

  get #nodes(): readonly Span[] {
    return this.#division.nodes[this.#division.communicator.rank]!
  }

  /** Takes part in the exchange of a step in which this process has no part. */
  async #exchangeAll(present: number): Promise<number> {
    const started = performance.now()
    await this.#region.change(async values => {
      for (const bucket of this.#buckets) await this.#exchange(this.#ownBucket(bucket, values, 0, present))
    })
    return performance.now() - started
  }

  #ownBucket({ from, to }: Bucket, values: Float32Array, earlier: number, present: number): OwnBucket {
    return {
      values: values.subarray(from, to),
      earlier: this.#earlier.slice(0, earlier).map(sum => sum.subarray(from, to)),
      present,
    }
  }
}

/**
 * An exchange whose bits do not depend on the number of processes. Every process gets a stripe of all nodes
 * (all-to-all), adds them in the order of the tree, and gives its stripe of the sum to the others (all-gather): as many
 * bytes as the usual algorithms of a sum.
 */
export function treeExchange({ communicator, nodes, whole }: Division, most: number): BucketExchange {
  const { size } = communicator
  if (size === 1) return async () => undefined
  /** Nodes that a message has room for. */
  const room = Math.max(...nodes.map(({ length }) => length))
  const packed = new Float32Array(room > 1 ? room * most : 0)
  const received = new Float32Array(room * most)
  return async ({ values, earlier, present }) => {
    const stripe = values.length / size
    const own = [...earlier, values]
    // With one node each, its sum is sent as it is.
    const send = room === 1 ? values : packed.subarray(0, room * values.length)
    if (room > 1) {
      for (let to = 0; to < size; to++) {
        for (const [k, sum] of own.entries()) {
          send.set(sum.subarray(to * stripe, (to + 1) * stripe), (to * room + k) * stripe)
        }
      }
    }
    const stripes = received.subarray(0, room * values.length)
    await communicator.allToAll(send, stripes)
    const known = new Map<string, Float32Array>()
    for (const [from, theirs] of nodes.entries()) {
      for (const [k, node] of theirs.entries()) {
        const start = (from * room + k) * stripe
        known.set(keyOf(node), stripes.subarray(start, start + stripe))
      }
    }
    await communicator.allGather(sumOfNodes(whole, present, node => known.get(keyOf(node)))!, values)
  }
}

const keyOf = ({ from, to }: Span): string => `${from} ${to}`

/** Sums by MPI's own `MPI_Allreduce`: their last bits depend on the library and on the number of processes. */
export function libraryExchange({ communicator, own }: Division): BucketExchange {
  return async ({ values, earlier, present }) => {
    if (own.from >= present) values.fill(0)
    for (const sum of earlier) addInto(values, sum)
    await communicator.allReduce(values)
  }
}
