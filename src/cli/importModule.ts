/**
 * Reads a file of the user's that is a program: JavaScript, or TypeScript where Node or the package `tsx` can run it. The one
 * place of this package that loads what it does not know.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CommandError } from './errors.ts'

/** File names of programs. */
export const programNames = /\.[cm]?[jt]s$/

/**
 * The exports of a module.
 * @throws CommandError naming the file when it is missing, throws, or is TypeScript that nothing here can run.
 */
export async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file)
  if (!existsSync(path)) throw new CommandError(`${file}: no such file`)
  const url = pathToFileURL(path).href
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isTypeScript = /^\.[cm]?ts$/.test(extname(path))
    if (!isTypeScript || code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw failure(file, error)
  }
  const tsx = await findTsx(path)
  if (!tsx) {
    throw new CommandError(
      `${file}: Node ${process.versions.node} cannot run TypeScript: install tsx (npm install tsx), take Node 22.18 or later, ` +
        'or write the file as .mjs or .json',
    )
  }
  try {
    return await tsx.tsImport(url, import.meta.url)
  } catch (error) {
    throw failure(file, error)
  }
}

interface Tsx {
  tsImport(url: string, parent: string): Promise<Record<string, unknown>>
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
