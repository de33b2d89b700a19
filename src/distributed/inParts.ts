/** Training in parts, on one process or many: what a trainer takes as its `distribution`. */
import type { Distribution } from '../train/distribution.ts'
import type { Communicator } from './communicator.ts'
import { RunInParts, type SumsMaker } from './partedSteps.ts'
import { LibrarySums, TreeSums } from './partSums.ts'
import { soloCommunicator } from './solo.ts'

/** How gradients are exchanged. */
export type ExchangeName = 'tree' | 'allReduce'

/** Options of {@link inParts}. */
export interface InPartsOptions {
  /** Parts that every batch is cut into, 8 by default: at least as many as processes. */
  readonly parts?: number
  /** The processes that train together; this one alone by default. */
  readonly communicator?: Communicator
  /**
   * `'tree'` (the default): the same bits for any number of processes. `'allReduce'`: MPI's own sum, whose last bits
   * depend on the library and on the number of processes.
   */
  readonly exchange?: ExchangeName
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
  const wish = { stop: false }
  return {
    parts,
    ranks: { count: size, hosts, parts, exchange, by: name },
    share: size > 1 ? { rank, size, merge: values => communicator.allReduce(values) } : undefined,
    stop() {
      wish.stop = true
    },
    begin: tools => new RunInParts(tools, communicator, makers[exchange], wish),
  }
}

const makers: Readonly<Record<ExchangeName, SumsMaker>> = {
  tree: (division, region) => new TreeSums(division, region),
  allReduce: (division, region) => new LibrarySums(division, region),
}
