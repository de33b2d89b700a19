/** No screen of the Lab is wider than its window: at the widths of a desk, a tablet and a phone, in every state it can be in. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { noBrowser } from '../browser/chromium.ts'
import { expectFitting } from './fitting.ts'
import { openPage, openStage, type Stage, short } from './labPage.ts'

/** Clicks a tab. */
const tab =
  (name: string) =>
  (page: Page): Promise<void> =>
    page.getByRole('tab', { name, exact: true }).click()

/** Moves sliders to their ends. */
const largest = async (page: Page): Promise<void> => {
  for (const name of ['W input width', 'P padding', 'F filter width', 'D input channels', 'K filters'])
    await page.getByRole('slider', { name }).press('End')
}

interface State {
  readonly name: string
  readonly link: string
  /** What is there when it can be measured. */
  readonly ready: string
  readonly act?: (page: Page) => Promise<unknown>
}

const cifar = (model: string): string => `#model=${model}&data=cifar10&batch=16&step=2`
const points = '#model=mlp&data=spirals&batch=16&step=20'
const map = `${short}&screen=look&place=conv2:3:4:5`
const toConvolve = (page: Page): Promise<void> =>
  page.getByRole('button', { name: 'Take this cell apart in Convolve' }).click()

const states: readonly State[] = [
  { name: 'Train before the first step', link: '#images=2000&step=0', ready: '.net' },
  { name: 'Train, while it learns', link: '#images=2000', ready: '.histogram svg' },
  { name: 'Train on digits', link: short, ready: '.histogram svg' },
  ...['gradients', 'weights', 'change in the last step'].map(mode => ({
    name: `Train, ${mode}`,
    link: short,
    ready: '.histogram svg',
    act: tab(mode),
  })),
  { name: 'LeNet-5 on Fashion-MNIST', link: '#data=fashion-mnist&batch=16&step=2', ready: '.histogram svg' },
  { name: 'LeNet-5 on CIFAR-10', link: cifar('lenet5'), ready: '.histogram svg' },
  { name: 'ConvNet on CIFAR-10', link: cifar('convnet'), ready: '.histogram svg' },
  { name: 'ConvNet, weights', link: cifar('convnet'), ready: '.histogram svg', act: tab('weights') },
  { name: 'ResNet-20 on CIFAR-10', link: cifar('resnet20'), ready: '.histogram svg' },
  { name: 'ResNet-20, weights', link: cifar('resnet20'), ready: '.histogram svg', act: tab('weights') },
  { name: 'MLP on spirals', link: points, ready: '.histogram svg' },
  { name: 'MLP, weights', link: points, ready: '.histogram svg', act: tab('weights') },
  { name: 'Perceptron on moons', link: '#model=perceptron&batch=16&step=20', ready: '.histogram svg' },
  {
    name: 'Train, back at the start',
    link: short,
    ready: '.bars[data-step="0"]',
    act: page => page.keyboard.press('Home'),
  },
  {
    name: 'Train, on a fork',
    link: short,
    ready: '.line-switch',
    act: async page => {
      await page.getByRole('slider', { name: 'Moment of the training' }).press('ArrowLeft')
      await page.locator('.bars[data-step="19"]').waitFor()
      await page.getByRole('slider', { name: 'rate' }).press('PageUp')
    },
  },
  { name: 'the menu', link: short, ready: '.recipe[open]', act: page => page.locator('.recipe summary').click() },
  {
    name: 'a copied link',
    link: short,
    ready: '[data-hash]',
    act: page => page.getByRole('button', { name: 'Copy link' }).click(),
  },
  {
    name: 'a file that is no picture',
    link: short,
    ready: '.problem',
    act: page =>
      page.setInputFiles('#upload', {
        name: 'notes-that-were-taken-on-a-long-day.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('no picture'),
      }),
  },
  { name: 'a link of another version', link: '#v=2&seed=1', ready: '.problem' },
  { name: 'Look, network', link: `${short}&screen=look`, ready: '.why li canvas' },
  { name: 'Look, map', link: map, ready: '.excites .grown canvas' },
  { name: 'Look, first map', link: `${short}&screen=look&place=conv1:3`, ready: '.excites .grown canvas' },
  { name: 'Look, unit', link: `${short}&screen=look&place=fc1:7`, ready: '.excites .grown canvas' },
  { name: 'Look, ConvNet', link: `${cifar('convnet')}&screen=look`, ready: '.why li canvas' },
  {
    name: 'Look, map of ConvNet',
    link: `${cifar('convnet')}&screen=look&place=conv3:3`,
    ready: '.excites .grown canvas',
  },
  { name: 'Look, ResNet-20', link: `${cifar('resnet20')}&screen=look`, ready: '.layers' },
  { name: 'Look, MLP', link: `${points}&screen=look`, ready: '.layers' },
  { name: 'Look, unit of the MLP', link: `${points}&screen=look&place=fc2:3`, ready: '.stage' },
  { name: 'Judge, features', link: `${short}&screen=judge`, ready: '.scatter canvas', act: tab('features') },
  { name: 'Judge, calibration', link: `${short}&screen=judge`, ready: '.bins', act: tab('calibration') },
  {
    name: 'Judge, confusion and changes',
    link: `${short}&screen=judge&edits=3.7_5.x`,
    ready: '.changes li',
    act: page => page.getByRole('radio', { name: 'training images' }).click(),
  },
  { name: 'Judge, ConvNet', link: `${cifar('convnet')}&screen=judge`, ready: '.confusion td' },
  { name: 'Judge, MLP', link: `${points}&screen=judge`, ready: '.confusion td' },
  { name: 'Convolve', link: `${short}&screen=convolve`, ready: '.convolution' },
  ...['max pooling', 'transposed', 'gradients', 'as a matrix'].map(name => ({
    name: `Convolve, ${name}`,
    link: `${short}&screen=convolve`,
    ready: '.convolve .numbers',
    act: tab(name),
  })),
  { name: 'Convolve, largest sizes', link: `${short}&screen=convolve`, ready: '.convolution', act: largest },
  ...['max pooling', 'transposed', 'gradients'].map(name => ({
    name: `Convolve, largest sizes, ${name}`,
    link: `${short}&screen=convolve`,
    ready: '.convolve .numbers',
    act: async (page: Page): Promise<void> => {
      await largest(page)
      await tab(name)(page)
    },
  })),
  { name: 'Convolve, a cell of the network', link: map, ready: '.convolution.real', act: toConvolve },
  {
    name: 'Convolve, gradients of a cell of the network',
    link: map,
    ready: '.gradient-line',
    act: async page => {
      await toConvolve(page)
      await tab('gradients')(page)
    },
  },
]

