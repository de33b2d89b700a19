/**
 * What a page may forbid, by real headers in a real browser: sharing memory, workers, compiling WebAssembly, scripts that no policy
 * vouches for. Where threads are not to be had one computes, and the engine says why; what makes computing impossible is an error
 * that names the remedy.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildPackage } from './buildPackage.ts'
import { launch, noBrowser } from './chromium.ts'
import { isolation, serve } from './server.ts'

/** The policy that docs/browser.md recommends; the tests change one directive of it. */
const policy = {
  'default-src': "'none'",
  'script-src': "'self' 'wasm-unsafe-eval'",
  'worker-src': "'self' blob:",
  'connect-src': "'self'",
}
const trustedTypes = { 'require-trusted-types-for': "'script'", 'trusted-types': 'fovea page' }

const csp = (directives: Record<string, string>) => ({
  'Content-Security-Policy': Object.entries(directives)
    .map(entry => entry.join(' '))
    .join('; '),
})

interface Computed {
  readonly threads?: number
  readonly alone?: string
  readonly right?: boolean
  readonly error?: string
}

describe.skipIf(noBrowser !== undefined)('a page in Chromium', () => {
  let folder: string
  let browser: Browser

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-policies-'))
    await buildPackage(folder)
    browser = await launch()
  }, 300_000)

  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Serves the package under headers, opens a page, and gives it to `use` with what its console says. */
  async function withPage<T>(
    headers: Record<string, string>,
    use: (page: Page, origin: string, said: string[]) => Promise<T>,
  ): Promise<T> {
    const here = fileURLToPath(new URL('.', import.meta.url))
    const server = await serve({ '/package/': folder, '/test/': here }, headers)
    const page = await browser.newPage()
    const said: string[] = []
    page.on('console', message => said.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', error => said.push(String(error)))
    try {
      return await use(page, server.origin, said)
    } finally {
      await page.close()
      await server.close()
    }
  }

  /** What `compute` answers under headers, and what the console says. */
  const computed = (headers: Record<string, string>, { inWorker = false, before = '' } = {}) =>
    withPage(headers, async (page, origin, said) => {
      await page.addInitScript(before)
      await page.goto(`${origin}/test/compute.html`)
      const name = inWorker ? 'computeInWorker' : 'compute'
      const result = await page.evaluate(
        name => (globalThis as unknown as Record<string, () => Promise<Computed>>)[name](),
        name,
      )
      return { result, said }
    })

  const places = [
    ['on the page', false],
    ['in a worker', true],
  ] as const

  it.each(places)('has its threads under the recommended policy, %s', async (_, inWorker) => {
    const { result, said } = await computed({ ...isolation, ...csp(policy) }, { inWorker })
    expect(result).toMatchObject({ threads: 2, right: true })
    expect(result.alone).toBeUndefined()
    expect(said).toEqual([])
  })

  it.each(places)('has its threads with Trusted Types, %s', async (_, inWorker) => {
    const { result, said } = await computed({ ...isolation, ...csp({ ...policy, ...trustedTypes }) }, { inWorker })
    expect(result).toMatchObject({ threads: 2, right: true })
    expect(said).toEqual([])
  })

  it.each(places)('computes on one thread where workers from blobs are forbidden, %s', async (_, inWorker) => {
    const forbidding = csp({ ...policy, 'worker-src': "'self'" })
    const { result, said } = await computed({ ...isolation, ...forbidding }, { inWorker })
    expect(result).toMatchObject({ threads: 1, right: true })
    expect(result.alone).toBe(
      'worker threads could not start: does the Content-Security-Policy allow `worker-src blob:`?',
    )
    expect(said.filter(line => line.startsWith('warning: fovea:'))).toEqual([
      `warning: fovea: ${result.alone}. One thread computes.`,
    ])
  })

  it('computes on one thread where the policy `fovea` is not among the trusted ones', async () => {
    const strict = csp({ ...policy, ...trustedTypes, 'trusted-types': 'page' })
    const { result, said } = await computed({ ...isolation, ...strict })
    expect(result).toMatchObject({ threads: 1, right: true })
    expect(result.alone).toMatch(/Content-Security-Policy allow `trusted-types fovea`\?$/)
    expect(said.filter(line => line.startsWith('warning: fovea:'))).toHaveLength(1)
  })

  it.each(places)('says what to allow where WebAssembly may not be compiled, %s', async (_, inWorker) => {
    const { result } = await computed(csp({ ...policy, 'script-src': "'self'" }), { inWorker })
    expect(result.error).toMatch(/^WebAssembly may not be compiled here: .*`script-src 'wasm-unsafe-eval'`$/)
  })

  it.each(places)('computes on one thread where it is not isolated, %s', async (_, inWorker) => {
    const { result, said } = await computed({}, { inWorker })
    expect(result).toMatchObject({
      threads: 1,
      right: true,
      alone: 'memory cannot be shared: the page is not cross-origin isolated',
    })
    expect(said).toEqual([])
  })

  it('computes on one thread in a sandboxed frame', async () => {
    const headers = { ...isolation, 'Cross-Origin-Resource-Policy': 'cross-origin', 'Access-Control-Allow-Origin': '*' }
    await withPage(headers, async (page, origin) => {
      await page.goto(`${origin}/test/compute.html`)
      await page.evaluate(() => {
        const frame = document.createElement('iframe')
        frame.sandbox.add('allow-scripts')
        frame.src = 'compute.html'
        document.body.append(frame)
      })
      const frame = await page.waitForSelector('iframe').then(element => element.contentFrame())
      await frame!.waitForFunction('globalThis.compute !== undefined')
      const result = (await frame!.evaluate('compute()')) as Computed
      expect(result).toMatchObject({
        threads: 1,
        right: true,
        alone: expect.stringContaining('not cross-origin isolated'),
      })
    })
  })

  it.each([
    ['SharedArrayBuffer', 'delete globalThis.SharedArrayBuffer', 1],
    ['Worker', 'delete globalThis.Worker', 1],
    ['Atomics.waitAsync', 'delete Atomics.waitAsync', 2],
    ['trustedTypes', 'delete globalThis.trustedTypes', 2],
  ])('computes without %s', async (_, before, threads) => {
    const { result } = await computed(isolation, { before })
    expect(result).toMatchObject({ threads, right: true })
    expect(result.alone === undefined).toBe(threads === 2)
  })

  it('says so where there is no WebAssembly', async () => {
    const { result } = await computed(isolation, { before: 'delete globalThis.WebAssembly' })
    expect(result.error).toMatch(/^there is no WebAssembly here .*backend: 'reference'/)
  })
})
