/**
 * The scalar expression language: everything element-wise is written once, as data, in these few forms.
 *
 * Activations, optimizer updates, normalization and the element-wise parts of losses are expressions over the elements
 * of their inputs. The same tree is evaluated in JavaScript (reference), differentiated symbolically (gradient),
 * composed (fusion) and printed as WebAssembly. Trees may share nodes; consumers may use identity to compute a shared
 * node once. A comparison has the value 1 or 0.
 */
import { erf } from './erf.ts'

/** Functions of one number. `relu` is max(0, x) with derivative 0 at 0, as in PyTorch. */
export type UnaryFunction =
  | 'neg'
  | 'abs'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'tanh'
  | 'sigmoid'
  | 'relu'
  | 'sin'
  | 'cos'
  | 'erf'
  | 'floor'

/** Functions of two numbers. */
export type BinaryFunction = 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min'

/** Comparisons, with value 1 or 0. */
export type Comparison = 'gt' | 'ge' | 'lt' | 'le' | 'eq' | 'ne'

/** A scalar expression over the elements `input(0)`, `input(1)`, … at one position. */
export type Expression =
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'unary'; readonly fn: UnaryFunction; readonly x: Expression }
  | { readonly kind: 'binary'; readonly fn: BinaryFunction; readonly x: Expression; readonly y: Expression }
  | { readonly kind: 'compare'; readonly fn: Comparison; readonly x: Expression; readonly y: Expression }
  | { readonly kind: 'select'; readonly condition: Expression; readonly x: Expression; readonly y: Expression }

/** The element of input number `index`: always the same object, so that expressions that do not change stay the same, too. */
export function input(index: number): Expression {
  const known = knownInputs[index]
  if (known) return known
  const made: Expression = { kind: 'input', index }
  // Few operations read more.
  if (index >= 0 && index < 64) knownInputs[index] = made
  return made
}

const knownInputs: Expression[] = []

/** A number. */
export const constant = (value: number): Expression => ({ kind: 'constant', value })

const isConstant = (e: Expression, value: number): boolean => e.kind === 'constant' && e.value === value

const unaryFunctions: Record<UnaryFunction, (x: number) => number> = {
  neg: x => -x,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  sigmoid: x => 1 / (1 + Math.exp(-x)),
  relu: x => (x > 0 || Number.isNaN(x) ? x : 0),
  sin: Math.sin,
  cos: Math.cos,
  erf,
  floor: Math.floor,
}

const binaryFunctions: Record<BinaryFunction, (x: number, y: number) => number> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  max: Math.max,
  min: Math.min,
}

const comparisons: Record<Comparison, (x: number, y: number) => boolean> = {
  gt: (x, y) => x > y,
  ge: (x, y) => x >= y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
}

/** The functions by their number of operands: all that a tree read from a file may name. */
export const scalarFunctions = {
  unary: Object.keys(unaryFunctions) as UnaryFunction[],
  binary: Object.keys(binaryFunctions) as BinaryFunction[],
  compare: Object.keys(comparisons) as Comparison[],
} as const

/** f(x), folded when x is a number. */
export function unary(fn: UnaryFunction, x: Expression): Expression {
  if (x.kind === 'constant') return constant(unaryFunctions[fn](x.value))
  if (fn === 'neg' && x.kind === 'unary' && x.fn === 'neg') return x.x
  return { kind: 'unary', fn, x }
}

/** f(x, y), with the identities of 0 and 1 applied: x + 0, x · 1, x · 0, x / 1, x − 0. */
export function binary(fn: BinaryFunction, x: Expression, y: Expression): Expression {
  if (x.kind === 'constant' && y.kind === 'constant') return constant(binaryFunctions[fn](x.value, y.value))
  if (fn === 'add' && isConstant(x, 0)) return y
  if ((fn === 'add' || fn === 'sub') && isConstant(y, 0)) return x
  if (fn === 'sub' && isConstant(x, 0)) return unary('neg', y)
  if (fn === 'mul' && (isConstant(x, 0) || isConstant(y, 0))) return constant(0)
  if (fn === 'mul' && isConstant(x, 1)) return y
  if ((fn === 'mul' || fn === 'div') && isConstant(y, 1)) return x
  if (fn === 'mul' && isConstant(x, -1)) return unary('neg', y)
  if (fn === 'mul' && isConstant(y, -1)) return unary('neg', x)
  if (fn === 'div' && isConstant(x, 0)) return x
  return { kind: 'binary', fn, x, y }
}

/** 1 where the comparison holds, else 0. */
export function compare(fn: Comparison, x: Expression, y: Expression): Expression {
  if (x.kind === 'constant' && y.kind === 'constant') return constant(comparisons[fn](x.value, y.value) ? 1 : 0)
  return { kind: 'compare', fn, x, y }
}

/** `x` where `condition` is not 0, else `y`. */
export function select(condition: Expression, x: Expression, y: Expression): Expression {
  if (condition.kind === 'constant') return condition.value !== 0 ? x : y
  return { kind: 'select', condition, x, y }
}

/** The value at one position, in double precision: the reference that backends are held to. */
export function evaluate(e: Expression, inputs: readonly number[]): number {
  switch (e.kind) {
    case 'input':
      return inputs[e.index]
    case 'constant':
      return e.value
    case 'unary':
      return unaryFunctions[e.fn](evaluate(e.x, inputs))
    case 'binary':
      return binaryFunctions[e.fn](evaluate(e.x, inputs), evaluate(e.y, inputs))
    case 'compare':
      return comparisons[e.fn](evaluate(e.x, inputs), evaluate(e.y, inputs)) ? 1 : 0
    case 'select':
      return evaluate(e.condition, inputs) !== 0 ? evaluate(e.x, inputs) : evaluate(e.y, inputs)
    default:
      return e satisfies never
  }
}

