/** The fixed tree: whoever computes which branch, a sum has the same bits. */
import { describe, expect, it } from 'vitest'
import { addInto, childrenOf, isPart, nodesWithin, partsOf, type Span, sumOfNodes } from '../../src/distributed/tree.ts'

const spanOf = (from: number, to: number): Span => ({ from, to })

/** Numbers of very different sizes, so that another order of additions gives other bits. */
const numbersOf = (part: number): Float32Array =>
  Float32Array.from({ length: 5 }, (_, k) => Math.fround(Math.sin(part * 7 + k) * 10 ** ((part * 3 + k) % 7)))

describe('the tree', () => {
  it('is binary: the left child has the largest power of two of parts', () => {
    expect(childrenOf(spanOf(0, 8))).toEqual([spanOf(0, 4), spanOf(4, 8)])
    expect(childrenOf(spanOf(0, 6))).toEqual([spanOf(0, 4), spanOf(4, 6)])
    expect(childrenOf(spanOf(4, 7))).toEqual([spanOf(4, 6), spanOf(6, 7)])
    expect(childrenOf(spanOf(2, 4))).toEqual([spanOf(2, 3), spanOf(3, 4)])
  })

  it('is divided among processes: every part has one, and none has more than one part more than another', () => {
    for (let parts = 1; parts <= 16; parts++) {
      for (let ranks = 1; ranks <= parts; ranks++) {
        const spans = Array.from({ length: ranks }, (_, rank) => partsOf(rank, ranks, parts))
        expect(spans[0]!.from).toBe(0)
        expect(spans.at(-1)!.to).toBe(parts)
        const sizes = spans.map(({ from, to }) => to - from)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        spans.slice(1).forEach(({ from }, k) => void expect(from).toBe(spans[k]!.to))
      }
    }
  })

  it('a power of two of processes computes one node each', () => {
    expect(nodesWithin(spanOf(2, 4), spanOf(0, 8))).toEqual([spanOf(2, 4)])
    expect(nodesWithin(spanOf(2, 5), spanOf(0, 8))).toEqual([spanOf(2, 4), spanOf(4, 5)])
  })
})

describe('a sum over the tree', () => {
  const parts = 8
  const whole = spanOf(0, parts)
  const sumBy = (ranks: number, present: number): Float32Array | undefined => {
    const known = new Map<string, Float32Array>()
    for (let rank = 0; rank < ranks; rank++) {
      for (const node of nodesWithin(partsOf(rank, ranks, parts), whole)) {
        const sum = sumOfNodes(node, present, span => (isPart(span) ? numbersOf(span.from) : undefined))
        if (sum) known.set(`${node.from} ${node.to}`, sum)
      }
    }
    return sumOfNodes(whole, present, ({ from, to }) => known.get(`${from} ${to}`))
  }

  it.each([8, 7, 5, 3, 1])('of %d parts has the same bits for any number of processes', present => {
    const bits = (numbers: Float32Array) => [...new Int32Array(numbers.buffer)]
    const expected = bits(sumBy(1, present)!)
    for (let ranks = 2; ranks <= parts; ranks++) expect(bits(sumBy(ranks, present)!)).toEqual(expected)
  })

  it('is not that of another order', () => {
    const inOrder = numbersOf(0)
    for (let part = 1; part < parts; part++) addInto(inOrder, numbersOf(part))
    expect([...inOrder]).not.toEqual([...sumBy(1, parts)!])
  })

  it('of no part is none', () => {
    expect(sumBy(4, 0)).toBeUndefined()
  })
})
