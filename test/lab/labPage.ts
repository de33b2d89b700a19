/** The built Lab, served as `fovea lab` does, in a page of Chromium. */
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { type LabServer, type LabServerOptions, serveLab } from '../../src/cli/commands/lab/server.ts'
import { loadDataset } from '../../src/recipe/datasets.node.ts'
import { launch } from '../browser/chromium.ts'
import { stripes } from './stripes.ts'

/** The built page. */
export const site = fileURLToPath(new URL('../../dist/lab', import.meta.url))

/** A server and a browser. */
export interface Stage {
  readonly server: LabServer
  readonly browser: Browser
  close(): Promise<void>
}

/** Serves the Lab. @param runs a folder of runs to serve, none by default */
export function startServer(runs?: string): Promise<LabServer> {
  // Other data sets than the digits would have to be downloaded: stripes stand for them.
  const load: LabServerOptions['load'] = async name => (name === 'mnist' ? loadDataset(name) : stripes(name))
  return serveLab({ port: 0, site, warn: console.warn, load, runs })
}

/**
 * Starts both.
 * @param runs a folder of runs to serve, none by default
 * @param options as of `launch`
 */
export async function openStage(runs?: string, options?: Parameters<typeof launch>[1]): Promise<Stage> {
  const server = await startServer(runs)
  const browser = await launch(undefined, options)
  return {
    server,
    browser,
    async close() {
      await browser.close()
      await server.close()
    },
  }
}

/** A page, and what its console has complained of. */
export interface OpenPage {
  readonly page: Page
  readonly complaints: readonly string[]
}

/** Options of {@link openPage}. */
export interface PageOptions {
  readonly width?: number
  readonly theme?: 'light' | 'dark'
  /** Files of scripts that run before the page's own. */
  readonly scripts?: readonly string[]
  /** False for a browser that has no service workers. */
  readonly serviceWorkers?: boolean
  /** Where the page is; the stage's server by default. */
  readonly address?: string
}

/** Opens the Lab at a fragment. */
export async function openPage(
  { server, browser }: Stage,
  fragment: string,
  { width = 1440, theme = 'light', scripts = [], serviceWorkers = true, address }: PageOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: theme,
    serviceWorkers: serviceWorkers ? 'allow' : 'block',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(120_000)
  const complaints: string[] = []
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  for (const path of scripts) await page.addInitScript({ path })
  await page.goto((address ?? server.address) + fragment)
  return { page, complaints }
}

/** A page whose training is still being opened: its digits do not come until `open` is called. */
export async function openingPage(stage: Stage, fragment: string): Promise<OpenPage & { readonly open: () => void }> {
  const opened = await openPage(stage, fragment, { serviceWorkers: false })
  const { page } = opened
  let open = (): void => undefined
  const called = new Promise<void>(resolve => {
    open = resolve
  })
  await page.route('**/data/mnist/*', async route => {
    await called
    await route.continue()
  })
  await Promise.all([page.waitForRequest('**/data/mnist/*'), page.reload()])
  return { ...opened, open }
}

/** Waits until the page shows the network after a number of steps. */
export const shows = (page: Page, step: number): Promise<unknown> =>
  page.waitForSelector(`.net[data-step="${step}"]`, { state: 'attached' })

/** A training that is soon done: 20 steps of 16 digits. */
export const short = '#v=1&images=2000&batch=16&step=20'
