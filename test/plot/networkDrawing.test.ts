/** Networks drawn as graphs: every model of the catalog, closed and open, against its traced graph. */
import { describe, expect, it } from 'vitest'
import { networkGraph, summarize } from '../../src/inspect/index.ts'
import { findModel, googlenet, lenet5, type ModelName, models, resnet18, squeezenet } from '../../src/models/index.ts'
import {
  conv2d,
  dropout,
  type ForwardContext,
  flatten,
  linear,
  Module,
  ops,
  relu,
  sequential,
  type Tensor,
} from '../../src/nn/index.ts'
import { networkDrawing } from '../../src/plot/networkDrawing.ts'
import { layoutNetwork } from '../../src/plot/networkLayout.ts'
import { openModules } from '../../src/plot/networkModules.ts'
import type { DrawnNetwork } from '../../src/plot/networkNode.ts'
import { roundedPath, straightened } from '../../src/plot/networkWires.ts'
import { crossings, flaws } from './networkCrossings.ts'

const names = Object.keys(models) as ModelName[]
/** One of each family, with all kinds of its blocks; the others have more of the same. */
const families: ReadonlySet<ModelName> = new Set([
  'lenet5-1998',
  'alexnet-2012',
  'vgg11-bn',
  'googlenet',
  'googlenet-2014',
  'resnet18',
  'resnet152',
  'resnet20-cifar',
  'resnet20-cifar-b',
  'se-resnet50',
  'senet154',
  'squeezenet1-0',
  'mobilenet-v2',
])
const graphOf = (name: ModelName) => networkGraph(findModel(name).create(), models[name].inputShape)

/** What is shown of a node: itself, or the outermost closed module that it is in. */
function shownOf({ nodes }: DrawnNetwork, id: number, open: ReadonlySet<number>): number {
  const path: number[] = []
  for (let at: number | undefined = id; at !== undefined; at = nodes[at]!.parent) path.unshift(at)
  return path.find(node => !open.has(node) || nodes[node]!.kind !== 'module')!
}

/** Nothing of the catalog has edges that must cross: its blocks are chains with shortcuts, branches that are joined, and gates. */
const necessaryCrossings = 0

describe('every model of the catalog', () => {
  it.each([...families])('%s has the costs of its table in its graph', name => {
    const { nodes } = graphOf(name)
    const { totals } = summarize(findModel(name).create(), models[name].inputShape)
    const outer = nodes.filter(({ parent }) => parent === undefined)
    // The table counts the memory of what a module gives; the graph that of each operation in it, of which the modules of 1998 have several.
    const keys = [
      'parameters',
      'multiplyAdds',
      ...(name === 'lenet5-1998' ? [] : (['activationBytes'] as const)),
    ] as const
    for (const key of keys) {
      expect(outer.reduce((sum, node) => sum + node[key], 0)).toBe(totals[key])
    }
  })

  it.each(names)('%s is drawn whole, without overlaps, downward, and crosses only what must', name => {
    const graph = graphOf(name)
    const all = new Set(graph.nodes.map(({ id }) => id))
    for (const open of [new Set<number>(), openModules(graph), ...(families.has(name) ? [all] : [])]) {
      const layout = layoutNetwork(graph, open)
      const leaves = graph.nodes.filter(({ kind }) => kind !== 'module')
      const shown = new Set(leaves.map(({ id }) => shownOf(graph, id, open)))
      expect(new Set(layout.nodes.filter(({ isOpen }) => !isOpen).map(({ node }) => node.id))).toEqual(shown)
      const pairs = graph.edges
        .map(({ from, to }) => [shownOf(graph, from, open), shownOf(graph, to, open)] as const)
        .filter(([from, to]) => from !== to)
      const drawn = layout.edges.map(({ from, to }) => `${from} ${to}`)
      expect(new Set(drawn)).toEqual(new Set(pairs.map(pair => pair.join(' '))))
      expect(drawn.length).toBe(new Set(drawn).size)
      expect(flaws(layout)).toEqual([])
      expect(crossings(layout)).toBeLessThanOrEqual(necessaryCrossings)
    }
  })
})

