/** A classifier's file on a page, in Chromium: any picture that the page has, and the same bits as in Node. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { loadClassifier } from '../../src/classifier/index.node.ts'
import { buildPackage } from './buildPackage.ts'
import { launch, noBrowser } from './chromium.ts'
import { fourClasses, photoFile, photoHeight, photoWidth } from './fourClasses.ts'
import { serve, type TestServer } from './server.ts'

const html = `<!doctype html><title>A classifier</title>
<img id="photo" src="photo.png" alt="" />
<script type="module">
  import { createEngine } from './index.js'
  import { classifierInWorker, loadClassifier } from './classifier/index.js'
  globalThis.inWorker = (script, source) => classifierInWorker(new Worker(script, { type: 'module' }), source)
  // The same bits everywhere.
  const engine = createEngine({ threads: 1, precise: true })
  globalThis.load = source => loadClassifier(source, { engine })
  globalThis.classify = await globalThis.load('four.fovea')
</script>`

/** Two lines, as a page's own file has them; here without a bundler. */
const workerScript = `import { serveClassifier } from './classifier/index.js'
serveClassifier()`

describe.skipIf(noBrowser !== undefined)('on a page', () => {
  let folder: string
  let browser: Browser
  let server: TestServer
  let page: Page
  let wanted: readonly number[]

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-browser-classifier-'))
    await buildPackage(folder)
    const file = fourClasses()
    const png = await photoFile()
    writeFileSync(join(folder, 'page.html'), html)
    writeFileSync(join(folder, 'four.fovea'), file)
    writeFileSync(join(folder, 'worker.js'), workerScript)
    writeFileSync(join(folder, 'photo.png'), png)
    const engine = createEngine({ threads: 1, precise: true })
    const classify = await loadClassifier(file, { engine })
    wanted = (await classify(png)).map(({ probability }) => probability)
    await engine.close()
    server = await serve({ '/pages/': folder }, {})
    browser = await launch()
    page = await browser.newPage()
    await page.goto(`${server.origin}/pages/page.html`)
    await page.waitForFunction(() => 'classify' in globalThis)
  }, 300_000)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Probabilities of what an expression makes of the image, the bitmap or the blob of the photo. */
  const answers = (picture: string): Promise<number[]> =>
    page.evaluate(`(async () => {
      const image = document.querySelector('#photo')
      await image.decode()
      const blob = await (await fetch('photo.png')).blob()
      const canvas = Object.assign(document.createElement('canvas'), { width: ${photoWidth}, height: ${photoHeight} })
      canvas.getContext('2d').drawImage(image, 0, 0)
      const pixels = canvas.getContext('2d').getImageData(0, 0, ${photoWidth}, ${photoHeight})
      return (await globalThis.classify(await (${picture}))).map(({ probability }) => probability)
    })()`)

  it.each([
    ['an image of the page', 'image'],
    ['a blob', 'blob'],
    ['a file', "new File([blob], 'photo.png')"],
    ['an image bitmap', 'createImageBitmap(blob)'],
    ['a canvas', 'canvas'],
    [
      'a canvas of a worker',
      '(() => { const c = new OffscreenCanvas(canvas.width, canvas.height); c.getContext("2d").drawImage(image, 0, 0); return c })()',
    ],
    ['its pixels', 'pixels'],
    ["a video's frame", 'new VideoFrame(canvas, { timestamp: 0 })'],
  ])('%s: the same bits as in Node', async (_, picture) => {
    expect(await answers(picture)).toEqual(wanted)
  })

  it.each([
    ['a file that is no picture', "new File(['x'], 'x.png')", 'x.png is no picture that this browser can show'],
    ['nothing', 'undefined', 'undefined is no picture'],
  ])('%s', async (_, picture, message) => {
    await expect(answers(picture)).rejects.toThrow(message)
  })

  describe('in a worker', () => {
    /** What an expression comes to, with the photo as image, bitmap and blob, and `inWorker`. */
    const evaluate = (body: string): Promise<unknown> =>
      page.evaluate(`(async () => {
        const { inWorker } = globalThis
        const image = document.querySelector('#photo')
        const blob = await (await fetch('photo.png')).blob()
        ${body}
      })()`)

    it('any picture, several at once', async () => {
      const answers = (await evaluate(`
        const classify = await inWorker('worker.js', 'four.fovea')
        const bitmap = await createImageBitmap(blob)
        const answers = await Promise.all([image, blob, bitmap, new File([blob], 'x.png')].map(picture => classify(picture)))
        const { info, classes } = classify
        await classify.close()
        return { answers, info, classes }
      `)) as { answers: { class: string; probability: number }[][]; info: object; classes: string[] }
      for (const answer of answers.answers) {
        // Engines of workers are not precise: the last bits may differ.
        answer.forEach(({ probability }, k) => {
          expect(Math.abs(probability - wanted[k]!)).toBeLessThan(1e-5)
        })
        expect(answer).toEqual(answers.answers[0])
      }
      expect(answers.info).toMatchObject({ name: 'four', shorterSide: 37 })
      expect(answers.classes).toEqual(['ant', 'bee', 'cat', 'dog'])
    })

    it.each([
      ["inWorker('worker.js', 'none.fovea')", '404'],
      ["inWorker('none.js', 'four.fovea')", 'the worker failed: its script cannot be loaded'],
      ["inWorker('worker.js', 'photo.png')", 'is no classifier'],
      ["(await inWorker('worker.js', 'four.fovea'))(undefined)", 'undefined is no picture'],
      ["(await inWorker('worker.js', 'four.fovea'))(new File(['x'], 'x.png'))", 'x.png is no picture'],
      ["(await inWorker('worker.js', 'four.fovea'))(blob, { top: 0 })", 'top (=0) must be'],
    ])('%s', async (expression, message) => {
      await expect(evaluate(`await ${expression}`)).rejects.toThrow(message)
    })
  })

  it.each([
    ['none.fovea', '404'],
    ['photo.png', 'is no classifier'],
    ['page.html', 'text/html'],
  ])('%s is refused', async (address, message) => {
    await expect(
      page.evaluate(
        address => (globalThis as unknown as { load: (address: string) => Promise<unknown> }).load(address),
        address,
      ),
    ).rejects.toThrow(message)
  })
})
