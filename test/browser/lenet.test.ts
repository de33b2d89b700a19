/**
 * LeNet-5 trains in a real browser: on threads in a cross-origin isolated page and in a worker of one, on one thread
 * elsewhere; in `precise` mode with the same bits as Node. It answers while it is busy as it does alone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, noBrowser } from './chromium.ts'
import { isolation, serve, type TestServer } from './server.ts'
import { type Material, prepareMaterial, steps, type Training, type TrainingOptions, trainInNode } from './training.ts'

/** What a page adds to the result of `train50`. */
interface PageTraining extends Training {
  readonly isolated: boolean
  /** Timer ticks and frames of the page while it trained itself. */
  readonly pulse?: { readonly ticks: number; readonly frames: number; readonly milliseconds: number }
}

/** What `askWhileBusy` returns. */
interface BusyAnswers extends Pick<Training, 'engine'> {
  readonly asked: number
  readonly wrong: number
  readonly askedMeanwhile: number
  readonly wrongMeanwhile: number
  readonly alone: readonly number[]
  readonly beside: readonly number[]
}

type PageOptions = TrainingOptions & { readonly inWorker?: boolean }

if (noBrowser) console.warn(`The browser tests are left out: ${noBrowser}`)

describe.skipIf(noBrowser !== undefined)('LeNet-5 in Chromium', () => {
  let folder: string
  let material: Material
  let folders: Record<string, string>
  let browser: Browser
  let isolated: TestServer
  let plain: TestServer
  let node: Training

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-browser-'))
    material = await prepareMaterial(folder)
    const here = fileURLToPath(new URL('.', import.meta.url))
    folders = { '/package/': material.package, '/data/': material.data, '/test/': here }
    isolated = await serve(folders, isolation)
    plain = await serve(folders, {})
    browser = await launch()
    node = await trainInNode(material, { threads: 2, precise: true })
  }, 300_000)

  afterAll(async () => {
    await browser?.close()
    await Promise.all([isolated?.close(), plain?.close()])
    rmSync(folder, { recursive: true, force: true })
  })

  /** Trains in a fresh page, after a script that changes what the browser offers. */
  const trainInPage = (server: TestServer, options: PageOptions, before = ''): Promise<PageTraining> =>
    inPage(server, 'train', options, before)

  /** Calls a function of a fresh page, which says nothing on its console. */
  async function inPage<T>(server: TestServer, name: 'train' | 'ask', options: PageOptions, before = ''): Promise<T> {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', error => complaints.push(String(error)))
    try {
      await page.addInitScript(before)
      await page.goto(`${server.origin}/test/page.html`, { waitUntil: 'load' })
      const result = await page.evaluate(
        ({ name, options }) =>
          (globalThis as unknown as Record<string, (options: PageOptions) => Promise<T>>)[name]!(options),
        { name, options },
      )
      expect(complaints).toEqual([])
      return result
    } finally {
      await page.close()
    }
  }

  it('gets the same bits from Node with one thread and with two', async () => {
    const alone = await trainInNode(material, { threads: 1, precise: true })
    expect(alone.sha256).toBe(node.sha256)
    expect(alone.losses).toEqual(node.losses)
  })

  it('trains on two threads in an isolated page, with the bits of Node, and the page stays alive', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: true })
    expect(result.isolated).toBe(true)
    expect(result.engine).toEqual({ backend: 'wasm', detail: '2 threads, SIMD: precise', threads: 2, simd: 'precise' })
    expectToLearn(result)
    expect(result.losses).toEqual(node.losses)
    expect(result.sha256).toBe(node.sha256)
    // A timer ticks every 4 ms on an idle page, which is about once a step, and every 25 ms on one that computes the steps itself.
    const { ticks, frames } = result.pulse!
    expect(ticks).toBeGreaterThan(steps / 2)
    expect(frames).toBeGreaterThan(1)
  })

  it('trains with relaxed SIMD', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: false })
    expect(result.engine).toEqual({ backend: 'wasm', detail: '2 threads, SIMD: relaxed', threads: 2, simd: 'relaxed' })
    expectToLearn(result)
  })

  it('trains in a dedicated worker of an isolated page, which computes a share itself', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: true, inWorker: true })
    expect(result.engine).toEqual({ backend: 'wasm', detail: '2 threads, SIMD: precise', threads: 2, simd: 'precise' })
    expect(result.sha256).toBe(node.sha256)
  })

  it.each([true, false])('trains on one thread where the page is not isolated (in a worker: %s)', async inWorker => {
    const result = await trainInPage(plain, { threads: 2, precise: true, inWorker })
    expect(result.isolated).toBe(false)
    expect(result.engine).toMatchObject({ backend: 'wasm', threads: 1, simd: 'precise' })
    expect(result.sha256).toBe(node.sha256)
  })

  it.each([
    { threads: 2, inWorker: false },
    { threads: 4, inWorker: false },
    { threads: 2, inWorker: true },
    { threads: 4, inWorker: true },
  ])('is asked while it is busy, and answers as ever: %o', async where => {
    const result = await inPage<BusyAnswers>(isolated, 'ask', { ...where, precise: true })
    expect(result.engine).toMatchObject({ backend: 'wasm', threads: where.threads, simd: 'precise' })
    expect(result).toMatchObject({ asked: 300, wrong: 0, wrongMeanwhile: 0 })
    expect(result.askedMeanwhile).toBeGreaterThan(2)
    expect(result.alone).toHaveLength(10)
    expect(result.beside).toEqual(result.alone)
  })
})

/** The loss starts near ln 10 = 2.30, that of a guess among ten classes, and falls below half of it. */
function expectToLearn({ losses }: Training): void {
  expect(losses).toHaveLength(steps)
  expect(losses[0]).toBeCloseTo(Math.log(10), 0)
  const last = losses.slice(-10)
  expect(last.reduce((sum, loss) => sum + loss, 0) / last.length).toBeLessThan(Math.log(10) / 2)
}
