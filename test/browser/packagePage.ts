/** A page of Chromium over the built package, on which a script of this folder runs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { buildPackage } from './buildPackage.ts'
import { launch } from './chromium.ts'
import { serve } from './server.ts'

/** An open page. */
export interface PackagePage {
  readonly page: Page
  close(): Promise<void>
}

/** Builds the package and opens a page of it. @param script its name in this folder */
export async function openPackagePage(script: string): Promise<PackagePage> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-page-'))
  await buildPackage(folder)
  const server = await serve({ '/package/': folder, '/test/': fileURLToPath(new URL('.', import.meta.url)) }, {})
  const browser = await launch()
  const page = await browser.newPage()
  await page.goto(`${server.origin}/test/page.html`, { waitUntil: 'load' })
  await page.addScriptTag({ type: 'module', url: `${server.origin}/test/${script}` })
  return {
    page,
    async close() {
      await browser.close()
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
