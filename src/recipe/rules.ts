/** Rules that only recipes need: patterns of paths, and functions instead of data. */
import type { PathPattern } from '../optim/index.ts'
import { fields, type Rule, rule, text } from '../rules/rules.ts'

/** A glob over paths, `/…/` for a regular expression, or a list of these. */
export const pattern = rule<string | string[]>(
  'a pattern of paths, or a list of them',
  value => isPattern(value) || (Array.isArray(value) && value.every(isPattern)),
)

function isPattern(value: unknown): boolean {
  try {
    return typeof value === 'string' && patternOf(value) !== undefined
  } catch {
    // `/…/` around something that is not a regular expression.
    return false
  }
}

/** A pattern as a recipe stores it: `/…/` is a regular expression. @throws SyntaxError for one that cannot be read */
export function patternOf(value: unknown): PathPattern {
  if (Array.isArray(value)) return value.map(item => patternOf(item) as string | RegExp)
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/.exec(String(value)) ?? []
  return source === undefined ? String(value) : new RegExp(source, flags)
}

/** Reference to a function of a recipe, by its file and the field that holds it. */
export interface CodeReference {
  readonly file: string
  /** Hash of the file, so that changes are noticed. */
  readonly sha256: string
}

/** The file name for a function that is in no file: on a page, recipes are not in files. */
export const inlineFile = '(inline)'

const codeRule = fields({ file: text, sha256: text })

/** Distinguishes a function's reference from data. */
export const isCode = (value: unknown): value is CodeReference =>
  typeof value === 'object' && value !== null && 'file' in value && 'sha256' in value

/** A part as data, or a function of a recipe file. */
export const orCode = <T>(data: Rule<T>): Rule<T | CodeReference> => ({
  ...data,
  read: (value, field, report) =>
    isCode(value) ? codeRule.read(value, field, report) : data.read(value, field, report),
})
