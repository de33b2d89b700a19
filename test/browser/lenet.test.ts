/**
 * LeNet-5 trains in a real browser: on threads in a cross-origin isolated page and in a worker of one, on one thread
 * elsewhere; in `precise` mode with the same bits as Node.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mnist } from '../../src/data/index.node.ts'
import { idxBytes } from '../data/writeIdx.ts'
import { buildPackage } from './buildPackage.ts'
import { launch, noBrowser } from './chromium.ts'
import { isolation, serve, type TestServer } from './server.ts'

/** What `train50` returns, and what a page adds. */
interface Training {
  engine: { backend: string; threads: number; simd: string }
  losses: number[]
  milliseconds: number
  sha256: string
}
interface PageTraining extends Training {
  isolated: boolean
  pulse: { frames: number; turns: number; longest: number }
}
interface Options {
  threads: number
  precise: boolean
  inWorker?: boolean
}

const steps = 50
const batch = 128
const here = fileURLToPath(new URL('.', import.meta.url))

describe.skipIf(noBrowser !== undefined)(`LeNet-5 in Chromium${noBrowser ? ` (${noBrowser})` : ''}`, () => {
  let folder: string
  let folders: Record<string, string>
  let browser: Browser
  let isolated: TestServer
  let plain: TestServer
  let node: Training

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-browser-'))
    const [built, data] = [join(folder, 'package'), join(folder, 'data')]
    mkdirSync(data)
    const { train } = await mnist()
    const count = steps * batch
    writeFileSync(join(data, 'images'), idxBytes([count, 28, 28], train.images.subarray(0, count * 784)))
    writeFileSync(join(data, 'labels'), idxBytes([count], train.labels.subarray(0, count)))
    await buildPackage(built)
    folders = { '/package/': built, '/data/': data, '/test/': here }
    isolated = await serve(folders, isolation)
    plain = await serve(folders, {})
    browser = await launch()
    node = await trainInNode({ threads: 2, precise: true })
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await Promise.all([isolated?.close(), plain?.close()])
    rmSync(folder, { recursive: true, force: true })
  })

  /** The same script in a process of its own. */
  async function trainInNode(options: Options): Promise<Training> {
    const paths = ['package', 'data/images', 'data/labels'].map(name => join(folder, name))
    const script = join(here, 'trainInNode.js')
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...paths, JSON.stringify(options)])
    return JSON.parse(stdout) as Training
  }

  /** Trains in a fresh page, after a script that changes what the browser offers. */
  async function trainInPage(server: TestServer, options: Options, before = ''): Promise<PageTraining> {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', error => complaints.push(String(error)))
    try {
      await page.addInitScript(before)
      await page.goto(`${server.origin}/test/page.html`, { waitUntil: 'load' })
      const result = await page.evaluate(
        options => (globalThis as unknown as { train(options: Options): Promise<PageTraining> }).train(options),
        options,
      )
      expect(complaints).toEqual([])
      return result
    } finally {
      await page.close()
    }
  }

  it('gets the same bits from Node with one thread and with two', async () => {
    const alone = await trainInNode({ threads: 1, precise: true })
    expect(alone.sha256).toBe(node.sha256)
    expect(alone.losses).toEqual(node.losses)
  })

  it('trains on two threads in an isolated page, with the bits of Node, and the page stays alive', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: true })
    expect(result.isolated).toBe(true)
    expect(result.engine).toEqual({ backend: 'wasm', threads: 2, simd: 'precise' })
    expectToLearn(result)
    expect(result.losses).toEqual(node.losses)
    expect(result.sha256).toBe(node.sha256)
    // The page's event loop turns several times in a step: it does not compute.
    expect(result.pulse.turns).toBeGreaterThan(steps)
  })

  it('trains with relaxed SIMD', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: false })
    expect(result.engine).toEqual({ backend: 'wasm', threads: 2, simd: 'relaxed' })
    expectToLearn(result)
  })

  it('trains in a dedicated worker of an isolated page, which computes a share itself', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: true, inWorker: true })
    expect(result.engine).toEqual({ backend: 'wasm', threads: 2, simd: 'precise' })
    expect(result.sha256).toBe(node.sha256)
  })

  it.each([true, false])('trains on one thread where the page is not isolated (in a worker: %s)', async inWorker => {
    const result = await trainInPage(plain, { threads: 2, precise: true, inWorker })
    expect(result.isolated).toBe(false)
    expect(result.engine).toEqual({ backend: 'wasm', threads: 1, simd: 'precise' })
    expect(result.sha256).toBe(node.sha256)
  })

  it('trains on one thread in a page without Atomics.waitAsync', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: true }, 'delete Atomics.waitAsync')
    expect(result.engine).toEqual({ backend: 'wasm', threads: 1, simd: 'precise' })
    expect(result.sha256).toBe(node.sha256)
  })

  it('says why when the page forbids its workers', async () => {
    const strict = await serve(folders, { ...isolation, 'Content-Security-Policy': "worker-src 'self'" })
    try {
      await expect(trainInPage(strict, { threads: 2, precise: true })).rejects.toThrow(/worker-src blob:/)
    } finally {
      await strict.close()
    }
  })
})

/** The loss starts near ln 10 = 2.30, that of a guess among ten classes, and falls below half of it. */
function expectToLearn({ losses }: Training): void {
  expect(losses).toHaveLength(steps)
  expect(losses[0]).toBeCloseTo(Math.log(10), 0)
  const last = losses.slice(-10)
  expect(last.reduce((sum, loss) => sum + loss, 0) / last.length).toBeLessThan(Math.log(10) / 2)
}
