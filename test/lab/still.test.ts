/** Checkpoints of runs in the Lab: served with their weights verified, opened in Look, and only looked at. */
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseLink } from '../../lab/src/state/link.ts'
import { formatStill, parseStill } from '../../lab/src/state/still.ts'
import { checkLayers, openStill } from '../../lab/src/worker/stillNetwork.ts'
import { createEngine } from '../../src/index.ts'
import { conv2d, type ImageClassifier, sequential } from '../../src/nn/index.ts'
import type { NetworkReply, RunsNews } from '../../src/runs/live/protocol.ts'
import { readTensors } from '../../src/train/checkpoint.ts'
import { noBrowser } from '../browser/chromium.ts'
import { makeCheckpoint } from '../support/checkpoints.ts'
import { makeRun, recipe, startLine } from '../support/runLogs.ts'
import { axe, violations } from './axe.ts'
import { evaluateDigits } from './digits.ts'
import { expectFitting } from './fitting.ts'
import { openPage, openStage, type Stage } from './labPage.ts'

let root: string
let stage: Stage
let lenet: ImageClassifier

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-still-'))
  const kept = await makeCheckpoint(root, 'lenet5', { model: 'lenet5', data: 'mnist', seed: 3 }, [430, 860])
  lenet = kept.model
  await makeCheckpoint(root, 'pictures', {
    model: { name: 'lenet5', options: { channels: 3, size: 32 } },
    data: { name: 'folder', directory: '/nowhere', classes: ['cat', 'dog'], size: [32, 32] },
  })
  stage = await openStage(root)
}, 300_000)
afterAll(async () => {
  await stage?.close()
  await rm(root, { recursive: true })
})

const ask = (path: string): Promise<Response> => fetch(`${stage.server.address}runs/${path}`)
async function keyOf(name: string): Promise<number> {
  const { runs } = (await (await ask('list')).json()) as RunsNews
  return runs.find(run => run.name === name)!.key
}
const networkOf = async (name: string): Promise<NetworkReply> =>
  (await (await ask(`network?run=${await keyOf(name)}`)).json()) as NetworkReply

describe('the server', () => {
  test('tells the checkpoints of a run, newest first, and its recipe', async () => {
    const { checkpoints, recipe: told, problem } = await networkOf('lenet5')
    expect(checkpoints).toEqual([
      { step: 860, isLast: true, isBest: true },
      { step: 430, isLast: false, isBest: false },
    ])
    expect(told).toMatchObject({ model: { name: 'lenet5' }, seed: 3 })
    expect(problem).toBeUndefined()
  })

  test('gives the weights of a checkpoint under their names, and no others', async () => {
    const response = await ask(`weights?run=${await keyOf('lenet5')}&step=860`)
    const bytes = new Uint8Array(await response.arrayBuffer())
    expect(Number(response.headers.get('content-length'))).toBe(bytes.length)
    const tensors = await readTensors(bytes, 'weights')
    const { model } = await openStill({
      recipe: (await networkOf('lenet5')).recipe,
      weights: bytes.slice().buffer,
      step: 860,
    })
    expect([...tensors.keys()].sort()).toEqual([...model.variables().keys()].sort())
    for (const [path, { value }] of model.variables()) expect(tensors.get(path)!.values).toEqual(value)
  })

  test.each([
    ['another step', 'step=431', 404, /has no checkpoint of step 431/],
    ['no step', '', 400, /^step: expected a whole number/],
    ['a path', 'step=../../x', 400, /^step: expected a whole number/],
  ])('refuses %s', async (_, query, status, words) => {
    const response = await ask(`weights?run=${await keyOf('lenet5')}&${query}`)
    expect(response.status).toBe(status)
    expect(await response.text()).toMatch(words)
  })

  test('refuses a damaged checkpoint in words without a path of this machine, and one behind a link', async () => {
    const { path } = await makeCheckpoint(root, 'damaged', { model: 'lenet5', data: 'mnist' }, [10])
    const file = join(path, 'checkpoints/step-000010.safetensors')
    const key = await expect
      .poll(() => keyOf('damaged').catch(() => 0))
      .toBeGreaterThan(0)
      .then(() => keyOf('damaged'))
    const whole = await readFile(file)
    await writeFile(file, whole.subarray(0, 1000))
    const cut = await ask(`weights?run=${key}&step=10`)
    expect(cut.status).toBe(409)
    expect(await cut.text()).toMatch(/^The checkpoint cannot be used: step-000010.safetensors: truncated: 1000 bytes/)
    await rm(file)
    await writeFile(join(root, 'elsewhere.safetensors'), whole)
    await symlink(join(root, 'elsewhere.safetensors'), file)
    expect((await ask(`weights?run=${key}&step=10`)).status).toBe(404)
    await rm(file)
    await mkdir(join(root, 'other'))
    await rename(join(path, 'checkpoints'), join(root, 'other/checkpoints'))
    await symlink(join(root, 'other/checkpoints'), join(path, 'checkpoints'))
    expect((await networkOf('damaged')).checkpoints).toEqual([])
    await rm(path, { recursive: true })
  })

  test('says why a page cannot make a network', async () => {
    makeRun(root, 'own', startLine(), recipe({ model: { file: '/home/me/net.ts', sha256: '00' } }))
    makeRun(root, 'imported', startLine(), recipe({ model: { file: 'network/cats.onnx', sha256: '00' } }))
    await expect.poll(() => networkOf('own').catch(() => undefined)).toBeDefined()
    expect((await networkOf('own')).problem).toMatch(/a function of somebody’s own file/)
    expect((await networkOf('imported')).problem).toMatch(/is an ONNX file/)
    expect((await networkOf('own')).recipe).toBeUndefined()
  })
})

