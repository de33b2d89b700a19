/** Paths as a page that is passed on may show them: a recipe holds whole paths, which say where its author keeps files. */
import { isAbsolute, relative } from 'node:path'

/** Fields of recipes that hold paths. */
const pathFields: readonly string[] = ['directory', 'weights', 'file']

/** A value of a recipe, or a whole one, with paths relative to the working directory. */
export function withRelativePaths<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withRelativePaths) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([field, held]) => [
      field,
      pathFields.includes(field) && typeof held === 'string' ? relativePath(held) : withRelativePaths(held),
    ]),
  ) as T
}

/** A path relative to the working directory; one that is relative already stays as it is. */
export function relativePath(path: string): string {
  return isAbsolute(path) ? relative('', path) || '.' : path
}
