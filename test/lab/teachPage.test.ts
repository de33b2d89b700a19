/** The screen Teach in Chromium: from real pictures to a page of one's own, by folders, camera and keyboard, with ten thousand pictures. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Download, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadClassifier } from '../../src/classifier/index.node.ts'
import { sourceOf } from '../../src/formats/source.ts'
import { readZip, zipContents } from '../../src/formats/zip.ts'
import { createEngine } from '../../src/index.ts'
import { noBrowser } from '../browser/chromium.ts'
import { serve } from '../browser/server.ts'
import { violations } from './axe.ts'
import { expectFitting } from './fitting.ts'
import { openPage, openStage, type Stage } from './labPage.ts'
import { colored, folderOf, giveFolder, handwritten, learned, openTeach } from './teachPage.ts'
import { tinyTrunk } from './teachTrunk.ts'

const [red, blue] = [
  [210, 60, 60],
  [60, 60, 210],
] as const

/** Files of a zip, by their names. */
async function unzip(bytes: Buffer): Promise<Map<string, Uint8Array>> {
  const source = sourceOf(bytes, 'download.zip')
  const entries = [...(await readZip(source)).entries()]
  const contents = await Promise.all(entries.map(([, entry]) => zipContents(source, entry, 1e9)))
  return new Map(entries.map(([name], k) => [name, contents[k]!]))
}

/** What the bars of Try say, by class: the probabilities with all their digits. */
const bars = async (page: Page): Promise<Map<string, string>> =>
  new Map(
    await page
      .locator('.try .bars li')
      .evaluateAll(items =>
        items.map(item => [item.getAttribute('title')!, item.getAttribute('data-probability') ?? '']),
      ),
  )

