/** Operators that compute each element from the elements at its position. */
import * as e from '../../graph/expression.ts'
import { elu, gelu, hardSwish, leakyRelu, silu } from '../../graph/ops/elementwise.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { isFloat } from '../elements.ts'
import type { OnnxNode, OnnxOp } from '../node.ts'
import { fold, tensorValue, type Value } from '../value.ts'
import {
  abs,
  add,
  applied,
  c,
  ceil,
  div,
  exp,
  floor,
  least,
  log,
  most,
  mul,
  neg,
  op,
  pointwise,
  round,
  sqrt,
  sub,
  truncate,
} from './build.ts'

const unary = (fn: e.UnaryFunction): OnnxOp => pointwise((_, x) => e.unary(fn, x!))
const comparison = (fn: e.Comparison): OnnxOp => pointwise((_, x, y) => e.compare(fn, x!, y!), 'bool')
const formula = (build: (x: e.Expression, node: OnnxNode) => e.Expression): OnnxOp =>
  pointwise((node, x) => build(x!, node))
const layer = (build: (x: Tensor, node: OnnxNode) => Tensor): OnnxOp => op(node => build(node.float(), node))

/** Any number of inputs, combined pair by pair. */
const chain = (
  combine: (x: e.Expression, y: e.Expression) => e.Expression,
  last = (x: e.Expression, _count: number) => x,
): OnnxOp => pointwise((_, ...elements) => last(elements.reduce(combine), elements.length))

/** log(1 + eˣ), without overflow. */
const softplus = (x: e.Expression): e.Expression => add(most(x, c(0)), log(add(c(1), exp(neg(abs(x))))))

/** Quotients of whole numbers are whole, towards zero. */
const quotient = (node: OnnxNode, x: e.Expression, y: e.Expression): e.Expression =>
  isFloat(node.type()) ? div(x, y) : truncate(div(x, y))

/** x − y · ⌊x / y⌋, or with the sign of x with `fmod`. */
function remainder(node: OnnxNode, x: e.Expression, y: e.Expression): e.Expression {
  const isTruncated = node.int('fmod', 0) === 1
  const finite = sub(x, mul(y, isTruncated ? truncate(div(x, y)) : floor(div(x, y))))
  if (!isFloat(node.type())) return finite
  // For an infinite y: x itself, or y where the signs differ.
  const isOther = e.compare('lt', mul(x, y), c(0))
  const atInfinity = isTruncated ? x : e.select(isOther, y, x)
  return e.select(e.compare('eq', abs(y), c(Number.POSITIVE_INFINITY)), atInfinity, finite)
}

/** Largest whole exponent that is computed by products. */
const mostFactors = 8

/** xʸ by its logarithm; of a negative x, for whole y. */
function power(x: e.Expression, y: e.Expression): e.Expression {
  const size = exp(mul(y, log(abs(x))))
  const isOdd = e.compare('ne', sub(y, mul(c(2), floor(mul(y, c(0.5))))), c(0))
  const signed = e.select(e.compare('lt', x, c(0)), e.select(isOdd, neg(size), size), size)
  return e.select(e.compare('eq', y, c(0)), c(1), signed)
}

function powerOf(node: OnnxNode): Value {
  const exponent = fold(node.value(1))
  const number = exponent.size === 1 && exponent.known ? exponent.known[0]! : undefined
  const [base] = node.values
  const type = node.type()
  const finish = (x: e.Expression): e.Expression => (isFloat(type) ? x : truncate(x))
  if (number === 0.5) return applied(node, (_, x) => sqrt(x!), [base!], type)
  if (number !== undefined && Number.isInteger(number) && Math.abs(number) <= mostFactors && number !== 0) {
    return applied(
      node,
      (_, x) => {
        const product = new Array<e.Expression>(Math.abs(number)).fill(x!).reduce(mul)
        return finish(number < 0 ? div(c(1), product) : product)
      },
      [base!],
      type,
    )
  }
  return applied(node, (_, x, y) => (isFloat(type) ? power(x!, y!) : round(power(x!, y!))), node.values, type)
}

/** Limits that are attributes in older operator sets. */
function clip(node: OnnxNode): Value {
  const type = node.type()
  const limit = (index: number, name: string): number | undefined => node.numberOf(name, index)
  const [low, high] = [limit(1, 'min'), limit(2, 'max')]
  return applied(
    node,
    (_, x) => {
      const raised = low === undefined ? x! : e.select(e.compare('lt', x!, c(low)), c(low), x!)
      return high === undefined ? raised : e.select(e.compare('gt', raised, c(high)), c(high), raised)
    },
    [node.value(0)],
    type,
  )
}

function prelu(node: OnnxNode): Value {
  return applied(
    node,
    (_, x, slope) => e.select(e.compare('ge', x!, c(0)), x!, mul(slope!, x!)),
    node.values,
    node.type(),
  )
}

function geluOf(node: OnnxNode): Value {
  if (node.text('approximate', 'none') === 'none') return tensorValue(node.type(), gelu(node.float()))
  const inner = (x: e.Expression) => mul(c(Math.sqrt(2 / Math.PI)), add(x, mul(c(0.044715), mul(x, mul(x, x)))))
  return applied(node, (_, x) => mul(mul(c(0.5), x!), add(c(1), e.unary('tanh', inner(x!)))), node.values, node.type())
}

