/** Builds a page with Vite, as a reader of the docs would. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Logger, type UserConfig } from 'vite'
import { expect } from 'vitest'

/** A script that Vite wrote. */
export interface BuiltScript {
  readonly name: string
  readonly code: string
}

/**
 * Builds a page; what Vite warns of is a failure.
 * @param root the project's folder
 * @param entry its page, in the folder
 * @param outDir where the built page goes, in the folder
 * @param config the project's own settings
 * @returns the page's scripts
 */
export async function buildPage(
  root: string,
  entry: string,
  outDir: string,
  config: UserConfig,
): Promise<readonly BuiltScript[]> {
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  const quiet: Logger = {
    info: () => undefined,
    warn,
    warnOnce: warn,
    error: warn,
    clearScreen: () => undefined,
    hasErrorLogged: () => false,
    hasWarned: false,
  }
  await build({
    ...config,
    configFile: false,
    root,
    customLogger: quiet,
    logLevel: 'warn',
    // A busy machine's plugins take their time, which is nothing to warn of.
    build: { outDir, rolldownOptions: { input: join(root, entry), checks: { pluginTimings: false } } },
  })
  expect(warnings).toEqual([])
  const assets = join(root, outDir, 'assets')
  return readdirSync(assets).map(name => ({ name, code: readFileSync(join(assets, name), 'utf8') }))
}
