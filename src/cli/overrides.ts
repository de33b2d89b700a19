/** `--set optimizer.lr=0.05`: any field of a recipe from the command line. */
import { UsageError } from './errors.ts'

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
  if (path.length > 1 && (recipe[part] === undefined || !isObject(recipe[part])))
    recipe[part] = { ...defaultPart(part) }
  if (path.length === 2 && path[1] === 'name' && isObject(recipe[part]) && recipe[part].name !== value) {
    recipe[part] = { name: value }
    return
  }
  let holder: Fields = recipe
  for (const [place, key] of path.slice(0, -1).entries()) {
    holder[key] ??= /^\d+$/.test(path[place + 1]!) ? [] : {}
    const next = holder[key]
    if (!isObject(next) || 'sha256' in next) {
      throw new UsageError(
        `--set ${set}: '${key}' is ${isObject(next) ? 'a function' : JSON.stringify(next)}, it has no fields`,
      )
    }
    holder = next
  }
  const last = path.at(-1) as string
  if (value === null) delete holder[last]
  else holder[last] = value
}

/** JSON, or the text itself: `adam` needs no quotes. */
function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
