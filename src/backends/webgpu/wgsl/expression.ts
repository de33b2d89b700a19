/** Scalar expressions, printed as WGSL. */
import {
  type BinaryFunction,
  type Comparison,
  type Expression,
  operands,
  type UnaryFunction,
} from '../../../graph/expression.ts'

/** A number as an `f32` of WGSL; `infinity()` and `notANumber()` are among the functions. */
export function literal(value: number): string {
  const single = Math.fround(value)
  if (Number.isNaN(single)) return 'notANumber()'
  if (single === Number.POSITIVE_INFINITY) return 'infinity()'
  if (single === Number.NEGATIVE_INFINITY) return '(-infinity())'
  if (Object.is(single, -0)) return '(-0.0f)'
  const text = /[.e]/.test(String(single)) ? `${single}f` : `${single}.0f`
  return single < 0 ? `(${text})` : text
}

const unaryText: Readonly<Record<UnaryFunction, (x: string) => string>> = {
  neg: x => `-(${x})`,
  abs: x => `abs(${x})`,
  exp: x => `exponential(${x})`,
  log: x => `logarithm(${x})`,
  sqrt: x => `squareRoot(${x})`,
  tanh: x => `hyperbolicTangent(${x})`,
  sigmoid: x => `logistic(${x})`,
  relu: x => `rectify(${x})`,
  sin: x => `sine(${x})`,
  cos: x => `cosine(${x})`,
  erf: x => `errorFunction(${x})`,
  floor: x => `floor(${x})`,
}

const binaryText: Readonly<Record<BinaryFunction, (x: string, y: string) => string>> = {
  add: (x, y) => `${x} + ${y}`,
  sub: (x, y) => `${x} - ${y}`,
  mul: (x, y) => `${x} * ${y}`,
  div: (x, y) => `${x} / ${y}`,
  max: (x, y) => `larger(${x}, ${y})`,
  min: (x, y) => `smaller(${x}, ${y})`,
}

const comparisonSign: Readonly<Record<Exclude<Comparison, 'ne'>, string>> = {
  gt: '>',
  ge: '>=',
  lt: '<',
  le: '<=',
  eq: '==',
}

/** An expression as statements and the name of its value. */
export interface PrintedExpression {
  readonly statements: string
  readonly value: string
}

/**
 * Prints an expression; shared nodes and inputs are computed once.
 * @param read   the text that reads input number k, an `f32`
 * @param prefix begins the names that the statements declare
 */
export function printExpression(
  expression: Expression,
  read: (index: number) => string,
  prefix: string,
): PrintedExpression {
  const statements: string[] = []
  const nodes = new Map<Expression, string>()
  const inputs = new Map<number, string>()
  const declare = (text: string): string => {
    const name = `${prefix}${statements.length}`
    statements.push(`let ${name}: f32 = ${text};`)
    return name
  }
  const visit = (node: Expression): string => {
    if (node.kind === 'constant') return literal(node.value)
    if (node.kind === 'input') {
      const known = inputs.get(node.index) ?? declare(read(node.index))
      inputs.set(node.index, known)
      return known
    }
    const known = nodes.get(node) ?? declare(print(node, operands(node).map(visit)))
    nodes.set(node, known)
    return known
  }
  const value = visit(expression)
  return { statements: statements.join('\n    '), value }
}

type Inner = Exclude<Expression, { readonly kind: 'input' | 'constant' }>

function print(node: Inner, [x, y, z]: readonly string[]): string {
  switch (node.kind) {
    case 'unary':
      return unaryText[node.fn](x)
    case 'binary':
      return binaryText[node.fn](x, y)
    case 'compare':
      // Not equal as the opposite of equal, which is false for NaN on every driver.
      return node.fn === 'ne'
        ? `select(1.0, 0.0, ${x} == ${y})`
        : `select(0.0, 1.0, ${x} ${comparisonSign[node.fn]} ${y})`
    case 'select':
      return `select(${z}, ${y}, ${x} != 0.0)`
    default:
      return node satisfies never
  }
}
