/** The screens of the Lab: accessible in both themes and at every width, worked by keys alone, and honest about what goes wrong. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noBrowser } from '../browser/chromium.ts'
import { axe, violations } from './axe.ts'
import { openPage, openStage, type PageOptions, type Stage, short, shows } from './labPage.ts'

/** The page after 20 steps, at a screen. */
async function open(stage: Stage, more: string, options: PageOptions = {}): Promise<Page> {
  const { page } = await openPage(stage, `${short}${more}`, { scripts: [axe], ...options })
  await page.locator('.bars[data-step="20"]').waitFor()
  return page
}

interface ScreenCase {
  readonly name: string
  /** Of the link. */
  readonly more: string
  /** What is there when all is. */
  readonly ready: string
  readonly act?: (page: Page) => Promise<void>
}

const looks = [
  { theme: 'dark', width: 1440 },
  { theme: 'light', width: 390 },
] as const

const screens: readonly ScreenCase[] = [
  { name: 'Train', more: '', ready: '.net' },
  { name: 'Look, network', more: '&screen=look', ready: '.layers' },
  { name: 'Look, map', more: '&screen=look&place=conv2:3', ready: '.why li canvas' },
  { name: 'Look, unit', more: '&screen=look&place=fc1:7', ready: '.excites .grown canvas' },
  { name: 'Convolve', more: '&screen=convolve', ready: '.convolution' },
  {
    name: 'Judge, features',
    more: '&screen=judge',
    ready: '.scatter canvas',
    act: (page: Page) => page.getByRole('tab', { name: 'features' }).click(),
  },
  {
    name: 'Judge, calibration',
    more: '&screen=judge',
    ready: '.bins',
    act: (page: Page) => page.getByRole('tab', { name: 'calibration' }).click(),
  },
  {
    name: 'Judge, confusion and changes',
    more: '&screen=judge&edits=3.7_5.x',
    ready: '.changes li',
    act: (page: Page) => page.getByRole('radio', { name: 'training images' }).click(),
  },
]

