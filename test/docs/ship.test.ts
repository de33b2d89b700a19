/** docs/ship.md: the page it shows is examples/photo, built with Vite from an installed package, and used in Chromium. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { loadClassifier } from '../../src/classifier/index.node.ts'
import { buildPage } from '../browser/buildPage.ts'
import { launch, noBrowser } from '../browser/chromium.ts'
import { fourClasses, photoFile } from '../browser/fourClasses.ts'
import { serve, type TestServer } from '../browser/server.ts'
import { installed } from '../support/installed.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const example = join(root, 'examples/photo')
const files = readdirSync(example).filter(name => /\.(html|ts)$/.test(name))

test('docs/ship.md shows the files of examples/photo as they are, and they are fewer than 40 lines', () => {
  const shown = readFileSync(join(root, 'docs/ship.md'), 'utf8')
  const codes = files.map(name => readFileSync(join(example, name), 'utf8'))
  for (const code of codes) expect(shown).toContain(code)
  expect(codes.join('').split('\n').length - 1).toBeLessThan(40)
})

describe.skipIf(noBrowser !== undefined)('the page to drop photos on, in Chromium', () => {
  let project: ReturnType<typeof installed>
  let server: TestServer
  let browser: Browser
  let page: Page
  let photo: Buffer
  let wanted: string

  beforeAll(async () => {
    project = installed()
    cpSync(example, project.path, { recursive: true })
    mkdirSync(join(project.path, 'public'), { recursive: true })
    const bytes = fourClasses()
    writeFileSync(join(project.path, 'public/photo.fovea'), bytes)
    photo = await photoFile()
    const engine = createEngine({ threads: 1 })
    const answers = await (await loadClassifier(bytes, { engine }))(photo, { top: 3 })
    await engine.close()
    wanted = answers.map(answer => `${(100 * answer.probability).toFixed(1)} % ${answer.class}`).join('\n')

    await buildPage(project.path, 'index.html', 'built', { worker: { format: 'es' } })
    server = await serve({ '/': join(project.path, 'built') }, {})
    browser = await launch()
    page = await browser.newPage()
    await page.goto(`${server.origin}/index.html`)
  }, 300_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    project?.remove()
  })

  /** What the page says when it is done. */
  const said = async (): Promise<string> => {
    await expect.poll(() => page.locator('output').textContent(), { timeout: 120_000 }).not.toMatch(/^…?$/)
    return (await page.locator('output').textContent())!
  }

  test('a photo that is chosen gets the answers of Node', async () => {
    await page.setInputFiles('input', { name: 'photo.png', mimeType: 'image/png', buffer: photo })
    expect(await said()).toBe(wanted)
  }, 180_000)

  test('so does one that is dropped', async () => {
    await page.evaluate(
      ([bytes]) => {
        document.querySelector('output')!.value = ''
        const dataTransfer = new DataTransfer()
        dataTransfer.items.add(new File([new Uint8Array(bytes!)], 'photo.png', { type: 'image/png' }))
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
      },
      [[...photo]] as const,
    )
    expect(await said()).toBe(wanted)
  }, 180_000)

  test('what is no picture is said, and the page goes on', async () => {
    await page.setInputFiles('input', { name: 'cv.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7') })
    await expect.poll(said).toMatch(/picture|image/)
    await page.setInputFiles('input', { name: 'photo.png', mimeType: 'image/png', buffer: photo })
    await expect.poll(said).toBe(wanted)
  }, 180_000)
})
