/**
 * Boxes around the blocks of a network whose layers have no modules, but names with scopes, as exporters of ONNX files
 * leave them: `layer1/layer1.0/conv1/Conv` is in `layer1`, and there in `layer1.0`.
 */
import type { NetworkGraph, NetworkNode } from './graphNodes.ts'

/** A node with those in it. */
interface Tree {
  readonly node: NetworkNode
  readonly inside: readonly Tree[]
}

/**
 * The graph with a module for each scope of at least two nodes that follow each other in the order of computation, and
 * are not all that there is. An operation without a name belongs where its neighbors do. Of a scope whose nodes stand
 * apart, as those of a module that is called twice do, no box is made.
 */
export function withScopes(graph: NetworkGraph): NetworkGraph {
  if (!graph.nodes.some(({ path }) => path.includes('/'))) return graph
  const children = new Map<number | undefined, NetworkNode[]>()
  for (const node of graph.nodes) children.set(node.parent, [...(children.get(node.parent) ?? []), node])
  const treesIn = (parent: number | undefined): readonly Tree[] =>
    grouped(
      (children.get(parent) ?? []).map(node => ({ node, inside: treesIn(node.id) })),
      0,
    )
  const nodes: NetworkNode[] = []
  const ids = new Map<NetworkNode, number>()
  const add = ({ node, inside }: Tree, parent: number | undefined): void => {
    const id = nodes.length
    ids.set(node, id)
    const { parent: _, ...own } = node
    nodes.push({ ...own, id, ...(parent !== undefined && { parent }) })
    for (const tree of inside) add(tree, id)
  }
  for (const tree of treesIn(undefined)) add(tree, undefined)
  const idOf = (old: number): number => ids.get(graph.nodes[old]!)!
  return { nodes, edges: graph.edges.map(edge => ({ ...edge, from: idOf(edge.from), to: idOf(edge.to) })) }
}

/**
 * Nodes beside each other with boxes around those of one scope.
 * @param depth number of scopes that they have in common
 * @param isWhole whether they are all that the network has, or a box around them: one more would say nothing
 */
function grouped(trees: readonly Tree[], depth: number, isWhole = true): readonly Tree[] {
  const scopes = scopesOf(trees, depth)
  const counts = new Map<string, number>()
  for (const scope of scopes) if (scope !== undefined) counts.set(scope, (counts.get(scope) ?? 0) + 1)
  if (counts.size === 0) return trees
  const found: Tree[] = []
  for (let from = 0; from < trees.length; ) {
    const scope = scopes[from]
    let to = from + 1
    while (scope !== undefined && to < trees.length && scopes[to] === scope) to++
    const run = trees.slice(from, to)
    from = to
    const isAll = isWhole && run.length === inner(trees)
    if (scope === undefined || run.length === 1) found.push(...run)
    else if (isAll || run.length < counts.get(scope)!) found.push(...grouped(run, depth + 1, isAll))
    // A box has the name of the deepest scope that they have in common.
    else if (new Set(scopesOf(run, depth + 1)).size === 1 && scopesOf(run, depth + 1)[0] !== undefined)
      found.push(...grouped(run, depth + 1, false))
    else {
      const inside = grouped(run, depth + 1)
      found.push({ node: boxOf(scope, inside), inside })
    }
  }
  return found
}

/** Nodes that scopes are of. */
const inner = (trees: readonly Tree[]): number => trees.filter(({ node }) => isInner(node)).length
const isInner = ({ kind }: NetworkNode): boolean => kind !== 'input' && kind !== 'output'

/** The scope of each node at a depth, if it has one that deep. */
function scopesOf(trees: readonly Tree[], depth: number): (string | undefined)[] {
  const named = trees.map(({ node }) => {
    const parts = node.path.split('/')
    return isInner(node) && parts.length > depth + 1 ? parts.slice(0, depth + 1).join('/') : undefined
  })
  return named.map((scope, k) => {
    const { node } = trees[k]!
    if (scope !== undefined || node.kind !== 'operation' || node.path.includes('/')) return scope
    const isNamed = (other: string | undefined): boolean => other !== undefined
    const [before, after] = [named.slice(0, k).findLast(isNamed), named.slice(k + 1).find(isNamed)]
    return before === after ? before : undefined
  })
}

function boxOf(path: string, inside: readonly Tree[]): NetworkNode {
  const sum = (of: (node: NetworkNode) => number): number => inside.reduce((total, { node }) => total + of(node), 0)
  const { output, receptiveField } = inside.at(-1)!.node
  return {
    // Given anew with its place in the list.
    id: -1,
    kind: 'module',
    path,
    type: 'scope',
    output,
    parameters: sum(({ parameters }) => parameters),
    multiplyAdds: sum(({ multiplyAdds }) => multiplyAdds),
    activationBytes: sum(({ activationBytes }) => activationBytes),
    ...(receptiveField && { receptiveField }),
  }
}
