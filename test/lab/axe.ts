/** What axe finds on a page of the Lab. */
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

/** The page's script of axe. A page's policy keeps out scripts of others; those of the browser's own tools it does not. */
export const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
  }[]
}

/** What axe finds, a line each; the page was opened with the script {@link axe}. */
export async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResult> } }).axe.run(),
  )
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
}
