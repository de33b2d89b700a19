/** Maps as pictures: what zero, the largest number and its negative look like, and that nothing is stretched silently. */
import { describe, expect, test } from 'vitest'
import { diverging, enlarged, heatMap, overlay, scaleOf, signedPicture } from '../../src/plot/index.ts'

const paper = [247, 247, 247]

test('zero is the paper, below it is orange, above it blue', () => {
  const [red, green, blue] = [0, 1, 2].map(c => [...heatMap([-1, 0, 1])].filter((_, i) => i % 3 === c)) as number[][]
  expect([red![1], green![1], blue![1]]).toEqual(paper)
  expect(red![0]!).toBeGreaterThan(blue![0]!)
  expect(blue![2]!).toBeGreaterThan(red![2]!)
})

test('a map of zeros is blank, and leaves its picture as it was', () => {
  expect([...heatMap([0, 0])]).toEqual([...paper, ...paper])
  expect([...overlay(Uint8Array.of(10, 200), [1, 2, 1], [0, 0])]).toEqual([10, 10, 10, 200, 200, 200])
  expect([...signedPicture([0, 0, 0], [1, 1])]).toEqual([128, 128, 128])
})

test('numbers beyond the scale are as dark as the scale', () => {
  expect(heatMap([2, -7], 2)).toEqual(Uint8Array.from([...diverging(1), ...diverging(-1)]))
})

test('a scale may leave out the few largest numbers', () => {
  const values = [...Array.from({ length: 99 }, (_, i) => i - 49), 1000]
  expect(scaleOf(values)).toBe(1000)
  expect(scaleOf(values, 0.99)).toBe(49)
  expect(scaleOf([Number.NaN, -3, Number.POSITIVE_INFINITY])).toBe(3)
})

test('the colors of a picture give way to the map by as much as it says', () => {
  const [none, half, full] = [0, 0.5, 1].map(value =>
    [...overlay(Uint8Array.of(0, 0), [1, 2, 1], [value, 1], 1)].slice(0, 3),
  )
  expect(none).toEqual([0, 0, 0])
  expect(half![2]!).toBeGreaterThan(0)
  expect(full![2]!).toBeGreaterThan(full![0]!)
})

test('a signed map of three channels is mid-gray at 0', () => {
  expect([...signedPicture([1, 0, -1], [1, 1])]).toEqual([255, 128, 0])
})

test('a picture is enlarged with its pixels as squares', () => {
  expect([...enlarged(Uint8Array.of(1, 2), [1, 2, 1], 2)]).toEqual([1, 1, 2, 2, 1, 1, 2, 2])
})

describe('what does not fit is an error', () => {
  test('a map of another size', () => {
    expect(() => overlay(new Uint8Array(12), [2, 2, 3], [1, 2])).toThrow(
      'overlay: a map of 2 numbers over a picture 2 × 2 × 3',
    )
  })
})
