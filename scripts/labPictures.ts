/**
 * Takes the pictures of the Lab for the README and docs/lab.md, in Chromium: `npx tsx scripts/labPictures.ts` after `npm run build`.
 * A link leads to the same weights, so the next ones show the same network.
 */
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
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

const pictures: readonly Picture[] = [
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
]

await withLab(async (browser, { address }) => {
  for (const { name, link, theme, size, ready } of pictures) {
    const page = await browser.newPage({ viewport: size, colorScheme: theme })
    page.setDefaultTimeout(600_000)
    await page.goto(address + link)
    await stepShown(page)
    await ready(page)
    // What was last told is drawn in the next frame.
    await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    await page.screenshot({ path: `${folder}${name}.png` })
    await page.close()
  }
})