/**
 * Rewrites an expression bottom up, visiting each shared node once; `leaf` replaces the inputs. What does not change is
 * not copied.
 */
export function substitute(e: Expression, leaf: (index: number) => Expression): Expression {
  const done = new Map<Expression, Expression>()
  const visit = (node: Expression): Expression => {
    const known = done.get(node)
    if (known) return known
    const result = rebuild(node, visit, leaf)
    done.set(node, result)
    return result
  }
  return visit(e)
}

function rebuild(
  node: Expression,
  visit: (node: Expression) => Expression,
  leaf: (index: number) => Expression,
): Expression {
  switch (node.kind) {
    case 'input':
      return leaf(node.index)
    case 'constant':
      return node
    case 'unary': {
      const x = visit(node.x)
      return x === node.x ? node : unary(node.fn, x)
    }
    case 'binary':
    case 'compare': {
      const [x, y] = [visit(node.x), visit(node.y)]
      if (x === node.x && y === node.y) return node
      return node.kind === 'binary' ? binary(node.fn, x, y) : compare(node.fn, x, y)
    }
    case 'select': {
      const [condition, x, y] = [visit(node.condition), visit(node.x), visit(node.y)]
      return condition === node.condition && x === node.x && y === node.y ? node : select(condition, x, y)
    }
    default:
      return node satisfies never
  }
}

/** The operands of a node, in order. */
export function operands(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case 'input':
    case 'constant':
      return []
    case 'unary':
      return [e.x]
    case 'binary':
    case 'compare':
      return [e.x, e.y]
    case 'select':
      return [e.condition, e.x, e.y]
    default:
      return e satisfies never
  }
}

/** The nodes of an expression, each once. */
export function nodesOf(e: Expression): ReadonlySet<Expression> {
  const found = new Set<Expression>()
  const visit = (node: Expression): void => {
    if (found.has(node)) return
    found.add(node)
    for (const operand of operands(node)) visit(operand)
  }
  visit(e)
  return found
}

/** The inputs an expression reads, in increasing order. */
export function inputsOf(e: Expression): readonly number[] {
  const known = inputsRead.get(e)
  if (known) return known
  const found = new Set<number>()
  for (const node of nodesOf(e)) if (node.kind === 'input') found.add(node.index)
  const inputs = [...found].sort((a, b) => a - b)
  inputsRead.set(e, inputs)
  return inputs
}

const inputsRead = new WeakMap<Expression, readonly number[]>()

/** Number of arithmetic operations at one position, shared nodes counted once. */
export function operationCount(e: Expression): number {
  let count = 0
  for (const { kind } of nodesOf(e)) if (kind !== 'input' && kind !== 'constant') count++
  return count
}

/**
 * Text that is equal for expressions of equal structure, whether or not nodes are shared. Its length grows with the
 * number of distinct nodes, whereas the printed form of a tree with many shared nodes grows without bound.
 */
export function expressionKey(e: Expression): string {
  const known = knownKeys.get(e)
  if (known !== undefined) return known
  const key = [...structureOf(e).lines.keys()].join('; ')
  knownKeys.set(e, key)
  return key
}

const knownKeys = new WeakMap<Expression, string>()

/** The structure of an expression: its distinct nodes as lines of text, and which of them each node is. */
export function structureOf(e: Expression): {
  readonly lines: ReadonlyMap<string, number>
  readonly numbers: ReadonlyMap<Expression, number>
} {
  const numbers = new Map<Expression, number>()
  const lines = new Map<string, number>()
  const visit = (node: Expression): number => {
    const known = numbers.get(node)
    if (known !== undefined) return known
    let line = `${node.kind} ${ownPart(node)}`
    for (const operand of operands(node)) line += ` ${visit(operand)}`
    const number = lines.get(line) ?? lines.size
    lines.set(line, number)
    numbers.set(node, number)
    return number
  }
  visit(e)
  return { lines, numbers }
}

function ownPart(node: Expression): string | number {
  if (node.kind === 'input') return node.index
  if (node.kind === 'constant') return Object.is(node.value, -0) ? '-0' : node.value
  return node.kind === 'select' ? '' : node.fn
}

/** Text of an expression with the given names for its inputs: `(x + y) * z`. Equal text means equal meaning. */
export function formatExpression(e: Expression, name: (index: number) => string = index => `x${index}`): string {
  const infix: Record<string, string> = {
    add: '+',
    sub: '-',
    mul: '*',
    div: '/',
    gt: '>',
    ge: '>=',
    lt: '<',
    le: '<=',
    eq: '==',
    ne: '!=',
  }
  const nested = (child: Expression): string =>
    (child.kind === 'binary' && child.fn !== 'max' && child.fn !== 'min') || child.kind === 'compare'
      ? `(${print(child)})`
      : print(child)
  const print = (node: Expression): string => {
    switch (node.kind) {
      case 'input':
        return name(node.index)
      case 'constant':
        return Object.is(node.value, -0) ? '-0' : String(node.value)
      case 'unary':
        return node.fn === 'neg' ? `-${nested(node.x)}` : `${node.fn}(${print(node.x)})`
      case 'binary':
        if (node.fn === 'max' || node.fn === 'min') return `${node.fn}(${print(node.x)}, ${print(node.y)})`
        return `${nested(node.x)} ${infix[node.fn]} ${nested(node.y)}`
      case 'compare':
        return `${nested(node.x)} ${infix[node.fn]} ${nested(node.y)}`
      case 'select':
        return `select(${print(node.condition)}, ${print(node.x)}, ${print(node.y)})`
      default:
        return node satisfies never
    }
  }
  return print(e)
}
