/** The package as it is after `npm install fovea`, in a folder of its own: what npm would pack, and its dependencies. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import manifest from '../../package.json' with { type: 'json' }
import { setup as build } from './build.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The package's doors: `fovea`, `fovea/nn`, … */
export const doors = Object.keys(manifest.exports)
  .filter(name => name !== './package.json')
  .map(name => `fovea${name.slice(1)}`)

/** A folder with the package installed, and packages besides (`@types/node`). Peers that are optional are not. */
export function installed(besides: readonly string[] = []): { readonly path: string; remove(): void } {
  build()
  const path = mkdtempSync(join(tmpdir(), 'fovea-installed-'))
  const modules = join(path, 'node_modules')
  const target = join(modules, 'fovea')
  mkdirSync(target, { recursive: true })
  for (const part of ['package.json', ...manifest.files])
    cpSync(join(root, part), join(target, part), { recursive: true })
  for (const name of [...Object.keys(manifest.dependencies), ...besides]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
