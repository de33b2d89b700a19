/** Sets single fields of a recipe, whatever their source: command-line options, a search, a form on a page. */

import { display } from '../text/display.ts'
import { longForms, partOf, type RawRecipe } from './complete.ts'
import { RecipeError } from './errors.ts'
import { isCode } from './rules.ts'

/** A recipe being changed. */
type Fields = Record<string, unknown>

/** A field and its new value. */
export interface Assignment {
  /** `['optimizer', 'lr']`; a number is an index in a list. */
  readonly path: readonly string[]
  /** `null` removes the field. */
  readonly value: unknown
  /** Source of the assignment, for messages: `--lr 0.1`. */
  readonly said: string
}

/**
 * A recipe with fields set. The recipe's rules decide later whether a value fits its field. Changing the `name` of a
 * part drops the options of the old part.
 * @throws RecipeError for a path through something that has no fields
 * @example withFields({ epochs: 5 }, [{ path: ['epochs'], value: 3, said: '--epochs 3' }]) // { epochs: 3 }
 */
export function withFields(recipe: RawRecipe, assignments: readonly Assignment[]): Fields {
  const long = longForms(recipe)
  const result = structuredClone(long)
  // Names first: a new name drops the old options, but not those that are set here.
  const isName = ({ path }: Assignment): boolean => path.length > 1 && path.at(-1) === 'name'
  for (const assignment of [...assignments.filter(isName), ...assignments.filter(one => !isName(one))]) {
    assign(result, assignment, long)
  }
  return result
}

/**
 * An assignment as people write it: `optimizer.lr=0.05`. The value is JSON, or else a string.
 * @param said what to call it in messages
 * @throws RecipeError for a text that is not an assignment
 */
export function parseAssignment(text: string, said = text): Assignment {
  const [, path, value] = /^([\w.]+)=(.*)$/s.exec(text) ?? []
  if (path === undefined || value === undefined) {
    throw new RecipeError(`${said}: expected a field and its value, such as optimizer.lr=0.05`)
  }
  return { path: path.split('.'), value: parsedValue(value), said }
}

function assign(recipe: Fields, { path, value, said }: Assignment, before: RawRecipe): void {
  // Every object inherits `__proto__`, and writing to it changes all objects.
  if (path.includes('__proto__')) throw new RecipeError(`${said}: there is no field '__proto__'`)
  const [part] = path as [string]
  if (path.length > 1 && !isObject(own(recipe, part))) {
    recipe[part] = emptyAt(path[1]!) ?? { ...(partOf(part, before) as Fields) }
  }
  if (path.length === 2 && path[1] === 'name' && (recipe[part] as Fields).name !== value) {
    recipe[part] = { name: value }
    return
  }
  let holder: Fields = recipe
  for (const [place, key] of path.slice(0, -1).entries()) {
    checkPlace(holder, key, said)
    holder[key] = own(holder, key) ?? emptyAt(path[place + 1]!) ?? {}
    const next = holder[key]
    if (isCode(next)) throw new RecipeError(`${said}: ${key} is a function of ${next.file}: it has no fields to set`)
    if (!isObject(next)) throw new RecipeError(`${said}: '${key}' is ${display(next)}, it has no fields`)
    holder = next
  }
  const last = path.at(-1) as string
  checkPlace(holder, last, said)
  if (value === null && Array.isArray(holder)) holder.splice(Number(last), 1)
  else if (value === null) delete holder[last]
  else holder[last] = value
}

/** Lists have no holes, and grow by one item at a time. */
function checkPlace(holder: Fields, key: string, said: string): void {
  if (!Array.isArray(holder) || Number(key) <= holder.length) return
  throw new RecipeError(`${said}: '${key}' is not an index of a list of ${holder.length}`)
}

/** An empty list when the key is an index. */
const emptyAt = (key: string): Fields | undefined => (/^\d+$/.test(key) ? ([] as unknown as Fields) : undefined)

/** An object's own field: not `constructor`, which every object inherits. */
const own = (fields: Fields, key: string): unknown => (Object.hasOwn(fields, key) ? fields[key] : undefined)

/** JSON, or the string itself: `adam` needs no quotes. */
function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
