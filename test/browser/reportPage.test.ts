/** The charts of a report answer the pointer and the keys, and are as they were without a script. In Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { calibration, networkGraph, summarize } from '../../src/inspect/index.ts'
import { lenet5 } from '../../src/models/index.ts'
import { contactSheet } from '../../src/plot/index.ts'
import { calibrationPage, report, searchReport, sheetPage, summaryPage } from '../../src/report/index.ts'
import { parseAxis } from '../../src/study/index.ts'
import { axe, violations } from '../lab/axe.ts'
import { reportData } from '../support/reportData.ts'
import { launch, noBrowser } from './chromium.ts'

describe.skipIf(noBrowser !== undefined)('a report', () => {
  let folder: string
  let browser: Browser

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-report-page-'))
    writeFileSync(join(folder, 'report.html'), report(reportData()))
    const lenet = { name: 'lenet5', description: 'LeNet-5', scratchBytes: 0, version: '0.0.0' }
    const [summary, graph] = [summarize(lenet5(), [1, 28, 28]), networkGraph(lenet5().assignPaths(), [1, 28, 28])]
    writeFileSync(join(folder, 'graph.html'), summaryPage({ ...lenet, summary, graph }))
    const trials = [0.01, 0.1].map((lr, k) => ({
      ...{ name: `t00${k + 1}`, point: { lr }, epoch: 2 },
      ...{ accuracy: 0.9 - lr, loss: 1 + lr },
    }))
    const rates = new Map([['lr', parseAxis('log(1e-3, 1)')]])
    writeFileSync(
      join(folder, 'search.html'),
      searchReport(trials, rates, { title: 'rates', strategy: 'grid', metric: 'accuracy', best: 't001' }),
    )
    const rows = ['cat', 'dog'].map((title, r) => ({
      title,
      pictures: [1, 2, 3].map(k => ({ pixels: new Uint8Array(64).fill(60 * r + 30 * k), shape: [8, 8, 1] as const })),
    }))
    const sheet = contactSheet(rows, { columns: ['image', 'epoch 1', 'epoch 2'], description: 'Two animals' })
    writeFileSync(join(folder, 'sheet.html'), sheetPage({ title: 'Animals', subject: 'pets', sheet, version: '0.0.0' }))
    const probability = Array.from({ length: 200 }, (_, k) => 0.4 + (k % 60) / 100)
    const answers = { predicted: probability.map(() => 0), probability }
    const found = calibration(
      answers,
      probability.map((share, k) => Number((k * 7) % 10 >= 10 * share)),
      10,
    )
    const page = calibrationPage({ subject: 'lenet5 on digits', calibration: found, version: '0.0.0' })
    writeFileSync(join(folder, 'calibration.html'), page)
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Opens one as a file, which has no network, and ends with what the page complained of. */
  const onPage = async (
    name: string,
    look: (page: Page) => Promise<void>,
    { width = 1440, scripts = true, theme = 'light' as 'light' | 'dark' } = {},
  ): Promise<void> => {
    const context = await browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: theme,
      javaScriptEnabled: scripts,
      offline: true,
    })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', message => complaints.push(message.text()))
    page.on('pageerror', error => complaints.push(String(error)))
    await page.goto(pathToFileURL(join(folder, name)).href)
    await look(page)
    await context.close()
    expect(complaints).toEqual([])
  }
  const onReport = (look: (page: Page) => Promise<void>, options?: Parameters<typeof onPage>[2]): Promise<void> =>
    onPage('report.html', look, options)
  const chart = (page: Page, title: string): Locator =>
    page.locator('.fovea-chart').filter({ has: page.getByRole('slider', { name: `${title}: the crosshair` }) })
  const hand = (page: Page, title: string): Locator => page.getByRole('slider', { name: `${title}: the crosshair` })
  const tip = (page: Page, title: string): Locator => chart(page, title).locator('.fovea-tip')
  const said = (page: Page, title: string): Promise<string | null> => hand(page, title).getAttribute('aria-valuetext')
  const ticks = (page: Page): Promise<string[]> =>
    chart(page, 'Loss').locator('text[text-anchor="middle"]:not([font-size])').allTextContents()
  const at = async (page: Page, title: string, share: number): Promise<void> => {
    const { x, y, width, height } = (await hand(page, title).boundingBox())!
    await page.mouse.move(x + share * width, y + height / 2)
  }

  it('reads out every line where the pointer is, in all charts, exactly', () =>
    onReport(async page => {
      expect(await page.locator('.fovea-hint').isVisible()).toBe(true)
      expect(await tip(page, 'Loss').isVisible()).toBe(false)
      await hand(page, 'Loss').scrollIntoViewIfNeeded()
      await at(page, 'Loss', 0.5)
      const { steps } = reportData()
      const step = steps.find(one => one.step === 1075)!
      const text = (await tip(page, 'Loss').innerText()).replace(/\s+/g, ' ')
      expect(text).toContain('step 1,075')
      expect(text).toContain(`single step ${step.loss.toPrecision(3)}`)
      expect(text).toMatch(/training 0\.\d+ validation 0\.\d+ at \d/)
      expect(await tip(page, 'Accuracy').innerText()).toContain(
        `single step ${(100 * step.accuracy).toFixed(2)}\u00a0%`,
      )
      expect(await said(page, 'Learning rate')).toMatch(/^step 1,075: learning rate 0\.\d+$/)
      await page.mouse.move(5, 5)
      expect(await page.locator('.fovea-tip:visible').count()).toBe(0)
    }))

  it('shows the part that is dragged, and all again by a double click, Esc or its button', () =>
    onReport(async page => {
      const all = chart(page, 'Accuracy').getByRole('button', { name: 'Show all' })
      const before = await ticks(page)
      const drag = async (): Promise<void> => {
        await hand(page, 'Loss').scrollIntoViewIfNeeded()
        await at(page, 'Loss', 0.5)
        await page.mouse.down()
        await at(page, 'Loss', 0.4)
        await page.mouse.up()
        expect(await all.isVisible()).toBe(true)
      }
      await drag()
      const shown = (await ticks(page)).map(name => Number(name.replace(',', '')))
      expect(shown.length).toBeGreaterThan(2)
      expect(Math.min(...shown)).toBeGreaterThanOrEqual(859)
      expect(Math.max(...shown)).toBeLessThanOrEqual(1076)
      expect(await hand(page, 'Learning rate').getAttribute('aria-valuemax')).toMatch(/^107[456]/)
      await hand(page, 'Loss').dblclick()
      expect(await ticks(page)).toEqual(before)
      await drag()
      await hand(page, 'Loss').press('Escape')
      expect(await ticks(page)).toEqual(before)
      await drag()
      await all.click()
      expect(await ticks(page)).toEqual(before)
      expect(await all.isVisible()).toBe(false)
      // A click is no drag.
      await hand(page, 'Loss').click()
      expect(await ticks(page)).toEqual(before)
    }))

  it('is used by keys', () =>
    onReport(async page => {
      const loss = hand(page, 'Loss')
      await loss.focus()
      await loss.press('Home')
      expect(await said(page, 'Loss')).toMatch(/^step 1: /)
      await loss.press('ArrowRight')
      expect(await said(page, 'Loss')).toMatch(/^step 2[23]: /)
      await loss.press('End')
      expect(await said(page, 'Loss')).toMatch(/^step 2,150: .*, validation 0\.0361$/)
      await loss.press('+')
      await loss.press('+')
      const from = Number(await loss.getAttribute('aria-valuemin'))
      expect(from).toBeGreaterThan(1600)
      await loss.press('-')
      expect(Number(await loss.getAttribute('aria-valuemin'))).toBeLessThan(from)
      await loss.press('Escape')
      expect(await loss.getAttribute('aria-valuemin')).toBe('0')
      await loss.press('Escape')
      expect(await page.locator('.fovea-tip:visible').count()).toBe(0)
      await loss.press('Tab')
      expect(await hand(page, 'Accuracy').evaluate(element => element === document.activeElement)).toBe(true)
    }))

  it('without scripts is complete, and says nothing of them', () =>
    onReport(
      async page => {
        expect(await page.locator('.fovea-chart > svg').count()).toBe(3)
        expect(await page.locator('.fovea-hint').isVisible()).toBe(false)
        expect(await page.locator('.fovea-hand').count()).toBe(0)
        // Read-outs of the drawing itself.
        await page.locator('.fovea-chart > svg').first().scrollIntoViewIfNeeded()
        const column = (await page.locator('.fovea-readout rect').nth(30).boundingBox())!
        await page.mouse.move(column.x + 1, column.y + 20)
        expect(
          await page
            .locator('.fovea-readout')
            .nth(30)
            .evaluate(element => getComputedStyle(element).opacity),
        ).toBe('1')
      },
      { scripts: false },
    ))

  it('prints what it shows, without what answers', () =>
    onReport(async page => {
      await hand(page, 'Loss').focus()
      await hand(page, 'Loss').press('End')
      await page.emulateMedia({ media: 'print' })
      for (const part of ['.fovea-hand', '.fovea-tip', '.fovea-cursor', '.fovea-hint'])
        expect(await page.locator(`${part}:visible`).count()).toBe(0)
      expect(await page.locator('.fovea-chart > svg:visible').count()).toBe(3)
    }))

  it.each([
    ['light', 1440],
    ['dark', 390],
  ] as const)('has nothing for axe to say, and no sideways scroll: %s, %i px', (theme, width) =>
    onReport(
      async page => {
        await page.addScriptTag({ path: axe })
        await hand(page, 'Loss').focus()
        await hand(page, 'Loss').press('+')
        expect(await violations(page)).toEqual([])
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
      },
      { theme, width },
    ),
  )

  it('zooms its graph by buttons and keys, and leads back', () =>
    onPage('graph.html', async page => {
      const svg = page.locator('.fovea-drawing svg')
      const width = async (): Promise<number> => (await svg.boundingBox())!.width
      const fits = await width()
      await page.getByRole('button', { name: /^Larger/ }).click()
      expect(await width()).toBeCloseTo(1.5 * fits, 0)
      await page.locator('.fovea-drawing').focus()
      await page.keyboard.press('+')
      expect(await width()).toBeCloseTo(2.25 * fits, 0)
      await page.keyboard.press('Escape')
      expect(await width()).toBeCloseTo(fits, 0)
      await page.addScriptTag({ path: axe })
      expect(await violations(page)).toEqual([])
    }))

  it('of a search marks the trial that is pointed at, or has the focus, everywhere', () =>
    onPage('search.html', async page => {
      await page.locator('circle[data-trial="t002"]').hover()
      expect(await page.locator('.on').count()).toBe(4)
      expect(await page.locator('.fovea-reading').innerText()).toBe(
        't002: lr 0.100, epochs 2, accuracy 80.00\u00a0%, loss 1.10',
      )
      await page.locator('tr[data-trial="t001"]').focus()
      expect(await page.locator('.fovea-reading').innerText()).toMatch(/^t001: /)
      await page.mouse.move(5, 5)
      expect(await page.locator('.fovea-reading').innerText()).toMatch(/^Point at a trial/)
    }))

  it('of a sheet names the picture that is pointed at or reached by arrows; Esc takes that back, then the zoom', () =>
    onPage('sheet.html', async page => {
      const tip = page.getByRole('status')
      const place = page.getByRole('region', { name: /^Contact sheet/ })
      await page.locator('.fovea-part').nth(1).hover()
      expect(await tip.innerText()).toBe('cat, epoch 1')
      expect(await page.locator('.fovea-part.on').count()).toBe(1)
      const [picture, box] = [await page.locator('.fovea-part image').nth(1).boundingBox(), await tip.boundingBox()]
      expect(box!.y).toBeGreaterThanOrEqual(picture!.y + picture!.height)
      await page.mouse.move(5, 5)
      expect(await tip.isVisible()).toBe(false)
      await place.focus()
      await page.keyboard.press('+')
      for (const [key, said] of [
        ['ArrowRight', 'cat, image'],
        ['ArrowRight', 'cat, epoch 1'],
        ['ArrowDown', 'dog, epoch 1'],
        ['End', 'dog, epoch 2'],
        ['ArrowUp', 'cat, epoch 2'],
        ['Home', 'cat, image'],
      ] as const) {
        await page.keyboard.press(key)
        expect(await tip.innerText()).toBe(said)
      }
      await page.keyboard.press('Escape')
      expect(await tip.isVisible()).toBe(false)
      expect(await page.locator('.fovea-zoomed').count()).toBe(1)
      await page.keyboard.press('Escape')
      expect(await page.locator('.fovea-zoomed').count()).toBe(0)
    }))

  it('of a calibration reads out the confidence, the accuracy and the count of a bin', () =>
    onPage('calibration.html', async page => {
      const tip = page.getByRole('status')
      const place = page.getByRole('group', { name: 'Reliability diagram' })
      await page
        .locator('.fovea-part')
        .nth(6)
        .hover({ position: { x: 5, y: 5 } })
      const row = page.locator('tbody tr', { hasText: /^60\.0/ })
      const [, images, sure, right] = (await row.locator('th, td').allInnerTexts()).map(text => text.trim())
      expect(await tip.innerText()).toBe(
        `60\u00a0% to 70\u00a0%: ${right} right at a confidence of ${sure}, ${images} answers`,
      )
      await place.focus()
      await page.keyboard.press('Home')
      expect(await tip.innerText()).toMatch(/^0.% to 10.%: no answers$/)
    }))

  it.each([
    ['sheet.html', 'light', 1440],
    ['calibration.html', 'dark', 390],
  ] as const)('%s has nothing for axe to say, and no sideways scroll: %s, %i px', (name, theme, width) =>
    onPage(
      name,
      async page => {
        await page.addScriptTag({ path: axe })
        await page.locator('.fovea-parts').focus()
        await page.keyboard.press('End')
        expect(await violations(page)).toEqual([])
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
      },
      { theme, width },
    ),
  )
})
