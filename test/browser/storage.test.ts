/** Files that a page downloads, keeps and gives away, in Chromium. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildPackage } from './buildPackage.ts'
import { launch, noBrowser } from './chromium.ts'

const html = `<!doctype html><title>Files</title><script type="module">
  import { browserFiles, downloadFile, fetchFile } from './formats/index.js'
  const text = blob => (blob === undefined ? undefined : new Response(blob).text())
  Object.assign(globalThis, { browserFiles, downloadFile, fetchFile, text })
</script>`

describe.skipIf(noBrowser !== undefined)('a page', () => {
  let folder: string
  let browser: Browser
  let server: Server
  let page: Page
  let origin: string
  /** What the server has at /file, how it was asked, and how it fails. */
  let file = { body: 'first', tag: '"1"', status: 200, length: undefined as number | undefined }
  let asked: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-browser-files-'))
    await buildPackage(folder)
    server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname
      if (path === '/page.html') return response.setHeader('Content-Type', 'text/html').end(html)
      if (path !== '/file') {
        const type = extname(path) === '.js' ? 'text/javascript' : 'text/plain'
        return response
          .setHeader('Content-Type', type)
          .end(path === '/favicon.ico' ? '' : readFileSync(join(folder, path)))
      }
      const tag = request.headers['if-none-match']
      asked.push(tag ?? 'whole')
      if (tag === file.tag && file.status === 200) return response.writeHead(304).end()
      const { body, status, length = body.length } = file
      response.writeHead(status, { ETag: file.tag, 'Content-Length': length, 'Cache-Control': 'no-store' })
      if (length === body.length) return response.end(body)
      response.write(body)
      return response.destroy()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await launch()
  }, 300_000)

  beforeEach(async () => {
    file = { body: 'first', tag: '"1"', status: 200, length: undefined }
    asked = []
    await page?.context().close()
    page = await (await browser.newContext({ acceptDownloads: true })).newPage()
    await page.goto(`${origin}/page.html`)
    await page.waitForFunction(() => 'fetchFile' in globalThis)
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    server?.closeAllConnections()
    await new Promise(resolve => server?.close(resolve))
    rmSync(folder, { recursive: true, force: true })
  })

  const download = (options = '{ cache: true }') => page.evaluate(`fetchFile('file', ${options}).then(text)`)

  describe('downloads a file', () => {
    it('and is told how far it is', async () => {
      const steps = await page.evaluate(`(async () => {
        const steps = []
        await fetchFile('file', { onProgress: step => steps.push(step) })
        return steps
      })()`)
      expect(steps).toEqual([
        { loaded: 0, total: 5 },
        { loaded: 5, total: 5 },
      ])
    })

    it('once, and then asks only whether it has changed', async () => {
      expect([await download(), await download()]).toEqual(['first', 'first'])
      file = { ...file, body: 'second', tag: '"2"' }
      expect([await download(), await download()]).toEqual(['second', 'second'])
      expect(asked).toEqual(['whole', '"1"', '"1"', '"2"'])
    })

    it('each time when it is not to be kept', async () => {
      await download('{}')
      await download('{}')
      expect(asked).toEqual(['whole', 'whole'])
    })

    it('that was kept, without a network and from a server that fails', async () => {
      await download()
      file = { ...file, status: 503 }
      expect(await download()).toBe('first')
      await page.context().setOffline(true)
      expect(await download()).toBe('first')
      await expect(download('{}')).rejects.toThrow(/file: cannot be fetched/)
      await page.context().setOffline(false)
    })

    it('that is not there, as an error, also when an older one was kept', async () => {
      await download()
      file = { ...file, status: 404 }
      await expect(download()).rejects.toThrow('the server answered 404')
    })

    it('that breaks off, as an error, and keeps nothing of it', async () => {
      file = { ...file, length: 100 }
      await expect(download()).rejects.toThrow(/the download broke off|cannot be fetched/)
      file = { ...file, length: undefined }
      expect(await download()).toBe('first')
      // Browsers try again by themselves; whatever they asked for, nothing was there to be compared with.
      expect(new Set(asked)).toEqual(new Set(['whole']))
    })

    it('for which there is no room, each time', async () => {
      file = { ...file, body: 'x'.repeat(500_000) }
      await limitRoom(100_000)
      expect([await download(), await download()]).toEqual([file.body, file.body])
      expect(asked).toEqual(['whole', 'whole'])
    })
  })

  /** Leaves the page so many bytes. */
  async function limitRoom(quotaSize: number): Promise<void> {
    const session = await page.context().newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize })
  }

  describe.each(['file system', 'database'])('keeps files in its %s', kind => {
    const run = (body: string) =>
      page.evaluate(`(async () => { const files = await browserFiles('${kind}'); ${body} })()`)

    it('until they are removed, across reloads', async () => {
      await run(`await files.save('b c.fovea', new Uint8Array([104, 105])); await files.save('a', new Blob(['x']))`)
      await run(`await files.save('a', new Blob(['longer'])); await files.save('a', new Blob(['new']))`)
      await page.reload()
      await page.waitForFunction(() => 'fetchFile' in globalThis)
      expect(
        await run(`return [await text(await files.open('a')), await text(await files.open('b c.fovea'))]`),
      ).toEqual(['new', 'hi'])
      expect(await run('return files.list()')).toEqual([
        { name: 'a', size: 3 },
        { name: 'b c.fovea', size: 2 },
      ])
      await run(`await files.remove('a'); await files.remove('nothing')`)
      expect(await run(`return [await files.open('a'), (await files.list()).length]`)).toEqual([undefined, 1])
    })

    it('but none for which there is no room, and then says so; an older one stays whole', async () => {
      await run(`await files.save('cats', new Blob(['whole']))`)
      // Chromium's own limit, set for a test, does not reach databases.
      await page.evaluate(`navigator.storage.estimate = async () => ({ quota: 200_000, usage: 150_000 })`)
      await expect(run(`await files.save('cats', new Uint8Array(5_000_000))`)).rejects.toThrow(
        'cats: 5000000 bytes, and the page has room for 50000 bytes more in this browser: remove other files',
      )
      await expect(run(`await files.save('dogs', new Uint8Array(5_000_000))`)).rejects.toThrow(/dogs: 5000000 bytes/)
      expect(await run(`return [await text(await files.open('cats')), (await files.list()).length]`)).toEqual([
        'whole',
        1,
      ])
    })

    it.each(['', '.', '..', 'a/b', 'a\\\\b'])('none of the name %o', async name => {
      await expect(run(`await files.save('${name}', new Blob(['x']))`)).rejects.toThrow('is no name of a file')
    })
  })

  it('gives a file away as a download', async () => {
    const [given] = await Promise.all([
      page.waitForEvent('download'),
      page.evaluate(`downloadFile('cats.fovea', new Uint8Array([104, 105]))`),
    ])
    expect(given.suggestedFilename()).toBe('cats.fovea')
    expect(readFileSync(await given.path(), 'utf8')).toBe('hi')
  })
})
