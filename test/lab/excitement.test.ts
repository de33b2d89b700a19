/** What excites a unit, as the Lab's worker finds it: piece by piece, what the library finds at once; and how it is drawn. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boxSeenBy, cut } from '../../lab/src/screens/look/patches.ts'
import { termsOfUnit } from '../../lab/src/screens/look/terms.ts'
import { parseLink } from '../../lab/src/state/link.ts'
import { Excitement } from '../../lab/src/worker/excitement.ts'
import type { Shard } from '../../lab/src/worker/imageStream.ts'
import { traceLayers } from '../../lab/src/worker/layers.ts'
import { LabRun } from '../../lab/src/worker/run.ts'
import { createEngine } from '../../src/index.ts'
import { Inspector, topPatches } from '../../src/inspect/index.ts'
import { digitShards, digits } from './digits.ts'

/** Test images: no whole number of the worker's pieces. */
const count = 120

describe('the search for what excites a unit', () => {
  let run: LabRun
  let inspector: Inspector
  let some: Shard
  beforeAll(async () => {
    const { recipe } = parseLink('#images=2000&batch=16')
    run = new LabRun(recipe, await digitShards(2000), createEngine({ threads: 1, precise: true }))
    while (run.step < 40) await run.advance([])
    inspector = new Inspector(run.engine, run.model, [28, 28, 1])
    const { images, labels } = (await digits()).test
    some = { images: images.subarray(0, count * 784), labels: Uint8Array.from(labels.subarray(0, count)) }
  }, 300_000)
  afterAll(() => run?.engine.close())

  test.each([
    { layer: 'conv2', unit: 5 },
    { layer: 'fc1', unit: 7 },
  ])('finds the strongest images of $layer, unit $unit, as the library does at once', async ({ layer, unit }) => {
    const search = new Excitement(inspector, { layer, unit }, some, 40)
    while (search.found().searched < count) await search.advance(40)
    search.cancel()
    const expected = (await topPatches(inspector, some.images, layer, { count: 9 }))[unit]!
    const { patches } = search.found()
    const places = (all: typeof patches) => all.map(({ image, row, column }) => ({ image, row, column }))
    expect(places(patches)).toEqual(places(expected))
    // Batches of other sizes are laid out in other ways: sums differ in their last bits.
    patches.forEach(({ value }, k) => {
      expect(value).toBeCloseTo(expected[k]!.value, 5)
    })
  })

  test('grows a picture that makes a cell of the map larger than any test image does', async () => {
    const search = new Excitement(inspector, { layer: 'conv2', unit: 5 }, some, 40)
    while (!search.isDone) await search.advance(40)
    const { patches, grown, steps, cell } = search.found()
    expect(grown.map(({ after }) => after)).toEqual([0, 4, 16, steps])
    const last = grown.at(-1)!
    expect(last.value).toBeGreaterThan(patches[0]!.value)
    const { values } = await inspector.capture(last.pixels, 'conv2')
    const [row, column] = cell
    // The picture was rounded to bytes: half of 1/255 of a pixel, over 196 pixels of about as much weight.
    expect(values.get('conv2')!.values[5 * 100 + row * 10 + column]).toBeCloseTo(last.value, 0)
  })

  test('can be worked on step by step, and ended at any time', async () => {
    const search = new Excitement(inspector, { layer: 'fc3', unit: 2 }, some, 40)
    while (search.found().grown.at(-1)?.after !== 7) await search.advance(41)
    expect(search.found()).toMatchObject({ layer: 'fc3', unit: 2, step: 41, searched: count, images: count })
    search.cancel()
    expect(search.isDone).toBe(false)
    // Another one is not disturbed by it.
    const next = new Excitement(inspector, { layer: 'fc3', unit: 3 }, some, 41)
    while (!next.isDone) await next.advance(41)
    expect(search.found().grown.at(-1)!.after).toBe(7)
  })

  test('of a unit that there is not is refused', () => {
    expect(() => new Excitement(inspector, { layer: 'conv2', unit: 16 }, some, 0)).toThrow(
      'excite: conv2 has 16 units, none is unit 16',
    )
  })

  test('a patch is drawn in a frame of its field, and what lies beyond the picture stays free', () => {
    const [, conv2] = traceLayers(run.model, [28, 28, 1], 1).layers.map(({ info }) => info)
    // LeNet-5's first convolution is padded by 2: the field of the first cell of the second begins there.
    expect(boxSeenBy(conv2!, [0, 9], [28, 28, 1])).toEqual({
      top: -2,
      left: 16,
      window: { top: 0, left: 16, bottom: 12, right: 28 },
      cell: 4,
      side: 56,
    })
    expect(boxSeenBy({}, [0, 0], [32, 32, 3])).toMatchObject({ window: { bottom: 32, right: 32 }, cell: 2, side: 64 })
    const pixels = Uint8Array.from({ length: 4 * 4 * 2 }, (_, k) => k)
    expect([...cut(pixels, [4, 4, 2], { top: 1, left: 2, bottom: 3, right: 4 })]).toEqual([
      12, 13, 14, 15, 20, 21, 22, 23,
    ])
  })
})

test('a unit is told by its largest products; all others are one number', () => {
  const inputs = Float32Array.of(1, 2, 0, -3)
  // Of unit 1: products 0.5, −4, 0 and −6.
  const weights = Float32Array.of(9, 9, 9, 9, 0.5, -2, 7, 2)
  expect(termsOfUnit(inputs, weights, 1, 2)).toEqual({
    largest: [
      { input: 3, value: -3, weight: 2, product: -6 },
      { input: 1, value: 2, weight: -2, product: -4 },
    ],
    others: 2,
    rest: 0.5,
  })
  expect(termsOfUnit(inputs, weights, 1, 9)).toMatchObject({ others: 0, rest: 0 })
})
