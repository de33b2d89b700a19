/** Runs in a browser: the list, live curves, the crosshair's numbers, zoom, differences, and all of it by keys alone. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { digits, percent } from '../../lab/src/draw/format.ts'
import { noBrowser } from '../browser/chromium.ts'
import {
  accuracyOf,
  appendLog,
  lockRun,
  logLine,
  lossOf,
  makeRun,
  makeSearch,
  recipe,
  scoreLine,
  startLine,
  stepLines,
} from '../support/runLogs.ts'
import { axe, violations } from './axe.ts'
import { expectFitting } from './fitting.ts'
import { openPage, openStage, type PageOptions, type Stage } from './labPage.ts'

const first = '#screen=runs&run=lenet5&run=lenet5-2'

/** Three epochs, with an alarm; another with other steps; one that broke; one that goes on. */
function makeRuns(root: string): void {
  const epoch = (k: number, run: number): string =>
    stepLines((k - 1) * 100 + 1, k * 100, run) + scoreLine(k, 0.8 + k / 20 - run / 100)
  const dead =
    'conv2: 3 of 16 units are zero for all samples of the inspected batch, so that no gradient reaches their weights'
  const alarm = logLine({ type: 'notice', kind: 'dead', step: 100, epoch: 1, message: dead }, 10_040)
  makeRun(root, 'lenet5', startLine(3) + epoch(1, 0) + alarm + epoch(2, 0) + epoch(3, 0))
  const other = recipe({ seed: 3, optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9 } })
  makeRun(root, 'lenet5-2', startLine(3) + epoch(1, 2) + epoch(2, 2), other)
  const nan = { type: 'step', step: 8, epoch: 1, loss: Number.NaN, accuracy: 0, learningRate: 9, imagesPerSecond: 1 }
  makeRun(
    root,
    'search/trials/a-trial-with-a-rather-long-name-lr-9',
    startLine() + stepLines(1, 7) + logLine(nan as never, 800),
  )
  lockRun(makeRun(root, 'live', startLine(50) + stepLines(1, 20)))
}

