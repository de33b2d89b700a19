/** Turns a recipe as people write it into data that JSON can hold. */
import type { RawRecipe } from './complete.ts'
import { RecipeError } from './errors.ts'
import { functionParts } from './functions.ts'
import type { CodeReference } from './rules.ts'

/**
 * A recipe as data: functions replaced by references, pipelines by the result of `spec()`, regular expressions by
 * `/…/`.
 * @param name what to call the recipe in messages
 * @param referenceTo makes the reference to the function of a part
 * @throws RecipeError for values that cannot become data
 */
export function rawRecipe(recipe: RawRecipe, name: string, referenceTo: (part: string) => CodeReference): RawRecipe {
  const isFunction = (part: string, value: unknown) =>
    typeof value === 'function' && functionParts.some(name => name === part)
  return Object.fromEntries(
    Object.entries(recipe)
      .filter(([, value]) => value !== undefined)
      .map(([part, value]) => [part, isFunction(part, value) ? referenceTo(part) : toData(value, part, name)]),
  )
}

/** An item of a list, as data. @throws RecipeError for a hole in the list, and as `toData` */
function itemOf(item: unknown, path: string, name: string, above: readonly unknown[]): unknown {
  if (item === undefined) throw new RecipeError(`${name}: ${path} is undefined, expected a value: a list has no holes`)
  return toData(item, path, name, above)
}

/** Most levels of nested objects: a recipe needs only a few. */
const deepest = 50

/** Objects that JSON cannot hold. */
const noData = [Promise, Map, Set, WeakMap, WeakSet, Date, ArrayBuffer, Error]

/**
 * Values that JSON can hold: pipelines as data, regular expressions as `/…/`.
 * @param above the objects that hold the value
 */
function toData(value: unknown, path: string, name: string, above: readonly unknown[] = []): unknown {
  const refuse = (what: string): never => {
    throw new RecipeError(`${name}: ${path} is ${what}`)
  }
  if (typeof value === 'function') {
    return refuse(`a function; functions may stand for ${functionParts.join(', ')} as a whole`)
  }
  if (typeof value === 'bigint' || typeof value === 'symbol') return refuse(`a ${typeof value}, expected data`)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof RegExp) return String(value)
  const kind = noData.find(type => value instanceof type) ?? (ArrayBuffer.isView(value) ? value.constructor : undefined)
  if (kind) return refuse(`a ${kind.name}, expected data`)
  if (above.includes(value)) return refuse('a part of itself')
  if (above.length >= deepest) return refuse(`nested deeper than ${deepest} levels`)
  const inner = [...above, value]
  if (Array.isArray(value)) return Array.from(value, (item, k) => itemOf(item, `${path}.${k}`, name, inner))
  // A pipeline made by another copy of this package counts too.
  if ('spec' in value && typeof value.spec === 'function') return (value.spec as () => unknown)()
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, toData(item, `${path}.${key}`, name, inner)]),
  )
}
