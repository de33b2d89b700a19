/** A page in Chromium that has modules of the built package as `globalThis.doors`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { buildPackage } from './buildPackage.ts'
import { launch } from './chromium.ts'
import { serve } from './server.ts'

/** An open page. */
export interface DoorsPage {
  readonly page: Page
  /** Closes page, browser and server, and removes their files. */
  close(): Promise<void>
}

/**
 * Builds the package, serves it and opens a page, `/pages/page.html`, that imports doors of it.
 * @param doors folders of the package: `train`, `models`; `index` is the front door
 * @param options.host a name for this machine, whose pages are plain http; 127.0.0.1 by default
 * @param options.files further files beside the page, by name
 * @param options.webgpu in a browser with WebGPU
 */
export async function openDoors(
  doors: readonly string[],
  {
    host,
    files = {},
    webgpu = false,
  }: { readonly host?: string; readonly files?: Readonly<Record<string, Uint8Array>>; readonly webgpu?: boolean } = {},
): Promise<DoorsPage> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-browser-'))
  await buildPackage(folder)
  writeFileSync(join(folder, 'page.html'), htmlOf(doors))
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes)
  const server = await serve({ '/pages/': folder }, {})
  const browser = await launch(host, { webgpu })
  const page = await browser.newPage()
  await page.goto(`${host === undefined ? server.origin : server.origin.replace('127.0.0.1', host)}/pages/page.html`)
  await page.waitForFunction(() => 'doors' in globalThis)
  const close = async () => {
    await browser.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { page, close }
}

const htmlOf = (doors: readonly string[]): string => `<!doctype html><title>Doors</title>
<script type="module">
${doors.map(door => `  import * as ${door} from './${door === 'index' ? '' : `${door}/`}index.js'`).join('\n')}
  globalThis.doors = { ${doors.map(door => `...${door}`).join(', ')} }
</script>`
