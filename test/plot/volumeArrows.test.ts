/** Lines between boxes: neighbors, branches on tracks, and lines of boxes that go on in the next. */
import { describe, expect, it } from 'vitest'
import { type SpanLine, wiresOf } from '../../src/plot/volumeArrows.ts'

/** Boxes of 20 units, 50 apart, so many in each line. */
function linesOf(...counts: number[]): SpanLine[] {
  let first = 0
  return counts.map(count => {
    const spans = Array.from({ length: count }, (_, i) => ({ left: 20 + 50 * i, right: 40 + 50 * i, junction: false }))
    first += count
    return { first: first - count, spans, left: 0, right: 50 * count + 4 }
  })
}
const edges = (...pairs: [number, number][]) => pairs.map(([from, to]) => ({ from, to }))

describe('wiresOf', () => {
  it('joins neighbors, from the right of one to the left of the other', () => {
    const [line] = wiresOf(linesOf(3), edges([0, 1], [1, 2]))
    expect(line.tracks).toBe(0)
    expect(line.dots).toEqual([])
    expect(line.wires.map(({ points }) => points)).toEqual([
      [
        [40, 'middle'],
        [70, 'middle'],
      ],
      [
        [90, 'middle'],
        [120, 'middle'],
      ],
    ])
    expect(line.wires.every(({ head }) => head)).toBe(true)
  })

  it('takes the readers of one value to one track, and what meets in one box to another', () => {
    // An inception module: 0 is read by 1, 2 and 4; 1, 3 and 4 meet in 5.
    const [line] = wiresOf(linesOf(6), edges([0, 1], [0, 2], [0, 4], [1, 5], [2, 3], [3, 5], [4, 5]))
    expect(line.tracks).toBe(2)
    // Arrow heads at each reader: 0→1, 2→3, 4→5 beside each other, 2, 4 and 5 from the tracks.
    const ends = line.wires.filter(({ head }) => head).map(({ points }) => points[points.length - 1])
    expect(ends.map(([x]) => x).sort((a, b) => a - b)).toEqual([70, 120, 170, 220, 270, 270])
    // Branching behind 0, and on the tracks; meeting before 5.
    expect(line.dots).toContainEqual([45, 'middle'])
    expect(line.dots).toContainEqual([259, 'middle'])
  })

  it('lets no two lines of a track overlap, short ones below', () => {
    const [line] = wiresOf(linesOf(8), edges([0, 7], [1, 3], [4, 6], [2, 5]))
    expect(line.tracks).toBe(3)
    const runs = line.wires.flatMap(({ points: [a, b] }) =>
      a[1] === b[1] && a[1] !== 'middle' ? [[a[1], a[0], b[0]]] : [],
    )
    expect(runs).toHaveLength(4)
    for (const [track, from, to] of runs) {
      const others = runs.filter(run => run[0] === track && run[1] !== from)
      for (const [, left, right] of others) expect(Number(to) < Number(left) || Number(right) < Number(from)).toBe(true)
    }
    expect(runs.find(([, from]) => from === 45)?.[0]).toBe(2)
  })

  it('goes on in the next line: along the arrow from the last box, on the track from others', () => {
    const lines = linesOf(2, 3)
    const [above, below] = wiresOf(lines, edges([0, 1], [1, 2], [1, 4], [0, 3]))
    const leaving = above.wires.filter(({ points }) => points[points.length - 1][0] === lines[0].right)
    expect(leaving.map(({ points, head }) => [points[0][1], head])).toEqual([
      ['middle', true],
      [0, true],
    ])
    const arriving = below.wires.filter(({ points }) => points[0][0] === 0)
    expect(arriving.map(({ points }) => points[0][1])).toContain('middle')
    expect(arriving).toHaveLength(2)
    const ends = below.wires.filter(({ head }) => head).map(({ points }) => points[points.length - 1][0])
    expect(ends.sort((a, b) => a - b)).toEqual([20, 70, 120])
  })
})
