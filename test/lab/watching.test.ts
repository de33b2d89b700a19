/**
 * What watching a training may cost, counted rather than timed: a machine under load is slower, but does no more. How often there is
 * something to draw is the worker's `Pace`, of whose share of the time `pace.test.ts` speaks.
 */
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noBrowser } from '../browser/chromium.ts'
import { openPage, openStage, type PageOptions, type Stage } from './labPage.ts'

/** What `counting.js` puts into the page. */
interface Counted {
  /** Canvases of pixels that were drawn. */
  readonly drawn: number
  /** Elements that were made, by their place. */
  readonly made: readonly string[]
  readonly looks: number
  readonly statistics: number
  readonly steps: number
  readonly taken: number
  /** What the last look had. */
  readonly last: { readonly gradients: boolean; readonly change: boolean } | undefined
}
type Counting = typeof globalThis & {
  readonly counting: { readonly counted: Counted; begin(): void; hide(): void; show(): void }
}

const counted = (page: Page): Promise<Counted> => page.evaluate(() => (globalThis as Counting).counting.counted)

/** Waits until the page has counted something. Asked for from here: the page's own frames may be held back. */
async function until(page: Page, name: 'looks' | 'statistics' | 'steps' | 'taken', least: number): Promise<void> {
  await expect.poll(async () => (await counted(page))[name], { timeout: 120_000 }).toBeGreaterThanOrEqual(least)
}

describe.skipIf(noBrowser !== undefined)('a training that is watched', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  const script = fileURLToPath(new URL('counting.js', import.meta.url))
  /** A training that goes on, of which all has been seen once. */
  async function watch(fragment = '', options: PageOptions = {}): Promise<Page> {
    const { page } = await openPage(stage, fragment, { scripts: [script], ...options })
    await until(page, 'statistics', 1)
    await until(page, 'looks', 3)
    await page.evaluate(() => (globalThis as Counting).counting.begin())
    return page
  }

  test('draws each canvas once a look, and makes no elements for it', async () => {
    const page = await watch()
    await until(page, 'taken', 8)
    const { drawn, made, looks, taken } = await counted(page)
    const canvases = await page.locator('main canvas').count()
    expect(looks - taken).toBeLessThanOrEqual(1)
    // Two columns of maps and two of units; pictures and legends stay as they are. One look may have come just before the first.
    expect(canvases).toBeGreaterThan(15)
    // Where an alarm or a dead unit changes what is around a canvas, that one is drawn again, once.
    const [ofLooks, others] = [4, canvases - 4]
    expect(drawn).toBeLessThanOrEqual(ofLooks * (looks + 1) + others)
    // Units that turn out to be dead, what is told of them, and other ticks of a longer axis are all that a training may bring.
    expect(made.filter(place => !/units|alarm|work|svg/.test(place))).toEqual([])
    await page.context().close()
  })

  test('computes and sends what is shown, and all of it when it rests', async () => {
    const page = await watch()
    expect((await counted(page)).last).toEqual({ gradients: false, change: false })
    await page.getByRole('tab', { name: 'gradients' }).click()
    await page.waitForFunction(() => (globalThis as Counting).counting.counted.last?.gradients)
    await page.getByRole('tab', { name: 'change in the last step' }).click()
    await page.waitForFunction(() => (globalThis as Counting).counting.counted.last?.change)
    expect((await counted(page)).last).toEqual({ gradients: false, change: true })
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.waitForFunction(() => (globalThis as Counting).counting.counted.last?.gradients)
    expect((await counted(page)).last).toEqual({ gradients: true, change: true })
    // The step that it rests after is one whose change is known.
    expect(await page.locator('.ratio b').allTextContents()).not.toContain('–')
    await page.context().close()
  })

  test('draws nothing that is outside of the window', async () => {
    const page = await watch('', { width: 390 })
    await until(page, 'taken', 4)
    const { drawn, looks } = await counted(page)
    // On a phone one layer lies below the other: the first fills the window.
    expect(drawn).toBeLessThanOrEqual(2 * (looks + 1))
    const before = (await counted(page)).drawn
    await page.locator('[data-layer="fc2"]').scrollIntoViewIfNeeded()
    await page.waitForFunction(count => (globalThis as Counting).counting.counted.drawn > count, before)
    await page.context().close()
  })

  test('goes on in a hidden tab without being looked at', async () => {
    const page = await watch()
    await page.evaluate(() => (globalThis as Counting).counting.hide())
    await until(page, 'steps', (await counted(page)).steps + 1)
    const before = await counted(page)
    await until(page, 'steps', before.steps + 100)
    const after = await counted(page)
    // A look that was on its way, and no other.
    expect(after.looks - before.looks).toBeLessThanOrEqual(1)
    expect(after.statistics - before.statistics).toBeLessThanOrEqual(1)
    expect(after.drawn).toBe(before.drawn)
    await page.evaluate(() => (globalThis as Counting).counting.show())
    await until(page, 'looks', after.looks + 2)
    await page.context().close()
  })
})
