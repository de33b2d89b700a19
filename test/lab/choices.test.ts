/** Networks of the Lab in Chromium, all of them with FOVEA_FULL=1: trained for some steps, a step back, looked at, taken apart; and pictures of one's own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseLink } from '../../lab/src/state/link.ts'
import { noBrowser } from '../browser/chromium.ts'
import { withMore } from '../support/full.ts'
import { axe, violations } from './axe.ts'
import { openingPage, openPage, openStage, type Stage, short, shows } from './labPage.ts'

const choices = withMore(
  [
    { name: 'LeNet-5 on MNIST', link: '#images=2000&batch=16', map: 'conv2:3', classes: 10 },
    { name: 'ResNet-20 on CIFAR-10', link: '#model=resnet20&batch=16', map: 'layer2.0.conv1:3', classes: 10 },
    { name: 'MLP on spirals', link: '#model=mlp&data=spirals&batch=16', map: 'fc2:3', classes: 2 },
  ],
  [
    { name: 'LeNet-5 on Fashion-MNIST', link: '#data=fashion-mnist&batch=16', map: 'conv2:3', classes: 10 },
    { name: 'ConvNet on CIFAR-10', link: '#model=convnet&batch=16', map: 'conv3:3', classes: 10 },
    { name: 'Perceptron on moons', link: '#model=perceptron&batch=16', map: 'fc:1', classes: 2 },
  ],
)

describe.skipIf(noBrowser !== undefined)('the choices of the Lab', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test.each(choices)('$name trains, goes back and on to the same weights, and opens down to a cell', async choice => {
    const { name, link, map, classes } = choice
    const { page, complaints } = await openPage(stage, `${link}&step=3`, { scripts: [axe] })
    await shows(page, 3)
    expect(await page.locator('.recipe summary').textContent()).toBe(name.replace(' on', 'on'))
    expect(await page.locator('.bars li').count()).toBe(classes)
    const shownNow = (): Promise<string[]> => page.locator('.bars .value').allTextContents()
    const before = await shownNow()
    await page.keyboard.press(',')
    await shows(page, 2)
    await page.keyboard.press('.')
    await shows(page, 3)
    expect(await shownNow()).toEqual(before)
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Copy link' }).click()
    await page.locator('[data-hash]').waitFor()
    const fragment = await page.evaluate(() => location.hash)
    const { model, data, batch } = parseLink(link).recipe
    expect(parseLink(fragment)).toMatchObject({ step: 3, recipe: { model, data, batch } })

    await page.goto(`${stage.server.address}?look${link}&step=3&screen=look&place=${map}`)
    await page.locator('.stage .big-map').waitFor()
    // On the way there the page shows earlier steps, too.
    await page.locator('.bars[data-step="3"]').waitFor()
    expect(await violations(page)).toEqual([])
    const shown = await page.locator('.equations .sum-line').textContent()
    await page.getByRole('button', { name: 'Take this cell apart in Convolve' }).click()
    await page.getByText(/, at step 3/).waitFor()
    const sum = await page.locator('.sum b').textContent()
    const number = (text: string | null): number => Number(text!.replace('−', '-'))
    expect(number(sum)).toBeCloseTo(number(shown), 2)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('the menu begins another network, and offers what it can be trained on', async () => {
    const { page } = await openPage(stage, '#images=2000&batch=16&step=1')
    await shows(page, 1)
    await page.locator('.recipe summary').click()
    await page.getByRole('combobox', { name: 'network' }).selectOption('MLP')
    expect(await page.getByRole('combobox', { name: 'trained on' }).locator('option').allTextContents()).toEqual([
      'circles',
      'moons',
      'XOR',
      'spirals',
    ])
    await page.getByRole('combobox', { name: 'trained on' }).selectOption('XOR')
    await page.getByRole('button', { name: 'Train from the start' }).click()
    await page.locator('.plane-section .plane').waitFor()
    expect(await page.locator('.recipe summary').textContent()).toBe('MLPon XOR')
    await page.context().close()
  })

  test('the menu has a network of one’s own while it is open, for data whose pictures are of its size', async () => {
    const layers = 'conv1:conv2d(1,4,5),pool1:maxPool2d(4),flatten:flatten(),fc1:linear(144,10)'
    const { page } = await openPage(stage, `#v=1&model=custom&layers=${layers}&images=2000&batch=16&step=1`)
    await shows(page, 1)
    await page.locator('.recipe summary').click()
    const network = page.getByRole('combobox', { name: 'network' })
    expect(await network.inputValue()).toBe('custom')
    await page.getByText('Its layers were made for pictures of this size and so many classes.').waitFor()
    expect(await page.getByRole('combobox', { name: 'trained on' }).locator('option').allTextContents()).toEqual([
      'MNIST',
      'Fashion-MNIST',
    ])
    await page.getByRole('combobox', { name: 'trained on' }).selectOption('Fashion-MNIST')
    await page.getByRole('textbox', { name: 'seed' }).fill('3')
    await page.getByRole('button', { name: 'Train from the start' }).click()
    await page.locator('.recipe .sub').getByText('on Fashion-MNIST, seed 3').waitFor()
    await page.locator('.histogram svg').first().waitFor()
    await page.getByRole('button', { name: 'Copy link' }).click()
    const { recipe } = parseLink(await page.evaluate(() => location.hash))
    expect(recipe).toMatchObject({ model: 'custom', data: 'fashion-mnist', seed: 3, layers })
    await page.locator('.recipe summary').click()
    await network.selectOption('LeNet-5')
    await page.getByRole('button', { name: 'Train from the start' }).click()
    await page.locator('.recipe summary b').getByText('LeNet-5').waitFor()
    await page.locator('.recipe summary').click()
    expect(await network.locator('option', { hasText: 'Your network' }).count()).toBe(0)
    await page.context().close()
  })

  test('a point can be put anywhere on the plane by keys, and the bars answer', async () => {
    const { page } = await openPage(stage, '#model=mlp&data=moons&step=2')
    await page.locator('.bars[data-step="2"]').waitFor()
    const bars = (): Promise<string[]> => page.locator('.bars .value').allTextContents()
    const before = await bars()
    const probe = page.getByRole('application', { name: /^Probe, the plane/ }).first()
    for (let k = 0; k < 10; k++) await probe.press('ArrowUp')
    await page.getByText('your point', { exact: true }).waitFor()
    await expect.poll(bars).not.toEqual(before)
    await page.context().close()
  })

  test('a picture that is chosen while the training is still being opened is shown when it is', async () => {
    const { page, open } = await openingPage(stage, short)
    const picture = sharp(
      Buffer.from('<svg width="28" height="28"><rect x="12" y="4" width="4" height="20" fill="white"/></svg>'),
    ).flatten({ background: 'black' })
    const buffer = await picture.png().toBuffer()
    await page.setInputFiles('#upload', { name: 'own.png', mimeType: 'image/png', buffer })
    open()
    await page.locator('.rail .caption').getByText('your picture').waitFor()
    await page.context().close()
  })

  describe('pictures of one’s own', () => {
    let folder: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fovea-lab-'))
      for (const [name, red] of [
        ['dark', 30],
        ['light', 220],
      ] as const) {
        await mkdir(join(folder, 'pictures', name), { recursive: true })
        for (let k = 0; k < 6; k++) {
          const background = { r: red, g: 20 * k, b: red }
          const picture = sharp({ create: { width: 40 + k, height: 36, channels: 3, background } })
          await writeFile(join(folder, 'pictures', name, `${k}.png`), await picture.png().toBuffer())
        }
      }
      await writeFile(join(folder, 'pictures', 'dark', 'broken.png'), 'no picture')
      await writeFile(join(folder, 'pictures', 'dark', '.hidden'), 'nothing')
      await mkdir(join(folder, 'alone', 'only'), { recursive: true })
      await writeFile(join(folder, 'alone', 'only', 'broken.png'), 'no picture')
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))

    test('may be chosen while another training is still being opened', async () => {
      const { page, open } = await openingPage(stage, '#images=2000&batch=16&step=1')
      await page.locator('.recipe summary').click()
      await page.getByRole('combobox', { name: 'network' }).selectOption('ResNet-20')
      await page.getByRole('combobox', { name: 'trained on' }).selectOption('your pictures')
      await page.getByRole('textbox', { name: 'seed' }).fill('7')
      open()
      await shows(page, 1)
      expect(await page.getByRole('combobox', { name: 'network' }).inputValue()).toBe('resnet20')
      expect(await page.getByRole('textbox', { name: 'seed' }).inputValue()).toBe('7')
      await page.setInputFiles('#own-folder', join(folder, 'pictures'))
      await page.locator('.recipe .sub').getByText('on your pictures, seed 7').waitFor()
      await page.context().close()
    })

    test('are trained on; what cannot be read is told, and a link finds them again', async () => {
      const { page } = await openPage(stage, '#images=2000&batch=16&step=1')
      await shows(page, 1)
      await page.locator('.recipe summary').click()
      await page.getByRole('combobox', { name: 'network' }).selectOption('ConvNet')
      await page.getByRole('combobox', { name: 'trained on' }).selectOption('your pictures')
      await page.setInputFiles('#own-folder', join(folder, 'pictures'))
      await page.getByText('broken.png cannot be read as a picture.').waitFor()
      await page.locator('.bars.long .name').getByText('light').waitFor()
      await page.waitForFunction(() => Number(document.querySelector('.net')?.getAttribute('data-step')) >= 2)
      await page.keyboard.press(' ')
      await page.getByRole('button', { name: 'Train on' }).waitFor()
      await page.getByRole('button', { name: 'Copy link' }).click()
      const hash = await page.locator('[data-hash]').getAttribute('data-hash')
      const fragment = await page.evaluate(() => location.hash)
      expect(parseLink(fragment).recipe).toMatchObject({ model: 'convnet', data: 'own' })

      const again = await openPage(stage, fragment)
      await again.page.getByText(/trained on pictures of somebody’s own/).waitFor()
      await again.page.locator('.net').waitFor()
      await again.page.locator('.recipe summary').click()
      await again.page.getByRole('combobox', { name: 'trained on' }).selectOption('your pictures')
      await again.page.setInputFiles('#own-folder', join(folder, 'pictures'))
      const { step = 0 } = parseLink(fragment)
      await again.page.locator('.recipe .sub').getByText('on your pictures').waitFor()
      await shows(again.page, step)
      await again.page.getByRole('button', { name: 'Copy link' }).click()
      expect(await again.page.locator('[data-hash]').getAttribute('data-hash')).toBe(hash)
      await page.context().close()
      await again.page.context().close()
    })

    test('that are none are told, and the training goes on', async () => {
      const { page } = await openPage(stage, '#images=2000&batch=16&step=1')
      await shows(page, 1)
      await page.locator('.recipe summary').click()
      await page.getByRole('combobox', { name: 'trained on' }).selectOption('your pictures')
      await page.setInputFiles('#own-folder', join(folder, 'alone'))
      await page.getByText(/There is no picture among these files\. Drop a folder that has a folder/).waitFor()
      await page.getByRole('button', { name: 'One step', exact: true }).click()
      await shows(page, 2)
      await page.context().close()
    })
  })
})
