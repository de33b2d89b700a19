/** Names of values in a network, and the patterns that select several of them. */
import { didYouMean } from '../text/names.ts'

/** Thrown for a name that no value of the network has. */
export class PointError extends Error {
  override readonly name = 'PointError'
}

/**
 * The names that match patterns, in the order of `names`, each once. `*` stands for any letters but dots, `**` for any
 * letters; patterns leave out the inputs of modules (`conv1:input`) unless they contain `:input`.
 * @throws PointError for a pattern that matches nothing, with the nearest name, or with a list of names.
 */
export function matchPoints(patterns: string | readonly string[], names: readonly string[]): string[] {
  const wanted = new Set<string>()
  for (const pattern of typeof patterns === 'string' ? [patterns] : patterns) {
    const found = names.includes(pattern) ? [pattern] : names.filter(testOf(pattern))
    if (found.length === 0) throw new PointError(unknownPoint(pattern, names))
    for (const name of found) wanted.add(name)
  }
  return names.filter(name => wanted.has(name))
}

function testOf(pattern: string): (name: string) => boolean {
  if (!pattern.includes('*')) return () => false
  const source = pattern
    .split(/(\*+)/)
    .map(part => (part === '*' ? '[^.]*' : part.startsWith('*') ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('')
  const expression = new RegExp(`^${source}$`)
  return name => expression.test(name) && name.endsWith(':input') === pattern.endsWith(':input')
}

/** Names that are listed when none is near. */
const mostListed = 12

function unknownPoint(pattern: string, all: readonly string[]): string {
  const names = all.filter(name => !name.endsWith(':input'))
  const what = pattern.includes('*') ? `no layer fits '${pattern}'` : `no layer is named '${pattern}'`
  const near = pattern.includes('*') ? '' : didYouMean(pattern, names)
  const listed = names.length > mostListed ? [...names.slice(0, mostListed), `… (${names.length} in all)`] : names
  return `${what}${near}; there are: ${listed.join(', ')}`
}
