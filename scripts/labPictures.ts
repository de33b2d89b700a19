/**
 * Takes the pictures of the Lab for the README and the pages docs/lab*.md, in Chromium: `npx tsx scripts/labPictures.ts [NAME…]` after `npm run build`; by default all of them.
 * A link leads to the same weights, so the next ones show the same network. The runs are trained first, in a folder of their own.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { cifar10 } from '../src/data/index.node.ts'
import { withLab } from './measure/labPage.ts'

const folder = fileURLToPath(new URL('../docs/images/', import.meta.url))

interface Picture {
  readonly name: string
  readonly link: string
  readonly theme: 'light' | 'dark'
  readonly size: { readonly width: number; readonly height: number }
  /** Waits until all of it is there. */
  readonly ready: (page: Page) => Promise<unknown>
}

const [step, usual] = [900, { width: 1440, height: 900 }]
const trained = `#images=10000&step=${step}`
const stepShown = (page: Page): Promise<unknown> => page.locator(`.bars[data-step="${step}"]`).waitFor()
/** Statistics of a training that rests are those of its step. */
const counted = (page: Page): Promise<unknown> =>
  page.locator('.readout').getByText(`of 1,000 test images right at step ${step}`).waitFor()
const grown = (page: Page): Promise<unknown> => page.getByText('128 steps').waitFor()
const explained = (page: Page): Promise<unknown> => page.locator('.why li canvas').nth(4).waitFor()

const all: readonly Picture[] = [
  { name: 'lab-train', link: trained, theme: 'light', size: usual, ready: counted },
  { name: 'lab-train-dark', link: trained, theme: 'dark', size: usual, ready: counted },
  {
    name: 'lab-look',
    link: `${trained}&screen=look&place=conv2:3`,
    theme: 'light',
    size: { width: 1440, height: 936 },
    ready: page => Promise.all([grown(page), explained(page), counted(page)]),
  },
  { name: 'lab-convolve', link: `${trained}&screen=convolve`, theme: 'light', size: usual, ready: counted },
  {
    name: 'lab-judge',
    link: `${trained}&screen=judge`,
    theme: 'light',
    size: usual,
    ready: async page => {
      await page.locator(`[data-judged="${step}"]`).waitFor()
      await counted(page)
    },
  },
  {
    name: 'lab-build',
    link: '#screen=build',
    theme: 'light',
    size: usual,
    ready: async page => {
      await page.getByLabel('output channels of conv1').fill('9')
      await page.getByLabel('kernel of pool2').fill('14')
      await page.locator('.misfit').nth(1).waitFor()
    },
  },
  {
    name: 'lab-runs',
    link: '#screen=runs&run=lenet5&run=lenet5-lr-0.2&run=lenet5-adam',
    theme: 'light',
    size: { width: 1440, height: 1000 },
    ready: async page => {
      await page.locator('tr[data-reading]').nth(2).waitFor()
      await page.locator('tr[data-field]').first().waitFor()
      const box = (await page.getByRole('slider', { name: 'loss: the crosshair' }).boundingBox())!
      await page.mouse.move(box.x + 300, box.y + 120)
    },
  },
  {
    name: 'lab-teach',
    link: '#screen=teach',
    theme: 'light',
    size: usual,
    ready: async page => {
      const { folder: pictures, other } = await cifarFolder()
      await page.getByRole('button', { name: 'Add a class' }).waitFor()
      await page.setInputFiles('input[aria-label^="Folder of classes"]', pictures)
      await page.locator(`[data-trained="${4 * 0.8 * taught}"]`).waitFor()
      await page.setInputFiles('input[aria-label="Try a picture"]', other)
      await page.locator('.try .bars .top').waitFor()
      await page.locator('[data-kept="true"]').waitFor()
    },
  },
]

/** Test images of four classes that the trunk of Teach has not seen, as files, and another one. */
const [taughtClasses, taught] = [['bird', 'cat', 'frog', 'ship'], 60] as const
async function cifarFolder(): Promise<{ readonly folder: string; readonly other: string }> {
  const { images, labels, classes } = (await cifar10()).test
  const folder = join(home, 'classes')
  const file = async (index: number, path: string): Promise<void> => {
    const pixels = images.subarray(3072 * index, 3072 * (index + 1))
    await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toFile(path)
  }
  for (const name of taughtClasses) {
    mkdirSync(join(folder, name), { recursive: true })
    const own = [...labels.keys()].filter(k => classes[labels[k]!] === name)
    for (const [k, index] of own.slice(0, taught).entries()) await file(index, join(folder, name, `${100 + k}.png`))
  }
  const other = join(home, 'frog.png')
  await file(labels.lastIndexOf(classes.indexOf('frog')), other)
  return { folder, other }
}

const wanted = process.argv.slice(2)
const pictures = all.filter(({ name }) => wanted.length === 0 || wanted.includes(name))

/** Runs of a few minutes: the usual recipe, a larger rate, another optimizer, another seed, and a rate that is far too large. */
const recipes: readonly (readonly string[])[] = [
  ['--name', 'lenet5'],
  ['--name', 'lenet5-lr-0.2', '--lr', '0.2'],
  ['--name', 'lenet5-adam', '--set', 'optimizer.name=adam'],
  ['--name', 'lenet5-seed-1', '--seed', '1'],
  ['--name', 'lenet5-lr-3', '--lr', '3'],
]
const home = mkdtempSync(join(tmpdir(), 'fovea-pictures-'))
mkdirSync(join(home, 'runs'))
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
for (const options of pictures.some(({ name }) => name === 'lab-runs') ? recipes : []) {
  const common = ['train', 'lenet5', '--epochs', '3', '--limit', '20000', '--quiet']
  execFileSync(process.execPath, [main, ...common, ...options], { cwd: home, stdio: 'inherit' })
}

await withLab(
  async (browser, { address }) => {
    for (const { name, link, theme, size, ready } of pictures) {
      const page = await browser.newPage({ viewport: size, colorScheme: theme })
      page.setDefaultTimeout(600_000)
      await page.goto(address + link)
      if (!/^#screen=(build|runs|teach)/.test(link)) await stepShown(page)
      await ready(page)
      // What was last told is drawn in the next frame.
      await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))))
      await page.screenshot({ path: `${folder}${name}.png` })
      await page.close()
    }
  },
  join(home, 'runs'),
)
rmSync(home, { recursive: true })
