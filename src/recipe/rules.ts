/** Rules of a recipe's fields. A rule's text completes the sentence `optimizer.lr (=-1) must be …`. */
import { z } from 'zod'
import type { PathPattern } from '../optim/index.ts'
import { didYouMean } from '../text/names.ts'

/** A number that fits a rule. */
export const number = (rule: string, fits: (value: number) => boolean) =>
  z.custom<number>(value => typeof value === 'number' && Number.isFinite(value) && fits(value), `must be ${rule}`)

export const anyNumber = number('a number', () => true)
export const positive = number('positive', value => value > 0)
export const atLeast0 = number('a number of at least 0', value => value >= 0)
export const below1 = number('at least 0 and less than 1', value => value >= 0 && value < 1)
export const share = number('from 0 to 1', value => value >= 0 && value <= 1)
export const wholeFrom0 = number('a whole number of at least 0', value => Number.isSafeInteger(value) && value >= 0)
export const wholeFrom1 = number('a whole number of at least 1', value => Number.isSafeInteger(value) && value >= 1)
export const text = z.string('must be a text')
export const flag = z.boolean('must be true or false')
export const list = <S extends z.ZodType>(item: S) => z.array(item, 'must be a list')
export const fields = <S extends z.ZodRawShape>(shape: S) => z.strictObject(shape, { error: objectError })
export const oneOf = <const T extends readonly string[]>(names: T) =>
  z.enum(names, `must be one of ${names.join(', ')}`)

/** A glob over paths, `/…/` for a regular expression, or a list of these. */
export const pattern = z.custom<string | string[]>(
  value => isPattern(value) || (Array.isArray(value) && value.every(isPattern)),
  'must be a pattern of paths, or a list of them',
)

function isPattern(value: unknown): boolean {
  try {
    return typeof value === 'string' && patternOf(value) !== undefined
  } catch {
    // A regular expression that is none.
    return false
  }
}

/** A pattern as a recipe stores it: `/…/` is a regular expression. @throws SyntaxError for one that is none */
export function patternOf(value: unknown): PathPattern {
  if (Array.isArray(value)) return value.map(item => patternOf(item) as string | RegExp)
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/.exec(String(value)) ?? []
  return source === undefined ? String(value) : new RegExp(source, flags)
}

const objectError = (issue: { readonly code: string }) =>
  issue.code === 'unrecognized_keys' ? undefined : 'must be an object of fields'

/** A part by its name, with fields of its own. */
export function named<const T extends Readonly<Record<string, z.ZodRawShape>>>(table: T) {
  const names = Object.keys(table)
  const options = names.map(name => fields({ name: z.literal(name), ...table[name] }))
  return z.discriminatedUnion('name', options as unknown as readonly [NamedSchema], {
    error: `must be one of ${names.join(', ')}`,
  }) as unknown as z.ZodType<{ readonly name: Extract<keyof T, string>; readonly [option: string]: unknown }>
}
type NamedSchema = z.ZodObject<{ name: z.ZodLiteral<string> }>

/** A function of a recipe file: found again by the file and the field that holds it. */
export interface CodeReference {
  readonly file: string
  /** Of the file, so that a change of it is noticed. */
  readonly sha256: string
}

const codeSchema = fields({ file: text, sha256: text })

/** Tells a function's reference from data. */
export const isCode = (value: unknown): value is CodeReference =>
  typeof value === 'object' && value !== null && 'file' in value && 'sha256' in value

/** The data side of each {@link orCode}, for hints. */
const dataSides = new WeakMap<z.ZodType, z.ZodType>()

/** A part as data, or a function of a recipe file. */
export function orCode<T>(schema: z.ZodType<T>) {
  const either = z.unknown().transform((value, context): T | CodeReference => {
    const result = isCode(value) ? codeSchema.safeParse(value) : schema.safeParse(value)
    if (result.success) return result.data
    for (const issue of result.error.issues) context.issues.push({ ...issue, input: value } as never)
    return z.NEVER
  })
  dataSides.set(either, schema)
  return either
}

/** All that is wrong with a value, one clause each: `optimizer.lr (=-1) must be positive`. */
export function describeIssues(schema: z.ZodType, error: z.ZodError, value: unknown): string {
  return error.issues.map(issue => describeIssue(schema, issue, value)).join('; ')
}

function describeIssue(schema: z.ZodType, issue: z.core.$ZodIssue, value: unknown): string {
  const name = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = knownNames(schema, issue.path, value)
    return issue.keys
      .map(key => {
        const full = name === '' ? key : `${name}.${key}`
        return `unknown field '${full}'${didYouMean(key, known)}`
      })
      .join('; ')
  }
  if (issue.path.length === 0) return 'the recipe must be an object'
  const found = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value)
  return found === undefined
    ? `${name} is missing: it ${issue.message}`
    : `${name} (=${display(found)}) ${issue.message}`
}

/** Names of the fields an object at a path may have. */
function knownNames(schema: z.ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  let shape: Readonly<Record<string, unknown>> = {}
  const visit = (at: z.ZodType, rest: readonly PropertyKey[], held: unknown): void => {
    const data = dataSides.get(at)
    if (data) visit(data, rest, held)
    else if (at instanceof z.ZodOptional) visit(at.unwrap() as z.ZodType, rest, held)
    else if (at instanceof z.ZodDiscriminatedUnion) {
      for (const option of at.options as readonly z.ZodObject[]) {
        const name = (held as { readonly name?: unknown } | undefined)?.name
        if ((option.shape.name as z.ZodLiteral).value === name) visit(option, rest, held)
      }
    } else if (at instanceof z.ZodArray)
      visit(at.element as z.ZodType, rest.slice(1), (held as unknown[])[Number(rest[0])])
    else if (at instanceof z.ZodObject) {
      const [key, ...more] = rest
      if (key === undefined) shape = at.shape
      else visit(at.shape[String(key)] as z.ZodType, more, (held as Record<PropertyKey, unknown>)[key])
    }
  }
  visit(schema, path, value)
  return Object.keys(shape)
}

/** Characters of a value that messages show. */
const mostShown = 80

/** A value as messages show it, whatever it is: data in JSON, anything else by its kind. */
export function display(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (jsonOf(value) ?? kindOf(value))
  const line = text.replace(/\s*\n\s*/g, ' ')
  return line.length > mostShown ? `${line.slice(0, mostShown)}…` : line
}

function jsonOf(value: unknown): string | undefined {
  const isData = typeof value !== 'object' || value === null || Array.isArray(value) || isPlain(value)
  try {
    return isData ? JSON.stringify(value) : undefined
  } catch {
    // A bigint, or an object that holds itself.
    return undefined
  }
}

/** `Promise {…}`, `[function sgd]`, `3n`, `undefined`. */
function kindOf(value: unknown): string {
  if (typeof value === 'function') return `[function${value.name === '' ? '' : ` ${value.name}`}]`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return String(value)
  return `${value.constructor?.name ?? 'object'} {…}`
}

const isPlain = (value: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(value))
