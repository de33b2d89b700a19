/** Runs of others in the Lab: TensorBoard's event files, live, with a choice of tags; and files that are dropped on Runs. In Chromium. */
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeRecord } from '../../src/runs/tensorboardEvents.ts'
import { noBrowser } from '../browser/chromium.ts'
import { temporaryFolder } from '../support/fovea.ts'
import { axe, violations } from './axe.ts'
import { openPage, openStage, type Stage } from './labPage.ts'

const fixtures = join(import.meta.dirname, '../fixtures/tensorboard')
const record = (step: number, scalars: Record<string, number>): Uint8Array =>
  encodeRecord({ wallTime: 1_700_000_000 + step, step, scalars })

describe.skipIf(noBrowser !== undefined)("others' runs", () => {
  const folder = temporaryFolder()
  const live = join(folder.path, 'live/events.out.tfevents.1700000000.host')
  let stage: Stage

  beforeAll(async () => {
    for (const name of ['torch', 'lightning', 'keras'])
      cpSync(join(fixtures, name), join(folder.path, name), { recursive: true })
    mkdirSync(join(folder.path, 'live'))
    writeFileSync(live, Buffer.concat([1, 2, 3].map(step => record(step, { loss: 2 / step, lr: 0.1 }))))
    stage = await openStage(folder.path)
  })
  afterAll(async () => {
    await stage?.close()
    folder.remove()
  })

  const cells = (page: Page, run: string): Promise<string[]> =>
    page.locator(`tr[data-reading="${run}"] td`).allInnerTexts()
  const select = (page: Page, quantity: string): Locator => page.getByLabel(`Tag of the ${quantity}`)

  test('are drawn by known names, or by the tag that is chosen, which is in the address', async () => {
    const { page, complaints } = await openPage(stage, '#v=1&screen=runs&run=torch&run=keras&run=lightning', {
      scripts: [axe],
    })
    await expect.poll(() => page.locator('tr[data-reading]').count()).toBe(3)
    await expect
      .poll(() => cells(page, 'torch'))
      .toEqual(['40', '0.05000', expect.any(String), '97.50\u00a0%', expect.any(String), '0.06250', '87.50\u00a0%'])
    await expect.poll(async () => (await cells(page, 'keras'))[1]).toBe('0.2500')
    // Of Lightning there is no accuracy of the training.
    await expect
      .poll(() => cells(page, 'lightning'))
      .toEqual(['100', '0.01099', expect.any(String), '', '', '0.01010', '90.99\u00a0%'])
    expect(await page.getByRole('row', { name: /torch/ }).first().innerText()).toContain('TensorBoard')
    await select(page, 'loss').selectOption('Accuracy/train')
    await expect.poll(async () => (await cells(page, 'torch'))[1]).toBe('0.9750')
    expect(page.url()).toContain('loss=Accuracy%2Ftrain')
    await page.reload()
    await expect.poll(async () => (await cells(page, 'torch'))[1]).toBe('0.9750')
    await select(page, 'loss').selectOption('')
    await expect.poll(async () => (await cells(page, 'torch'))[1]).toBe('0.05000')
    expect(await violations(page)).toEqual([])
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('grow while they are looked at, also by new tags', async () => {
    const { page } = await openPage(stage, '#v=1&screen=runs&run=live')
    await expect.poll(() => cells(page, 'live')).toEqual(['3', '0.6667', '0.6667', '', '', '', ''])
    const bytes = record(4, { loss: 0.5, lr: 0.1 })
    appendFileSync(live, bytes.subarray(0, 15))
    appendFileSync(live, bytes.subarray(15))
    await expect.poll(async () => (await cells(page, 'live')).slice(0, 2)).toEqual(['4', '0.5000'])
    appendFileSync(live, record(5, { loss: 0.4, val_loss: 0.3, val_acc: 0.9 }))
    await expect
      .poll(async () => cells(page, 'live'))
      .toEqual(['5', '0.4000', expect.any(String), '', '', '0.3000', '90.00\u00a0%'])
    appendFileSync(live, Buffer.alloc(40, 7))
    await expect.poll(() => page.locator('.notices').innerText()).toContain('where no record begins')
    await page.context().close()
  })

  test.each(['runs', 'judge', 'teach'])(
    'a file that is dropped on %s does not take the place of the page',
    async screen => {
      const { page } = await openPage(stage, `#v=1&screen=${screen}`)
      await page.locator('main').waitFor()
      // What a browser does with a file that nobody takes is what it does when nobody prevents it.
      const taken = (name: string): Promise<boolean[]> =>
        page.evaluate(name => {
          const held = new DataTransfer()
          held.items.add(new File(['{}'], name))
          return ['dragover', 'drop'].map(type => {
            const event = new DragEvent(type, { dataTransfer: held, bubbles: true, cancelable: true })
            document.body.dispatchEvent(event)
            return event.defaultPrevented
          })
        }, name)
      await expect.poll(() => taken('notes.txt')).toEqual([true, true])
      await page.locator('.problem').waitFor()
      await page.context().close()
    },
  )
})
