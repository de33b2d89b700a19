/**
 * Attributes of operations as JSON and back. JSON has no infinities, no −0, no scalar expressions and no sizes that
 * depend on the batch: these are objects with one field that begins with a dollar sign.
 */
import type { BinaryFunction, Comparison, Expression, UnaryFunction } from '../graph/expression.ts'
import { operands, scalarFunctions } from '../graph/expression.ts'
import { isExpression } from '../graph/structuralKey.ts'
import { isRecord } from '../rules/record.ts'

/** What JSON holds. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [field: string]: Json }

/** A number that grows with the number of images in a batch: `slope · batch + offset`. */
interface BatchNumber {
  readonly $batch: readonly [slope: number, offset: number]
}

/** Attributes as JSON. @throws TypeError for a value that is not data: a function, a typed array. */
export function encode(value: unknown): Json {
  if (typeof value === 'number') return encodeNumber(value)
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (Array.isArray(value)) return value.map(encode)
  if (!isRecord(value) || ArrayBuffer.isView(value)) throw new TypeError(`${typeof value} is no data`)
  if (isExpression(value)) return { $expression: encodeExpression(value) }
  const entries = Object.entries(value).filter(([, held]) => held !== undefined)
  return Object.fromEntries(entries.map(([name, held]) => [name, encode(held)]))
}

/** Expressions by their text in JSON, for a batch of one size. */
export type KnownExpressions = Map<string, Expression>

/**
 * The attributes that were given to {@link encode}, for a batch of some size.
 * @param known equal expressions are one object: whoever looks at them later finds out about each only once
 * @throws Error for a form that it does not write.
 */
export function decode(data: Json, batch: number, known: KnownExpressions = new Map()): unknown {
  if (Array.isArray(data)) return data.map(item => decode(item, batch, known))
  if (!isRecord(data)) return data
  if (isBatchNumber(data)) return data.$batch[0] * batch + data.$batch[1]
  if ('$number' in data) return decodeNumber(data.$number)
  if ('$expression' in data) return expressionOf(data.$expression as Json, batch, known)
  return Object.fromEntries(Object.entries(data).map(([name, held]) => [name, decode(held as Json, batch, known)]))
}

/**
 * What two encodings, for batches of two sizes, have in common: numbers that differ become numbers that grow with the
 * batch.
 * @throws TypeError when they differ in anything else
 */
export function merge(one: Json, other: Json, batches: readonly [number, number]): Json {
  if (typeof one === 'number' && typeof other === 'number') {
    if (one === other) return one
    const slope = (other - one) / (batches[1] - batches[0])
    return { $batch: [slope, one - slope * batches[0]] }
  }
  if (Array.isArray(one) && Array.isArray(other) && one.length === other.length) {
    return one.map((item, k) => merge(item, other[k], batches))
  }
  if (isRecord(one) && isRecord(other) && Object.keys(one).join() === Object.keys(other).join()) {
    return Object.fromEntries(Object.keys(one).map(key => [key, merge(one[key] as Json, other[key] as Json, batches)]))
  }
  if (one === other) return one
  throw new TypeError('it depends on the number of images in more than its sizes')
}

function isBatchNumber(data: object): data is BatchNumber {
  return (
    '$batch' in data &&
    Array.isArray(data.$batch) &&
    data.$batch.length === 2 &&
    data.$batch.every(part => typeof part === 'number')
  )
}

const unwritable = ['Infinity', '-Infinity', 'NaN', '-0']

const encodeNumber = (value: number): Json =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) }

function decodeNumber(text: unknown): number {
  if (typeof text === 'string' && unwritable.includes(text)) return Number(text)
  throw new TypeError(`{"$number":${JSON.stringify(text)}} is no number`)
}

/** The nodes of an expression, operands first; an operand is the position of its node. A shared node is listed once. */
function encodeExpression(expression: Expression): Json {
  const nodes: Json[] = []
  const places = new Map<Expression, number>()
  const visit = (e: Expression): number => {
    const known = places.get(e)
    if (known !== undefined) return known
    const parts = operands(e).map(visit)
    if (e.kind === 'input') nodes.push(['input', e.index])
    else if (e.kind === 'constant') nodes.push(['constant', encodeNumber(e.value)])
    else nodes.push([e.kind === 'select' ? 'select' : e.fn, ...parts])
    places.set(e, nodes.length - 1)
    return nodes.length - 1
  }
  visit(expression)
  return nodes
}

function expressionOf(data: Json, batch: number, known: KnownExpressions): Expression {
  const text = JSON.stringify(data)
  const expression = known.get(text) ?? decodeExpression(data, batch)
  known.set(text, expression)
  return expression
}

function decodeExpression(data: Json, batch: number): Expression {
  const nodes: Expression[] = []
  if (!Array.isArray(data) || data.length === 0) throw new TypeError('an expression must be a list of nodes')
  for (const line of data) {
    if (!Array.isArray(line)) throw new TypeError('a node of an expression must be a list')
    nodes.push(decodeNode(line, nodes, batch))
  }
  return nodes[nodes.length - 1]
}

function decodeNode([name, ...parts]: readonly Json[], before: readonly Expression[], batch: number): Expression {
  const fail = (): never => {
    throw new TypeError(`${JSON.stringify([name, ...parts])} is no node of an expression`)
  }
  if (name === 'constant') {
    const value = decode(parts[0], batch)
    return typeof value === 'number' ? { kind: 'constant', value } : fail()
  }
  if (name === 'input') {
    const [index] = parts
    return Number.isSafeInteger(index) && (index as number) >= 0 ? { kind: 'input', index: index as number } : fail()
  }
  const [x, y, z] = parts.map(part => (Number.isSafeInteger(part) ? before[part as number] : undefined) ?? fail())
  const is = (names: readonly string[], operands: number): boolean =>
    typeof name === 'string' && names.includes(name) && parts.length === operands
  if (is(scalarFunctions.unary, 1)) return { kind: 'unary', fn: name as UnaryFunction, x }
  if (is(scalarFunctions.binary, 2)) return { kind: 'binary', fn: name as BinaryFunction, x, y }
  if (is(scalarFunctions.compare, 2)) return { kind: 'compare', fn: name as Comparison, x, y }
  return is(['select'], 3) ? { kind: 'select', condition: x, x: y, y: z } : fail()
}
