/** The camera as the probe of the Lab, in Chromium with a camera that shows a moving figure; and what is said when there is none. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noBrowser } from '../browser/chromium.ts'
import { axe, violations } from './axe.ts'
import { openPage, openStage, type Stage, shows } from './labPage.ts'

/** Streams that the page was given. */
type Given = typeof globalThis & { streams: MediaStream[] }

/** A network of pictures, which takes anything that a camera sees. */
async function open(stage: Stage): Promise<Page> {
  const { page } = await openPage(stage, '#model=convnet&images=400&batch=16&step=1', { scripts: [axe] })
  await shows(page, 1)
  await page.evaluate(() => {
    const { mediaDevices } = navigator
    const ask = mediaDevices.getUserMedia.bind(mediaDevices)
    const given = globalThis as Given
    given.streams = []
    mediaDevices.getUserMedia = async wanted => {
      const stream = await ask(wanted)
      given.streams.push(stream)
      return stream
    }
  })
  return page
}

const camera = (page: Page) => page.getByRole('button', { name: /^Camera/ })
const states = (page: Page): Promise<string[]> =>
  page.evaluate(() => (globalThis as Given).streams.flatMap(s => s.getTracks().map(track => track.readyState)))

describe.skipIf(noBrowser !== undefined)('the camera of the Lab', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test('shows frame after frame, and the bars answer; left by its key, it is off and its last picture stays', async () => {
    const page = await open(stage)
    await page.keyboard.press('c')
    await page.getByText('your camera', { exact: true }).waitFor()
    expect(await states(page)).toEqual(['live'])
    expect(await violations(page)).toEqual([])
    const bars = (): Promise<string[]> => page.locator('.bars .value').allTextContents()
    const first = await bars()
    await expect.poll(bars).not.toEqual(first)
    await page.keyboard.press('c')
    await page.locator('.finder').waitFor({ state: 'detached' })
    expect(await states(page)).toEqual(['ended'])
    await page.getByText('your camera', { exact: true }).waitFor()
    await page.context().close()
  })

  test.each([
    ['another picture', (page: Page) => page.keyboard.press('n')],
    [
      'a stroke on the probe',
      async (page: Page) => {
        await page.getByRole('application', { name: /^Probe/ }).focus()
        await page.keyboard.press(' ')
      },
    ],
    [
      'another training',
      async (page: Page) => {
        await page.locator('.recipe summary').click()
        await page.getByRole('button', { name: 'Train from the start' }).click()
      },
    ],
  ])('is left for %s', async (_, leave) => {
    const page = await open(stage)
    await camera(page).click()
    await page.getByText('your camera', { exact: true }).waitFor()
    await leave(page)
    await expect.poll(() => states(page)).toEqual(['ended'])
    await page.locator('.finder').waitFor({ state: 'detached' })
    await page.context().close()
  })

  test('that is taken away is told, its last picture stays, and it can be tried again', async () => {
    const page = await open(stage)
    await camera(page).click()
    await page.getByText('your camera', { exact: true }).waitFor()
    await page.evaluate(() => {
      for (const stream of (globalThis as Given).streams)
        for (const track of stream.getTracks()) track.dispatchEvent(new Event('ended'))
    })
    await page.getByText(/^The camera was taken away/).waitFor()
    expect(await states(page)).toEqual(['ended'])
    await page.getByText('your camera', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => states(page)).toEqual(['ended', 'live'])
    await page.context().close()
  })

  test.each([
    ['NotAllowedError', /not allowed to use the camera\. Allow it in the browser/],
    ['NotFoundError', /There is no camera\. Connect one and try again/],
    ['NotReadableError', /another program may have it\. Close that program/],
    ['UnknownError', /The camera does not start: why\. Upload a picture instead/],
  ])('says what happened and what to do: %s', async (name, words) => {
    const page = await open(stage)
    await page.evaluate(error => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('why', error))
    }, name)
    await camera(page).click()
    await page.getByRole('alert').getByText(words).waitFor()
    await page.locator('.finder').waitFor({ state: 'detached' })
    await page.getByText('test image 0', { exact: true }).waitFor()
    // What was learned goes on.
    await page.getByRole('button', { name: 'One step', exact: true }).click()
    await shows(page, 2)
    await page.context().close()
  })

  test('of a page without cameras says where there are some', async () => {
    const page = await open(stage)
    await page.evaluate(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }))
    await camera(page).click()
    await page.getByText(/Pages of plain http have no camera\. Open the Lab by https/).waitFor()
    await page.context().close()
  })

  test('that is refused late, after it was left, says nothing', async () => {
    const page = await open(stage)
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () =>
        new Promise((_, reject) => {
          ;(globalThis as unknown as { refuse(): void }).refuse = () => reject(new DOMException('', 'NotAllowedError'))
        })
    })
    await camera(page).click()
    await page.getByText('The browser asks whether the camera may be used.').waitFor()
    await camera(page).click()
    await page.evaluate(() => (globalThis as unknown as { refuse(): void }).refuse())
    await page.locator('.finder').waitFor({ state: 'detached' })
    expect(await page.getByRole('alert').count()).toBe(0)
    await page.context().close()
  })
})