describe.skipIf(noBrowser !== undefined)('Teach in Chromium', () => {
  let stage: Stage
  let colors: string
  const folders: string[] = []
  beforeAll(async () => {
    stage = await openStage()
    colors = await folderOf({ red: await colored(red, 30), blue: await colored(blue, 30) })
    folders.push(colors)
  }, 300_000)
  afterAll(async () => {
    await stage?.close()
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })

  test('learns two classes of real pictures on the trunk that comes with the Lab, and makes a page that gives its answers', async () => {
    const folder = await folderOf({ zero: await handwritten(0, 60), one: await handwritten(1, 60) })
    folders.push(folder)
    const { page, complaints } = await openTeach(stage)
    await giveFolder(page, folder)
    await learned(page, 96)
    const share = page.locator('[data-right]')
    expect(await share.getAttribute('data-count')).toBe('24')
    expect(Number(await share.getAttribute('data-right'))).toBeGreaterThanOrEqual(22)
    expect(await page.locator('.score').textContent()).toMatch(/n = 24, \d+\s% to \d+\s%/)

    const unseen = (await handwritten(1, 61)).at(-1)!
    await page.setInputFiles('input[aria-label="Try a picture"]', {
      name: 'one.png',
      mimeType: 'image/png',
      buffer: unseen,
    })
    await page.locator('.try .bars .top').waitFor()
    const shown = await bars(page)

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Classifier and page' }).click(),
    ])
    expect(download.suggestedFilename()).toBe('one-zero.zip')
    const files = await unzip(await contentsOf(download))
    const engine = createEngine({ precise: true, threads: 1 })
    const classify = await loadClassifier(files.get('classifier.fovea')!, { engine })
    const answers = await classify(unseen)
    for (const { class: name, probability } of answers) expect(shown.get(name)).toBe(String(probability))
    await engine.close()

    const site = await mkdtemp(join(tmpdir(), 'fovea-teach-site-'))
    folders.push(site)
    for (const [name, contents] of files) await writeFile(join(site, name), contents)
    const server = await serve({ '/': site }, {})
    const own = await page.context().newPage()
    await own.goto(`${server.origin}/index.html`)
    await own.setInputFiles('input', { name: 'one.png', mimeType: 'image/png', buffer: unseen })
    const said = answers.map(({ class: name, probability }) => `${(100 * probability).toFixed(1)} % ${name}`).join('\n')
    await expect.poll(() => own.locator('output').textContent()).toBe(said)
    await server.close()
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('takes 10,000 pictures in bounded memory, with no node a picture, and finds them again after a reload', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    await page.evaluate(giveBitmaps, 5000)
    await page.locator('[data-pictures="10000"]').waitFor()
    await learned(page, 8000)
    expect(await page.locator('[data-right]').getAttribute('data-right')).toBe('2000')
    const session = await page.context().newCDPSession(page)
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize, backingStorageSize } = (await session.send('Runtime.getHeapUsage')) as unknown as Record<
      string,
      number
    >
    expect(Number(await page.locator('[data-bytes]').getAttribute('data-bytes'))).toBeLessThan(50 * 2 ** 20)
    expect(usedSize! + backingStorageSize!).toBeLessThan(100 * 2 ** 20)
    expect(await page.locator('#lab *').count()).toBeLessThan(300)

    await page.locator('[data-kept="true"]').waitFor()
    await page.reload()
    await page.locator('[data-pictures="10000"]').waitFor()
    await learned(page, 8000)
    await page.context().close()
  })

  test('says what it leaves out: files that are no pictures, and a class without pictures', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    const [one] = await colored(red, 1)
    await page.setInputFiles('input[aria-label="Add files to class 1"]', [
      { name: 'good.png', mimeType: 'image/png', buffer: one! },
      { name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture at all') },
    ])
    await page.getByText(/^broken\.png is no picture that this browser can show/).waitFor()
    await page.getByText('1 picture, 0 held back').waitFor()
    await page.getByText('Training begins when a second class has pictures.').waitFor()
    await page.setInputFiles('input[aria-label="Add files to class 2"]', {
      name: 'notes.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('notes'),
    })
    await page.getByText('There is no picture among these files').waitFor()
    await giveFolder(page, colors)
    await page.getByRole('button', { name: 'Add a class' }).click()
    await page
      .getByText('class 3: no picture to train on, left out.')
      .or(page.getByText('class 2: no picture to train on, left out.'))
      .first()
      .waitFor()
    await page.context().close()
  })

  test('learns from views of the pictures to train on as well, as it is told, and judges the others as they are', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    const trained = (views: number) => page.locator(`[data-trained="48"][data-count="12"][data-views="${views}"]`)
    await page.getByRole('radio', { name: 'moved', exact: true }).click()
    await giveFolder(page, colors)
    await trained(96).waitFor()
    await page.getByText('48 of 48 pictures to train on have views').waitFor()
    await page.getByRole('radio', { name: 'moved, mirrored' }).click()
    await trained(192).waitFor()
    expect(await violations(page)).toEqual([])
    await page.keyboard.press('ArrowRight')
    await trained(0).waitFor()
    expect(await page.getByRole('radio', { name: 'off' }).getAttribute('aria-checked')).toBe('true')
    // Of two pictures that come meanwhile one is held back, and the other has no views.
    const files = (await colored(red, 32)).slice(-2)
    await page.setInputFiles(
      'input[aria-label="Add files to red"]',
      files.map((buffer, k) => ({ name: `${k}.png`, mimeType: 'image/png', buffer })),
    )
    await learned(page, 49)
    await page.locator('[data-kept="true"]').waitFor()
    await page.reload()
    await page.locator('[data-trained][data-views="0"]').waitFor()
    await page.getByRole('radio', { name: 'moved', exact: true }).click()
    await page.locator('[data-trained="49"][data-count="13"][data-views="96"]').waitFor()
    await page.getByText('48 of 49 pictures to train on have views').waitFor()
    await page.context().close()
  })

  test('wants names that differ before it saves', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    await giveFolder(page, colors)
    await learned(page, 48)
    await page.getByRole('textbox', { name: 'Name of the class' }).first().fill('red')
    await page.getByText('Two classes are called red. Give one of them another name.').waitFor()
    expect(await page.getByRole('button', { name: 'Classifier and page' }).isDisabled()).toBe(true)
    await page.context().close()
  })

  test('can be used by keys alone: a picture is chosen, removed and comes back', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    await giveFolder(page, colors)
    await learned(page, 48)
    const pictures = page.getByRole('slider', { name: 'Pictures of blue' })
    await pictures.focus()
    await page.keyboard.press('End')
    expect(await pictures.getAttribute('aria-valuetext')).toBe('picture 30 of 30')
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowRight')
    expect(await pictures.getAttribute('aria-valuetext')).toBe('picture 2 of 30, held back')
    await page.keyboard.press('Delete')
    await page.getByText('29 pictures, 5 held back').waitFor()
    await page.locator('[data-count="11"]').waitFor()
    await page.getByRole('button', { name: 'Undo' }).press('Enter')
    await page.locator('[data-count="12"]').waitFor()
    await page.context().close()
  })

  test('records the camera while a button is held, by mouse and by space, and holds the end of a take back', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    const hold = page.getByRole('button', { name: 'Hold to record class 1' })
    const frames = (): Promise<number> =>
      page.getByRole('slider', { name: 'Pictures of class 1' }).getAttribute('aria-valuemax').then(Number)
    await hold.hover()
    await page.mouse.down()
    await expect.poll(frames).toBeGreaterThanOrEqual(15)
    await page.mouse.up()
    await page.locator('section[aria-label="class 1"] [data-held]:not([data-held="0"])').waitFor()
    const second = page.getByRole('button', { name: 'Hold to record class 2' })
    await second.focus()
    await page.keyboard.down(' ')
    await page.getByText('Recording').waitFor()
    await expect
      .poll(() => page.getByRole('slider', { name: 'Pictures of class 2' }).getAttribute('aria-valuemax').then(Number))
      .toBeGreaterThanOrEqual(5)
    await page.keyboard.up(' ')
    await page.locator('[data-trained]').waitFor()
    await page.getByText(/of the camera the last fifth of each take/).waitFor()
    await expect.poll(async () => [...(await bars(page)).values()].every(share => share !== '')).toBe(true)
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Camera' }).click()
    await page.locator('.try video').waitFor({ state: 'detached' })
    await page.context().close()
  })

  test('says why there is no camera, and what to do', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))
    })
    await page.getByRole('button', { name: 'Camera' }).click()
    await page
      .getByRole('alert')
      .getByText(/not allowed to use the camera\. Allow it in the browser/)
      .waitFor()
    await page.context().close()
  })

  test('takes a trunk of one’s own, and says why a file is none', async () => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk() })
    await page.locator('.trunk summary').click()
    const input = page.locator('input[accept=".fovea"]')
    await input.setInputFiles({
      name: 'weights.fovea',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from('nothing'),
    })
    await page.getByText(/weights\.fovea: is no classifier.*The trunk that was here stays\./).waitFor()
    await input.setInputFiles({
      name: 'other.fovea',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(tinyTrunk(20)),
    })
    await page.getByText('8 × 8 pixels, 20 features').waitFor()
    await giveFolder(page, colors)
    await learned(page, 48)
    await page.locator('[data-kept="true"]').waitFor()
    await page.reload()
    await page.getByText('8 × 8 pixels, 20 features').waitFor()
    await learned(page, 48)
    await page.locator('.trunk summary').click()
    await input.setInputFiles({
      name: 'third.fovea',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(tinyTrunk()),
    })
    await page.getByText(/^With third\.fovea you begin anew: the 60 pictures here/).waitFor()
    await page.getByRole('button', { name: 'Keep what is here' }).click()
    await page.getByText('8 × 8 pixels, 20 features').waitFor()
    expect(await page.locator('[data-pictures="60"]').count()).toBe(1)
    await page.getByRole('button', { name: 'The trunk of the Lab' }).click()
    await page.getByRole('button', { name: 'Begin anew' }).click()
    await page.getByText('8 × 8 pixels, 12 features').waitFor()
    await page.getByText('0 of at most 20,000 pictures').waitFor()
    expect(await page.getByText('seen by another trunk').count()).toBe(0)
    await page.context().close()
  })

  test('says that its trunk does not come, and tries again', async () => {
    const { page } = await openPage(stage, '#screen=runs', { serviceWorkers: false })
    await page.route('**/teach/trunk.fovea', route => route.abort())
    await page.getByRole('button', { name: 'Teach', exact: true }).click()
    await page.getByText(/the trunk: cannot be fetched/).waitFor()
    await page.unroute('**/teach/trunk.fovea')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('button', { name: 'Add a class' }).waitFor()
    await page.context().close()
  })

  test('tells a second tab that the first one keeps what is taught', async () => {
    const { page } = await openTeach(stage)
    const other = await page.context().newPage()
    await other.goto(`${stage.server.address}#screen=teach`)
    await other.getByText(/Teach is open in another tab/).waitFor()
    await page.context().close()
  })

  test.each(['light', 'dark'] as const)('has nothing that axe finds, and fits its window: %s', async theme => {
    const { page } = await openTeach(stage, { trunk: tinyTrunk(), theme })
    expect(await violations(page)).toEqual([])
    await page.locator('.trunk summary').click()
    await giveFolder(page, colors)
    await learned(page, 48)
    const [one] = await colored(red, 1)
    await page.setInputFiles('input[aria-label="Try a picture"]', {
      name: 'red.png',
      mimeType: 'image/png',
      buffer: one!,
    })
    await page.locator('.try .bars .top').waitFor()
    await page.getByRole('slider', { name: 'Pictures of blue' }).press('Home')
    expect(await violations(page)).toEqual([])
    if (theme === 'light') await expectFitting(page)
    await page.context().close()
  })
})

/** In the page: gives each of two classes so many pictures, bitmaps of 8 × 8. */
function giveBitmaps(count: number): void {
  const inputs = document.querySelectorAll<HTMLInputElement>('input[aria-label^="Add files to"]')
  for (const [label, input] of [...inputs].entries()) {
    const files = new DataTransfer()
    for (let k = 0; k < count; k++) {
      const bytes = new Uint8Array(54 + 192)
      const view = new DataView(bytes.buffer)
      bytes.set([66, 77])
      view.setUint32(2, bytes.length, true)
      view.setUint32(10, 54, true)
      view.setUint32(14, 40, true)
      view.setInt32(18, 8, true)
      view.setInt32(22, 8, true)
      view.setUint16(26, 1, true)
      view.setUint16(28, 24, true)
      for (let at = 54; at < bytes.length; at++) bytes[at] = at % 3 === (label === 0 ? 0 : 2) ? 200 : (k + at) % 90
      files.items.add(new File([bytes], `${k}.bmp`, { type: 'image/bmp' }))
    }
    input.files = files.files
    input.dispatchEvent(new Event('change', { bubbles: true }))
  }
}

async function contentsOf(download: Download): Promise<Buffer> {
  return readFile(await download.path())
}
