/**
 * Symbolic differentiation of scalar expressions: the chain rule over {@link Expression} trees.
 *
 * Where a derivative is simplest in terms of the function's own value (σ′ = σ(1 − σ), tanh′ = 1 − tanh², exp′ = exp),
 * the caller may offer that value as an extra input (`output`), so that the backward pass reads the stored activation
 * instead of recomputing it, and the pre-activation need not be kept at all.
 */
import { binary, compare, constant, type Expression, select, type UnaryFunction, unary } from './expression.ts'

const zero = constant(0)
const one = constant(1)
const half = constant(0.5)
const add = (x: Expression, y: Expression): Expression => binary('add', x, y)
const sub = (x: Expression, y: Expression): Expression => binary('sub', x, y)
const mul = (x: Expression, y: Expression): Expression => binary('mul', x, y)
const div = (x: Expression, y: Expression): Expression => binary('div', x, y)

/** df/dx of a function of one number, given x and the value y = f(x). */
const unaryDerivatives: Record<UnaryFunction, (x: Expression, y: Expression) => Expression> = {
  neg: () => constant(-1),
  // The subgradient 0 at 0, as in PyTorch.
  abs: x => sub(compare('gt', x, zero), compare('lt', x, zero)),
  exp: (_, y) => y,
  log: x => div(one, x),
  sqrt: (_, y) => div(half, y),
  tanh: (_, y) => sub(one, mul(y, y)),
  sigmoid: (_, y) => mul(y, sub(one, y)),
  relu: (_, y) => compare('gt', y, zero),
  sin: x => unary('cos', x),
  cos: x => unary('neg', unary('sin', x)),
  erf: x => mul(constant(2 / Math.sqrt(Math.PI)), unary('exp', unary('neg', mul(x, x)))),
  floor: () => zero,
}

/** Functions whose derivative needs only their value, not their argument. */
const fromValue: ReadonlySet<UnaryFunction> = new Set(['neg', 'exp', 'sqrt', 'tanh', 'sigmoid', 'relu', 'floor'])

/** True when the derivative of the outermost function of `e` can be written with the value of `e` alone. */
export function differentiableFromOutput(e: Expression): boolean {
  return e.kind === 'unary' && fromValue.has(e.fn)
}

/**
 * upstream · ∂e/∂input(index).
 *
 * Multiplications by a comparison become selections, so that an infinite or NaN upstream gradient does not leak through
 * a branch that was not taken (0 · ∞).
 * @param upstream the gradient arriving at the value of `e`
 * @param output   the value of `e` when it is available as an input of the gradient expression
 */
export function gradientExpression(
  e: Expression,
  index: number,
  upstream: Expression,
  output: Expression = e,
): Expression {
  switch (e.kind) {
    case 'input':
      return e.index === index ? upstream : zero
    case 'constant':
    case 'compare':
      return zero
    case 'unary':
      return gradientExpression(e.x, index, scale(unaryDerivatives[e.fn](e.x, output), upstream), e.x)
    case 'binary':
      return binaryGradient(e.fn, e.x, e.y, index, upstream)
    case 'select': {
      const x = gradientExpression(e.x, index, upstream)
      const y = gradientExpression(e.y, index, upstream)
      if (x.kind === 'constant' && y.kind === 'constant' && x.value === y.value) return x
      return select(e.condition, x, y)
    }
    default:
      return e satisfies never
  }
}

function scale(factor: Expression, upstream: Expression): Expression {
  return factor.kind === 'compare' ? select(factor, upstream, zero) : mul(upstream, factor)
}

function binaryGradient(
  fn: 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min',
  x: Expression,
  y: Expression,
  index: number,
  upstream: Expression,
): Expression {
  const through = (operand: Expression, factor: Expression): Expression =>
    readsInput(operand, index) ? gradientExpression(operand, index, factor) : zero
  switch (fn) {
    case 'add':
      return add(through(x, upstream), through(y, upstream))
    case 'sub':
      return add(through(x, upstream), through(y, unary('neg', upstream)))
    case 'mul':
      return add(through(x, mul(upstream, y)), through(y, mul(upstream, x)))
    case 'div':
      return add(through(x, div(upstream, y)), through(y, unary('neg', div(mul(upstream, x), mul(y, y)))))
    case 'max':
    case 'min': {
      // At a tie each side gets half, as PyTorch's maximum and minimum do.
      const wins = fn === 'max' ? 'gt' : 'lt'
      const tie = compare('eq', x, y)
      const shared = mul(upstream, half)
      const toX = select(compare(wins, x, y), upstream, select(tie, shared, zero))
      const toY = select(compare(wins, y, x), upstream, select(tie, shared, zero))
      return add(through(x, toX), through(y, toY))
    }
    default:
      return fn satisfies never
  }
}

function readsInput(e: Expression, index: number): boolean {
  switch (e.kind) {
    case 'input':
      return e.index === index
    case 'constant':
      return false
    case 'unary':
      return readsInput(e.x, index)
    case 'binary':
    case 'compare':
      return readsInput(e.x, index) || readsInput(e.y, index)
    case 'select':
      return readsInput(e.condition, index) || readsInput(e.x, index) || readsInput(e.y, index)
    default:
      return e satisfies never
  }
}
