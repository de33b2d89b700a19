/**
 * Reads a file of the user's that is a program: JavaScript, or TypeScript where Node or the package `tsx` can run it. The one
 * place of this package that loads what it does not know.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire, register } from 'node:module'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CommandError } from './errors.ts'

/** File names of programs. */
export const programNames = /\.[cm]?[jt]s$/

/**
 * The exports of a module. TypeScript is an ES module, whatever the `package.json` around it says.
 * @throws CommandError naming the file when it is missing, throws, or is TypeScript that nothing here can run.
 */
export async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file)
  if (!existsSync(path)) throw new CommandError(`${file}: no such file`)
  if (/^\.[cm]?ts$/.test(extname(path))) await prepareTypeScript(file, path)
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (error) {
    throw failure(file, error)
  }
}

/** Node leaves types out by itself (22.18 and later), or a loader of the user's does (`--import tsx`). */
const nodeDoes = Boolean((process.features as { readonly typescript?: unknown }).typescript)
const loaderDoes = process.execArgv.some(argument => argument.includes('tsx'))
let isPrepared = false

/** Makes this process run TypeScript. @throws CommandError when it cannot */
async function prepareTypeScript(file: string, path: string): Promise<void> {
  if (isPrepared) return
  if (!nodeDoes && !loaderDoes) {
    const tsx = await findTsx(path)
    if (!tsx) {
      throw new CommandError(
        `${file}: Node ${process.versions.node} cannot run TypeScript: install tsx (npm install tsx), take Node 22.18 or later, ` +
          'or write the file as .mjs or .json',
      )
    }
    // For the whole process, and not for one import alone: the file's `fovea` must be the one that runs.
    tsx.register()
  }
  register(`data:text/javascript,${encodeURIComponent(asModules(nodeDoes ? 'module-typescript' : 'module'))}`)
  isPrepared = true
}

/** A loader's hook, as text: without it, a `.ts` file in a package of CommonJS, or in none, would be CommonJS. */
const asModules = (format: string): string => `export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  const isOwn = /\\.ts$/.test(found.url) && !found.url.includes('/node_modules/')
  return isOwn ? { ...found, format: '${format}' } : found
}`

interface Tsx {
  register(): () => Promise<void>
}

/** The package tsx, looked for from the file and from the folder the program runs in. */
async function findTsx(path: string): Promise<Tsx | undefined> {
  for (const base of [path, join(process.cwd(), 'package.json')]) {
    try {
      // `require.resolve` would give its CommonJS form, which cannot be imported.
      const manifest = createRequire(base).resolve('tsx/package.json')
      const { exports } = JSON.parse(await readFile(manifest, 'utf8')) as {
        readonly exports: { readonly './esm/api': { readonly import: { readonly default: string } } }
      }
      const found = join(dirname(manifest), exports['./esm/api'].import.default)
      return (await import(pathToFileURL(found).href)) as Tsx
    } catch {
      // Not installed here: look in the next place.
    }
  }
  return undefined
}

function failure(file: string, error: unknown): CommandError {
  const message = error instanceof Error ? error.message : String(error)
  return new CommandError(`${file}: ${message}`, { cause: error })
}
