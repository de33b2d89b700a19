/** Judge in Chromium: its numbers are the library's, everything is reached by keys, and a fork with changed images is a link to its weights. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseLink } from '../../lab/src/state/link.ts'
import { editsAt } from '../../lab/src/state/recipe.ts'
import { LabRun } from '../../lab/src/worker/run.ts'
import { createEngine } from '../../src/index.ts'
import { calibration } from '../../src/inspect/index.ts'
import type { Evaluation } from '../../src/train/index.ts'
import { noBrowser } from '../browser/chromium.ts'
import { axe, violations } from './axe.ts'
import { digitShards, evaluateDigits, testDigits } from './digits.ts'
import { openPage, openStage, type Stage } from './labPage.ts'

/** A training that has learned something: 120 steps of 16 digits. */
const learned = '#v=1&images=2000&batch=16&step=120'

/** The training of a link in Node: its hash, and the library's evaluation of the test digits of the page. */
async function inNode(fragment: string): Promise<{ readonly hash: string; readonly evaluation: Evaluation }> {
  const { recipe, interventions, step = 0 } = parseLink(fragment)
  const engine = createEngine({ threads: 2, precise: true })
  const run = new LabRun(recipe, await digitShards(recipe.images), engine)
  while (run.step < step) await run.advance(interventions)
  const evaluation = await evaluateDigits(engine, run.model)
  const hash = await run.hash()
  await engine.close()
  return { hash, evaluation }
}

/** Numbers of a page's attribute. */
const number = async (page: Page, name: string): Promise<number> =>
  Number(await page.locator(`[data-${name}]`).first().getAttribute(`data-${name}`))

