/** The work of a graph: multiply-adds and bytes, in total and by operation. */
import type { Cost } from './op.ts'
import { opOf } from './table.ts'
import { type Tensor, topologicalOrder } from './tensor.ts'

/** Work of computing some tensors and everything they depend on. */
export interface GraphCost extends Cost {
  /** Number of operations; sources are not counted. */
  readonly operations: number
  /** The same by operation name. */
  readonly byOperation: ReadonlyMap<string, Cost & { readonly operations: number }>
}

/** Work of one execution of the operation that computes `tensor`; none for a source. */
export function costOf(tensor: Tensor): Cost {
  return tensor.source ? { multiplyAdds: 0, bytes: 0 } : opOf(tensor).cost(tensor, tensor.attributes)
}

/**
 * Work of computing `roots` once. Shared values count once; every operation's inputs and result count as moved (as in a
 * backend without fusion).
 */
export function totalCost(roots: readonly Tensor[]): GraphCost {
  const none = { multiplyAdds: 0, bytes: 0, operations: 0 }
  const plus = (total: typeof none, { multiplyAdds, bytes }: Cost): typeof none => ({
    multiplyAdds: total.multiplyAdds + multiplyAdds,
    bytes: total.bytes + bytes,
    operations: total.operations + 1,
  })
  const byOperation = new Map<string, typeof none>()
  let total = none
  for (const tensor of topologicalOrder(roots)) {
    if (tensor.source) continue
    const cost = costOf(tensor)
    byOperation.set(tensor.op, plus(byOperation.get(tensor.op) ?? none, cost))
    total = plus(total, cost)
  }
  return { ...total, byOperation }
}
