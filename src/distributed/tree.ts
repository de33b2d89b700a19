/**
 * The fixed binary tree in which the gradients of parts are added. Its shape depends only on the number of parts, so the
 * sum has the same bits whichever process adds which branch.
 */

/** Parts `from … to − 1`: a node of the tree. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** The two children of a node of several parts: the left one has the largest power of two that leaves something. */
export function childrenOf({ from, to }: Span): [left: Span, right: Span] {
  let width = 1
  while (2 * width < to - from) width *= 2
  return [
    { from, to: from + width },
    { from: from + width, to },
  ]
}

/** Whether a node is one part. */
export const isPart = ({ from, to }: Span): boolean => to - from === 1

/** The parts that a process computes: neighbors, as many as others have, or one more. */
export const partsOf = (rank: number, ranks: number, parts: number): Span => ({
  from: Math.floor((rank * parts) / ranks),
  to: Math.floor(((rank + 1) * parts) / ranks),
})

/** The largest nodes of the tree below `node` that lie within a span, in order. */
export function nodesWithin(span: Span, node: Span): Span[] {
  if (node.to <= span.from || node.from >= span.to) return []
  if (node.from >= span.from && node.to <= span.to) return [node]
  return childrenOf(node).flatMap(child => nodesWithin(span, child))
}

/** Adds numbers in place, in single precision: `into[k] ← into[k] + more[k]`. */
export function addInto(into: Float32Array, more: Float32Array): void {
  for (let k = 0; k < into.length; k++) into[k]! += more[k]!
}

/**
 * The sum of a node, whose parts beyond `present` are absent: they do not take part, not even as zeros.
 * @param known the sums of some nodes, which together cover it; the memory of the first is used for the result
 * @returns undefined when no part is present
 */
export function sumOfNodes(
  node: Span,
  present: number,
  known: (node: Span) => Float32Array | undefined,
): Float32Array | undefined {
  if (node.from >= present) return undefined
  const sum = known(node)
  if (sum) return sum
  if (isPart(node)) throw new Error(`part ${node.from}: nobody has computed it`)
  const [left, right] = childrenOf(node)
  const into = sumOfNodes(left, present, known)!
  const more = sumOfNodes(right, present, known)
  if (more) addInto(into, more)
  return into
}
