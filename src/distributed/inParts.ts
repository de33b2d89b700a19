/** Training in parts, on one process or many: what a trainer takes as its `distribution`. */
import type { Distribution } from '../train/distribution.ts'
import type { Communicator } from './communicator.ts'
import { OneBitSums, PartErrors } from './oneBitSums.ts'
import { type Exchange, RunInParts } from './partedSteps.ts'
import { LibrarySums, TreeSums } from './partSums.ts'
import { soloCommunicator } from './solo.ts'
import { partsOf } from './tree.ts'

/** 1-bit gradients with error feedback. */
export interface OneBitExchange {
  readonly name: 'oneBit'
  /** Steps in full precision at the start of a run, 0 by default: while weights move fast, signs say too little. */
  readonly fullSteps?: number | undefined
}

/** How gradients are exchanged, by name or with options. */
export type ExchangeOptions = 'tree' | 'allReduce' | 'oneBit' | { readonly name: 'tree' | 'allReduce' } | OneBitExchange

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
}

/** The parts of a batch when nothing else is said. */
export const usualParts = 8

/**
 * The distribution of a run whose batches are cut into parts. The gradient is that of the whole batch; the weights are
 * the same, bit for bit, for any number of processes, and for one without MPI. A distribution serves one trainer.
 * @throws RangeError when `parts` is not a whole number of at least 1, or less than the number of processes.
 * @example
 * const communicator = await openMpi()
 * const distribution = inParts({ parts: 8, communicator })
 * const trainer = new Trainer({ model, train, engine, optimizer: sgd({ lr: 0.05 }), epochs: 3, distribution })
 * for await (const event of trainer.run()) if (event.type === 'epoch' && communicator.rank === 0) console.log(event.accuracy)
 * await communicator.close()
 */
export function inParts(options: InPartsOptions = {}): Distribution {
  const { parts = usualParts, communicator = soloCommunicator(), exchange = 'tree' } = options
  if (!Number.isInteger(parts) || parts < 1) {
    throw new RangeError(`inParts: parts (=${parts}) must be a whole number of at least 1`)
  }
  const { rank, size, hosts, name } = communicator
  const chosen: { readonly name: string } = typeof exchange === 'string' ? { name: exchange } : exchange
  const fullSteps = 'fullSteps' in chosen ? (chosen as OneBitExchange).fullSteps : undefined
  const make = makers[chosen.name]
  if (!make)
    throw new RangeError(`inParts: exchange (=${chosen.name}) must be one of ${Object.keys(makers).join(', ')}`)
  const wish = { stop: false }
  return {
    parts,
    ranks: { count: size, hosts, parts, exchange: chosen.name, by: name },
    share: size > 1 ? { rank, size, merge: values => communicator.allReduce(values) } : undefined,
    isOwn(part, count) {
      const { from, to } = partsOf(rank, size, count)
      return part >= from && part < to
    },
    stop() {
      wish.stop = true
    },
    begin: tools => new RunInParts(tools, communicator, make(fullSteps), wish),
  }
}

const makers: Readonly<Record<string, (fullSteps?: number) => Exchange>> = {
  tree: () => ({ sums: (division, region) => new TreeSums(division, region) }),
  allReduce: () => ({ sums: (division, region) => new LibrarySums(division, region) }),
  oneBit(fullSteps = 0) {
    const errors = new PartErrors()
    return { errors, sums: (division, region, layers) => new OneBitSums(division, region, layers, errors, fullSteps) }
  },
}
