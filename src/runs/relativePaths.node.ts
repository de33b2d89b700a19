/** Paths for pages that are shared: a recipe holds absolute paths, which reveal where its author keeps files. */
import { isAbsolute, relative } from 'node:path'

/** Fields of recipes that hold paths. */
const pathFields: readonly string[] = ['directory', 'weights', 'file']

/** A recipe, or a value in one, with paths relative to the working directory. */
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

/** A path relative to the working directory; a path that is already relative is unchanged. */
export function relativePath(path: string): string {
  return isAbsolute(path) ? relative('', path) || '.' : path
}