function isInfinite(node: OnnxNode): Value {
  const [low, high] = [node.int('detect_negative', 1), node.int('detect_positive', 1)]
  const is = (x: e.Expression, sign: 1 | -1) => e.compare('eq', x, c(sign * Number.POSITIVE_INFINITY))
  return applied(node, (_, x) => most(low ? is(x!, -1) : c(0), high ? is(x!, 1) : c(0)), node.values, 'bool')
}

const sinh = (x: e.Expression): e.Expression => mul(c(0.5), sub(exp(x), exp(neg(x))))
const cosh = (x: e.Expression): e.Expression => mul(c(0.5), add(exp(x), exp(neg(x))))

/** Arithmetic, comparisons and activations. */
export const elementwiseOps: Readonly<Record<string, OnnxOp>> = {
  Abs: unary('abs'),
  Neg: unary('neg'),
  Exp: unary('exp'),
  Log: unary('log'),
  Sqrt: unary('sqrt'),
  Tanh: unary('tanh'),
  Sigmoid: unary('sigmoid'),
  Relu: unary('relu'),
  Sin: unary('sin'),
  Cos: unary('cos'),
  Erf: unary('erf'),
  Floor: unary('floor'),
  Ceil: formula(ceil),
  Round: formula(round),
  Reciprocal: formula(x => div(c(1), x)),
  Sign: formula(x => sub(e.compare('gt', x, c(0)), e.compare('lt', x, c(0)))),
  Tan: formula(x => div(e.unary('sin', x), e.unary('cos', x))),
  Sinh: formula(sinh),
  Cosh: formula(cosh),
  Asinh: formula(x => log(add(x, sqrt(add(mul(x, x), c(1)))))),
  Acosh: formula(x => log(add(x, sqrt(sub(mul(x, x), c(1)))))),
  Atanh: formula(x => mul(c(0.5), log(div(add(c(1), x), sub(c(1), x))))),
  Softplus: formula(softplus),
  Softsign: formula(x => div(x, add(c(1), abs(x)))),
  Elu: layer((x, node) => elu(x, node.number('alpha', 1))),
  Celu: formula((x, node) => {
    const alpha = c(node.number('alpha', 1))
    return add(most(x, c(0)), least(c(0), mul(alpha, sub(exp(div(least(x, c(0)), alpha)), c(1)))))
  }),
  Selu: formula((x, node) => {
    const [alpha, gamma] = [c(node.number('alpha', 1.6732632423543772)), c(node.number('gamma', 1.0507009873554805))]
    const negative = mul(alpha, sub(exp(least(x, c(0))), c(1)))
    return mul(gamma, e.select(e.compare('gt', x, c(0)), x, negative))
  }),
  LeakyRelu: layer((x, node) => leakyRelu(x, node.number('alpha', 0.01))),
  ThresholdedRelu: formula((x, node) => e.select(e.compare('gt', x, c(node.number('alpha', 1))), x, c(0))),
  HardSigmoid: formula((x, node) =>
    most(c(0), least(c(1), add(mul(c(node.number('alpha', 0.2)), x), c(node.number('beta', 0.5))))),
  ),
  HardSwish: layer(x => hardSwish(x)),
  Mish: formula(x => mul(x, e.unary('tanh', softplus(x)))),
  Swish: op(node => {
    const alpha = node.number('alpha', 1)
    if (alpha === 1) return silu(node.float())
    return applied(node, (_, x) => mul(x!, e.unary('sigmoid', mul(c(alpha), x!))), node.values, node.type())
  }),
  Gelu: op(geluOf),
  Shrink: formula((x, node) => {
    const [bias, limit] = [c(node.number('bias', 0)), node.number('lambd', 0.5)]
    const inside = e.select(e.compare('gt', x, c(limit)), sub(x, bias), c(0))
    return e.select(e.compare('lt', x, c(-limit)), add(x, bias), inside)
  }),
  PRelu: op(prelu),
  Clip: { build: clip, known: [1, 2] },
  Add: pointwise((_, x, y) => add(x!, y!)),
  Sub: pointwise((_, x, y) => sub(x!, y!)),
  Mul: pointwise((_, x, y) => mul(x!, y!)),
  Div: pointwise((node, x, y) => quotient(node, x!, y!)),
  Mod: pointwise((node, x, y) => remainder(node, x!, y!)),
  Pow: op(powerOf),
  Max: chain(most),
  Min: chain(least),
  Sum: chain(add),
  Mean: chain(add, (x, count) => div(x, c(count))),
  Equal: comparison('eq'),
  Greater: comparison('gt'),
  GreaterOrEqual: comparison('ge'),
  Less: comparison('lt'),
  LessOrEqual: comparison('le'),
  And: pointwise((_, x, y) => mul(x!, y!), 'bool'),
  Or: pointwise((_, x, y) => most(x!, y!), 'bool'),
  Xor: comparison('ne'),
  Not: pointwise((_, x) => e.compare('eq', x!, c(0)), 'bool'),
  IsNaN: pointwise((_, x) => e.compare('ne', x!, x!), 'bool'),
  IsInf: op(isInfinite),
  Where: op(node => applied(node, (_, condition, x, y) => e.select(condition!, x!, y!), node.values, node.type(1))),
}
