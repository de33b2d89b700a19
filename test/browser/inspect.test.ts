/** Looking inside a network on a page: captures, Grad-CAM and a growing picture have Node's numbers. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { gradCam, Inspector, visualize } from '../../src/inspect/index.ts'
import { conv2d, flatten, ImageClassifier, linear, maxPool2d, normalize, relu, sequential } from '../../src/nn/index.ts'
import { departure } from '../inspect/network.ts'
import { noBrowser } from './chromium.ts'
import { openPackagePage, type PackagePage } from './packagePage.ts'

interface Found {
  readonly seen: number[]
  readonly numbers: Readonly<Record<string, number[]>>
  readonly scores: number[]
}

const pixels = Array.from({ length: 12 * 12 * 3 }, (_, i) => (i * 2654435761) >>> 24)

/** The network of `inspect.js`. */
const network = () =>
  new ImageClassifier(
    normalize({ mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25] }),
    sequential({
      conv1: conv2d(3, 4, 3, { padding: 1 }),
      relu1: relu(),
      pool1: maxPool2d(2),
      conv2: conv2d(4, 6, 3),
      relu2: relu(),
      flatten: flatten(),
      fc: linear(96, 3),
    }),
  ).initialize(7)

async function lookInside(): Promise<Found> {
  const engine = createEngine({ precise: true })
  const inspector = new Inspector(engine, network(), [12, 12, 3])
  const bytes = Uint8Array.from(pixels)
  const { values, gradients, logits } = await inspector.capture(bytes, ['conv1', 'relu2'], { gradientsOf: 1 })
  const { map } = await gradCam(inspector, bytes, { of: 1, layer: 'relu2' })
  const { images, scores } = await visualize(inspector, { layer: 'conv2', channel: 2 }, { steps: 6 })
  await engine.close()
  const lists = {
    logits,
    conv1: values.get('conv1')!,
    slope: gradients.get('conv1')!,
    relu2: gradients.get('relu2')!,
    map,
    images,
  }
  const numbers = Object.fromEntries(Object.entries(lists).map(([name, { values: list }]) => [name, [...list]]))
  return { seen: [1, 2, 3, 4, 5, 6], numbers, scores: [...scores] }
}

describe.skipIf(noBrowser !== undefined)('fovea/inspect in Chromium', () => {
  let opened: PackagePage
  let page: Page

  beforeAll(async () => {
    opened = await openPackagePage('inspect.js')
    page = opened.page
  }, 300_000)

  afterAll(() => opened?.close())

  it('finds values, gradients, a map and a picture that excites a channel, as Node does', async () => {
    const found = await page.evaluate(
      given => (globalThis as unknown as { lookInside: (given: object) => Promise<Found> }).lookInside(given),
      { pixels },
    )
    const expected = await lookInside()
    expect(found.seen).toEqual(expected.seen)
    for (const name of ['logits', 'conv1', 'slope', 'relu2', 'map'] as const) {
      // A precise engine computes the same bits everywhere.
      expect(found.numbers[name], name).toEqual(expected.numbers[name])
      expect(Math.max(...expected.numbers[name]!.map(Math.abs)), name).toBeGreaterThan(0)
    }
    // Views take sines and cosines of the page's JavaScript, whose last digit is its own.
    expect(departure(found.numbers.images!, expected.numbers.images!)).toBeLessThan(1e-5)
    expect(departure(found.scores, expected.scores)).toBeLessThan(1e-5)
  }, 120_000)
})