describe.skipIf(noBrowser !== undefined)('no screen is wider than its window', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test.each(states)('$name', async ({ link, ready, act }) => {
    const { page } = await openPage(stage, link)
    const step = /step=(\d+)/.exec(link)?.[1]
    if (step) await page.locator(`.bars[data-step="${step}"]`).waitFor()
    await act?.(page)
    await page.locator(ready).first().waitFor()
    await expectFitting(page)
    await page.context().close()
  })

  test('pictures of one’s own, whose class has a long name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fovea-lab-'))
    for (const [index, name] of ['cats', 'a class that has a rather long name'].entries()) {
      await mkdir(join(folder, name))
      const background = { r: 200 * index, g: 90, b: 90 }
      const picture = await sharp({ create: { width: 40, height: 36, channels: 3, background } })
        .png()
        .toBuffer()
      for (let k = 0; k < 6; k++) await writeFile(join(folder, name, `${k}.png`), picture)
    }
    const { page } = await openPage(stage, short)
    await page.locator('.recipe summary').click()
    await page.getByRole('combobox', { name: 'trained on' }).selectOption('your pictures')
    await page.setInputFiles('#own-folder', folder)
    await page.locator('.bars.long').waitFor()
    await page.locator('.histogram svg').first().waitFor()
    await expectFitting(page)
    await page.context().close()
    await rm(folder, { recursive: true, force: true })
  })
})
