/** Text for plain data: attributes of operations, specs of kernels. Text is equal exactly when the data is equal. */
import { type Expression, expressionKey } from './expression.ts'

/**
 * Text of numbers, strings, lists, expressions and plain objects, with sorted names; a field that is `undefined` is
 * absent.
 * @throws TypeError for a function, which has no text.
 */
export function structuralKey(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'function') throw new TypeError('structuralKey: a function cannot be told from another by text')
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  if (Array.isArray(value)) return `[${value.map(structuralKey).join()}]`
  if (isExpression(value)) return expressionKey(value)
  const fields = value as Readonly<Record<string, unknown>>
  let text = ''
  for (const name of Object.keys(fields).sort()) {
    if (fields[name] !== undefined) text += `${text && ','}${name}:${structuralKey(fields[name])}`
  }
  return `{${text}}`
}

const expressionKinds: ReadonlySet<unknown> = new Set<Expression['kind']>([
  'input',
  'constant',
  'unary',
  'binary',
  'compare',
  'select',
])

/** True for a scalar expression among plain objects. */
export function isExpression(value: object): value is Expression {
  return 'kind' in value && expressionKinds.has(value.kind)
}
