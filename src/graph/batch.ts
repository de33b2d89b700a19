/**
 * How operations relate to a batch: whether a value belongs to single samples, so that it can be computed for some
 * samples at a time.
 *
 * A value is *batched* when its axis 0 counts samples and row n depends only on sample n. Most values of a network are
 * batched; sums over the batch (weight gradients, the mean loss) are not. Every operation of the table states its rule.
 * This file has the rules that several operations share.
 */
import type { Tensor } from './tensor.ts'

/**
 * What an operation does to the batch:
 * - `parallel` its result is batched
 * - `sum`      it sums over the batch; partial sums, each over some samples, can be added up
 * - `contract` it sums over the batch of two batched operands and is best done in one piece
 * - `whole`    it treats batched values as plain tensors (or reads none)
 */
export type BatchRole = 'parallel' | 'sum' | 'contract' | 'whole'

/** An application of an operation, and which of its inputs are batched. */
export interface BatchedApplication {
  readonly output: Tensor
  readonly inputs: readonly Tensor[]
  readonly isBatched: (tensor: Tensor) => boolean
}

/** An operation's rule. */
export type BatchRule<A = unknown> = (application: BatchedApplication, attributes: A) => BatchRole

const parallelWhere = (condition: boolean): BatchRole => (condition ? 'parallel' : 'whole')

/** Each sample by itself, when the first input is batched. */
export const eachOfFirst: BatchRule = ({ inputs: [x], isBatched }) => parallelWhere(isBatched(x))

/** Each sample by itself, when the first input is batched and its axis 0 stays where it is. */
export const eachWhere =
  <A>(keepsSamples: (x: Tensor, attributes: A, output: Tensor) => boolean): BatchRule<A> =>
  ({ inputs: [x], output, isBatched }, attributes) =>
    parallelWhere(isBatched(x) && keepsSamples(x, attributes, output))

/** Each sample by itself, when both inputs are batched. */
export const eachOfBoth: BatchRule = ({ inputs: [a, b], isBatched }) => parallelWhere(isBatched(a) && isBatched(b))

/** Each sample of the first input by itself, with the whole of the second: a layer and its weights. */
export const eachWithWhole: BatchRule = ({ inputs: [x, w], isBatched }) => parallelWhere(isBatched(x) && !isBatched(w))

/** All samples at once. */
export const ofEverything: BatchRule = () => 'whole'
