/** Pictures become a model's input on a page with the bits of Node. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { affine } from '../../src/augment/affine.ts'
import { raster } from '../../src/augment/raster.ts'
import { type Resampling, resize } from '../../src/augment/resample.ts'
import { prepareImage } from '../../src/data/image.node.ts'
import { buildPackage } from './buildPackage.ts'
import { launch, noBrowser } from './chromium.ts'
import { serve, type TestServer } from './server.ts'

/** A color picture of noise, and places of another size. */
const [height, width] = [37, 53]
const pixels = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 2654435761) >>> 24)
const noise = raster(pixels, [height, width, 3])

describe.skipIf(noBrowser !== undefined)('pictures in Chromium', () => {
  let folder: string
  let server: TestServer
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-page-'))
    await buildPackage(folder)
    server = await serve({ '/package/': folder, '/test/': fileURLToPath(new URL('.', import.meta.url)) }, {})
    browser = await launch()
    page = await browser.newPage()
    await page.goto(`${server.origin}/test/page.html`, { waitUntil: 'load' })
    await page.addScriptTag({ type: 'module', url: `${server.origin}/test/pictures.js` })
  }, 300_000)

  /** Calls a function of `pictures.js`. */
  const onPage = (name: 'prepareDrawn' | 'resizeAndTurn', given: object): Promise<number[]> =>
    page.evaluate(
      ({ name, given }) =>
        (globalThis as unknown as Record<string, (given: object) => Promise<number[]>>)[name]!(given),
      { name, given },
    )

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

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
