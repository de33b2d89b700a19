/**
 * Batching: which values of a program belong to single samples of the batch and can therefore be computed for some
 * samples at a time. Every operation states its own rule (`graph/batch.ts`). A backend may work through a run of
 * batched steps one block of samples at a time: all intermediate values of a block stay in cache, and each thread
 * takes its own blocks without waiting for the others.
 */
import { opOf } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'

/** Whether a source holds samples of the batch. */
const isSample = ({ source }: Tensor): boolean =>
  source !== undefined && source.kind !== 'constant' && source.batched === true

/** Samples in the batch of a program; 1 when it has none. */
export const batchOf = (order: readonly Tensor[]): number => order.find(isSample)?.shape[0] ?? 1

/** The batched values among `order` (inputs before users). */
export function batchedValues(order: readonly Tensor[]): Set<Tensor> {
  const found = new Set<Tensor>()
  const isBatched = (tensor: Tensor): boolean => found.has(tensor)
  for (const output of order) {
    const { source, inputs, attributes } = output
    const batched = source
      ? isSample(output)
      : opOf(output).batch({ output, inputs, isBatched }, attributes) === 'parallel'
    if (batched) found.add(output)
  }
  return found
}