describe.skipIf(noBrowser !== undefined)('Judge in Chromium', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test('shows the accuracy, loss, confusion and calibration that the library computes', async () => {
    const { page, complaints } = await openPage(stage, `${learned}&screen=judge`)
    await page.locator('[data-judged="120"]').waitFor()
    const { evaluation } = await inNode(learned)
    expect(await number(page, 'accuracy')).toBe(evaluation.accuracy)
    expect(await number(page, 'loss')).toBeCloseTo(evaluation.loss, 5)
    const cells = await page.locator('.confusion tbody td[data-row]').allTextContents()
    expect(cells.map(Number)).toEqual(evaluation.confusion.flat())
    const worst = evaluation.losses.reduce((best, loss, k) => (loss > evaluation.losses[best]! ? k : best), 0)
    expect(await number(page, 'image')).toBe(worst)
    expect(await number(page, 'picture-loss')).toBeCloseTo(evaluation.losses[worst]!, 5)
    await page.getByRole('tab', { name: 'calibration' }).click()
    const { labels } = await testDigits()
    const { ece, bins } = calibration(evaluation, labels, 15)
    expect(await number(page, 'ece')).toBeCloseTo(ece, 5)
    const counts = await page.locator('.bins tbody td:nth-child(2)').allTextContents()
    expect(counts.map(text => Number(text.replace(',', '')))).toEqual(bins.map(({ count }) => count))
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('another moment is judged by itself, and says its step', async () => {
    const { page } = await openPage(stage, `${learned}&screen=judge`)
    await page.locator('[data-judged="120"]').waitFor()
    const loss = await number(page, 'loss')
    await page.keyboard.press(',')
    await page.locator('[data-judged="119"]').waitFor()
    expect(await number(page, 'loss')).not.toBe(loss)
    await page.keyboard.press('.')
    await page.locator('[data-judged="120"]').waitFor()
    expect(await number(page, 'loss')).toBe(loss)
    await page.context().close()
  })

  test('by keys alone: a cell, its pictures, one on the probe, another label, out, back, and a fork whose link has its weights', async () => {
    const { page } = await openPage(stage, learned)
    await page.locator('.bars[data-step="120"]').waitFor()
    await page.keyboard.press('4')
    await page.locator('[data-judged="120"]').waitFor()
    await page.getByRole('radio', { name: 'test images' }).press('ArrowRight')
    await page.getByText(/of 2,000 training images right/).waitFor()
    await page.locator('.confusion [data-row][tabindex="0"]').focus()
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight', 'Enter']) await page.keyboard.press(key)
    await page.getByRole('heading', { name: /^2 taken for 1/ }).waitFor()
    expect(Number((await page.locator('[data-row="2"][data-column="1"]').textContent()) || 0)).toBe(
      Number(/\d+$/.exec((await page.locator('.pictures-place h2').textContent())!)![0]),
    )
    for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'Enter']) await page.keyboard.press(key)
    await page.getByRole('heading', { name: /^Taken for 1/ }).waitFor()
    const pictures = page.getByRole('application', { name: /^Pictures/ })
    await pictures.focus()
    await page.keyboard.press('p')
    const first = await number(page, 'image')
    await page.locator('.rail').getByText(`training image ${first}`).waitFor()
    await page.keyboard.press('r')
    await page.keyboard.press('7')
    await page.getByRole('region', { name: 'Changes' }).getByText('relabeled as 7').waitFor()
    await page.keyboard.press('ArrowRight')
    const second = await number(page, 'image')
    expect(second).not.toBe(first)
    await page.keyboard.press('x')
    await page.getByRole('region', { name: 'Changes' }).getByText('left out', { exact: true }).waitFor()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('x')
    await page.keyboard.press('Backspace')
    await page.getByText('training images: 1 relabeled, 1 left out').waitFor()
    await page.getByRole('radio', { name: /^from step/ }).press('ArrowRight')
    await page.getByRole('button', { name: 'Fork with these changes' }).press('Enter')
    await page.locator('.line-switch').waitFor()
    await page.locator('.bars:not([data-step="120"])').first().waitFor()
    await page.keyboard.press(',')
    // Where it stopped, and one step back on the fork.
    const reached = await page.locator('.transport [data-step]').getAttribute('data-step')
    await page.locator(`.bars[data-step="${reached}"]`).first().waitFor()
    await page.getByRole('button', { name: 'Copy link' }).press('Enter')
    const hash = await page.locator('[data-hash]').getAttribute('data-hash')
    const fragment = await page.evaluate(() => location.hash)
    const { interventions, step } = parseLink(fragment)
    expect(step).toBe(Number(reached))
    expect(interventions.map(({ at, name }) => ({ at, name }))).toEqual([{ at: 0, name: 'images' }])
    expect([...editsAt(interventions, step!)].sort(([a], [b]) => a - b)).toEqual(
      [[first, 7] as const, [second, 'out'] as const].sort(([a], [b]) => a - b),
    )
    expect((await inNode(fragment)).hash).toBe(hash)
    await page.context().close()
  })

  test('test images are not changed, and it says why', async () => {
    const { page } = await openPage(stage, `${learned}&screen=judge`)
    await page.locator('[data-judged="120"]').waitFor()
    await page.getByRole('application', { name: /^Pictures/ }).focus()
    await page.keyboard.press('x')
    await page.locator('.detail [role=status]').getByText('Test images stay as they are').waitFor()
    expect(await page.getByRole('region', { name: 'Changes' }).count()).toBe(0)
    await page.context().close()
  })

  test('features are laid out, also by UMAP, the same each time; a loop shows its pictures', async () => {
    const { page, complaints } = await openPage(stage, `${learned}&screen=judge`)
    await page.locator('[data-judged="120"]').waitFor()
    await page.getByRole('tab', { name: 'features' }).click()
    await page.getByText('two principal components').waitFor()
    const scatter = page.getByRole('application', { name: /^PCA of 1000 images/ })
    const box = (await scatter.boundingBox())!
    await page.mouse.move(box.x + 1, box.y + 1)
    await page.mouse.down()
    for (const [x, y] of [
      [1, 0],
      [1, 1],
      [0, 1],
      [0, 0],
    ] as const)
      await page.mouse.move(box.x + 1 + x * (box.width - 2), box.y + 1 + y * (box.height - 2), { steps: 3 })
    await page.mouse.up()
    await page.getByRole('heading', { name: 'Chosen points 1,000' }).waitFor()
    await scatter.focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Chosen points 48' }).waitFor()
    expect(await page.locator('.nearest li').count()).toBe(8)
    const drawn = (): Promise<string> =>
      page.locator('.scatter canvas').evaluate(canvas => (canvas as HTMLCanvasElement).toDataURL())
    const layOut = async (): Promise<string> => {
      await page.getByRole('button', { name: 'UMAP' }).click()
      await page.getByRole('application', { name: /^UMAP of 1000 images/ }).waitFor()
      await page.mouse.move(0, 0)
      return drawn()
    }
    const once = await layOut()
    await page.getByRole('button', { name: 'PCA' }).click()
    await page.getByRole('application', { name: /^PCA/ }).waitFor()
    expect(await drawn()).not.toBe(once)
    expect(await layOut()).toBe(once)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('features of another layer, a temperature, and a file of changes that is read again', async () => {
    const { page, complaints } = await openPage(stage, `${learned}&screen=judge`, { scripts: [axe] })
    await page.locator('[data-judged="120"]').waitFor()
    await page.getByRole('tab', { name: 'calibration' }).click()
    const [before, after] = [await number(page, 'before'), await number(page, 'after')]
    expect(before).toBeGreaterThan(0)
    expect(after).toBeGreaterThan(0)
    await page.getByRole('radio', { name: /^at temperature/ }).click()
    await page.getByText('answers in each bin, of 500').waitFor()
    await page.getByRole('tab', { name: 'features' }).click()
    await page.getByLabel('Layer whose input is laid out').selectOption('conv2')
    await page.getByText('The means of the 6 maps that conv2 reads').waitFor()
    await page.getByRole('radio', { name: /^training/ }).click()
    const read = (name: string, text: string): Promise<void> =>
      page
        .getByLabel('File of changes')
        .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) })
    const file = {
      format: 'fovea-changed-images',
      version: 1,
      data: 'mnist',
      classes: Array.from({ length: 10 }, (_, k) => String(k)),
      changes: [
        { image: 3, newLabel: 7 },
        { image: 5, leftOut: true },
      ],
    }
    await read('changes.json', JSON.stringify(file))
    const changes = page.getByRole('region', { name: 'Changes' })
    await changes.getByText('training images: 1 relabeled, 1 left out').waitFor()
    expect(await violations(page)).toEqual([])
    await read('other.json', JSON.stringify({ ...file, data: 'cifar10' }))
    await page.locator('.problem').getByText('other.json cannot be taken as changes of training images').waitFor()
    await changes.getByRole('button', { name: 'Undo', exact: false }).first().click()
    await expect.poll(() => changes.count()).toBe(0)
    expect(complaints).toEqual([])
    await page.context().close()
  })
})
