/** Reports made by a page are those that the command line writes: the same functions, the same bytes. In Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { summarize } from '../../src/inspect/index.ts'
import { lenet5 } from '../../src/models/index.ts'
import * as reports from '../../src/report/index.ts'
import { parseAxis } from '../../src/study/index.ts'
import { reportData } from '../support/reportData.ts'
import { launch, noBrowser } from './chromium.ts'
import { serve, type TestServer } from './server.ts'

const entry = `
export * from '${join(import.meta.dirname, '../../src/report/index.ts')}'
export { summarize } from '${join(import.meta.dirname, '../../src/inspect/index.ts')}'
export { lenet5 } from '${join(import.meta.dirname, '../../src/models/index.ts')}'
export { parseAxis } from '${join(import.meta.dirname, '../../src/study/index.ts')}'
export { reportData } from '${join(import.meta.dirname, '../support/reportData.ts')}'
`
const tools = { ...reports, summarize, lenet5, parseAxis, reportData }
type Tools = typeof tools

/** Pages and drawings, each a pure function of what it is made with. */
const makers = {
  'the report of a run': ({ report, reportData }: Tools) => report(reportData()),
  'the report of a search': ({ searchReport, parseAxis }: Tools) =>
    searchReport(
      [0.01, 0.1].map((lr, k) => ({ name: `t00${k + 1}`, point: { lr }, epoch: 2, accuracy: 0.9 - lr, loss: 1 + lr })),
      new Map([['lr', parseAxis('log(1e-3, 1)')]]),
      { title: 'rates', strategy: 'grid', metric: 'accuracy', best: 't001' },
    ),
  'a comparison of runs': ({ comparisonPlot }: Tools) =>
    comparisonPlot([
      { name: 'a', loss: [1, 2, 3, 4].map(k => [k / 4, 2 / k]), validation: [{ epoch: 1, accuracy: 0.9, loss: 0.3 }] },
    ]),
  'the page of a network': ({ summaryPage, summarize, lenet5 }: Tools) =>
    summaryPage({
      name: 'lenet5',
      description: 'LeNet-5',
      summary: summarize(lenet5(), [1, 28, 28]),
      scratchBytes: 0,
      version: '0.0.0',
    }),
}

describe.skipIf(noBrowser !== undefined)('a page', () => {
  let folder: string
  let browser: Browser
  let server: TestServer
  let page: Page

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-browser-report-'))
    writeFileSync(join(folder, 'entry.ts'), entry)
    await build({
      configFile: false,
      logLevel: 'warn',
      root: folder,
      // A summary names layers by their classes, whose names a minifier would shorten.
      build: {
        outDir: 'built',
        minify: false,
        lib: { entry: 'entry.ts', formats: ['es'], fileName: () => 'tools.js' },
      },
    })
    writeFileSync(
      join(folder, 'page.html'),
      "<!doctype html><title>Reports</title><script type=module>import * as tools from './built/tools.js'; globalThis.tools = tools</script>",
    )
    server = await serve({ '/pages/': folder }, {})
    browser = await launch()
    page = await browser.newPage()
    await page.goto(`${server.origin}/pages/page.html`)
    await page.waitForFunction(() => 'tools' in globalThis)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each(Object.entries(makers))('makes %s as Node does', async (_, make) => {
    const made = await page.evaluate<string>(`(${make})(globalThis.tools)`)
    expect(made).toBe(make(tools))
  })

  it('shows a report', async () => {
    await page.setContent(reports.report(reportData()))
    expect(await page.locator('h1').textContent()).toBe(reportData().title)
    expect(await page.locator('svg').count()).toBeGreaterThan(3)
  })
})