describe('the graph', () => {
  it('joins what a shortcut and its branch give', () => {
    const { nodes, edges } = networkGraph(resnet18(), [3, 224, 224])
    const added = nodes.find(({ path, type }) => path === 'layer1.0' && type === 'add')!
    const read = edges.filter(({ to }) => to === added.id).map(({ from, shape }) => [nodes[from]!.path, shape])
    expect(read).toEqual([
      ['layer1.0.bn2', [64, 56, 56]],
      ['maxpool', [64, 56, 56]],
    ])
  })

  it('leads through a layer that passes its input on', () => {
    const { nodes, edges } = networkGraph(sequential({ a: linear(4, 3), drop: dropout(0.5), b: linear(3, 2) }), [4])
    const path = edges.map(({ from, to }) => `${nodes[from]!.path} ${nodes[to]!.path}`)
    expect(path).toEqual(['input a', 'a drop', 'drop b', 'b output'])
  })

  it('leads through one that passes on what an operation has made, and what follows is not joined to that', () => {
    class Block extends Module {
      readonly a = linear(3, 3)
      readonly drop = dropout(0.5)
      override forward(x: Tensor, context: ForwardContext): Tensor {
        return ops.relu(this.drop.forward(ops.add(this.a.forward(x, context), x), context))
      }
    }
    const { nodes, edges } = networkGraph(sequential({ block: new Block() }), [3])
    const wordsOf = (id: number): string => `${nodes[id]!.path} ${nodes[id]!.type}`
    const inside = edges.filter(({ to }) => nodes[to]!.parent !== undefined)
    const path = inside.map(({ from, to }) => `${wordsOf(from)} → ${wordsOf(to)}`)
    expect(path).toHaveLength(5)
    expect(path).toContainEqual(expect.stringMatching(/add.* → block\.drop/))
    expect(path).toContainEqual(expect.stringMatching(/^block\.drop.* → .*relu/i))
  })

  it('throws what the network throws for such an input', () => {
    expect(() => networkGraph(lenet5(), [3, 28, 28])).toThrow(/conv1/)
  })

  it('counts for one image, also where a network takes several', () => {
    const one = networkGraph(lenet5(), [1, 28, 28])
    const eight = networkGraph(lenet5(), [1, 28, 28], { batch: 8 })
    expect(eight.nodes.map(({ multiplyAdds, activationBytes }) => [multiplyAdds, activationBytes])).toEqual(
      one.nodes.map(({ multiplyAdds, activationBytes }) => [multiplyAdds, activationBytes]),
    )
  })
})

describe('the modules that are open', () => {
  it('are all of a small network', () => {
    const graph = networkGraph(squeezenet('1.1'), [3, 224, 224])
    expect(openModules(graph, 100).size).toBe(graph.nodes.filter(({ kind }) => kind === 'module').length)
  })

  it('are the first of each kind in a large one', () => {
    const graph = networkGraph(googlenet(), [3, 224, 224])
    const open = [...openModules(graph)].map(id => graph.nodes[id]!.path)
    expect(open).toContain('inception3a')
    expect(open).toContain('inception3a.branch2.0')
    expect(open).not.toContain('inception3b')
  })
})

describe('the drawing', () => {
  const mlp = (): Module => sequential({ flatten: flatten(), fc: linear(9, 2), relu: relu() })

  it('names boxes, shapes and costs, and says all of it to screen readers', () => {
    const svg = networkDrawing(networkGraph(mlp(), [1, 3, 3]), { title: 'a <network>' })
    expect(svg).toContain('<title>a &lt;network&gt;</title>')
    expect(svg).toContain('5 nodes in order: input 3×3×1, flatten 9, fc 2, relu 2, output 2.')
    expect(svg).toContain('>20 parameters</text>')
    expect(svg).toContain('<title>fc: Linear\ngives 2\n20 parameters\n18 multiply-adds</title>')
    expect(svg).not.toMatch(/<script|href|url\(/)
  })

  it('draws a network that is one layer', () => {
    const { nodes } = networkGraph(conv2d(1, 2, 3), [1, 5, 5])
    expect(nodes.map(({ type }) => type)).toEqual(['Input', 'conv2d, add', 'Output'])
  })

  it('throws for no nodes', () => {
    expect(() => networkDrawing({ nodes: [], edges: [] }, { title: 'nothing' })).toThrow('nothing: expected')
  })

  it('rounds corners, and leaves out points on the way', () => {
    const points = straightened([
      [0, 0],
      [0, 0],
      [0, 5],
      [0, 20],
      [20, 40],
    ])
    expect(points).toEqual([
      [0, 0],
      [0, 20],
      [20, 40],
    ])
    expect(roundedPath(points)).toBe('M0 0L0 13Q0 20 4.95 24.95L20 40')
  })
})
