/** The Lab in Firefox: it trains at once, every screen opens, and a link leads to the weights that Node computes. */
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LabServer } from '../../src/cli/commands/lab/server.ts'
import { launchFirefox, noFirefox } from '../browser/firefox.ts'
import { short, startServer } from './labPage.ts'
import { trainInNode } from './trainInNode.ts'

if (noFirefox) console.warn(`The Lab's tests in Firefox are left out: ${noFirefox}`)

/** Whether a page still waits for its first files. */
const waits = (): boolean => /reading the first images|opening the trunk/.test(document.body.innerText)

describe.skipIf(noFirefox !== undefined)('the Lab in Firefox', () => {
  let server: LabServer
  let browser: Browser
  beforeAll(async () => {
    server = await startServer()
    browser = await launchFirefox()
  }, 300_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  /** Opens the Lab at a fragment, and waits for what a selector finds. */
  async function open(
    fragment: string,
    ready: string,
  ): Promise<{ readonly page: Page; readonly complaints: readonly string[] }> {
    const page = await browser.newPage()
    page.setDefaultTimeout(120_000)
    const complaints: string[] = []
    page.on('console', message => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', error => complaints.push(String(error)))
    await page.setViewport({ width: 1440, height: 900 })
    await page.goto(server.address + fragment)
    // About one visit in fifty stays at its first sentence: driven by WebDriver BiDi, Firefox now and then never comes back from
    // `new Worker` within a worker (15 of 300 times on a page with nothing else; without BiDi 0 of 300). Loaded again, it goes on.
    // Asked only after that time: a page that has just been loaded does not say its first sentence yet.
    const isThere = (): Promise<boolean> =>
      page.waitForSelector(ready, { timeout: 20_000 }).then(
        () => true,
        () => false,
      )
    for (let reloads = 0; reloads < 3 && !(await isThere()) && (await page.evaluate(waits)); reloads++)
      await page.reload()
    await page.waitForSelector(ready)
    return { page, complaints }
  }

  test('trains by itself on a first visit, isolated', async () => {
    const { page, complaints } = await open('', '.net')
    const step = (): Promise<number> =>
      page.evaluate(() => Number(document.querySelector('.net')?.getAttribute('data-step')))
    await expect.poll(step).toBeGreaterThan(20)
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    expect(complaints).toEqual([])
    await page.close()
  })

  test('comes by a link to the weights of Node', async () => {
    const fragment = `${short}&do=5:rate:0.05,9:optimizer:adam,9:rate:0.001`
    const { page } = await open(fragment, '.net[data-step="20"]')
    await page.locator('::-p-aria([name="Copy link"][role="button"])').click()
    const shown = await page.waitForSelector('[data-hash]')
    expect(await shown!.evaluate(element => element.getAttribute('data-hash'))).toBe((await trainInNode(fragment)).hash)
    await page.close()
  })

  test.each([
    ['train', '.net[data-step="20"] canvas'],
    ['look', '.layers canvas'],
    ['convolve', '.convolution'],
    ['judge', '.confusion td'],
    ['build', '.layer-table'],
    ['teach', '.trunk'],
  ])('shows %s', async (screen, ready) => {
    const { page, complaints } = await open(`${short}&screen=${screen}`, ready)
    expect(complaints).toEqual([])
    await page.close()
  })
})
