/** `--set optimizer.lr=0.05`: any field of a recipe from the command line. */
import { UsageError } from '../cli/errors.ts'
import { display } from './rules.ts'

/** A recipe under change. */
type Fields = Record<string, unknown>

/**
 * A recipe with fields set. A value is JSON, or a text where it is none; `null` takes a field away. Whether a value fits its
 * field is for the recipe's own rules to say. Setting a part's `name` to another drops what was said of the old one.
 *
 * @param defaultPart what a part has when nothing was said of it
 * @throws UsageError for a text that is no assignment, or a path through something that has no fields.
 * @example applyOverrides({ epochs: 5 }, ['optimizer.lr=0.1', 'epochs=3'], () => ({})) // { epochs: 3, optimizer: { lr: 0.1 } }
 */
export function applyOverrides(
  recipe: Readonly<Fields>,
  sets: readonly string[],
  defaultPart: (part: string) => Fields,
): Fields {
  const result = structuredClone(recipe) as Fields
  // Names first: a new name drops fields that were said of the old one, and not those that are said of it here.
  const isName = (set: string): boolean => /^[\w.]+\.name=/.test(set)
  for (const set of [...sets.filter(isName), ...sets.filter(set => !isName(set))]) {
    const [, path, text] = /^([\w.]+)=(.*)$/s.exec(set) ?? []
    if (path === undefined || text === undefined) {
      throw new UsageError(`--set ${set}: expected a field and its value, such as optimizer.lr=0.05`)
    }
    // Every object has one, and whoever writes to it changes all objects.
    if (path.split('.').includes('__proto__')) throw new UsageError(`--set ${set}: there is no field '__proto__'`)
    assign(result, path.split('.'), parsedValue(text), set, defaultPart)
  }
  return result
}

function assign(
  recipe: Fields,
  path: readonly string[],
  value: unknown,
  set: string,
  defaultPart: (part: string) => Fields,
): void {
  const [part] = path as [string]
  if (path.length > 1 && !isObject(own(recipe, part))) recipe[part] = emptyAt(path[1]!) ?? { ...defaultPart(part) }
  if (path.length === 2 && path[1] === 'name' && (recipe[part] as Fields).name !== value) {
    recipe[part] = { name: value }
    return
  }
  let holder: Fields = recipe
  for (const [place, key] of path.slice(0, -1).entries()) {
    checkPlace(holder, key, set)
    holder[key] = own(holder, key) ?? emptyAt(path[place + 1]!) ?? {}
    const next = holder[key]
    if (!isObject(next) || 'sha256' in next) {
      throw new UsageError(
        `--set ${set}: '${key}' is ${isObject(next) ? 'a function' : display(next)}, it has no fields`,
      )
    }
    holder = next
  }
  const last = path.at(-1) as string
  checkPlace(holder, last, set)
  if (value === null && Array.isArray(holder)) holder.splice(Number(last), 1)
  else if (value === null) delete holder[last]
  else holder[last] = value
}

/** A list has no holes, and grows by one. */
function checkPlace(holder: Fields, key: string, set: string): void {
  if (!Array.isArray(holder) || Number(key) <= holder.length) return
  throw new UsageError(`--set ${set}: '${key}' is no place of a list of ${holder.length}`)
}

/** A list that is to have a place of this number. */
const emptyAt = (key: string): Fields | undefined => (/^\d+$/.test(key) ? ([] as unknown as Fields) : undefined)

/** A field of an object itself: not `constructor`, which every object inherits. */
const own = (fields: Fields, key: string): unknown => (Object.hasOwn(fields, key) ? fields[key] : undefined)

/** JSON, or the text itself: `adam` needs no quotes. */
function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
