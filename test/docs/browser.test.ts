/**
 * docs/browser.md: every file it shows is one of examples/browser, and they are built with Vite from an installed package, served as
 * the page says, and used in a browser.
 */
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import type { UserConfig } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import viteConfig from '../../examples/browser/vite.config.ts'
import { createEngine } from '../../src/backends/createEngine.ts'
import { mnist, subsetOf } from '../../src/data/index.node.ts'
import { writeSafetensors } from '../../src/formats/safetensors.ts'
import { lenet5 } from '../../src/models/index.ts'
import { ImageClassifier, normalize } from '../../src/nn/index.ts'
import { adam, oneCycle } from '../../src/optim/index.ts'
import { fit as trainModel } from '../../src/train/fit.ts'
import { buildPage } from '../browser/buildPage.ts'
import { launch, noBrowser } from '../browser/chromium.ts'
import { isolation, serve, type TestServer } from '../browser/server.ts'
import { idxBytes } from '../data/writeIdx.ts'
import { installed } from '../support/installed.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const examples = join(root, 'examples/browser')
const page = readFileSync(join(root, 'docs/browser.md'), 'utf8')

/** The code of the page, by its language. */
const blocks = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({ language, code }))
const blockOf = (language: string, start: string): string => {
  const found = blocks.find(block => block.language === language && block.code.startsWith(start))
  if (!found) throw new Error(`docs/browser.md has no block in ${language} that begins with ${start}`)
  return found.code
}
const policy = blockOf('', 'default-src').trim()

/** What is no file: the tests below run these, or they are commands. */
const passages = ['npm install', 'npx vite', 'const { threads, alone }', 'app.use', 'add_header', 'default-src']

describe('docs/browser.md', () => {
  test('shows every file of examples/browser as it is, and no other code', () => {
    const isFile = (name: string) => lstatSync(join(examples, name)).isFile()
    const files = readdirSync(examples)
      .filter(isFile) // no folders: docs/getting-started.md has the weights copied to one, `public`
      .map(name => readFileSync(join(examples, name), 'utf8'))
    const shown = blocks.map(({ code }) => code).filter(code => !passages.some(start => code.startsWith(start)))
    expect(shown.sort()).toEqual(files.sort())
  })

  test('has the headers of an isolated page for Vite, Express and nginx', async () => {
    const { server, preview } = viteConfig as UserConfig
    expect([server?.headers, preview?.headers]).toEqual([isolation, isolation])

    const nginx = [...blockOf('nginx', 'add_header').matchAll(/add_header (\S+) "(\S+)" always;/g)]
    expect(Object.fromEntries(nginx.map(([, name, value]) => [name, value]))).toEqual(isolation)

    // Middleware of Express is a function that any server of Node can call.
    type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void
    const used: Middleware[] = []
    new Function('app', blockOf('js', 'app.use'))({ use: (middleware: Middleware) => used.push(middleware) })
    const host = createServer((request, response) => used[0](request, response, () => response.end()))
    await new Promise<void>(resolve => host.listen(0, '127.0.0.1', resolve))
    const { headers } = await fetch(`http://127.0.0.1:${(host.address() as AddressInfo).port}`)
    host.close()
    for (const [name, value] of Object.entries(isolation)) expect(headers.get(name)).toBe(value)
  })

  test('asks an engine for its threads', async () => {
    const engine = createEngine({ threads: 1 })
    const said: unknown[] = []
    new Function('engine', 'console', blockOf('ts', 'const { threads'))(engine, {
      log: (...values: unknown[]) => said.push(values),
    })
    expect(said).toEqual([[1, '']])
    await engine.close()
  })
})

