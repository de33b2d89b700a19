/**
 * Patterns over parameter paths. A glob is a path in which `*` stands for any letters of one name, `**` for any path (or
 * none) and `?` for one letter: `features.*.weight`, `layer?.**.bias`, `**.bias`. It fits what it names and everything
 * inside: `features` and `layer1.0` fit all parameters of those modules. A regular expression is tested on the whole path.
 */

/** A glob or a regular expression, or several, of which one must fit. */
export type PathPattern = string | RegExp | readonly (string | RegExp)[]

/** True when a pattern fits a path, `layer1.0.conv1.weight`. */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  return listOf(pattern).some(part =>
    typeof part === 'string' ? fits(part.split('.'), path.split('.')) : withoutPosition(part).test(path),
  )
}

/** Thrown for a pattern that fits no parameter, or with others every one. Names it. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/**
 * The paths that a pattern fits.
 * @param before words before the pattern in messages, `sgd: the group`
 * @throws PatternError when it fits none
 */
export function pathsFitting(before: string, pattern: PathPattern, paths: readonly string[]): string[] {
  const fitting = paths.filter(path => matchesPath(pattern, path))
  if (fitting.length > 0) return fitting
  const some = paths.slice(0, 3).join(', ')
  throw new PatternError(`${before} ${formatPattern(pattern)} matches none of the parameters (${some}, …)`)
}

/** A pattern as messages show it. */
function formatPattern(pattern: PathPattern): string {
  return listOf(pattern)
    .map(part => (typeof part === 'string' ? `'${part}'` : String(part)))
    .join(' or ')
}

const listOf = (pattern: PathPattern): readonly (string | RegExp)[] =>
  typeof pattern === 'string' || pattern instanceof RegExp ? [pattern] : pattern

/** A global or sticky expression starts where its last test ended, so that equal tests could differ. */
const withoutPosition = (expression: RegExp): RegExp =>
  new RegExp(expression.source, expression.flags.replace(/[gy]/g, ''))

/** True when the names of a glob fit the first names of a path. */
function fits([name, ...rest]: readonly string[], path: readonly string[]): boolean {
  if (name === undefined) return true
  if (name === '**') return [...path, ''].some((_, skipped) => fits(rest, path.slice(skipped)))
  return path.length > 0 && fitsName(name, path[0]) && fits(rest, path.slice(1))
}

function fitsName(glob: string, name: string): boolean {
  const source = glob
    .replace(/[\\^$+()[\]{}|]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  return new RegExp(`^${source}$`).test(name)
}
