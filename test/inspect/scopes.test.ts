/** Boxes by names: which scopes become modules of a graph, and that nothing else of the graph changes. */
import { describe, expect, it } from 'vitest'
import type { NetworkGraph, NetworkNode } from '../../src/inspect/index.ts'
import { withScopes } from '../../src/inspect/scopes.ts'

/** A chain of nodes, of which a name without a slash is that of an operation of the network itself. */
function chain(...paths: string[]): NetworkGraph {
  const all = ['input', ...paths, 'output']
  const nodes = all.map((path, id): NetworkNode => {
    const kind = path === 'input' || path === 'output' ? path : path === 'model' ? 'operation' : 'layer'
    return { id, kind, path, type: 'T', output: [id], parameters: 2 ** id, multiplyAdds: 3 ** id, activationBytes: id }
  })
  return { nodes, edges: nodes.slice(1).map(({ id }) => ({ from: id - 1, to: id, shape: [id - 1] })) }
}
/** The graph as text: a box holds what is in its brackets. */
function drawn({ nodes }: NetworkGraph, parent?: number): string {
  const own = nodes.filter(node => node.parent === parent)
  return own
    .map(({ id, kind, path }) => (kind === 'module' ? `${path}[${drawn({ nodes, edges: [] }, id)}]` : path))
    .join(' ')
}
const shown = (...paths: string[]): string => drawn(withScopes(chain(...paths)))

describe('scopes of names', () => {
  it('are boxes, in each other; a scope of one node is none', () => {
    expect(
      shown('conv1/Conv', 'l1/l1.0/conv/Conv', 'l1/l1.0/Relu', 'l1/l1.1/conv/Conv', 'l1/l1.1/Relu', 'fc/Gemm'),
    ).toBe(
      'input conv1/Conv l1[l1/l1.0[l1/l1.0/conv/Conv l1/l1.0/Relu] l1/l1.1[l1/l1.1/conv/Conv l1/l1.1/Relu]] fc/Gemm output',
    )
  })

  it('that hold all, or only another scope, are none', () => {
    expect(shown('net/a/Conv', 'net/a/Relu', 'net/fc/Gemm')).toBe(
      'input net/a[net/a/Conv net/a/Relu] net/fc/Gemm output',
    )
    expect(shown('x/Conv', 'a/b/Conv', 'a/b/Relu')).toBe('input x/Conv a/b[a/b/Conv a/b/Relu] output')
  })

  it('whose nodes stand apart are none, but what is in them may be', () => {
    expect(shown('a/Conv', 'b/Conv', 'a/Relu')).toBe('input a/Conv b/Conv a/Relu output')
    expect(shown('a/x/Conv', 'a/x/Relu', 'b/Conv', 'a/Relu')).toBe('input a/x[a/x/Conv a/x/Relu] b/Conv a/Relu output')
  })

  it('take in an operation without a name between two of their nodes', () => {
    expect(shown('c/Conv', 'a/Conv', 'model', 'model', 'a/Relu', 'model', 'b/Conv')).toBe(
      'input c/Conv a[a/Conv model model a/Relu] model b/Conv output',
    )
  })

  it('keep the lines and add up the costs', () => {
    const graph = chain('c/Conv', 'a/Conv', 'a/Relu')
    const { nodes, edges } = withScopes(graph)
    const box = nodes.find(({ kind }) => kind === 'module')!
    expect(box).toMatchObject({ path: 'a', parameters: 4 + 8, multiplyAdds: 9 + 27, activationBytes: 5, output: [3] })
    expect(nodes.map(({ id }) => id)).toEqual(nodes.map((_, k) => k))
    const pathOf = (id: number): string => nodes[id]!.path
    expect(edges.map(({ from, to }) => [pathOf(from), pathOf(to)])).toEqual(
      graph.edges.map(({ from, to }) => [graph.nodes[from]!.path, graph.nodes[to]!.path]),
    )
  })

  it('leave a graph without them as it is', () => {
    const graph = chain('conv1', 'model', 'fc')
    expect(withScopes(graph)).toBe(graph)
  })
})
