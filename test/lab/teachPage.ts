/** The screen Teach in a page: opened with a trunk, given pictures. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { axe } from './axe.ts'
import { digits } from './digits.ts'
import { type OpenPage, openPage, type PageOptions, type Stage } from './labPage.ts'
import { tinyPicture, tinySide } from './teachTrunk.ts'

/** Opens the screen. @param trunk the file of a trunk; the Lab's own by default */
export async function openTeach(
  stage: Stage,
  { trunk, ...options }: PageOptions & { readonly trunk?: Uint8Array } = {},
): Promise<OpenPage> {
  const opened = await openPage(stage, '#screen=runs', {
    scripts: [axe],
    serviceWorkers: trunk === undefined,
    ...options,
  })
  const { page } = opened
  if (trunk) await page.route('**/teach/trunk.fovea', route => route.fulfill({ body: Buffer.from(trunk) }))
  await page.getByRole('button', { name: 'Teach', exact: true }).click()
  await page.getByRole('button', { name: 'Add a class' }).waitFor()
  return opened
}

/** A folder with a folder of PNG files for each class. */
export async function folderOf(classes: Readonly<Record<string, readonly Buffer[]>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-teach-'))
  for (const [name, files] of Object.entries(classes)) {
    await mkdir(join(folder, name))
    for (const [k, file] of files.entries())
      await writeFile(join(folder, name, `${String(k).padStart(3, '0')}.png`), file)
  }
  return folder
}

const png = (pixels: Uint8Array, side: number, channels: 1 | 3): Promise<Buffer> =>
  sharp(pixels, { raw: { width: side, height: side, channels } })
    .png()
    .toBuffer()

/** Pictures of a color. */
export const colored = (color: readonly [number, number, number], count: number): Promise<Buffer[]> =>
  Promise.all(Array.from({ length: count }, (_, k) => png(tinyPicture(color, k), tinySide, 3)))

/** Handwritten digits of a class. */
export async function handwritten(digit: number, count: number): Promise<Buffer[]> {
  const { images, labels } = (await digits()).train
  const found = [...labels.entries()].filter(([, label]) => label === digit).slice(0, count)
  return Promise.all(found.map(([k]) => png(images.slice(784 * k, 784 * (k + 1)), 28, 1)))
}

/** Gives the page a folder of classes. */
export const giveFolder = (page: Page, folder: string): Promise<void> =>
  page.setInputFiles('input[aria-label^="Folder of classes"]', folder)

/** Waits until a head was trained on so many pictures. */
export const learned = (page: Page, trained: number): Promise<void> =>
  page.locator(`[data-trained="${trained}"]`).waitFor()