/** A project of a page: the package installed, the examples, weights and a few hundred digits. */
let project: ReturnType<typeof installed>
beforeAll(async () => {
  project = installed()
  cpSync(examples, project.path, { recursive: true })
  const data = join(project.path, 'public/mnist')
  mkdirSync(data, { recursive: true })
  const { train } = await mnist()
  const count = 1280
  writeFileSync(join(data, 'images'), idxBytes([count, 28, 28], train.images.subarray(0, count * 784)))
  writeFileSync(join(data, 'labels'), idxBytes([count], train.labels.subarray(0, count)))

  const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(0)
  const engine = createEngine()
  const options = { model, engine, optimizer: adam({ lr: 0.003 }), schedule: oneCycle(), epochs: 1 }
  for await (const _ of trainModel({ ...options, train: subsetOf(train, 12_800) }));
  await engine.close()
  const state = [...model.variables()].map(([name, { shape, value }]) => [name, { shape, values: value }] as const)
  writeFileSync(join(project.path, 'public/lenet5.safetensors'), writeSafetensors(state))
}, 300_000)
afterAll(() => project?.remove())

/** Builds a page of the project. @returns its scripts, and those that are loaded when an engine of WebGPU is started */
async function bundle(entry: string, outDir: string) {
  const all = await buildPage(project.path, entry, outDir, viteConfig as UserConfig)
  const isLater = ({ code }: { readonly code: string }): boolean => code.includes('requestAdapter')
  return { scripts: all.filter(script => !isLater(script)), later: all.filter(isLater) }
}