test('an address of a checkpoint is read back; others are none of a checkpoint', () => {
  const link = { run: 'a/b c&d', step: 430, screen: 'convolve' } as const
  expect(parseStill(formatStill(link))).toEqual(link)
  expect(parseStill('#v=1&screen=runs&of=x&at=1')?.screen).toBe('look')
  for (const other of ['', '#v=1&screen=look', '#of=x', '#of=x&at=-1', '#of=x&at=1e3'])
    expect(parseStill(other)).toBeUndefined()
  expect(parseLink(formatStill(link)).screen).toBe('convolve')
})

test('a layer with an oblong window is named, and a recipe that is none', async () => {
  expect(() => checkLayers(sequential({ body: sequential({ conv: conv2d(3, 4, [1, 7]) }) }))).toThrow(
    'Its layer body.conv has a window of 1 × 7, stride 1 × 1, dilation 1 × 1. Look takes apart square windows',
  )
  expect(() => checkLayers(sequential({ conv: conv2d(3, 4, 3, { dilation: 2 }) }))).toThrow(/dilation 2 × 2/)
  await expect(openStill({ recipe: { model: 'x' }, weights: new ArrayBuffer(0), step: 1 })).rejects.toThrow(
    /the recipe of the run/,
  )
})

describe.skipIf(noBrowser !== undefined)('a checkpoint in the page', () => {
  let page: Page
  let complaints: readonly string[]
  const open = async (fragment: string): Promise<void> => {
    ;({ page, complaints } = await openPage(stage, fragment, { scripts: [axe] }))
  }

  test('opens from Runs in Look with test images, takes no step, and is there again when loaded again', async () => {
    await open('#screen=runs&run=lenet5')
    await page.getByRole('link', { name: 'Look at lenet5 at step 430' }).click()
    await page.locator('.layers section').nth(4).waitFor()
    await page.getByText(/^test image 0$/).waitFor()
    expect(await page.locator('.bars').getAttribute('data-step')).toBe('430')
    expect(await page.getByRole('button', { name: /Train on|Pause|One step/ }).count()).toBe(0)
    await page.keyboard.press('Space')
    await page.keyboard.press('n')
    await page.getByText(/^test image 1$/).waitFor()
    expect(await page.locator('.bars').getAttribute('data-step')).toBe('430')
    expect(await violations(page)).toEqual([])
    await expectFitting(page, [1440, 820, 390])
    await page.setViewportSize({ width: 1440, height: 900 })
    await page.locator('.strip button').first().click()
    await page.getByRole('tab', { name: 'cell' }).click()
    await page.locator('#convolve-title, .screen h1').first().waitFor()
    await expect.poll(() => page.evaluate(() => location.hash)).toBe('#v=1&screen=convolve&of=lenet5&at=430')
    await page.reload()
    await page.getByText('lenet5, step 430').first().waitFor()
    await page.getByRole('button', { name: 'Train a network here' }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    expect(await page.evaluate(() => location.hash)).not.toContain('of=')
    expect(complaints).toEqual([])
    await page.context().close()
  })

  /** Opens it while its weights do not come until `come` is called. */
  const openHeld = async (): Promise<() => Promise<unknown>> => {
    ;({ page, complaints } = await openPage(stage, '#screen=runs&run=lenet5', { serviceWorkers: false }))
    let release = (): void => undefined
    const called = new Promise<void>(resolve => {
      release = resolve
    })
    await page.route('**/runs/weights*', async route => {
      await called
      await route.continue()
    })
    await page.getByRole('link', { name: 'Look at lenet5 at step 430' }).click()
    await page.getByText('reading the checkpoint').waitFor()
    return () => {
      const came = page.waitForResponse('**/runs/weights*').then(response => response.finished())
      release()
      return came
    }
  }

  /** What the page complained of, but that the test lets it have no service worker. */
  const complained = (): string[] => complaints.filter(text => !text.startsWith('Service Worker registration blocked'))

  test('that is still being read may be left for Runs: it is there when one comes back', async () => {
    const come = await openHeld()
    await page.getByRole('button', { name: 'Back to Runs' }).click()
    await page.locator('.run-list').waitFor()
    await come()
    await page.getByRole('button', { name: 'Look', exact: true }).click()
    await page.locator('.layers section').nth(4).waitFor()
    expect(await page.locator('.bars').getAttribute('data-step')).toBe('430')
    expect(complained()).toEqual([])
    await page.context().close()
  })

  test('that is still being read may be left for a training: what comes then is not shown', async () => {
    const come = await openHeld()
    await page.getByRole('button', { name: 'Train a network here' }).click()
    await page.getByRole('button', { name: 'Pause' }).click()
    await come()
    const step = async (): Promise<number> => Number(await page.locator('.net').getAttribute('data-step'))
    await page.getByRole('button', { name: 'Train on' }).waitFor()
    const before = await step()
    await page.getByRole('button', { name: 'One step', exact: true }).click()
    await expect.poll(step).toBeGreaterThan(before)
    expect(await page.getByText('lenet5, step 430').count()).toBe(0)
    expect(complained()).toEqual([])
    await page.context().close()
  })

  test('is judged on the test images of its data, as the library does; training images are not there', async () => {
    await open('#v=1&screen=judge&of=lenet5&at=430')
    await page.locator('[data-judged="430"]').waitFor()
    const engine = createEngine({ threads: 1, precise: true })
    const evaluation = await evaluateDigits(engine, lenet)
    await engine.close()
    const said = (name: string): Promise<number> =>
      page.locator(`[data-${name}]`).first().getAttribute(`data-${name}`).then(Number)
    expect(await said('accuracy')).toBe(evaluation.accuracy)
    expect(await said('loss')).toBeCloseTo(evaluation.loss, 5)
    const cells = await page.locator('.confusion tbody td[data-row]').allTextContents()
    expect(cells.map(Number)).toEqual(evaluation.confusion.flat())
    expect(await page.getByRole('radio', { name: 'training images' }).count()).toBe(0)
    expect(await page.locator('.changes, .read-changes').count()).toBe(0)
    expect(await violations(page)).toEqual([])
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('without its images has nothing to be judged by, and says so', async () => {
    await open('#v=1&screen=judge&of=pictures&at=430')
    await page.getByText(/This checkpoint was trained on data that the Lab does not have/).waitFor()
    await page.context().close()
  })

  test('without its images shows an even gray, until a picture is given; what cannot be opened is told', async () => {
    await open('#v=1&screen=look&of=pictures&at=430')
    await page.getByText('an even gray').waitFor()
    await page.getByText(/Its images, a folder of pictures, are not here/).waitFor()
    expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true)
    await page.locator('.bars li').nth(1).waitFor()
    await page.evaluate(() => {
      location.hash = '#v=1&screen=look&of=gone&at=1'
    })
    await page.getByText(/gone: no run of this name is served here/).waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('who leaves Runs and loads the page again is where they were', async () => {
    await open('#screen=runs&run=lenet5')
    await page.locator('.run-list').waitFor()
    await page.getByRole('button', { name: 'Convolve' }).click()
    await expect.poll(() => page.evaluate(() => location.hash)).toContain('screen=convolve')
    await page.reload()
    await page.locator('.rail').waitFor()
    expect(await page.locator('.run-list').count()).toBe(0)
    await page.context().close()
  })
})
