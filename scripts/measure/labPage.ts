/** The Lab in Chromium, for measurements: a server of the digits, a browser, and numbers as tables. */
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { type LabServer, serveLab } from '../../src/cli/commands/lab/server.ts'
import { launch } from '../../test/browser/chromium.ts'

const site = fileURLToPath(new URL('../../dist/lab', import.meta.url))

/**
 * Runs a measurement with a server and a browser, which end with it.
 * @param runs a folder of runs to serve, none by default
 */
export async function withLab(
  measure: (browser: Browser, server: LabServer) => Promise<void>,
  runs?: string,
): Promise<void> {
  const server = await serveLab({ port: 0, site, warn: console.warn, runs })
  const browser = await launch()
  try {
    await measure(browser, server)
  } finally {
    await browser.close()
    await server.close()
  }
}

/** Functions that are sent to a page come with a helper of the compiler's, which gives them their names; a page has none. */
export const helper = 'globalThis.__name = value => value'

/** The middle of some numbers. */
export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Milliseconds from the start of a page's load until an element's text is of a pattern, looked at in every frame. */
export async function timeUntil(page: Page, selector: string, pattern: RegExp): Promise<number> {
  const handle = await page.waitForFunction(
    ([where, source]) =>
      new RegExp(source).test(document.querySelector(where)?.textContent ?? '') ? performance.now() : 0,
    [selector, pattern.source] as const,
    { polling: 'raf', timeout: 300_000 },
  )
  return handle.jsonValue()
}

/** The step that the page shows. */
export const stepOf = (page: Page): Promise<number> =>
  page.evaluate(() => Number(document.querySelector('b[data-step]')?.getAttribute('data-step') ?? 0))