describe('a page built with Vite', () => {
  test("has nothing of Node's in it", async () => {
    const { scripts, later } = await bundle('index.html', 'dist')
    // The page and the worker share a few functions with what is loaded later: a script named after one of them.
    const names = scripts.map(({ name }) => name.replace(/-.*/, ''))
    expect(names).toHaveLength(3)
    expect(names).toEqual(expect.arrayContaining(['index', 'trainWorker']))
    expect(later.map(({ name }) => name.replace(/-.*/, ''))).toEqual(['create', 'create'])
    for (const { code } of [...scripts, ...later]) {
      expect(code).not.toMatch(/__vite-browser-external|from\s*['"]node:|import\(['"]node:|sharp|playwright/)
    }
  }, 300_000)

  test('has the size that docs/browser.md states', async () => {
    const evaluating = [
      "import { createEngine } from 'fovea'",
      "import { lenet5 } from 'fovea/models'",
      "import { Evaluator } from 'fovea/train'",
    ]
    const predicting = [
      ...evaluating,
      "import { ImageClassifier, normalize } from 'fovea/nn'",
      "import { loadWeights } from 'fovea/train'",
      "import { prepareRaster } from 'fovea/data'",
    ]
    const training = [
      "import { Trainer } from 'fovea/train'",
      "import { adam, oneCycle } from 'fovea/optim'",
      "import { idxDataset, subsetOf } from 'fovea/data'",
    ]
    const sizeOf = async (name: string, imports: readonly string[]): Promise<number> => {
      const names = imports.map(line => /\{(.*)\}/.exec(line)?.[1]).join(',')
      writeFileSync(join(project.path, `${name}.js`), `${imports.join('\n')}\nglobalThis.used = [${names}]\n`)
      writeFileSync(join(project.path, `${name}.html`), `<script type="module" src="./${name}.js"></script>`)
      const { scripts } = await bundle(`${name}.html`, name)
      // Only Node can use wide vectors, and what finds out about the processor there is not carried along.
      for (const { code } of scripts) expect(code).not.toContain('/proc/cpuinfo')
      return scripts.reduce((bytes, { code }) => bytes + gzipSync(code).length, 0) / 1000
    }
    const evaluator = await sizeOf('evaluator', evaluating)
    const predictor = await sizeOf('predictor', predicting)
    const trainer = await sizeOf('trainer', [...predicting, ...training])
    const limits = /less than ([\d.]+) kB of Fovea in it.+?less than ([\d.]+) kB without.+?less than ([\d.]+) kB more/s
    const [, most, mostWithout, mostMore] = limits.exec(page)!.map(Number)
    const sizes = [predictor, evaluator, trainer - predictor]
    for (const [k, limit] of [most, mostWithout, mostMore].entries()) {
      expect(sizes[k]).toBeLessThan(limit)
      // Nor is the limit an idle one.
      expect(sizes[k]).toBeGreaterThan(0.95 * limit)
    }
  }, 300_000)
})

describe.skipIf(noBrowser !== undefined)('in Chromium', () => {
  let browser: Browser
  const servers: TestServer[] = []
  beforeAll(async () => {
    await bundle('index.html', 'dist')
    browser = await launch()
  }, 300_000)
  afterAll(async () => {
    await browser?.close()
    await Promise.all(servers.map(server => server.close()))
  })

  /** What the consoles of the pages say. */
  const said: string[] = []

  /** Opens a page of a folder of the project. */
  async function open(folder: string, file: string, headers: Record<string, string>): Promise<Page> {
    const server = await serve({ '/': join(project.path, folder) }, headers)
    servers.push(server)
    const page = await browser.newPage()
    page.on('console', message => said.push(message.text()))
    page.on('pageerror', error => said.push(String(error)))
    await page.goto(`${server.origin}/${file}`)
    return page
  }
  const output = (page: Page, text: RegExp) => page.locator('output', { hasText: text }).waitFor({ timeout: 300_000 })

  test('the page reads what is drawn, a file and the camera, and trains, under its policy', async () => {
    // The canvas has a border by a style attribute, which the policy would forbid.
    const csp = `${policy}; style-src 'unsafe-inline'; media-src 'self' blob:`
    const page = await open('dist', 'index.html', { ...isolation, 'Content-Security-Policy': csp })
    // Asked again and again from here: waiting in the page would need 'unsafe-eval'.
    const isReady = () => page.evaluate('document.querySelector("canvas").onpointerup !== null')
    await expect.poll(isReady, { timeout: 60_000 }).toBe(true)

    const corner = await page.locator('canvas').boundingBox()
    const [left, top] = [corner!.x, corner!.y]
    await page.mouse.move(left + 140, top + 50)
    await page.mouse.down()
    await page.mouse.move(left + 140, top + 230, { steps: 20 })
    await page.mouse.up()
    await output(page, /^1 \(\d/)

    const picture = await page.locator('canvas').screenshot()
    await page.click('#clear')
    await page.mouse.click(left + 1, top + 1)
    await output(page, /no strokes/)
    await page.setInputFiles('input', { name: 'one.png', mimeType: 'image/png', buffer: picture })
    await output(page, /^\d \(\d/)

    await page.evaluate(() => {
      const output = document.querySelector('output')!
      const texts: string[] = []
      new MutationObserver(() => texts.push(output.textContent)).observe(output, { childList: true })
      Object.assign(globalThis, { texts })
    })
    await page.click('#train')
    await output(page, /^trained$/)
    const texts = (await page.evaluate('texts')) as string[]
    // Three epochs of ten batches.
    expect(texts.filter(text => /^step \d+: loss \d\.\d{3}$/.test(text))).toHaveLength(30)
    await page.setInputFiles('input', { name: 'again.png', mimeType: 'image/png', buffer: picture })
    await output(page, /^\d \(\d/)

    await page.evaluate('document.querySelector("output").textContent = ""')
    await page.click('#camera')
    await output(page, /./)
    expect(said).toEqual([])
    await page.close()
  }, 180_000)

  test('the page works without a bundler', async () => {
    const page = await open('.', 'plain.html', isolation)
    // 6 maps of 24 × 24.
    await page.locator('body', { hasText: /^3456 values on \d+ threads$/ }).waitFor({ timeout: 300_000 })
    await page.close()
  }, 300_000)

  test('a service worker isolates a page whose server does not', async () => {
    writeFileSync(join(project.path, 'host.html'), '<script type="module" src="isolated.js"></script>')
    const page = await open('.', 'host.html', {})
    await page.waitForFunction('crossOriginIsolated', undefined, { timeout: 300_000 })
    await page.close()
  }, 300_000)
})
