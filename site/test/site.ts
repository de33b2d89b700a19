/** The site, built below a folder of its server, and a browser in which it is open. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launch } from '../../test/browser/chromium.ts'
import { serve } from '../../test/browser/server.ts'
import { root } from '../pages.ts'

/** Folder of the server that the site lies in. */
export const base = '/fovea/'

/** A served site. */
export interface Stage {
  /** The folder of files. */
  readonly folder: string
  /** Where the site is, with a slash at its end. */
  readonly address: string
  readonly browser: Browser
  close(): Promise<void>
}

/** Builds the site, or takes SITE_BUILT, a folder that was built for {@link base}; and serves it from a server that sets no headers. */
export async function openStage(): Promise<Stage> {
  const built = process.env.SITE_BUILT
  const folder = built ?? buildSite()
  const server = await serve({ [base]: folder }, {})
  const browser = await launch()
  return {
    folder,
    address: server.origin + base,
    browser,
    async close() {
      await browser.close()
      await server.close()
      if (built === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Builds into a temporary folder. */
function buildSite(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-site-'))
  const tsx = pathToFileURL(createRequire(join(root, 'package.json')).resolve('tsx')).href
  execFileSync(process.execPath, ['--import', tsx, 'site/build.ts'], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production', SITE_BASE: base, SITE_OUT: folder },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return folder
}

/** A page of the site, in a browser that has not seen it before. */
export interface OpenPage {
  readonly page: Page
  readonly context: BrowserContext
  /** What its console has complained of. */
  readonly complaints: readonly string[]
}

/** Opens a page by its path in the site. */
export async function openPage(
  { browser, address }: Stage,
  path: string,
  { width = 1440, theme = 'light' as 'light' | 'dark', script = undefined as string | undefined } = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme })
  const page = await context.newPage()
  page.setDefaultTimeout(120_000)
  const complaints: string[] = []
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  if (script !== undefined) await page.addInitScript({ path: script })
  await page.goto(address + path)
  return { page, context, complaints }
}

/** A cell of a page, by its place. */
export const cell = (page: Page, place: number) => page.locator('.cell').nth(place)

/** Presses a cell's button, once it can be pressed. */
export const press = (page: Page, place: number, name: string): Promise<void> =>
  cell(page, place).getByRole('button', { name, exact: true }).click()

/** Replaces a cell's code. */
export async function write(page: Page, place: number, source: string): Promise<void> {
  await cell(page, place).locator('.cm-content').click()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.press('Delete')
  await page.keyboard.insertText(source)
}

/** How a cell has ended, and what it has printed. */
export async function outcome(page: Page, place: number): Promise<{ state: string; printed: string; problem: string }> {
  const found = cell(page, place)
  const state = await found.and(page.locator('[data-state="done"], [data-state="failed"]')).getAttribute('data-state')
  const printed = (await found.locator('.cell-ran .cell-text').allTextContents()).join('\n')
  const problem = (await found.locator('.cell-problem').allTextContents()).join('\n')
  return { state: state!, printed, problem }
}

/** Runs a cell as it is, to its end. */
export async function runCell(page: Page, place: number): ReturnType<typeof outcome> {
  await press(page, place, 'Run')
  return outcome(page, place)
}
