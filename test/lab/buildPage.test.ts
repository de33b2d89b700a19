/** Build in the page: editing by pointer and by keys, files that are opened and run, and what axe says, in Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseLink } from '../../lab/src/state/link.ts'
import { writeSafetensors } from '../../src/formats/safetensors.ts'
import { cifarResnet } from '../../src/models/index.ts'
import { exportOnnx } from '../../src/onnx/index.ts'
import { noBrowser } from '../browser/chromium.ts'
import { withMore } from '../support/full.ts'
import { axe, violations } from './axe.ts'
import { expectFitting } from './fitting.ts'
import { openPage, openStage, type Stage } from './labPage.ts'

const row = (page: Page, name: string) => page.locator('.layer-table tr', { has: page.getByLabel(`Name of ${name}`) })
const node = (page: Page, name: string) => page.locator('.graph [data-node]').filter({ hasText: name }).first()

describe.skipIf(noBrowser !== undefined)('Build', () => {
  let stage: Stage
  let folder: string
  beforeAll(async () => {
    stage = await openStage()
    folder = mkdtempSync(join(tmpdir(), 'fovea-build-'))
    const model = cifarResnet(20).initialize(1)
    const classes = ['plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']
    writeFileSync(join(folder, 'net.onnx'), exportOnnx(model, { input: [3, 32, 32], classes }))
    const tensors = [...model.variables()].map(
      ([name, { shape, value }]) => [name, { shape, values: value as Float32Array }] as const,
    )
    writeFileSync(join(folder, 'net.safetensors'), writeSafetensors(tensors))
    writeFileSync(join(folder, 'part.safetensors'), writeSafetensors(tensors.slice(0, 40)))
    writeFileSync(join(folder, 'broken.onnx'), 'no network')
    await sharp({ create: { width: 50, height: 40, channels: 3, background: { r: 200, g: 90, b: 30 } } })
      .png()
      .toFile(join(folder, 'picture.png'))
  }, 300_000)
  afterAll(async () => {
    await stage?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('says what does not fit, mends it, and trains what was built', async () => {
    const { page, complaints } = await openPage(stage, '#screen=build')
    await page.getByLabel('output channels of conv1').fill('8')
    await expect.poll(() => row(page, 'conv1').innerText()).toContain('208')
    await expect
      .poll(() => page.locator('.misfit').innerText())
      .toContain('conv2 has 6 input channels, but pool1 gives 8.')
    expect(await page.getByRole('button', { name: 'Train this' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'set in = 8' }).click()
    await page.locator('.misfit').waitFor({ state: 'detached' })
    await page
      .getByLabel('The network as TypeScript')
      .fill(
        (await page.getByLabel('The network as TypeScript').inputValue())
          .replace('tanh', 'relu')
          .replace('84)', '60)')
          .replace('linear(84', 'linear(60'),
      )
    await expect.poll(() => page.getByLabel('inputs of fc3').inputValue()).toBe('60')
    const link = new URL(page.url()).hash
    expect(link).toContain('model=custom')
    await page.getByRole('button', { name: 'Train this' }).click()
    await page.locator('.histogram svg').first().waitFor()
    expect(await page.locator('.recipe summary').innerText()).toContain('Your network')
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('opens modules and moves along lines by keys, and layers by Alt and arrows', async () => {
    const { page } = await openPage(stage, '#screen=build')
    await page.getByLabel('Show another network').selectOption('resnet18')
    await page.getByRole('button', { name: 'Close all' }).click()
    const layer1 = node(page, 'layer1')
    await layer1.focus()
    expect(await layer1.getAttribute('aria-expanded')).toBe('false')
    await page.keyboard.press('Enter')
    await expect.poll(() => node(page, 'layer1').getAttribute('aria-expanded')).toBe('true')
    await page.keyboard.press('ArrowDown')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toMatch(
      /^0 BasicBlock .* reads maxpool$/,
    )
    await page.getByRole('button', { name: 'Edit a copy' }).click()
    await page.getByLabel('Name of bn1').focus()
    await page.keyboard.press('Alt+ArrowUp')
    expect(await page.locator('.layer-table input.name').first().inputValue()).toBe('bn1')
    // In a field the keys are the field's own.
    await page.evaluate(() => (document.activeElement as HTMLElement).blur())
    await page.keyboard.press('Control+z')
    await expect.poll(() => page.locator('.layer-table input.name').first().inputValue()).toBe('conv1')
    await page.context().close()
  })

  test('opens an ONNX file and classifies with it; a broken one is told, and leaves it', async () => {
    const { page } = await openPage(stage, '#screen=build')
    const choose = (name: string): Promise<void> => page.setInputFiles('#network-file', join(folder, name))
    await choose('net.onnx')
    await page.getByRole('heading', { level: 1, name: 'net.onnx' }).waitFor()
    expect(await page.locator('.graph [data-node]').count()).toBeGreaterThan(70)
    await page.getByLabel('Picture to classify').setInputFiles(join(folder, 'picture.png'))
    await expect.poll(() => page.locator('.said li').count()).toBe(5)
    expect(await page.locator('.said li').first().innerText()).toMatch(
      /^(plane|car|bird|cat|deer|dog|frog|horse|ship|truck)\b/,
    )
    await choose('broken.onnx')
    await expect.poll(() => page.locator('.problem').innerText()).toMatch(/broken\.onnx: is no ONNX model/)
    await page.getByRole('heading', { level: 1, name: 'net.onnx' }).waitFor()
    await choose('part.safetensors')
    await expect
      .poll(() => page.locator('.build .work').innerText())
      .toMatch(/Nearest is resnet20-cifar\b.*, of which \d+ % of the tensors/)
    expect(await page.locator('tbody tr').count()).toBe(40)
    await choose('net.safetensors')
    await expect.poll(() => page.locator('.build .work').innerText()).toContain('Weights of resnet20-cifar.')
    await page.context().close()
  })

  test('tells a link whose network cannot be read, and shows another one, which can be trained', async () => {
    const { page, complaints } = await openPage(stage, '#screen=build&model=custom&layers=conv1:conv2d(1,6')
    await page.getByText(/^This link holds a network that cannot be read: line 1: /).waitFor()
    await expect.poll(() => page.locator('.layer-table input.name').count()).toBe(12)
    await expect.poll(() => parseLink(new URL(page.url()).hash).recipe.layers).toMatch(/^conv1:conv2d\(1,6,5,/)
    await page.getByRole('button', { name: 'Train this' }).click()
    await page.locator('.histogram svg').first().waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test.each(
    withMore<readonly ['light' | 'dark', number]>(
      [
        ['dark', 1440],
        ['light', 390],
      ],
      [['light', 820]],
    ),
  )('is clean and no wider than its window: %s, %i', async (theme, width) => {
    const { page } = await openPage(stage, '#screen=build', { theme, width, scripts: [axe] })
    await page.getByLabel('Show another network').selectOption('small inception')
    await page.getByLabel('input channels of inception2').fill('32')
    await page.locator('.misfit').first().waitFor()
    expect(await violations(page)).toEqual([])
    await expectFitting(page, [width])
    await page.getByLabel('Show another network').selectOption('googlenet')
    await page.getByRole('heading', { level: 1, name: 'googlenet' }).waitFor()
    expect(await violations(page)).toEqual([])
    await expectFitting(page, [width])
    await page.context().close()
  })
})
