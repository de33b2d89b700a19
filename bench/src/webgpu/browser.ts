/** The Chromium that the contenders are in, and the server of its page. */
import { createReadStream, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { repository } from '../commandLine.ts'

/** Folders of the repository that the page may read. */
const served = ['/bench/dist/webgpu/page/', '/bench/node_modules/onnxruntime-web/dist/']

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

/** Isolated pages have clocks of 5 µs, others of 100 µs. */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }

/** Not bundled: it loads files that lie beside it. */
const onnxRuntime = 'onnxruntime-web/webgpu'
const imports = { [onnxRuntime]: '/bench/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs' }

const html = `<!doctype html><meta charset="utf-8"><title>Bench</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/bench/dist/webgpu/page/page.js"></script>`

/** Bundles the page's script with Fovea, TensorFlow.js and jax-js. */
export async function buildPage(): Promise<void> {
  await build({
    configFile: false,
    root: join(repository, 'bench'),
    logLevel: 'error',
    build: {
      target: 'esnext',
      outDir: 'dist/webgpu/page',
      emptyOutDir: true,
      minify: false,
      lib: { entry: 'dist/webgpu/page.js', formats: ['es'], fileName: () => 'page.js' },
      rolldownOptions: { external: [onnxRuntime] },
    },
  })
}

/** A browser with a server for its pages. */
export class BenchBrowser {
  readonly #browser: Browser
  readonly #server: Server
  readonly #say: (message: string) => void

  private constructor(browser: Browser, server: Server, say: (message: string) => void) {
    this.#browser = browser
    this.#server = server
    this.#say = say
  }

  /** @param swiftshader on Chromium's own driver, which computes on the processor */
  static async start(swiftshader: boolean, say: (message: string) => void): Promise<BenchBrowser> {
    const { CHROMIUM: executablePath = '/usr/bin/chromium' } = process.env
    const browser = await chromium.launch({
      executablePath,
      args: [
        // Its sandbox refuses to work for root.
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-dev-shm-usage',
        '--enable-unsafe-webgpu',
        // The name of the driver, and clocks that are not rounded.
        '--enable-webgpu-developer-features',
        ...(swiftshader ? ['--use-webgpu-adapter=swiftshader'] : ['--enable-features=Vulkan']),
      ],
    })
    const server = createServer((request, response) => {
      const path = normalize(decodeURI(new URL(request.url ?? '/', 'http://localhost').pathname))
      if (path === '/') {
        response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end(html)
        return
      }
      const file = join(repository, path)
      if (!served.some(folder => path.startsWith(folder)) || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
        response.writeHead(404).end()
        return
      }
      const type = types[extname(path)] ?? 'application/octet-stream'
      createReadStream(file).pipe(response.writeHead(200, { ...headers, 'Content-Type': type }))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new BenchBrowser(browser, server, say)
  }

  get version(): string {
    return this.#browser.version()
  }

  /** A new page with `globalThis.bench`. */
  async open(): Promise<Page> {
    const page = await this.#browser.newPage()
    page.setDefaultTimeout(60_000)
    page.on('pageerror', error => this.#say(`page: ${error.message}`))
    page.on('console', message => {
      if (message.type() === 'error') this.#say(`page: ${message.text()}`)
    })
    await page.goto(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`)
    await page.waitForFunction(() => 'bench' in globalThis)
    return page
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
