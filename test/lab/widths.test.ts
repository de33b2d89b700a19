/** No screen of the Lab is wider than its window: at the widths of a desk, a tablet and a phone, in the states it can be in. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { noBrowser } from '../browser/chromium.ts'
import { full } from '../support/full.ts'
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

/** What is there when it can be measured, and how to get there from the stop before. */
type Stop = readonly [ready: string, act?: (page: Page) => Promise<unknown>]

interface Walk {
  readonly name: string
  readonly link: string
  readonly stops: readonly Stop[]
}

const cifar = (model: string): string => `#model=${model}&data=cifar10&batch=16&step=2`
const points = '#model=mlp&data=spirals&batch=16&step=20'
const map = `${short}&screen=look&place=conv2:3:4:5`
const columns = '.histogram svg'
const numbers = '.convolve .numbers'

const walks: readonly Walk[] = [
  { name: 'Train before the first step', link: '#images=2000&step=0', stops: [['.net']] },
  { name: 'Train, while it learns', link: '#images=2000', stops: [[columns]] },
  {
    name: 'Train: what it shows, the menu, a copied link, a file that is no picture',
    link: short,
    stops: [
      [columns],
      [columns, tab('gradients')],
      [columns, tab('weights')],
      [columns, tab('change in the last step')],
      ['.recipe[open]', page => page.locator('.recipe summary').click()],
      [
        '[data-hash]',
        async page => {
          await page.locator('.recipe summary').click()
          await page.getByRole('button', { name: 'Copy link' }).click()
        },
      ],
      [
        '.problem',
        page =>
          page.setInputFiles('#upload', {
            name: 'notes-that-were-taken-on-a-long-day.txt',
            mimeType: 'text/plain',
            buffer: Buffer.from('no picture'),
          }),
      ],
    ],
  },
  {
    name: 'Train, on a fork, and back at the start',
    link: short,
    stops: [
      [
        '.line-switch',
        async page => {
          await page.getByRole('slider', { name: 'Moment of the training' }).press('ArrowLeft')
          await page.locator('.bars[data-step="19"]').waitFor()
          await page.getByRole('slider', { name: 'rate' }).press('PageUp')
        },
      ],
      ['.bars[data-step="0"]', page => page.getByRole('slider', { name: 'Moment of the training' }).press('Home')],
    ],
  },
  { name: 'LeNet-5 on Fashion-MNIST', link: '#data=fashion-mnist&batch=16&step=2', stops: [[columns]] },
  { name: 'LeNet-5 on CIFAR-10', link: cifar('lenet5'), stops: [[columns]] },
  ...['convnet', 'resnet20'].map(model => ({
    name: `${model} on CIFAR-10, its weights, Judge`,
    link: cifar(model),
    stops: [
      [columns],
      [columns, tab('weights')],
      ['.confusion td', (page: Page) => page.keyboard.press('4')],
    ] satisfies Stop[],
  })),
  {
    name: 'MLP on spirals, its weights, Judge',
    link: points,
    stops: [[columns], [columns, tab('weights')], ['.confusion td', page => page.keyboard.press('4')]],
  },
  { name: 'Perceptron on moons', link: '#model=perceptron&batch=16&step=20', stops: [[columns]] },
  { name: 'a link of another version', link: '#v=2&seed=1', stops: [['.problem']] },
  { name: 'Look, network', link: `${short}&screen=look`, stops: [['.why li canvas']] },
  {
    name: 'Look, a map; Convolve, a cell of the network, its gradients',
    link: map,
    stops: [
      ['.excites .grown canvas'],
      ['.convolution.real', page => page.getByRole('button', { name: 'Take this cell apart in Convolve' }).click()],
      ['.gradient-line', tab('gradients')],
    ],
  },
  { name: 'Look, first map', link: `${short}&screen=look&place=conv1:3`, stops: [['.excites .grown canvas']] },
  { name: 'Look, unit', link: `${short}&screen=look&place=fc1:7`, stops: [['.excites .grown canvas']] },
  { name: 'Look, ConvNet', link: `${cifar('convnet')}&screen=look`, stops: [['.why li canvas']] },
  {
    name: 'Look, map of ConvNet',
    link: `${cifar('convnet')}&screen=look&place=conv3:3`,
    stops: [['.excites .grown canvas']],
  },
  { name: 'Look, ResNet-20', link: `${cifar('resnet20')}&screen=look`, stops: [['.layers']] },
  { name: 'Look, MLP', link: `${points}&screen=look`, stops: [['.layers']] },
  { name: 'Look, unit of the MLP', link: `${points}&screen=look&place=fc2:3`, stops: [['.stage']] },
  {
    name: 'Judge: confusion and changes, features, calibration',
    link: `${short}&screen=judge&edits=3.7_5.x`,
    stops: [
      ['.changes li', page => page.getByRole('radio', { name: 'training images' }).click()],
      ['.scatter canvas', tab('features')],
      ['.bins', tab('calibration')],
    ],
  },
  {
    name: 'Convolve, every part, and with the largest sizes',
    link: `${short}&screen=convolve`,
    stops: [
      ['.convolution'],
      [numbers, tab('max pooling')],
      [numbers, tab('transposed')],
      [numbers, tab('gradients')],
      [numbers, tab('as a matrix')],
      [
        '.convolution',
        async page => {
          await tab('convolution')(page)
          await largest(page)
        },
      ],
      [numbers, tab('max pooling')],
      [numbers, tab('transposed')],
      [numbers, tab('gradients')],
    ],
  },
]

/** Like another one but for the network: with FOVEA_FULL=1. */
const alike = new Set([
  'Train, while it learns',
  'LeNet-5 on Fashion-MNIST',
  'LeNet-5 on CIFAR-10',
  'convnet on CIFAR-10, its weights, Judge',
  'Perceptron on moons',
  'Look, first map',
  'Look, ConvNet',
  'Look, map of ConvNet',
  'Look, MLP',
])

describe.skipIf(noBrowser !== undefined)('no screen is wider than its window', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 300_000)
  afterAll(() => stage?.close())

  test.each(walks.filter(({ name }) => full || !alike.has(name)))('$name', async ({ link, stops }) => {
    const { page } = await openPage(stage, link)
    const step = /step=(\d+)/.exec(link)?.[1]
    if (step) await page.locator(`.bars[data-step="${step}"]`).waitFor()
    for (const [ready, act] of stops) {
      await page.setViewportSize({ width: 1440, height: 900 })
      await act?.(page)
      await page.locator(ready).first().waitFor()
      await expectFitting(page)
    }
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
