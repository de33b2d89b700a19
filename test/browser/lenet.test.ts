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
    const folders = { '/package/': built, '/data/': data, '/test/': here }
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

  /** Trains in a fresh page, which must not complain. */
  async function trainInPage(server: TestServer, options: Options): Promise<PageTraining> {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', error => complaints.push(String(error)))
    try {
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

  it('trains on two threads in a cross-origin isolated page, with the bits of Node', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: true })
    console.log(result, node)
    expect(result.isolated).toBe(true)
    expect(result.engine).toEqual({ backend: 'wasm', threads: 2, simd: 'precise' })
    expect(result.losses).toEqual(node.losses)
    expect(result.sha256).toBe(node.sha256)
    expectToLearn(result)
  })

  it('leaves the page alive while threads compute', async () => {
    const { pulse, milliseconds } = await trainInPage(isolated, { threads: 2, precise: true })
    console.log(pulse, milliseconds)
  })

  it('trains in a worker of an isolated page, which computes a share itself', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: true, inWorker: true })
    console.log(result.milliseconds)
    expect(result.engine).toEqual({ backend: 'wasm', threads: 2, simd: 'precise' })
    expect(result.sha256).toBe(node.sha256)
  })

  it('trains with relaxed SIMD', async () => {
    const result = await trainInPage(isolated, { threads: 2, precise: false })
    console.log(result.milliseconds)
    expect(result.engine).toEqual({ backend: 'wasm', threads: 2, simd: 'relaxed' })
    expectToLearn(result)
  })

  it('trains on one thread where the page is not isolated, with the same bits', async () => {
    const result = await trainInPage(plain, { threads: 2, precise: true })
    console.log(result.milliseconds, result.pulse)
    expect(result.isolated).toBe(false)
    expect(result.engine).toEqual({ backend: 'wasm', threads: 1, simd: 'precise' })
    expect(result.sha256).toBe(node.sha256)
  })
})

/** The loss starts near ln 10 = 2.30, that of a guess among ten classes, and falls well below half of it. */
function expectToLearn({ losses }: Training): void {
  expect(losses).toHaveLength(steps)
  expect(losses[0]).toBeGreaterThan(1.8)
  expect(mean(losses.slice(-10))).toBeLessThan(1)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
