/**
 * Rules for values: what a value must be, as a check and in words. The words complete the sentence
 * `optimizer.lr (=-1) must be …`, so that an error names the field, its value and the rule.
 */
import { display } from '../text/display.ts'
import { didYouMean } from '../text/names.ts'
import { isRecord } from './record.ts'

/** What is wrong with a value. */
export interface Problem {
  /** Path of the value: `optimizer.groups.0.lrFactor`; empty for the whole value. */
  readonly field: string
  readonly value: unknown
  /** `must be positive`, or `unknown field` for a field that is not allowed. */
  readonly rule: string
  /** The whole problem as one clause. */
  readonly message: string
}

/** What a value must be. */
export interface Rule<T = unknown> {
  /** Completes `must be …`: `positive`, `one of half, mean`. */
  readonly words: string
  /** True for a field that may be absent. */
  readonly isOptional?: boolean
  /** Rules for the fields of an object. */
  readonly fields?: RulesByName
  /** Rules for the other fields of an object, by its `name`. */
  readonly named?: Readonly<Record<string, RulesByName>>
  /** The rule for the items of a list. */
  readonly item?: Rule
  /**
   * The value to store: fields in the order of their rules, without undefined ones.
   * @param field path of the value
   * @param report called for every problem; the return value is then meaningless
   */
  read(value: unknown, field: string, report: (problem: Problem) => void): T
}

/** Rules for the fields of an object. */
export type RulesByName = Readonly<Record<string, Rule>>

/** The type of values that follow a rule. */
export type ValueOf<R> = R extends Rule<infer T> ? T : never

/** A rule for a field that may be absent. */
export type Optional<T> = Rule<T> & { readonly isOptional: true }

/** An object whose fields follow rules. */
export type FieldsOf<S extends RulesByName> = {
  readonly [K in keyof S as S[K] extends Optional<unknown> ? never : K]: ValueOf<S[K]>
} & {
  readonly [K in keyof S as S[K] extends Optional<unknown> ? K : never]?: ValueOf<S[K]> | undefined
}

/** A rule from its words and a check. */
export const rule = <T>(words: string, fits: (value: unknown) => boolean): Rule<T> => ({
  words,
  read(value, field, report) {
    if (!fits(value)) report(problemOf(value, field, words))
    return value as T
  },
})

/** A rule for finite numbers. */
export const number = (words: string, fits: (value: number) => boolean): Rule<number> =>
  rule(words, value => typeof value === 'number' && Number.isFinite(value) && fits(value))

export const anyNumber = number('a number', () => true)
export const positive = number('positive', value => value > 0)
export const atLeast0 = number('a number of at least 0', value => value >= 0)
export const below1 = number('at least 0 and less than 1', value => value >= 0 && value < 1)
export const share = number('from 0 to 1', value => value >= 0 && value <= 1)
export const wholeFrom0 = number('a whole number of at least 0', value => Number.isSafeInteger(value) && value >= 0)
export const wholeFrom1 = number('a whole number of at least 1', value => Number.isSafeInteger(value) && value >= 1)
export const text = rule<string>('a string', value => typeof value === 'string')
export const flag = rule<boolean>('true or false', value => typeof value === 'boolean')
export const anObject = (what: string) => rule<Readonly<Record<string, unknown>>>(`an object of ${what}`, isRecord)

/** One of some names. */
export const oneOf = <const T extends readonly string[]>(names: T): Rule<T[number]> =>
  rule(`one of ${names.join(', ')}`, value => typeof value === 'string' && names.includes(value))

/** A field that may be absent. */
export const optional = <T>(of: Rule<T>): Optional<T> => ({ ...of, isOptional: true })

/** A field that has a default value when it is absent. */
export const withDefault = <T>(of: Rule<T>, value: T): Rule<T> => ({
  ...of,
  read: (given, field, report) => of.read(given === undefined ? value : given, field, report),
})

