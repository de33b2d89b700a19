/** The Lab in a browser: it trains at once, shows the numbers of the reference backend, and links come back to the same weights. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fixed } from '../../lab/src/draw/format.ts'
import { parseLink } from '../../lab/src/state/link.ts'
import { createModel } from '../../lab/src/worker/networks.ts'
import { Watch } from '../../lab/src/worker/watch.ts'
import { createEngine } from '../../src/index.ts'
import { noBrowser } from '../browser/chromium.ts'
import { digits } from './digits.ts'
import { openPage, openStage, type Stage, short, shows } from './labPage.ts'
import { trainInNode } from './trainInNode.ts'

if (noBrowser) console.warn(`The browser tests of the Lab are left out: ${noBrowser}`)

/** The hash that the page tells with its link. */
async function hashOf(page: Page): Promise<string | null> {
  await page.getByRole('button', { name: 'Copy link' }).click()
  return page.locator('[data-hash]').getAttribute('data-hash')
}

describe.skipIf(noBrowser !== undefined)('the Lab in Chromium', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test('trains by itself on a first visit', async () => {
    const { page, complaints } = await openPage(stage, '')
    await page.waitForFunction(() => Number(document.querySelector('.net')?.getAttribute('data-step')) > 20)
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Train on' }).waitFor()
    expect(await page.title()).toBe('Fovea Lab')
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('shows the numbers of the reference backend', async () => {
    const { page } = await openPage(stage, short)
    await shows(page, 20)
    const { weights } = await trainInNode(short)
    const { recipe } = parseLink(short)
    const model = createModel(recipe)
    for (const [path, parameter] of model.parameters()) parameter.setValue(weights.get(path)!)
    const reference = createEngine({ backend: 'reference' })
    const watch = new Watch(reference, model, [28, 28, 1])
    const { images, labels } = (await digits()).test
    const look = await watch.look(20, { pixels: images.subarray(0, 784), label: labels[0]! }, weights)
    const shown = await page.locator('[data-output]').allTextContents()
    expect(shown).toEqual(Array.from(look.layers.at(-1)!.values, value => fixed(value, 2)))
    const bars = await page.locator('.bars .value').allTextContents()
    expect(bars).toEqual(Array.from(look.probabilities, share => `${fixed(100 * share, 1)}\u00a0%`))
    await page.context().close()
  })

  test('comes back to the same weights by its link, changes included, in another page and in Node', async () => {
    const { page } = await openPage(stage, `${short}&do=5:rate:0.05,9:optimizer:adam,9:rate:0.001`)
    await shows(page, 20)
    const hash = await hashOf(page)
    const fragment = await page.evaluate(() => location.hash)
    expect(parseLink(fragment)).toMatchObject({ step: 20, interventions: [{ at: 5 }, { at: 9 }, { at: 9 }] })
    const again = await openPage(stage, fragment)
    await shows(again.page, 20)
    expect(await hashOf(again.page)).toBe(hash)
    expect((await trainInNode(fragment)).hash).toBe(hash)
    await page.context().close()
    await again.page.context().close()
  })

  test('goes to any moment, and the weights there are the same again', async () => {
    const { page } = await openPage(stage, short)
    await shows(page, 20)
    const hash = await hashOf(page)
    const slider = page.getByRole('slider', { name: 'Moment of the training' })
    await slider.press('Home')
    await shows(page, 0)
    await slider.press('End')
    await shows(page, 20)
    expect(await hashOf(page)).toBe(hash)
    await page.context().close()
  })

  test('a change in the past forks a second line, and the first can be looked at again', async () => {
    const { page } = await openPage(stage, short)
    await shows(page, 20)
    const slider = page.getByRole('slider', { name: 'Moment of the training' })
    for (let k = 0; k < 5; k++) await slider.press('ArrowLeft')
    await shows(page, 15)
    await page.getByRole('slider', { name: 'rate' }).press('PageUp')
    await page.getByRole('button', { name: 'first line' }).waitFor()
    await page.getByRole('button', { name: 'One step', exact: true }).click()
    await shows(page, 16)
    await page.getByRole('button', { name: 'Copy link' }).click()
    expect(parseLink(await page.evaluate(() => location.hash)).interventions).toEqual([
      { at: 15, name: 'rate', value: 0.02 },
    ])
    await page.getByRole('button', { name: 'first line' }).click()
    await page.getByRole('button', { name: 'fork', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Copy link' }).click()
    await expect.poll(() => page.evaluate(() => location.hash.includes('do='))).toBe(false)
    await page.context().close()
  })
})
