/**
 * Loads a program file of the user: JavaScript, or TypeScript when Node or the package `tsx` can run it. This is the
 * only place in this package that loads unknown code.
 */
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire, register } from 'node:module'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { display } from '../text/display.ts'
import { RecipeError } from './errors.ts'
import { sourceErrorOf, syntaxErrorOf } from './userCode.node.ts'

/** Receives something worth knowing, in one line. */
export type Say = (line: string) => void

/** File names of programs. */
export const programNames = /\.[cm]?[jt]s$/

/**
 * The exports of a module. TypeScript is loaded as an ES module, whatever the `package.json` around it says.
 * @param say called when loading takes long
 * @throws RecipeError naming the file when it is missing, never finishes, or is TypeScript that cannot be run here;
 * SourceError at the place where it cannot be compiled or throws.
 */
export async function importModule(file: string, say: Say = () => {}): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file)
  if (!existsSync(path)) throw new RecipeError(`${file}: no such file`)
  if (/^\.[cm]?ts$/.test(extname(path))) await prepareTypeScript(file, path)
  try {
    return await inTime(file, import(pathToFileURL(path).href) as Promise<Record<string, unknown>>, say)
  } catch (error) {
    if (error instanceof RecipeError) throw error
    const place = sourceErrorOf(error) ?? syntaxErrorOf(path, error)
    if (place) throw place
    const message = error instanceof Error ? error.message : `threw ${display(error)}, which is not an Error`
    throw new RecipeError(`${file}: ${message}`, { cause: error })
  }
}

/**
 * The text of a file in UTF-8, without the byte order mark that some editors and shells prepend.
 * @throws RecipeError naming the file when it cannot be read, or is in UTF-16
 */
export function readText(file: string): string {
  const bytes = bytesOf(file)
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new RecipeError(`${file}: is in UTF-16, expected UTF-8: save it with that encoding`)
  }
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}

/** @throws RecipeError naming the file when it cannot be read */
function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new RecipeError(`${file}: ${code === 'ENOENT' ? 'no such file' : message}`, { cause: error })
  }
}

/** Seconds after which a notice says that a module is still loading, and after which loading fails. */
const noteSeconds = 5
const limitSeconds = Number(process.env.FOVEA_RECIPE_SECONDS) || 60

/**
 * Waits for a module, which may have a top-level `await`.
 * @throws RecipeError when this process has nothing left that it could wait for, or it takes too long
 */
async function inTime<T>(file: string, loading: Promise<T>, say: Say): Promise<T> {
  const { promise: failed, reject } = deferred()
  const fail = (what: string) =>
    reject(new RecipeError(`${file}: ${what}: a top-level await waits for something that never happens`))
  const onEmpty = () => fail('never finishes loading')
  const note = () => say(`${file}: still loading after ${noteSeconds} seconds`)
  const limit = () => fail(`did not finish loading in ${limitSeconds} seconds (FOVEA_RECIPE_SECONDS)`)
  process.once('beforeExit', onEmpty)
  const timers = [setTimeout(note, 1000 * noteSeconds), setTimeout(limit, 1000 * limitSeconds)]
  for (const timer of timers) timer.unref()
  try {
    return await Promise.race([loading, failed])
  } finally {
    process.off('beforeExit', onEmpty)
    timers.forEach(clearTimeout)
  }
}

/** A promise with a function that rejects it. */
function deferred(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<never>((_, give) => {
    reject = give
  })
  return { promise, reject }
}

/** Node strips types by itself (22.18 and later), or the user's loader does (`--import tsx`). */
const nodeDoes = Boolean((process.features as { readonly typescript?: unknown }).typescript)
const loaderDoes = process.execArgv.some(argument => argument.includes('tsx'))
let isPrepared = false

/** Makes this process run TypeScript. @throws RecipeError when it cannot */
async function prepareTypeScript(file: string, path: string): Promise<void> {
  if (isPrepared) return
  if (!nodeDoes && !loaderDoes) {
    const tsx = await findTsx(path)
    if (!tsx) {
      throw new RecipeError(
        `${file}: Node ${process.versions.node} cannot run TypeScript: install tsx (npm install tsx), take Node 22.18 or later, ` +
          'or write the file as .mjs or .json',
      )
    }
    // For the whole process, not for one import: the file must import the `fovea` that is running.
    tsx.register()
  }
  register(`data:text/javascript,${encodeURIComponent(asModules(nodeDoes ? 'module-typescript' : 'module'))}`)
  isPrepared = true
}

/**
 * A loader hook, as text: without it, a `.ts` file in a CommonJS package, or outside any package, would be CommonJS.
 */
const asModules = (format: string): string => `export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  const isOwn = /\\.ts$/.test(found.url) && !found.url.includes('/node_modules/')
  return isOwn ? { ...found, format: '${format}' } : found
}`

interface Tsx {
  register(): () => Promise<void>
}

/** The package tsx, resolved from the file and from the folder the program runs in. */
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
      // Not installed here: try the next base.
    }
  }
  return undefined
}
