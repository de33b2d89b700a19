/** Rules say what is wrong by field, value and rule, and keep what is right in their own order. */
import { describe, expect, it } from 'vitest'
import {
  either,
  fields,
  flag,
  list,
  named,
  oneOf,
  optional,
  type Problem,
  pairOf,
  positive,
  type Rule,
  share,
  text,
  withDefault,
} from '../../src/rules/rules.ts'

function read<T>(rule: Rule<T>, value: unknown): { value: T; problems: Problem[] } {
  const problems: Problem[] = []
  return { value: rule.read(value, '', problem => problems.push(problem)), problems }
}
const messages = (rule: Rule, value: unknown) => read(rule, value).problems.map(({ message }) => message)

const person = fields({ name: text, height: positive, tags: optional(list(text)) })

describe('fields', () => {
  it('are kept in the order of their rules, without those that are undefined', () => {
    const { value, problems } = read(person, { tags: undefined, height: 2, name: 'a' })
    expect(problems).toEqual([])
    expect(JSON.stringify(value)).toBe('{"name":"a","height":2}')
    expect(value).not.toHaveProperty('tags')
  })
  it('are told apart: wrong, missing and unknown', () => {
    expect(messages(person, { name: 3, hight: 1 })).toEqual([
      'name (=3) must be a string',
      'height is missing: it must be positive',
      "unknown field 'hight' (did you mean 'height'?)",
    ])
  })
  it('of lists are named by their place', () => {
    const rule = fields({ people: list(person) })
    const people = [
      { name: 'a', height: 1 },
      { name: 'b', height: -1, tags: ['x', 2] },
    ]
    expect(messages(rule, { people })).toEqual([
      'people.1.height (=-1) must be positive',
      'people.1.tags.1 (=2) must be a string',
    ])
  })
  it('that every object inherits are not there', () => {
    expect(messages(fields({ constructor: text }), {})).toEqual(['constructor is missing: it must be a string'])
    expect(messages(person, JSON.parse('{"name":"a","height":1,"__proto__":{}}'))).toEqual([
      "unknown field '__proto__'",
    ])
  })
  it('a problem has all its parts', () => {
    expect(read(fields({ rate: share }), { rate: 7 }).problems).toEqual([
      { field: 'rate', value: 7, rule: 'must be from 0 to 1', message: 'rate (=7) must be from 0 to 1' },
    ])
  })
})

describe('named', () => {
  const rule = fields({ shape: named({ circle: { radius: positive }, point: {} }) })
  it('has the fields of its name, after it', () => {
    expect(JSON.stringify(read(rule, { shape: { radius: 1, name: 'circle' } }).value)).toBe(
      '{"shape":{"name":"circle","radius":1}}',
    )
  })
  it.each([
    [{ shape: 5 }, 'shape (=5) must be one of circle, point'],
    [{}, 'shape is missing: it must be one of circle, point'],
    [{ shape: {} }, 'shape.name is missing: it must be one of circle, point'],
    [{ shape: { name: 'toString' } }, 'shape.name (="toString") must be one of circle, point'],
    [{ shape: { name: 'point', radius: 1 } }, "unknown field 'shape.radius'"],
    [{ shape: { name: 'circle' } }, 'shape.radius is missing: it must be positive'],
  ])('%j', (value, message) => {
    expect(messages(rule, value)).toEqual([message])
  })
})

it.each([
  [pairOf(share), [1], '(=[1]) must be a list of two'],
  [oneOf(['a', 'b']), 'c', '(="c") must be one of a, b'],
  [
    either('true, false, or { x }', flag, fields({ x: positive })),
    { x: -1 },
    '(={"x":-1}) must be true, false, or { x }',
  ],
  [positive, Number.NaN, '(=NaN) must be positive'],
])('%#: a value that does not follow its rule', (rule, value, message) => {
  expect(messages(fields({ it: rule as Rule }), { it: value })).toEqual([`it ${message}`])
})

it('a default stands for a field that is absent', () => {
  expect(read(fields({ n: withDefault(positive, 3) }), {})).toEqual({ value: { n: 3 }, problems: [] })
})
