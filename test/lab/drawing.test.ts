/** How the Lab draws: colors of tables, maps as pixels, tiles in their places, and a loss curve that follows a training. */
import { describe, expect, test } from 'vitest'
import { type CurveBox, LossCurve, stepsShown, yOf } from '../../lab/src/draw/curve.ts'
import { paintFrame, paintMap, paintPicture, pixelOf, pixelScale } from '../../lab/src/draw/pixels.ts'
import { colorOf, inkOf, type Rgb } from '../../lab/src/draw/scale.ts'
import { arrangement, type Tile } from '../../lab/src/screens/train/columns.ts'

/** The color of a pixel. */
const colorAt = (pixel: number): number[] => [...new Uint8Array(Uint32Array.of(pixel).buffer)]

describe('the colors of pixels', () => {
  test.each(['light', 'dark'] as const)('are those of the scale, to a level of a channel: %s', theme => {
    const scale = pixelScale(2, theme)
    for (let value = -2.2; value <= 2.2; value += 0.0037) {
      const [found, exact] = [colorAt(scale(value)), [...colorOf(value, 2, theme), 255]]
      expect(Math.max(...exact.map((level, k) => Math.abs(level - found[k]!)))).toBeLessThanOrEqual(1)
    }
    for (const value of [-2, 0, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      expect(colorAt(scale(value))).toEqual([...colorOf(value, 2, theme), 255])
    }
  })

  test('are paper where a whole layer is zero', () => {
    const paper = [...colorOf(0, 1, 'light'), 255]
    expect([0, 1, Number.NaN].map(value => colorAt(pixelScale(0, 'light')(value)))).toEqual([paper, paper, paper])
  })

  test('of pictures are ink, or their own', () => {
    const pixels = new Uint32Array(2)
    paintPicture(pixels, Uint8Array.of(0, 200), 'dark')
    expect([...pixels].map(colorAt)).toEqual([0, 200].map(byte => [...inkOf(byte / 255, 'dark'), 255]))
    paintPicture(pixels, Uint8Array.of(1, 2, 3, 4, 5, 6), 'dark')
    expect([...pixels].map(colorAt)).toEqual([
      [1, 2, 3, 255],
      [4, 5, 6, 255],
    ])
  })
})

test('a map is painted in squares, with a line around it, and nothing beside it', () => {
  const pixels = new Uint32Array(8 * 7)
  const place = { stride: 8, left: 2, top: 1, cell: 2 }
  paintFrame(pixels, place, [4, 4], 9)
  paintMap(pixels, place, { values: [7, 1, 2, 3, 4], from: 1, width: 2, height: 2 }, value => value)
  const rows = Array.from({ length: 7 }, (_, row) => [...pixels.subarray(8 * row, 8 * row + 8)].join(''))
  expect(rows).toEqual(['09999990', '09112290', '09112290', '09334490', '09334490', '09999990', '00000000'])
})

describe('tiles', () => {
  const tile = (unit: number): Tile => ({
    unit,
    values: new Float32Array(100),
    width: 10,
    height: 10,
    passed: { values: new Float32Array(25), width: 5, height: 5 },
  })
  const tiles = Array.from({ length: 16 }, (_, unit) => tile(unit))

  test('lie below each other, and beside each other where a column is full', () => {
    const { cell, places, tile: size, size: all, hasPassed } = arrangement(tiles, { isDeep: false, isSmall: false })
    expect([cell, size, hasPassed]).toEqual([4, [66, 40], true])
    expect(places.slice(6, 9)).toEqual([
      { left: 0, top: 288 },
      { left: 0, top: 336 },
      { left: 76, top: 0 },
    ])
    expect(all).toEqual([142, 376])
  })

  test('fill columns of the same length', () => {
    const maps = Array.from(
      { length: 16 },
      (_, unit): Tile => ({ unit, values: new Float32Array(1024), width: 32, height: 32 }),
    )
    const { places, size } = arrangement(maps, { isDeep: false, isSmall: false })
    expect(places.slice(3, 5)).toEqual([
      { left: 0, top: 216 },
      { left: 68, top: 0 },
    ])
    expect(size).toEqual([268, 280])
  })

  test('lie in rows where a width is given, and without what passes on where there is no room', () => {
    const { places, size } = arrangement(tiles, { isDeep: false, isSmall: true, width: 335 })
    // Seven of 40 pixels with 10 between them are 340.
    expect(places[6]).toEqual({ left: 0, top: 48 })
    expect(Math.max(...places.map(({ left }) => left)) + 40).toBe(size[0])
    expect(size[0]).toBeLessThanOrEqual(335)
  })
})

describe('the loss curve', () => {
  const box: CurveBox = { left: 40, right: 140, top: 20, bottom: 80, steps: 200 }
  /** Noise of a rule, with a spike and what is no number. */
  const losses = Array.from({ length: 180 }, (_, k) =>
    k === 90 ? 2.9 : k === 120 ? Number.NaN : 1 / (1 + ((k * 7) % 11)),
  )

  test('that followed a training is the one of all its losses', () => {
    const grown: number[] = []
    const followed = new LossCurve()
    let touched = 0
    for (let k = 0; k < losses.length; k += 5) {
      grown.push(...losses.slice(k, k + 5))
      const changed = followed.follow(grown, box)
      touched += followed.points.length - changed
    }
    const whole = new LossCurve()
    expect(whole.follow(losses, box)).toBe(0)
    expect(followed.points).toEqual(whole.points)
    expect(whole.points).toHaveLength(90)
    // Of the points of two steps, those of the last 22 steps and of the 5 new ones are computed again; of all there would be 1,665.
    expect(touched).toBeLessThanOrEqual(36 * 14)
  })

  test('begins again when it is drawn elsewhere, goes back, or begins at another step', () => {
    const curve = new LossCurve()
    const grown = [...losses]
    curve.follow(grown, box)
    expect(curve.follow(grown, box)).toBeGreaterThan(70)
    expect(curve.follow(grown, { ...box, steps: 500 })).toBe(0)
    expect(curve.follow(grown, { ...box, steps: 500 }, 50)).toBe(0)
    expect(curve.points[0]!.x).toBeGreaterThan(50)
    grown.length = 20
    expect(curve.follow(grown, { ...box, steps: 500 }, 0)).toBe(0)
    expect(curve.points).toHaveLength(4)
  })

  test('loses no spike', () => {
    const curve = new LossCurve()
    curve.follow(losses, box)
    expect(Math.min(...curve.points.map(({ high }) => high))).toBeCloseTo(yOf(box, 2.9), 9)
  })

  test('has room to grow before it is drawn anew', () => {
    expect([0, 170, 171, 4000, 9000].map(head => stepsShown(head, 4690))).toEqual([200, 200, 500, 4690, 9380])
  })
})

test('a pixel has red first in memory', () => {
  const color: Rgb = [1, 2, 3]
  expect(colorAt(pixelOf(color))).toEqual([1, 2, 3, 255])
})
