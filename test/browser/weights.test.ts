/** Weights and checkpoints on a page of plain http, which has no Web Crypto, in Chromium. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import { lenet5 } from '../../src/models/index.ts'
import { encodeCheckpoint } from '../../src/train/index.ts'
import { noBrowser } from './chromium.ts'
import { type DoorsPage, openDoors } from './doorsPage.ts'

/** The doors of the package, as the page imports them. */
type Doors = typeof import('../../src/train/index.ts') & typeof import('../../src/models/index.ts')

describe.skipIf(noBrowser !== undefined)('on a page of plain http', () => {
  const source = lenet5().initialize(3)
  let opened: DoorsPage
  let page: Page

  beforeAll(async () => {
    const files = { 'lenet5.safetensors': writeSafetensors(source.state()) }
    opened = await openDoors(['models', 'train'], { host: 'pages.test', files })
    page = opened.page
  }, 300_000)
  afterAll(() => opened?.close())

  it.each(['lenet5.safetensors', '/pages/lenet5.safetensors', '../pages/lenet5.safetensors'])(
    'loadWeights takes an address relative to the page: %s',
    async address => {
      const values = await page.evaluate(async address => {
        const { lenet5, loadWeights } = (globalThis as unknown as { doors: Doors }).doors
        const model = lenet5()
        await loadWeights(model, address)
        return [...model.layers.fc3.weight.value]
      }, address)
      expect(values).toEqual([...source.layers.fc3.weight.value])
    },
  )

  it('a file that is not there is an error with its whole address', async () => {
    const message = await page.evaluate(async () => {
      const { lenet5, loadWeights } = (globalThis as unknown as { doors: Doors }).doors
      return loadWeights(lenet5(), 'none.pth').then(String, (error: Error) => error.message)
    })
    expect(message).toMatch(/^http:\/\/pages\.test:\d+\/pages\/none\.pth: the server answered 404/)
  })

  it('checkpoints are made and verified as in Node', async () => {
    const progress = { epoch: 1, batch: 0, step: 0 }
    const node = await encodeCheckpoint({ tensors: source.state(), progress, recipe: null })
    const [isSecure, sha256, refused] = await page.evaluate(async progress => {
      const { lenet5, loadWeights, encodeCheckpoint, decodeCheckpoint } = (globalThis as unknown as { doors: Doors })
        .doors
      const model = lenet5()
      await loadWeights(model, 'lenet5.safetensors')
      const files = await encodeCheckpoint({ tensors: model.state(), progress, recipe: null })
      await decodeCheckpoint(files)
      const tensors = files.tensors.slice()
      tensors[tensors.length - 1]! ^= 1
      const refused = await decodeCheckpoint({ ...files, tensors }).then(String, (error: Error) => error.message)
      return [isSecureContext, files.sha256, refused] as const
    }, progress)
    expect(isSecure).toBe(false)
    expect(sha256).toBe(node.sha256)
    expect(refused).toMatch(/^tensors: corrupt: its SHA-256 is/)
  })
})
