/**
 * Patterns over parameter paths. A glob is a path in which `*` matches any letters of one name, `**` any path (or none)
 * and `?` one letter: `features.*.weight`, `layer?.**.bias`, `**.bias`. It matches what it names and everything inside:
 * `features` and `layer1.0` match all parameters of those modules. A regular expression is tested on the whole path.
 */

/** A glob or a regular expression, or a list of which one must match. */
export type PathPattern = string | RegExp | readonly (string | RegExp)[]

/** True when a pattern matches a path such as `layer1.0.conv1.weight`. */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  return listOf(pattern).some(part =>
    typeof part === 'string' ? fits(part.split('.'), path.split('.')) : withoutPosition(part).test(path),
  )
}

/** Thrown for a pattern that matches no parameter, or when patterns together match every one. Names the pattern. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/**
 * The paths that a pattern matches.
 * @param before words before the pattern in messages, `sgd: the group`
 * @throws PatternError when it matches none
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

/** Drops the global and sticky flags: they start a test where the last one ended, so that equal tests could differ. */
const withoutPosition = (expression: RegExp): RegExp =>
  new RegExp(expression.source, expression.flags.replace(/[gy]/g, ''))

/** True when the names of a glob match the first names of a path. */
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
