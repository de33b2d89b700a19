/** Training in parts, on one process or many: what a trainer takes as its `distribution`. */
import type { Distribution } from '../train/distribution.ts'
import { BucketSums, libraryExchange, treeExchange, usualBucketBytes } from './bucketSums.ts'
import type { Communicator } from './communicator.ts'
import { OneBitSums, PartErrors } from './oneBitSums.ts'
import { type Exchange, RunInParts } from './partedSteps.ts'
import { soloCommunicator } from './solo.ts'
import { partsOf } from './tree.ts'

/** Gradients in full precision. */
export interface FullExchange {
  readonly name: 'tree' | 'allReduce'
  /**
   * Bytes of gradients that are exchanged together, at least, 262,144 by default: while they are under way, the gradients
   * of earlier layers are computed. Larger buckets cost fewer messages, and leave more to wait for at the end.
   */
  readonly bucketBytes?: number | undefined
}

/** 1-bit gradients with error feedback. */
export interface OneBitExchange {
  readonly name: 'oneBit'
  /** Steps in full precision at the start of a run, 0 by default: while weights move fast, signs say too little. */
  readonly fullSteps?: number | undefined
}

/** How gradients are exchanged, by name or with options. */
export type ExchangeOptions = 'tree' | 'allReduce' | 'oneBit' | FullExchange | OneBitExchange

/** Options of {@link inParts}. */
export interface InPartsOptions {
  /** Parts that every batch is cut into, 8 by default: at least as many as processes. */
  readonly parts?: number
  /** The processes that train together; this one alone by default. */
  readonly communicator?: Communicator
  /**
   * `'tree'` (the default): the same bits for any number of processes. `'allReduce'`: MPI's own sum, whose last bits
   * depend on the library and on the number of processes. `'oneBit'`: one bit for each number (Seide et al. 2014), the
   * same bits for any number of processes; what that loses stays with the part and is added to its next gradient.
   */
  readonly exchange?: ExchangeOptions
  /**
   * True for batch norm over the undivided batch: its sums are exchanged in the middle of each step, twice on the way
   * forward and once on the way back. False by default: batch norm normalizes each part by itself.
   */
  readonly syncBatchNorm?: boolean
}

/** The parts of a batch when nothing else is said. */
export const usualParts = 8

/**
 * The distribution of a run whose batches are cut into parts. The gradient is that of the whole batch; the weights are
 * the same, bit for bit, for any number of processes, and for one without MPI. A distribution serves one trainer.
 * @throws RangeError when `parts` is not a whole number of at least 1, or less than the number of processes, and for
 *   buckets of no bytes.
 * @example
 * const communicator = await openMpi()
 * const distribution = inParts({ parts: 8, communicator })
 * const trainer = new Trainer({ model, train, engine, optimizer: sgd({ lr: 0.05 }), epochs: 3, distribution })
 * for await (const event of trainer.run()) if (event.type === 'epoch' && communicator.rank === 0) console.log(event.accuracy)
 * await communicator.close()
 */
export function inParts(options: InPartsOptions = {}): Distribution {
  const { parts = usualParts, communicator = soloCommunicator(), exchange = 'tree', syncBatchNorm = false } = options
  if (!Number.isInteger(parts) || parts < 1) {
    throw new RangeError(`inParts: parts (=${parts}) must be a whole number of at least 1`)
  }
  const { rank, size, hosts, name } = communicator
  const chosen: ChosenExchange = typeof exchange === 'string' ? { name: exchange } : exchange
  const { bucketBytes = usualBucketBytes } = chosen
  if (!(bucketBytes > 0)) throw new RangeError(`inParts: bucketBytes (=${bucketBytes}) must be a number above 0`)
  const make = makers[chosen.name]
  if (!make)
    throw new RangeError(`inParts: exchange (=${chosen.name}) must be one of ${Object.keys(makers).join(', ')}`)
  const wish = { stop: false }
  return {
    parts,
    ranks: { count: size, hosts, parts, exchange: chosen.name, by: name },
    syncBatchNorm,
    share: size > 1 ? { rank, size, merge: values => communicator.allReduce(values) } : undefined,
    isOwn(part, count) {
      const { from, to } = partsOf(rank, size, count)
      return part >= from && part < to
    },
    stop() {
      wish.stop = true
    },
    begin(tools) {
      return new RunInParts(tools, { communicator, exchange: make({ ...chosen, bucketBytes }), wish, syncBatchNorm })
    },
  }
}

/** An exchange by any name, with what options it has. */
interface ChosenExchange {
  readonly name: string
  readonly bucketBytes?: number | undefined
  readonly fullSteps?: number | undefined
}

const makers: Readonly<Record<string, (options: ChosenExchange & { readonly bucketBytes: number }) => Exchange>> = {
  tree: ({ bucketBytes }) => ({ sums: summed => new BucketSums(summed, bucketBytes, treeExchange) }),
  allReduce: ({ bucketBytes }) => ({ sums: summed => new BucketSums(summed, bucketBytes, libraryExchange) }),
  oneBit({ fullSteps = 0, bucketBytes }) {
    const errors = new PartErrors()
    return {
      errors,
      sums: summed => new OneBitSums(summed, errors, new BucketSums(summed, bucketBytes, treeExchange), fullSteps),
    }
  },
}