/** A list whose items follow a rule. */
export const list = <T>(item: Rule<T>): Rule<T[]> => ({
  words: 'a list',
  item,
  read(value, field, report) {
    if (Array.isArray(value)) return value.map((held, k) => item.read(held, `${field}.${k}`, report))
    report(problemOf(value, field, 'a list'))
    return []
  },
})

/** A list of two items that follow a rule. */
export const pairOf = <T>(item: Rule<T>): Rule<[T, T]> => ({
  ...list(item),
  words: 'a list of two',
  read(value, field, report) {
    const isPair = Array.isArray(value) && value.length === 2
    if (!isPair) report(problemOf(value, field, 'a list of two'))
    return (isPair ? list(item).read(value, field, report) : value) as [T, T]
  },
})

/** An object with the given fields and no others. */
export const fields = <const S extends RulesByName>(rules: S): Rule<FieldsOf<S>> => ({
  words: 'an object of fields',
  fields: rules,
  read: (value, field, report) => readFields(rules, value, field, report) as FieldsOf<S>,
})

/** An object with the given fields and perhaps others, which a later version may define. */
export const fieldsAmong = <const S extends RulesByName>(rules: S): Rule<FieldsOf<S>> => ({
  words: 'an object of fields',
  fields: rules,
  read: (value, field, report) => ({
    ...(isRecord(value) && value),
    ...(knownFields(rules, value, field, report) as FieldsOf<S>),
  }),
})

/** An object whose `name` determines its other fields. */
export function named<const N extends string>(
  table: Readonly<Record<N, RulesByName>>,
): Rule<{ readonly name: N; readonly [option: string]: unknown }> {
  const name = oneOf(Object.keys(table) as N[])
  return {
    words: name.words,
    named: table,
    read(value, field, report) {
      if (!isRecord(value)) report(problemOf(value, field, name.words))
      else {
        let isKnown = true
        const known = name.read(value.name, placeOf(field, 'name'), problem => {
          isKnown = false
          report(problem)
        })
        if (isKnown) return readFields({ name, ...table[known] }, value, field, report) as { name: N }
      }
      return value as { name: N }
    },
  }
}

/** A value that follows either of two rules. */
export const either = <T, U>(words: string, first: Rule<T>, second: Rule<U>): Rule<T | U> => ({
  words,
  read(value, field, report) {
    for (const option of [first, second]) {
      let fits = true
      const read = option.read(value, field, () => {
        fits = false
      })
      if (fits) return read
    }
    report(problemOf(value, field, words))
    return value as T
  },
})

function readFields(
  rules: RulesByName,
  value: unknown,
  field: string,
  report: (problem: Problem) => void,
): Record<string, unknown> {
  const read = knownFields(rules, value, field, report)
  for (const name of Object.keys(isRecord(value) ? value : {})) {
    if (!Object.hasOwn(rules, name))
      report(unknownField(placeOf(field, name), (value as Record<string, unknown>)[name], name, Object.keys(rules)))
  }
  return read
}

/** The fields that have rules. */
function knownFields(
  rules: RulesByName,
  value: unknown,
  field: string,
  report: (problem: Problem) => void,
): Record<string, unknown> {
  if (!isRecord(value)) {
    report(problemOf(value, field, 'an object of fields'))
    return {}
  }
  const read: Record<string, unknown> = {}
  for (const [name, of] of Object.entries(rules)) {
    const held = Object.hasOwn(value, name) ? value[name] : undefined
    if (held === undefined && of.isOptional) continue
    read[name] = of.read(held, placeOf(field, name), report)
  }
  return read
}

const placeOf = (field: string, name: string): string => (field === '' ? name : `${field}.${name}`)

function problemOf(value: unknown, field: string, words: string): Problem {
  const must = `must be ${words}`
  const message = value === undefined ? `${field} is missing: it ${must}` : `${field} (=${display(value)}) ${must}`
  return { field, value, rule: must, message }
}

const unknownField = (field: string, value: unknown, name: string, known: readonly string[]): Problem => ({
  field,
  value,
  rule: 'unknown field',
  message: `unknown field '${field}'${didYouMean(name, known)}`,
})
