/** Bundles Fovea's modules once for the site: an ES module for each door, with what they share in files beside them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../pages.ts'
import { build } from '../vite.ts'

/** How package.json names a door's files. */
interface Door {
  readonly default: string
  readonly browser?: { readonly default: string }
}

/** Names of the modules and the files of the built package that they are made of. */
function doors(): Record<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, Door | string>>
  }
  const entries: Record<string, string> = {}
  for (const [name, door] of Object.entries(exports)) {
    if (typeof door === 'string') continue
    const built = door.browser?.default ?? door.default
    entries[name === '.' ? 'fovea' : name.slice(2)] = join(root, built)
  }
  return { ...entries, data: join(root, 'site/live/data.ts') }
}

/** @param outDir the folder that gets the modules */
export async function buildLibrary(outDir: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'warn',
    root,
    publicDir: false,
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2022',
      lib: { entry: doors(), formats: ['es'] },
      minify: true,
      // Tables and messages call a layer by the name of its class.
      rolldownOptions: { output: { chunkFileNames: 'shared-[hash].js', keepNames: true } },
    },
  })
}