describe.skipIf(noBrowser !== undefined)('the Runs screen', () => {
  let folder: string
  let root: string
  let stage: Stage
  let page: Page
  let complaints: readonly string[]

  const open = async (fragment = first, options: PageOptions = {}): Promise<void> => {
    ;({ page, complaints } = await openPage(stage, fragment, { scripts: [axe], ...options }))
    if (fragment.startsWith('#screen=runs')) await page.locator('.run-list').waitFor()
  }
  const row = (name: string) => page.locator(`.run-list tr[data-run="${name}"]`)
  const reading = (name: string) => page.locator(`tr[data-reading="${name}"] td`).allTextContents()
  const chart = (name: string) => page.getByRole('slider', { name: `${name}: the crosshair` })
  const step = async (name: string): Promise<string | undefined> => (await reading(name))[0]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-lab-runs-'))
    root = join(folder, 'all-experiments-of-a-long-summer')
    await mkdir(root)
    stage = await openStage(root)
  }, 300_000)
  beforeEach(() => makeRuns(root))
  afterEach(async () => {
    expect(complaints).toEqual([])
    await page.context().close()
    for (const name of ['lenet5', 'lenet5-2', 'search', 'live', 'late']) {
      await rm(join(root, name), { recursive: true, force: true })
    }
  })
  afterAll(async () => {
    await stage?.close()
    await rm(folder, { recursive: true })
  })

  test('lists runs with their states and scores, sorted by a column, filtered by words', async () => {
    await open()
    await expect.poll(() => row('lenet5').locator('.epoch').textContent()).toBe('3 of 3')
    const texts = await row('lenet5').locator('td').allTextContents()
    expect(texts.slice(0, 5)).toEqual(['lenet5', 'mnist', 'paused', '300', '3 of 3'])
    expect(await row('lenet5').locator('.best').textContent()).toBe(percent(0.95, 2))
    expect(await row('live').locator('.state').last().textContent()).toBe('running')
    await expect.poll(() => page.locator('tr .state.failed').count()).toBe(1)
    await page.getByRole('button', { name: 'step', exact: true }).click()
    const names = (): Promise<string[]> => page.locator('.run-list tbody .name').allTextContents()
    await expect.poll(async () => (await names())[0]).toBe('lenet5')
    expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('descending')
    await page.getByRole('searchbox').fill('paused lenet5-2')
    await expect.poll(names).toEqual(['lenet5-2'])
  })

  test('no training of its own begins until one is looked at; it rests while runs are looked at', async () => {
    const workers: string[] = []
    await open('')
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.getByRole('button', { name: 'Runs' }).click()
    await row('live').waitFor()
    expect(await page.locator('.rail, .time').count()).toBe(0)
    await page.getByRole('button', { name: 'Train', exact: true }).click()
    await page.getByRole('button', { name: 'Train on' }).waitFor()
    await page.context().close()
    await open()
    page.on('worker', worker => workers.push(worker.url()))
    await page.reload()
    await row('live').waitFor()
    expect(page.workers()).toEqual([])
    await page.keyboard.press('1')
    await page.locator('.rail').waitFor()
    await expect.poll(() => workers.length).toBeGreaterThan(0)
  })

  test('a step is shown as soon as it is written, and so is a run that begins', async () => {
    await open('#screen=runs&run=live')
    await expect.poll(() => step('live')).toBe('20')
    appendLog(join(root, 'live'), stepLines(21, 33))
    await expect.poll(() => reading('live')).toEqual(expect.arrayContaining(['33', digits(lossOf(33), 4)]))
    await expect.poll(() => row('live').locator('.step').textContent()).toBe('33')
    makeRun(root, 'late', startLine() + stepLines(1, 5))
    await row('late').getByRole('checkbox').check()
    await expect.poll(() => step('late')).toBe('5')
    appendLog(join(root, 'late'), stepLines(6, 9))
    await expect.poll(() => step('late')).toBe('9')
    // The first one is still followed, too.
    appendLog(join(root, 'live'), stepLines(34, 40))
    await expect.poll(() => step('live')).toBe('40')
  })

  test('a log that was cut is shown as it is then', async () => {
    await open('#screen=runs&run=lenet5')
    await expect.poll(() => step('lenet5')).toBe('300')
    await writeFile(join(root, 'lenet5/events.jsonl'), startLine(3) + stepLines(1, 150))
    await expect.poll(() => step('lenet5')).toBe('150')
    appendLog(join(root, 'lenet5'), stepLines(151, 160, 4))
    await expect.poll(() => reading('lenet5')).toEqual(expect.arrayContaining(['160', digits(lossOf(160, 4), 4)]))
  })

  test('the crosshair has the numbers of the log at its step', async () => {
    await open()
    await expect.poll(() => step('lenet5-2')).toBe('200')
    await chart('loss').hover({ position: { x: 200, y: 100 } })
    await page.getByText(/^At step \d+/).waitFor()
    const at = Number(await step('lenet5'))
    expect(at).toBeGreaterThan(20)
    const rows = (at: number): Promise<unknown> =>
      expect
        .poll(async () => [(await reading('lenet5')).slice(0, 4), (await reading('lenet5-2')).slice(0, 4)])
        .toEqual(
          [0, 2].map(run => [
            String(at),
            digits(lossOf(at, run), 4),
            expect.any(String),
            percent(accuracyOf(at, run), 2),
          ]),
        )
    await rows(at)
    // Keys move it from step to step.
    await chart('loss').focus()
    await page.keyboard.press('Shift+ArrowLeft')
    await page.keyboard.press('ArrowRight')
    const moved = Number(await step('lenet5'))
    expect(moved).not.toBe(at)
    await rows(moved)
    expect(await chart('accuracy').getAttribute('aria-valuetext')).toContain(
      `lenet5 ${percent(accuracyOf(moved), 2)}, lenet5-2 ${percent(accuracyOf(moved, 2), 2)}`,
    )
  })

  test('a drag shows a part, a double click or Escape all of it', async () => {
    await open()
    await expect.poll(() => step('lenet5')).toBe('300')
    const box = (await chart('loss').boundingBox())!
    await page.mouse.move(box.x + 150, box.y + 100)
    await page.mouse.down()
    await page.mouse.move(box.x + 250, box.y + 120, { steps: 3 })
    await page.mouse.up()
    await page.locator('.shown').waitFor()
    const [, from, to] = /^step (\d+) to step (\d+)$/.exec((await page.locator('.shown').textContent())!)!
    expect(Number(from)).toBeLessThan(Number(to))
    expect(Number(to) - Number(from)).toBeLessThan(150)
    const end = Number(await chart('loss').locator('svg text').last().textContent())
    await page.mouse.dblclick(box.x + 200, box.y + 100)
    await page.locator('.shown').waitFor({ state: 'detached' })
    expect(Number(await chart('loss').locator('svg text').last().textContent())).not.toBe(end)
    await chart('accuracy').focus()
    await page.keyboard.press('+')
    await page.locator('.shown').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.shown').waitFor({ state: 'detached' })
  })

  test('both lines are drawn in the colors of their runs, which the list has too', async () => {
    await open()
    await expect.poll(() => step('lenet5-2')).toBe('200')
    const colors = await page
      .locator('tr[data-reading] .swatch path')
      .evaluateAll(paths => paths.map(path => getComputedStyle(path).stroke))
    expect(new Set(colors).size).toBe(2)
    const listed = await row('lenet5')
      .locator('.swatch path')
      .evaluate(path => getComputedStyle(path).stroke)
    expect(listed).toBe(colors[0])
    const count = (): Promise<number[]> =>
      chart('loss')
        .locator('canvas')
        .evaluate((canvas: HTMLCanvasElement, wanted) => {
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
          return wanted.map(color => {
            const [r, g, b] = color.match(/\d+/g)!.map(Number)
            let found = 0
            for (let k = 0; k < data.length; k += 4) {
              if (data[k] === r && data[k + 1] === g && data[k + 2] === b && data[k + 3] === 255) found++
            }
            return found
          })
        }, colors)
    await expect.poll(async () => Math.min(...(await count()))).toBeGreaterThan(50)
  })

  test('recipes differ in the fields of the table, and in no others', async () => {
    await open()
    await page.locator('tr[data-field]').first().waitFor()
    const rows = await page
      .locator('tr[data-field]')
      .evaluateAll(all =>
        all.map(one => [
          one.getAttribute('data-field'),
          ...[...one.querySelectorAll('td')].map(cell => cell.textContent),
        ]),
      )
    expect(rows).toEqual([
      ['seed', '0', 'lenet5'],
      ['seed', '3', 'lenet5-2'],
      ['optimizer.lr', '0.05', 'lenet5'],
      ['optimizer.lr', '0.1', 'lenet5-2'],
    ])
  })

  test('alarms are flags on the curve and sentences beside it, which lead to their step', async () => {
    await open()
    const notice = page.locator('.notices li').filter({ hasText: 'conv2: 3 of 16 units are zero' })
    await notice.waitFor()
    expect(await chart('loss').locator('.flag title').textContent()).toMatch(/^lenet5, step 100: conv2: 3 of 16/)
    await notice.getByRole('button').click()
    await page.getByText(/^At step 100/).waitFor()
    const broken = page.locator('.run-list tr').filter({ hasText: 'a-trial' })
    await broken.getByRole('checkbox').check()
    await page.locator('.notices li.broken').filter({ hasText: 'the loss became NaN' }).waitFor()
  })

  test('what is chosen, and how it is drawn, is in the address', async () => {
    await open()
    await row('live').getByRole('checkbox').check()
    await row('lenet5').getByRole('checkbox').uncheck()
    await page.getByRole('radio', { name: 'epochs' }).click()
    await page.getByRole('checkbox', { name: 'log scale of the loss' }).uncheck()
    await expect
      .poll(() => page.evaluate(() => location.hash))
      .toBe('#v=1&screen=runs&run=lenet5-2&run=live&axis=epochs&scale=linear')
    await page.reload()
    await expect.poll(() => page.locator('tr[data-reading]').count()).toBe(2)
    expect(await page.getByRole('radio', { name: 'epochs' }).getAttribute('aria-checked')).toBe('true')
    expect(await page.getByRole('checkbox', { name: 'log scale of the loss' }).isChecked()).toBe(false)
    expect(await row('lenet5').getByRole('checkbox').isChecked()).toBe(false)
  })

  test('a search is brushed by keys and by drags, in the list as well; a trial that is pointed at is in all of it', async () => {
    makeSearch(root, 'search', 30)
    await open('#screen=runs')
    await page.getByText(/^31 trials, 1 without a score, random search/).waitFor()
    const lower = page.getByRole('slider', { name: 'optimizer.lr, log scale: lower end of the brush' })
    await lower.focus()
    for (let k = 0; k < 6; k++) await page.keyboard.press('Shift+ArrowUp')
    expect(await lower.getAttribute('aria-valuetext')).toBe('0.0251')
    const counted = page.locator('.search-bar [role="status"]')
    const kept = async (): Promise<number> => Number(/^\d+/.exec((await counted.textContent())!)![0])
    const byKeys = await kept()
    expect(byKeys).toBeLessThan(20)
    await expect.poll(() => page.locator('.run-list tbody tr').count()).toBe(byKeys)
    // The axis of the score is the last: a drag along its upper half.
    const plot = (await page.locator('.parallel').boundingBox())!
    await page.mouse.move(plot.x + plot.width - 60, plot.y + 60)
    await page.mouse.down()
    await page.mouse.move(plot.x + plot.width - 60, plot.y + 150, { steps: 4 })
    await page.mouse.up()
    const byBoth = await kept()
    expect(byBoth).toBeLessThanOrEqual(byKeys)
    expect(byBoth).toBeGreaterThan(0)
    expect(await page.locator('.parallel .brush').count()).toBe(2)
    expect(await page.locator('.scatter .brush').count()).toBe(1)
    await page.getByRole('button', { name: /^Draw the best/ }).click()
    // Rows come with their curves, in any order: the row is found by its name, and may yet move away from the pointer.
    const name = (await page.locator('tr[data-reading]').first().getAttribute('data-reading'))!
    await expect
      .poll(async () => {
        await page.locator(`tr[data-reading="${name}"]`).hover()
        return page.locator('.pointed b').textContent()
      })
      .toBe(name.split('/').at(-1))
    await page.locator('.parallel .hovered').waitFor()
    expect(await row(name).getAttribute('class')).toBe('hovered')
    await page.keyboard.press('Escape')
    await lower.focus()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Clear brushes' }).click()
    await expect.poll(() => page.locator('.run-list tbody tr').count()).toBeGreaterThan(30)
    expect(await violations(page)).toEqual([])
    await expectFitting(page, [1440, 820, 390])
  })

  test('all of it is reached by keys', async () => {
    await open()
    await expect.poll(() => step('lenet5')).toBe('300')
    const reached = new Set<string>()
    for (let k = 0; k < 60; k++) {
      await page.keyboard.press('Tab')
      reached.add(
        await page.evaluate(() => {
          const at = document.activeElement!
          return `${at.getAttribute('role') ?? at.getAttribute('type') ?? at.tagName.toLowerCase()}: ${at.getAttribute('aria-label') ?? at.closest('tr')?.getAttribute('data-run') ?? at.textContent}`
        }),
      )
    }
    for (const name of [
      'search: Filter the list',
      'button: model',
      'checkbox: lenet5-2',
      'radio: steps',
      'slider: loss: the crosshair',
      'slider: accuracy: the crosshair',
    ]) {
      expect([...reached]).toContain(name)
    }
    await row('live').getByRole('checkbox').focus()
    await page.keyboard.press('Space')
    await expect.poll(() => step('live')).toBe('20')
  })

  test.each([
    { theme: 'light', width: 1440 },
    { theme: 'dark', width: 1440 },
    { theme: 'light', width: 900 },
    { theme: 'light', width: 390 },
    { theme: 'dark', width: 390 },
  ] as const)('has nothing that axe finds, $theme at $width pixels', async options => {
    await open(first, options)
    await expect.poll(() => step('lenet5-2')).toBe('200')
    await page.locator('tr[data-field]').first().waitFor()
    expect(await violations(page)).toEqual([])
  })

  test('is no wider than its window, with long names and with a part that is shown', async () => {
    await open(`${first}&run=live&run=search%2Ftrials%2Fa-trial-with-a-rather-long-name-lr-9`)
    await expect.poll(() => page.locator('tr[data-reading]').count()).toBe(4)
    await chart('loss').focus()
    await page.keyboard.press('+')
    await page.locator('.shown').waitFor()
    await expectFitting(page, [1440, 1141, 900, 820, 390])
  })

  test('the server that goes away is told, and what is there stays', async () => {
    const other = await openStage(root)
    await open(first, { address: other.server.address, serviceWorkers: false })
    await expect.poll(() => step('lenet5')).toBe('300')
    const before = complaints.length
    await other.close()
    await page.getByText('fovea lab does not answer').waitFor()
    expect(await step('lenet5')).toBe('300')
    // The browser itself says that it could not connect.
    expect(complaints.slice(before).every(text => /Failed to load resource|net::ERR/.test(text))).toBe(true)
    complaints = []
  })
})

describe.skipIf(noBrowser !== undefined)('a Lab without runs', () => {
  test('has no tab for them, and says how to get one where a link leads there', async () => {
    const stage = await openStage()
    const { page, complaints } = await openPage(stage, '#screen=runs', { scripts: [axe] })
    await page.getByText('npx fovea lab runs').waitFor()
    expect(await page.getByRole('button', { name: 'Runs' }).count()).toBe(0)
    expect(await violations(page)).toEqual([])
    await expectFitting(page)
    await page.getByRole('button', { name: 'Train', exact: true }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
    await stage.close()
  })
})
