/** The Lab on a graphics processor, in Chromium on its software driver: offered where there is one, said in links, and told when it is lost. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noBrowser } from '../browser/chromium.ts'
import { axe, violations } from './axe.ts'
import { openPage, openStage, type Stage, short, shows } from './labPage.ts'

describe.skipIf(noBrowser !== undefined)('the Lab with a graphics processor', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(undefined, { webgpu: true })
  }, 300_000)
  afterAll(() => stage?.close())

  test('is offered in the menu, trains, is in the link, and the link says where it leads to the same bits', async () => {
    const { page, complaints } = await openPage(stage, short, { scripts: [axe] })
    await shows(page, 20)
    await page.locator('details.recipe summary').click()
    await page.getByLabel('runs on').selectOption('webgpu')
    await page.getByText(/to the bit, on this graphics processor and driver only/).waitFor()
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Train from the start' }).click()
    await page.locator('.badge', { hasText: 'WebGPU' }).waitFor()
    await page.getByRole('button', { name: 'Copy link' }).click()
    await page.getByText('to the bit on the same graphics processor and driver, elsewhere nearly.').waitFor()
    expect(new URL(page.url()).hash).toContain('&backend=webgpu')
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('goes back to a moment with the same weights, to the bit; and ends when the processor is lost, which is mended', async () => {
    // A small network: a software driver compiles a shader for every shape.
    const { page } = await openPage(stage, '#v=1&model=perceptron&step=20&backend=webgpu')
    await shows(page, 20)
    const hash = async (): Promise<string | null> => {
      await page.getByRole('button', { name: 'Copy link' }).click()
      return page.locator('code[data-hash]').getAttribute('data-hash')
    }
    const first = await hash()
    await page.getByRole('button', { name: 'One step', exact: true }).click()
    await shows(page, 21)
    await page.keyboard.press(',')
    await shows(page, 20)
    expect(await hash()).toBe(first)
    const session = await stage.browser.newBrowserCDPSession()
    await session.send('Browser.crashGpuProcess')
    await page.getByRole('button', { name: 'One step', exact: true }).click()
    await page.getByText(/^The graphics processor has stopped: .*the graphics device was lost/).waitFor()
    // The step that failed is the one that is looked at.
    await page.getByRole('button', { name: 'Train it again up to here' }).click()
    await shows(page, 21)
    await page.keyboard.press(',')
    await shows(page, 20)
    expect(await hash()).toBe(first)
    await page.context().close()
  })
})

describe.skipIf(noBrowser !== undefined)('the Lab without a graphics processor', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test('does not offer it; a link that asks for it is told so, and WebAssembly trains in its place', async () => {
    const { page } = await openPage(stage, `${short}&backend=webgpu`)
    await page.getByText(/^This training asks for a graphics processor\. webgpu: /).waitFor()
    await page.getByRole('button', { name: 'Train it with WebAssembly' }).click()
    await shows(page, 20)
    await page.locator('details.recipe summary').click()
    await page.getByLabel('seed').waitFor()
    expect(await page.getByLabel('runs on').count()).toBe(0)
    await page.context().close()
  })

  test('a network that is built trains where the link says, and then where the training of the page does', async () => {
    const { page } = await openPage(stage, '#screen=build&backend=webgpu')
    await page.getByRole('button', { name: 'Train this' }).click()
    await page.getByText(/^This training asks for a graphics processor\. webgpu: /).waitFor()
    await page.getByRole('button', { name: 'Train it with WebAssembly' }).click()
    await page.locator('.histogram svg').first().waitFor()
    await page.getByRole('button', { name: 'Build', exact: true }).click()
    await expect.poll(() => new URL(page.url()).hash).toMatch(/&screen=build&model=custom&layers=[^&]*$/)
    await page.context().close()
  })
})