describe.skipIf(noBrowser !== undefined)('the screens of the Lab', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test.each(screens)('$name: nothing that axe finds, and no wider than the window', async ({ more, ready, act }) => {
    const page = await open(stage, more)
    await act?.(page)
    for (const { theme, width } of looks) {
      await page.emulateMedia({ colorScheme: theme })
      await page.setViewportSize({ width, height: 900 })
      await page.locator(ready).first().waitFor()
      const excess = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      await expect.poll(excess, { message: `${theme} at ${width} pixels` }).toBeLessThanOrEqual(0)
      // Colors take a moment to change.
      await expect.poll(() => violations(page), { message: `${theme} at ${width} pixels` }).toEqual([])
    }
    await page.context().close()
  })

  test('keys train on and pause, step, choose pictures and screens', async () => {
    const page = await open(stage, '')
    await page.keyboard.press('.')
    await shows(page, 21)
    await page.keyboard.press(',')
    await shows(page, 20)
    await page.keyboard.press('Home')
    await shows(page, 0)
    await page.keyboard.press('n')
    await page.getByText('test image 1', { exact: true }).waitFor()
    await page.keyboard.press('e')
    await page.locator('button[aria-pressed="true"][aria-label="Erase (e)"]').waitFor()
    await page.keyboard.press(' ')
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.keyboard.press(' ')
    await page.getByRole('button', { name: 'Train on' }).waitFor()
    await page.keyboard.press('3')
    await page.locator('.convolution').waitFor()
    await page.context().close()
  })

  test('the button of light and dark changes the page and its canvases, and is remembered', async () => {
    const page = await open(stage, '')
    const shown = (): Promise<readonly string[]> =>
      page.evaluate(() => {
        const pixel = document.querySelector<HTMLCanvasElement>('.legend canvas')!.getContext('2d')!
        const middle = Array.from(pixel.getImageData(80, 0, 1, 1).data.slice(0, 3)).join(', ')
        return [getComputedStyle(document.body).backgroundColor, `rgb(${middle})`]
      })
    const [light, dark] = ['rgb(255, 255, 255)', 'rgb(20, 24, 30)']
    expect(await shown()).toEqual([light, light])
    await page.getByRole('button', { name: 'Light or dark' }).click()
    await expect.poll(shown).toEqual([dark, dark])
    await page.reload()
    await page.locator('.bars[data-step="20"]').waitFor()
    expect(await shown()).toEqual([dark, dark])
    await page.getByRole('button', { name: 'Light or dark' }).click()
    await expect.poll(shown).toEqual([light, light])
    await page.context().close()
  })

  test('a picture can be drawn by keys, and the bars answer', async () => {
    const page = await open(stage, '')
    const bars = (): Promise<string[]> => page.locator('.bars .value').allTextContents()
    const before = await bars()
    await page.getByRole('application', { name: /^Probe/ }).focus()
    for (const key of [' ', 'ArrowRight', ' ', 'ArrowDown', ' ', 'ArrowDown', ' ']) await page.keyboard.press(key)
    await page.getByText('test image 0, changed', { exact: true }).waitFor()
    await expect.poll(bars).not.toEqual(before)
    await page.keyboard.press('Tab')
    await page.keyboard.press('z')
    await expect.poll(bars).toEqual(before)
    await page.context().close()
  })

  test('Convolve goes from cell to cell by arrows, says the sum, and changes a number by keys', async () => {
    const page = await open(stage, '&screen=convolve')
    const said = page.locator('.total output')
    expect(await said.textContent()).toMatch(/^Output 0, row 1, column 1: channel 0 .*, is (minus )?\d+$/)
    await page.keyboard.press('ArrowRight')
    await expect.poll(() => said.textContent()).toMatch(/^Output 0, row 1, column 2/)
    await page.keyboard.press(']')
    await expect.poll(() => said.textContent()).toMatch(/^Output 1, row 1, column 2/)
    const bias = page.getByRole('spinbutton', { name: 'bias of filter 1' })
    const total = async (): Promise<number> => Number((await page.locator('.sum b').textContent())!.replace('−', '-'))
    const before = await total()
    await bias.press('+')
    await expect.poll(total).toBe(before + 1)
    await page.getByRole('slider', { name: 'S stride' }).press('ArrowRight')
    await page.locator('.misfit').getByText('never read').waitFor()
    await page.context().close()
  })

  test('in Convolve, Shift and an arrow go on by a whole window, from anywhere, as far as there are cells, and it is read aloud', async () => {
    const page = await open(stage, '&screen=convolve')
    const said = page.locator('.total output')
    await page.getByRole('spinbutton', { name: 'input channel 0, row 0, column 0' }).press('Shift+ArrowLeft')
    await expect.poll(() => said.textContent()).toMatch(/^Output 0, row 1, column 0/)
    await page.keyboard.press('Shift+ArrowRight')
    await expect.poll(() => said.textContent()).toMatch(/^Output 0, row 1, column 2/)
    await page.keyboard.press('Shift+ArrowDown')
    await page.keyboard.press('Shift+ArrowDown')
    await expect.poll(() => said.textContent()).toMatch(/^Output 0, row 2, column 2/)
    await page.context().close()
  })

  test.each([
    ['max pooling', /^Row 0, column 0/, /^Row 0, column 1/],
    ['transposed', /row 2, column 2/, /row 2, column 3/],
    ['gradients', /weight, channel 0, row 0, column 0/, /weight, channel 0, row 0, column 1/],
    ['as a matrix', /window 4, row 1, column 1/, /window 5, row 1, column 2/],
  ])('arrows choose the next cell of %s too, and it is read aloud', async (tab, before, after) => {
    const page = await open(stage, '&screen=convolve')
    await page.getByRole('tab', { name: tab }).click()
    const said = page.locator('.convolve [aria-live]').last()
    // The tab that has the focus takes arrows for itself.
    await page.getByRole('tab', { name: tab }).blur()
    if (tab === 'max pooling') for (const key of ['ArrowLeft', 'ArrowUp']) await page.keyboard.press(`Shift+${key}`)
    await expect.poll(() => said.textContent()).toMatch(before)
    await page.keyboard.press('ArrowRight')
    await expect.poll(() => said.textContent()).toMatch(after)
    await page.context().close()
  })

  test('the numbers of a cell are those of the step and the picture that are shown, until one is changed here', async () => {
    const page = await open(stage, '&screen=look&place=conv2:3:4:5')
    await page.getByRole('button', { name: 'Take this cell apart in Convolve' }).click()
    await page.getByText('conv2, map 3, row 4, column 5, at step 20').waitFor()
    const numbers = (): Promise<string[]> => page.locator('.slices .cell').allTextContents()
    const before = await numbers()
    await page.getByRole('button', { name: 'One step', exact: true }).click()
    await page.getByText('conv2, map 3, row 4, column 5, at step 21').waitFor()
    expect(await numbers()).not.toEqual(before)
    await page.getByRole('button', { name: 'One step back' }).click()
    await page.getByText('conv2, map 3, row 4, column 5, at step 20').waitFor()
    expect(await numbers()).toEqual(before)
    await page.keyboard.press('n')
    await expect.poll(numbers).not.toEqual(before)
    await page.getByRole('spinbutton', { name: 'bias of filter 0' }).press('+')
    await page.getByRole('button', { name: 'One step', exact: true }).click()
    await page.getByText('at step 20, changed here').waitFor()
    await page.getByRole('button', { name: 'Take those of step 21' }).click()
    await page.getByText('conv2, map 3, row 4, column 5, at step 21').waitFor()
    expect(await page.getByText('changed here').count()).toBe(0)
    await page.context().close()
  })

  test('a weight is changed by keys, the bars answer, and Escape or leaving puts it back', async () => {
    const page = await open(stage, '&screen=look&place=conv2:3')
    const bars = (): Promise<(string | null)[]> =>
      page.locator('.bars li').evaluateAll(rows => rows.map(row => row.getAttribute('title')))
    const before = await bars()
    const kernel = page.getByRole('application', { name: /^Kernel of channel 0/ })
    await kernel.focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowDown')
    for (let k = 0; k < 40; k++) await page.keyboard.press('+')
    await expect.poll(bars).not.toEqual(before)
    expect(await kernel.locator('output').textContent()).toMatch(/^row 1, column 1: \S+, changed$/)
    await page.keyboard.press('Escape')
    await expect.poll(bars).toEqual(before)
    await page.keyboard.press('-')
    await page.keyboard.press('Tab')
    await expect.poll(bars).toEqual(before)
    await page.context().close()
  })

  test('a cell of Look opens in Convolve with its own numbers', async () => {
    const page = await open(stage, '&screen=look&place=conv2:3:4:5')
    const shown = await page.locator('.equations .sum-line').textContent()
    await page.getByRole('button', { name: 'Take this cell apart in Convolve' }).click()
    await page.getByText('conv2, map 3, row 4, column 5, at step 20').waitFor()
    const sum = await page.locator('.sum b').textContent()
    expect(Number(sum!.replace('−', '-'))).toBeCloseTo(Number(shown!.replace('−', '-')), 2)
    await page.context().close()
  })

  test('a weight that is dragged changes the bars until it is let go', async () => {
    const page = await open(stage, '&screen=look&place=conv2:3')
    const bars = (): Promise<string[]> => page.locator('.bars .value').allTextContents()
    const before = await bars()
    const box = (await page.locator('.kernel').first().boundingBox())!
    await page.mouse.move(box.x + 30, box.y + 30)
    await page.mouse.down()
    await page.mouse.move(box.x + 30, box.y - 300, { steps: 4 })
    await expect.poll(bars).not.toEqual(before)
    await page.mouse.up()
    await expect.poll(bars).toEqual(before)
    await page.context().close()
  })

  test('the reasons are those of the class that is chosen', async () => {
    const page = await open(stage, '&screen=look')
    await page.locator('.why li canvas').first().waitFor()
    await page.getByRole('radio', { name: '3', exact: true }).click()
    await page.getByText('Why 3?').waitFor()
    await page.getByText(/score = logit/).waitFor()
    const logit = await page.locator('.bars li').nth(3).getAttribute('title')
    const [, exact] = /logit (\S+)$/.exec(logit!)!
    const score = /logit, (\S+)/.exec((await page.locator('.why h2').textContent())!)![1]!
    const number = (text: string): number => Number(text.replace('−', '-'))
    expect(number(score)).toBeCloseTo(number(exact!), 2)
    await page.context().close()
  })

  test('a unit opens by keys, as the sum of its terms, which is what the network says, and with what excites it', async () => {
    const page = await open(stage, '&screen=look')
    await page.getByRole('application', { name: /^The 10 units of fc3/ }).focus()
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key)
    await page.getByRole('heading', { name: 'What excites unit 3' }).waitFor()
    const sum = await page.locator('.unit-terms tfoot td').textContent()
    const number = (text: string): number => Number(text.replace('−', '-'))
    const terms = (await page.locator('.unit-terms tbody td:last-child').allTextContents()).map(number)
    expect(terms).toHaveLength(12)
    expect(terms.reduce((a, b) => a + b, 0)).toBeCloseTo(number(sum!), 9)
    const [, logit] = /logit (\S+)$/.exec((await page.locator('.bars li').nth(3).getAttribute('title'))!)!
    expect(number(sum!)).toBeCloseTo(number(logit!), 2)
    await page.getByText('128 steps').waitFor()
    await page.context().close()
  })

  test('what excites a map is searched for and grown while the page lives; the next map is asked for in its place', async () => {
    const page = await open(stage, '&screen=look&place=conv2:3')
    const section = page.getByRole('region', { name: 'What excites it' })
    await section.getByText('strongest of each of 1,000 test images, at step 20').waitFor()
    await section.getByText('128 steps').waitFor()
    expect(await section.locator('button').count()).toBe(9)
    const strongest = async (): Promise<string> => (await section.locator('button').first().getAttribute('aria-label'))!
    const [, image, value] = /^test image (\d+), \d: (\S+)$/.exec(await strongest())!
    await page.getByRole('button', { name: 'Map 5 of conv2' }).click()
    await section.getByText('What excites map 5').waitFor()
    await page.getByRole('button', { name: 'Map 3 of conv2' }).click()
    await section.getByText('128 steps').waitFor()
    // The value told is that of the cell which the patch opens.
    await section.locator('button').first().click()
    await page.getByText(`test image ${image}`, { exact: true }).waitFor()
    await expect.poll(() => page.locator('.big-map').getAttribute('aria-label')).toContain(`: ${value}`)
    await page.context().close()
  })
})
