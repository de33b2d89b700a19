/** Weights and checkpoints on a page of plain http, which has no Web Crypto, in Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import { lenet5 } from '../../src/models/index.ts'
import { encodeCheckpoint } from '../../src/train/index.ts'
import { buildPackage } from './buildPackage.ts'
import { launch, noBrowser } from './chromium.ts'
import { serve, type TestServer } from './server.ts'

/** The doors of the package, as the page imports them. */
type Doors = typeof import('../../src/train/index.ts') & typeof import('../../src/models/index.ts')

const html = `<!doctype html><title>Weights</title>
<script type="module">
  import * as models from './models/index.js'
  import * as train from './train/index.js'
  globalThis.doors = { ...models, ...train }
</script>`

describe.skipIf(noBrowser !== undefined)('on a page of plain http', () => {
  const source = lenet5().initialize(3)
  let folder: string
  let browser: Browser
  let server: TestServer
  let page: Page

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-browser-weights-'))
    await buildPackage(folder)
    writeFileSync(join(folder, 'page.html'), html)
    writeFileSync(join(folder, 'lenet5.safetensors'), writeSafetensors(source.state()))
    server = await serve({ '/pages/': folder }, {})
    browser = await launch('pages.test')
    page = await browser.newPage()
    await page.goto(`${server.origin.replace('127.0.0.1', 'pages.test')}/pages/page.html`)
    await page.waitForFunction(() => 'doors' in globalThis)
  }, 300_000)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

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
