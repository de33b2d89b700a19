/** What goes wrong with the Lab, in Chromium: each is told in the page, with what to do, and nothing that was learned is lost. */
import type { Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveLab } from '../../src/cli/commands/lab/server.ts'
import { noBrowser } from '../browser/chromium.ts'
import { serve, type TestServer } from '../browser/server.ts'
import { openPage, openStage, type Stage, short, shows, site } from './labPage.ts'

/** The page after 20 steps. */
async function open(stage: Stage): Promise<Page> {
  const { page } = await openPage(stage, short)
  await page.locator('.bars[data-step="20"]').waitFor()
  return page
}

/** Opens a page whose training worker first runs a script: a browser that lacks something. */
async function openWith(stage: Stage, script: string, fragment = short): Promise<Page> {
  const { page } = await openPage(stage, '', { serviceWorkers: false })
  await page.route('**/trainWorker-*.js', async (route: Route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: `${script};${await response.text()}` })
  })
  await page.goto(`${stage.server.address}?again${fragment}`)
  return page
}

const oneStep = (page: Page): Promise<void> => page.getByRole('button', { name: 'One step', exact: true }).click()

describe.skipIf(noBrowser !== undefined)('what goes wrong with the Lab', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  describe('on a server of files without headers', () => {
    let files: TestServer
    beforeAll(async () => {
      files = await serve({ '/': site }, {})
    })
    afterAll(() => files?.close())

    test('the service worker isolates the page by one reload, and keeps it for a time without a network', async () => {
      const address = `${files.origin}/index.html`
      const { page } = await openPage(stage, short, { address })
      await shows(page, 20)
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
      expect(await page.getByText('1 thread').count()).toBe(0)
      // Loaded by the service worker once, everything is kept.
      await page.reload()
      await shows(page, 20)
      await page.context().setOffline(true)
      await page.reload()
      await shows(page, 20)
      await page.context().close()
    })

    test('without service workers it trains on one thread, and says so', async () => {
      const { page } = await openPage(stage, short, { address: `${files.origin}/index.html`, serviceWorkers: false })
      await shows(page, 20)
      await page.getByText('1 thread').waitFor()
      await page.context().close()
    })
  })

  test('a link of another version is told, and a training begins', async () => {
    const { page } = await openPage(stage, '#v=2&seed=1')
    await page.getByText(/This link is of version 2/).waitFor()
    await page.locator('.net').waitFor()
    await page.context().close()
  })

  test('a file that is no picture is told, and the picture stays', async () => {
    const page = await open(stage)
    await page.setInputFiles('#upload', {
      name: 'notes.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('no picture'),
    })
    await page.getByText('notes.txt cannot be read as a picture. Choose a PNG, JPEG or WebP file.').waitFor()
    await page.getByText('test image 0', { exact: true }).waitFor()
    await page.context().close()
  })

  test('images that do not come are told, and asked for again; what was learned stays', async () => {
    // The third shard is asked for when the second has come: 4,000 images last for 62 steps of 64.
    const { page } = await openPage(stage, '#v=1&images=6000&step=10', { serviceWorkers: false })
    await shows(page, 10)
    await page.route('**/data/mnist/2', route => route.abort())
    await page.goto(`${stage.server.address}?again#v=1&images=6000&step=10`)
    await shows(page, 10)
    await page.getByRole('button', { name: 'Train on' }).click()
    await page.getByText(/The images cannot be read: the server does not answer/).waitFor()
    expect(Number(await page.locator('b[data-step]').getAttribute('data-step'))).toBeGreaterThan(50)
    await page.unroute('**/data/mnist/2')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.waitForFunction(() => Number(document.querySelector('.net')?.getAttribute('data-step')) > 64)
    await page.context().close()
  })

  test('a file of weights is told from a picture: Build opens it, and says that it is broken; the training goes on', async () => {
    const page = await open(stage)
    await page.setInputFiles('#upload', {
      name: 'lenet5.safetensors',
      mimeType: 'application/octet-stream',
      buffer: Buffer.alloc(64),
    })
    await page.getByRole('heading', { level: 1, name: 'Build' }).waitFor()
    await page.getByText(/^lenet5\.safetensors/).waitFor()
    await page.getByRole('button', { name: 'Train', exact: true }).click()
    await page.getByText('test image 0', { exact: true }).waitFor()
    await oneStep(page)
    await shows(page, 21)
    await page.context().close()
  })

  test('a browser without shared memory trains on one thread, to the same weights, and says why', async () => {
    const without =
      "delete globalThis.SharedArrayBuffer; Object.defineProperty(globalThis, 'crossOriginIsolated', { value: false })"
    const page = await openWith(stage, without)
    await shows(page, 20)
    const badge = page.getByText('1 thread')
    expect(await badge.getAttribute('title')).toMatch(/memory/)
    const hashOf = async (shown: Page): Promise<string | null> => {
      await shown.getByRole('button', { name: 'Copy link' }).click()
      return shown.locator('[data-hash]').getAttribute('data-hash')
    }
    const other = await open(stage)
    expect(await hashOf(page)).toBe(await hashOf(other))
    await page.context().close()
    await other.context().close()
  })

  test('a browser without WebAssembly is told where the Lab works', async () => {
    const page = await openWith(stage, 'delete globalThis.WebAssembly')
    await page
      .getByRole('alert')
      .getByText(/^This browser has no WebAssembly.* Open the page in a current Chrome/)
      .waitFor()
    await page.context().close()
  })

  test('a memory that cannot be had to begin with is told', async () => {
    const full =
      "WebAssembly.Memory = function () { throw new RangeError('WebAssembly.Memory(): could not allocate memory') }"
    const page = await openWith(stage, full)
    await page
      .getByRole('alert')
      .getByText(/^The memory is full: .*could not allocate memory\. Close other pages/)
      .waitFor()
    await page.context().close()
  })

  test('a memory that is full stops the training at its step; with a smaller batch it goes on', async () => {
    // From a word of the page on, no memory grows.
    const full = `
      const { grow } = WebAssembly.Memory.prototype
      let isFull = false
      WebAssembly.Memory.prototype.grow = function (pages) {
        if (isFull) throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded')
        return grow.call(this, pages)
      }
      const channel = new BroadcastChannel('memory')
      channel.onmessage = () => {
        isFull = true
        channel.postMessage('full')
      }`
    // A step of 128 pictures needs more of it than any program before.
    const page = await openWith(stage, full, '#model=resnet20&images=400&batch=16&step=1')
    await page.locator('.bars[data-step="1"]').waitFor()
    await page.evaluate(
      () =>
        new Promise(resolve => {
          const channel = new BroadcastChannel('memory')
          channel.onmessage = resolve
          channel.postMessage('fill')
        }),
    )
    await page.getByRole('radio', { name: '128', exact: true }).click()
    await oneStep(page)
    await page
      .getByRole('alert')
      .getByText(/^The memory is full: .* What was learned is kept; a smaller batch needs less\./)
      .waitFor()
    await page.getByRole('radio', { name: '16', exact: true }).click()
    await oneStep(page)
    await shows(page, 2)
    await page.context().close()
  })

  test('a worker that the browser ends is told', async () => {
    const page = await openWith(stage, "setTimeout(() => { throw new Error('out of memory') }, 0)")
    await page
      .getByRole('alert')
      .getByText(/The training has stopped: .*out of memory.*A copied link leads back/)
      .waitFor()
    await page.context().close()
  })

  test('a server that was stopped is told when images are asked for; what is there goes on', async () => {
    const server = await serveLab({ port: 0, site, warn: console.warn })
    const { page } = await openPage(stage, '#model=mlp', { address: server.address, serviceWorkers: false })
    // It stops when the third shard is asked for: 4,000 images last for 62 steps of 64.
    await page.route('**/data/mnist/2', async route => {
      await server.close()
      await route.continue()
    })
    await page.goto(`${server.address}?again#v=1&images=6000&step=10`)
    await shows(page, 10)
    await page.getByRole('button', { name: 'Train on' }).click()
    await page.getByText(/The images cannot be read: the server does not answer\. What was learned stays\./).waitFor()
    await page.keyboard.press('Home')
    await shows(page, 0)
    await page.getByRole('slider', { name: 'Moment of the training' }).press('End')
    await page.waitForFunction(() => Number(document.querySelector('.net')?.getAttribute('data-step')) > 10)
    await page.keyboard.press('n')
    await page.getByText('test image 1', { exact: true }).waitFor()
    await page.context().close()
  })
})
