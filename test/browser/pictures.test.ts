/** Pictures become a model's input on a page with the bits of Node. */
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { affine } from '../../src/augment/affine.ts'
import { raster } from '../../src/augment/raster.ts'
import { type Resampling, resize } from '../../src/augment/resample.ts'
import { prepareImage } from '../../src/data/image.node.ts'
import { noBrowser } from './chromium.ts'
import { openPackagePage, type PackagePage } from './packagePage.ts'

/** A color picture of noise, and places of another size. */
const [height, width] = [37, 53]
const pixels = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 2654435761) >>> 24)
const noise = raster(pixels, [height, width, 3])

describe.skipIf(noBrowser !== undefined)('pictures in Chromium', () => {
  let opened: PackagePage
  let page: Page

  beforeAll(async () => {
    opened = await openPackagePage('pictures.js')
    page = opened.page
  }, 300_000)

  /** Calls a function of `pictures.js`. */
  const onPage = (name: 'prepareDrawn' | 'resizeAndTurn', given: object): Promise<number[]> =>
    page.evaluate(
      ({ name, given }) =>
        (globalThis as unknown as Record<string, (given: object) => Promise<number[]>>)[name]!(given),
      { name, given },
    )

  afterAll(() => opened?.close())

  it.each([
    { shape: [24, 24, 3], shorterSide: 30 },
    { shape: [64, 80, 3] },
    { shape: [20, 20, 1] },
    { shape: [28, 28, 1] },
  ] as const)('drawn on a canvas are the same input as their file: %j', async ({ shape, ...options }) => {
    const bytes = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer()
    const found = await onPage('prepareDrawn', { png: bytes.toString('base64'), shape, options })
    expect(found).toEqual([...(await prepareImage({ name: 'noise.png', bytes }, shape, options))])
  })

  it.each<[number, number, Resampling]>([
    [90, 41, 'bilinear'],
    [90, 41, 'bicubic'],
    [11, 100, 'nearest'],
  ])('are the same at %i × %i, %s, and turned', async (high, wide, resampling) => {
    const turn = { angle: 20, translate: [3, -2], scale: 0.8, shear: [5, 0], fill: 99 } as const
    const size = [high, wide, resampling]
    const found = await onPage('resizeAndTurn', { pixels: [...pixels], shape: [height, width, 3], size, turn })
    expect(found).toEqual([...affine(resize(noise, high, wide, resampling), turn).pixels])
  })
})
