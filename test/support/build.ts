/** Builds the package once before the tests of the command line, unless `dist` is newer than all that it is made from. */
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Built last. */
const entry = join(root, 'dist/lab/index.html')

/** Vitest calls this before the first test. */
export function setup(): void {
  const built = statSync(entry, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = ['src', 'lab'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)),
  )
  const changed = Math.max(
    ...['package.json', 'package-lock.json', 'tsconfig.json', 'tsdown.config.ts', ...sources].map(
      name => statSync(join(root, name)).mtimeMs,
    ),
  )
  if (built > changed) return
  run('tsdown', 'dist/run.mjs', '--logLevel', 'error')
  run('vite', 'bin/vite.js', 'build', 'lab')
}

/** Runs a program of a package. */
function run(name: string, program: string, ...args: readonly string[]): void {
  const path = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), program)
  execFileSync(process.execPath, [path, ...args], { cwd: root, stdio: 'inherit' })
}
