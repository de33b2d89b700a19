/** Errors in the user's code (recipes and their imports), located in its files so that they can be shown there. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codeFrame, type Place } from './codeFrame.ts'
import { RecipeError, SourceError } from './errors.ts'
import { asError, functionParts } from './functions.ts'
import type { Recipe } from './recipe.ts'
import { isCode } from './rules.ts'

/** The folder of this package's own code: `src`, or `dist`, in which every file for Node is one folder down. */
export const packageCode = dirname(dirname(fileURLToPath(import.meta.url)))

/** Longest time that Node may take to find a syntax error. */
const checkMilliseconds = 20_000

/**
 * An error with its place in the user's code; undefined when it does not come from there.
 * @param error what was thrown, or an error that has it as its cause
 */
export function sourceErrorOf(error: unknown): SourceError | undefined {
  if (!(error instanceof Error) || error instanceof SourceError) return error instanceof SourceError ? error : undefined
  const found = placeOf(error)
  return found ? sourceError(found, error) : sourceErrorOf(error.cause)
}

/**
 * Runs something with a recipe, whose functions may return unusable results.
 * @throws RecipeError naming the file with the functions, for a language or shape error that has no place in the user's
 * files, and for a thrown value that is not an Error; every other error is rethrown unchanged
 */
export async function blamingFunctions<T>(recipe: Recipe, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (thrown) {
    const reference: unknown = functionParts.map(part => recipe[part]).find(isCode)
    if (!isCode(reference)) throw thrown
    const file = shortPath(reference.file)
    const error = asError(`${file}: its code`, thrown)
    // Checked by name: the functions may use another copy of this package.
    if (!['TypeError', 'RangeError', 'ShapeError'].includes(error.name) || sourceErrorOf(error)) throw error
    throw new RecipeError(`${file}: ${error.message}`, { cause: error })
  }
}

/**
 * The place of a syntax error in a module or its imports. Node reports it to a process that runs the module, but not to
 * one that imports it; no part of a module with a syntax error is executed.
 */
export function syntaxErrorOf(path: string, error: unknown): SourceError | undefined {
  if (!(error instanceof SyntaxError) || !/at compileSourceTextModule/.test(error.stack ?? '')) return undefined
  const { stderr } = spawnSync(process.execPath, [path], { encoding: 'utf8', timeout: checkMilliseconds })
  const found = markedPlace(stderr)
  return found && sourceError(found, error)
}

/** A place in a file. */
interface Found extends Place {
  readonly path: string
  /** What is wrong, when the error's message does not say it. */
  readonly text?: string
}

function sourceError({ path, line, column, text }: Found, error: Error): SourceError | undefined {
  let source: string
  try {
    source = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  const what = text ?? (isOfLanguage(error) ? `${error.name}: ${error.message}` : error.message)
  const message = `${shortPath(path)}:${line}:${column}: ${what}`
  return new SourceError(message, codeFrame(source, { line, column }), { cause: error })
}

/** Errors of JavaScript itself: their names say more than their messages. */
const isOfLanguage = ({ name }: Error): boolean => ['TypeError', 'ReferenceError', 'SyntaxError'].includes(name)

/** A path as people write it: relative when it is below the working directory. */
function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path)
  return fromHere.startsWith('..') ? path : fromHere
}

function placeOf(error: Error): Found | undefined {
  return transformPlace(error.message) ?? markedPlace(error.stack ?? '') ?? stackPlace(error.stack ?? '')
}

/** A place as reported by esbuild, which `tsx` uses: `/a/b.ts:3:9: ERROR: Expected …`, columns counted from 0. */
function transformPlace(message: string): Found | undefined {
  const [, path, line, column, text] = /^(.+):(\d+):(\d+): ERROR: (.+)$/m.exec(message) ?? []
  if (path === undefined) return undefined
  return { path, line: Number(line), column: Number(column) + 1, text: `SyntaxError: ${text}` }
}

/**
 * A place as reported by Node when it cannot compile or link: `file:///a/b.mjs:3`, the line, and a mark below the
 * place.
 */
function markedPlace(text: string): Found | undefined {
  const [, file, line, indent] = /^(\S.*):(\d+)\r?\n.*\r?\n([ \t]*)\^/.exec(text) ?? []
  const path = file === undefined ? undefined : userFile(file)
  return path === undefined ? undefined : { path, line: Number(line), column: indent!.length + 1 }
}

/** The innermost call of a stack that is in one of the user's files. */
function stackPlace(stack: string): Found | undefined {
  for (const [, file, line, column] of stack.matchAll(/^\s+at (?:async )?(?:.*\()?(.+?):(\d+):(\d+)\)?$/gm)) {
    const path = userFile(file!)
    if (path !== undefined) return { path, line: Number(line), column: Number(column) }
  }
  return undefined
}

/** The path of a file that belongs to no package and not to Node; undefined otherwise. */
function userFile(name: string): string | undefined {
  if (!name.startsWith('file:') && !/^([/\\]|[A-Za-z]:\\)/.test(name)) return undefined
  // A loader may have appended a query to the name.
  const path = name.startsWith('file:') ? fileURLToPath(name.replace(/\?.*$/, '')) : name
  const isPackage = path.startsWith(packageCode + sep) || path.split(sep).includes('node_modules')
  return isPackage ? undefined : path
}
