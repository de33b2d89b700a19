/**
 * Scalar expressions as nodes: one node for a function that ONNX has, else one for each operation of the expression.
 */
import type { Comparison, Expression, UnaryFunction } from '../../graph/expression.ts'
import { expressionKey, nodesOf } from '../../graph/expression.ts'
import { clamp, elu, hardSigmoid, hardSwish, hardTanh, leakyRelu } from '../../graph/ops/elementwise.ts'
import { input } from '../../graph/sources.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type AttributeValue, float } from './attributes.ts'
import { expressionOf } from './match.ts'
import { typeCodes, type Value } from './nodes.ts'
import type { Writer } from './rule.ts'

/** Operators of functions of one number. */
const unaryOps: Readonly<Record<UnaryFunction, string>> = {
  neg: 'Neg',
  abs: 'Abs',
  exp: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  tanh: 'Tanh',
  sigmoid: 'Sigmoid',
  relu: 'Relu',
  sin: 'Sin',
  cos: 'Cos',
  erf: 'Erf',
  floor: 'Floor',
}

const binaryOps = { add: 'Add', sub: 'Sub', mul: 'Mul', div: 'Div', max: 'Max', min: 'Min' } as const

const comparisonOps: Readonly<Record<Exclude<Comparison, 'ne'>, string>> = {
  gt: 'Greater',
  ge: 'GreaterOrEqual',
  lt: 'Less',
  le: 'LessOrEqual',
  eq: 'Equal',
}

/** A function that ONNX has, with its attributes. */
interface KnownFunction {
  readonly op: string
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  /** Limits are inputs. */
  readonly limits?: readonly number[]
}

/** A function of one value that ONNX has an operator for. */
export function functionOf(e: Expression): KnownFunction | undefined {
  const key = expressionKey(e)
  const is = (build: (x: Tensor) => Tensor): boolean => expressionKey(expressionOf(build(anything))!) === key
  if (is(hardSigmoid)) return { op: 'HardSigmoid', attributes: { alpha: float(1 / 6), beta: float(0.5) } }
  if (is(hardSwish)) return { op: 'HardSwish' }
  const constants = constantsOf(e)
  for (const value of constants) {
    if (is(x => leakyRelu(x, value))) return { op: 'LeakyRelu', attributes: { alpha: float(value) } }
    if (is(x => elu(x, value))) return { op: 'Elu', attributes: { alpha: float(value) } }
    for (const high of constants) {
      if (value <= high && (is(x => hardTanh(x, value, high)) || is(x => clamp(x, value, high))))
        return { op: 'Clip', limits: [value, high] }
    }
  }
  return undefined
}

const anything = input('x', [1])

/** The numbers in an expression, each once. */
export function constantsOf(e: Expression): number[] {
  const found = new Set<number>()
  for (const node of nodesOf(e)) if (node.kind === 'constant') found.add(node.value)
  return [...found]
}

/** Writes an expression of some values. */
export function writeExpression(writer: Writer, e: Expression, values: readonly Value[]): Value {
  const known = functionOf(e)
  if (known && values.length === 1) {
    const limits = (known.limits ?? []).map(limit => writer.constant([limit]))
    return writer.add(known.op, [values[0], ...limits], known.attributes)
  }
  return new ExpressionWriter(writer, values).number(e)
}

/** Writes one node for each operation; operations that are used twice are written once. */
class ExpressionWriter {
  readonly #writer: Writer
  readonly #values: readonly Value[]
  readonly #numbers = new Map<Expression, Value>()
  readonly #truths = new Map<Expression, Value>()

  constructor(writer: Writer, values: readonly Value[]) {
    this.#writer = writer
    this.#values = values
  }

  /** An expression as real numbers. */
  number(e: Expression): Value {
    return once(this.#numbers, e, () => this.#number(e))
  }

  #number(e: Expression): Value {
    const writer = this.#writer
    switch (e.kind) {
      case 'input':
        return this.#values[e.index]
      case 'constant':
        return writer.constant([e.value])
      case 'unary':
        return writer.add(unaryOps[e.fn], [this.number(e.x)])
      case 'binary':
        return writer.add(binaryOps[e.fn], [this.number(e.x), this.number(e.y)])
      case 'compare': {
        const truth = this.#truth(e)
        const number = writer.add('Cast', [truth], { to: typeCodes.f32 })
        writer.truths.set(number, truth)
        return number
      }
      case 'select':
        return writer.add('Where', [this.#truth(e.condition), this.number(e.x), this.number(e.y)])
      default:
        return e satisfies never
    }
  }

  /** Whether an expression is not 0. */
  #truth(e: Expression): Value {
    return once(this.#truths, e, () => {
      const writer = this.#writer
      if (e.kind !== 'compare') {
        const number = this.number(e)
        return writer.truths.get(number) ?? writer.add('Cast', [number], { to: typeCodes.bool })
      }
      const pair = [this.number(e.x), this.number(e.y)]
      return e.fn === 'ne' ? writer.add('Not', [writer.add('Equal', pair)]) : writer.add(comparisonOps[e.fn], pair)
    })
  }
}

function once<K, V>(made: Map<K, V>, key: K, make: () => V): V {
  const known = made.get(key)
  if (known !== undefined) return known
  const value = make()
  made.set(key, value)
  return value
}
