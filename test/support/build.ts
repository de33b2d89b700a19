/** Builds the package once before the tests of the command line, unless `dist` is newer than all that it is made from. */
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const entry = join(root, 'dist/cli/main.js')

/** Vitest calls this before the first test. */
export function setup(): void {
  const built = statSync(entry, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map(name => join('src', name))
  const changed = Math.max(
    ...['package.json', 'tsconfig.json', 'tsdown.config.ts', ...sources].map(
      name => statSync(join(root, name)).mtimeMs,
    ),
  )
  if (built > changed) return
  const tsdown = join(dirname(createRequire(import.meta.url).resolve('tsdown/package.json')), 'dist/run.mjs')
  execFileSync(process.execPath, [tsdown, '--logLevel', 'error'], { cwd: root, stdio: 'inherit' })
}
