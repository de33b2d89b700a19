/** The nodes of a graph in an order in which each comes after what it reads. */
import { OnnxError } from './errors.ts'
import type { GraphProto, NodeProto } from './proto/onnx_pb.ts'

/**
 * Sorts nodes, which files should store in order but sometimes do not.
 * @param given names that exist before any node
 * @throws OnnxError for names that two nodes make, that no node makes, and nodes that wait for each other
 */
export function ordered(nodes: readonly NodeProto[], given: Iterable<string>): NodeProto[] {
  const makers = new Map<string, NodeProto>()
  const known = new Set(given)
  for (const node of nodes) {
    for (const output of node.output) {
      if (output === '') continue
      if (makers.has(output) || known.has(output)) throw new OnnxError(`two nodes make '${output}'`, about(node))
      makers.set(output, node)
    }
  }
  const state = new Map<NodeProto, 'open' | 'done'>()
  const order: NodeProto[] = []
  for (const root of nodes) visit(root)
  return order

  function visit(root: NodeProto): void {
    const stack = [{ node: root, inputs: readsOf(root), next: 0 }]
    if (state.has(root)) return
    state.set(root, 'open')
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!
      const name = top.inputs[top.next++]
      if (name === undefined) {
        state.set(top.node, 'done')
        order.push(top.node)
        stack.pop()
        continue
      }
      const maker = makers.get(name)
      if (!maker) {
        if (known.has(name)) continue
        throw new OnnxError(
          `its input '${name}' is made by no node, and is no input or weight of the graph`,
          about(top.node),
        )
      }
      if (state.get(maker) === 'open')
        throw new OnnxError(`it waits for its own result '${name}': the graph goes round in a circle`, about(top.node))
      if (state.has(maker)) continue
      state.set(maker, 'open')
      stack.push({ node: maker, inputs: readsOf(maker), next: 0 })
    }
  }
}

/** Deepest nesting of branches in branches. */
const deepestGraph = 32

/** Names that a node reads, including those that its branches take from outside. */
export function readsOf(node: NodeProto, depth = 0): string[] {
  const own = node.input.filter(name => name !== '')
  const branches = node.attribute.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...graphs])
  return [...own, ...branches.flatMap(graph => outerNames(graph, depth + 1))]
}

function outerNames(graph: GraphProto, depth: number): string[] {
  if (depth > deepestGraph) throw new OnnxError(`branches are nested deeper than ${deepestGraph}`)
  const inner = new Set([...graph.initializer, ...graph.input].map(({ name }) => name))
  for (const { output } of graph.node) for (const name of output) inner.add(name)
  const read = [...graph.node.flatMap(node => readsOf(node, depth)), ...graph.output.map(({ name }) => name)]
  return read.filter(name => !inner.has(name))
}

const about = (node: NodeProto): { node: string; op: string } => ({
  node: node.name || node.output[0] || node.opType,
  op: node.opType,
})
