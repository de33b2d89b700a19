/**
 * The element-wise vocabulary: arithmetic, comparisons and activations, each a `map` with its own expression.
 * Operands are tensors or numbers and broadcast by NumPy's rule; results have type `f32`.
 */
import * as e from '../expression.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { mapOperands, type Operand } from './map.ts'

/** A function of two operands, broadcast against each other. */
export type Binary = (x: Operand, y: Operand) => Tensor
const binary =
  (fn: e.BinaryFunction): Binary =>
  (x, y) =>
    mapOperands((a, b) => e.binary(fn, a, b), [x, y])
const comparison =
  (fn: e.Comparison): Binary =>
  (x, y) =>
    mapOperands((a, b) => e.compare(fn, a, b), [x, y])

/** A function of one tensor that keeps its shape. */
export type Unary = <S extends Shape>(x: Tensor<S>) => Tensor<S>
const elementwise =
  (build: (x: e.Expression) => e.Expression): Unary =>
  <S extends Shape>(x: Tensor<S>) =>
    mapOperands(build, [x]) as Tensor<S>
const unary = (fn: e.UnaryFunction): Unary => elementwise(x => e.unary(fn, x))

/** x + y */
export const add: Binary = binary('add')
/** x − y */
export const sub: Binary = binary('sub')
/** x · y, element by element */
export const mul: Binary = binary('mul')
/** x / y */
export const div: Binary = binary('div')
/** max(x, y); at a tie each operand receives half of the gradient, as in PyTorch */
export const maximum: Binary = binary('max')
/** min(x, y); at a tie each operand receives half of the gradient, as in PyTorch */
export const minimum: Binary = binary('min')

/** 1 where x > y, else 0 */
export const greater: Binary = comparison('gt')
/** 1 where x ≥ y, else 0 */
export const greaterEqual: Binary = comparison('ge')
/** 1 where x < y, else 0 */
export const less: Binary = comparison('lt')
/** 1 where x ≤ y, else 0 */
export const lessEqual: Binary = comparison('le')
/** 1 where x = y, else 0 */
export const equal: Binary = comparison('eq')
/** 1 where x ≠ y, else 0 */
export const notEqual: Binary = comparison('ne')
/** `x` where `condition` is not 0, else `y` */
export const where = (condition: Operand, x: Operand, y: Operand): Tensor => mapOperands(e.select, [condition, x, y])

/** −x */
export const neg: Unary = unary('neg')
/** |x|, with subgradient 0 at 0 */
export const abs: Unary = unary('abs')
/** eˣ */
export const exp: Unary = unary('exp')
/** Natural logarithm: −∞ at 0, NaN below */
export const log: Unary = unary('log')
/** √x */
export const sqrt: Unary = unary('sqrt')
/** x² */
export const square: Unary = elementwise(x => e.binary('mul', x, x))
/** Largest integer ≤ x; its gradient is 0 */
export const floor: Unary = unary('floor')
/** Hyperbolic tangent */
export const tanh: Unary = unary('tanh')
/** Logistic function σ(x) = 1 / (1 + e⁻ˣ) */
export const sigmoid: Unary = unary('sigmoid')
/** Error function 2/√π ∫₀ˣ e^(−t²) dt */
export const erf: Unary = unary('erf')
/** max(0, x), with gradient 0 at 0 (Krizhevsky et al. 2012) */
export const relu: Unary = unary('relu')
/** x for x > 0, else slope · x (Maas et al. 2013) */
export const leakyRelu = <S extends Shape>(x: Tensor<S>, slope = 0.01): Tensor<S> =>
  mapOperands(
    a => e.select(e.compare('gt', a, e.constant(0)), a, e.binary('mul', e.constant(slope), a)),
    [x],
  ) as Tensor<S>
/** x for x > 0, else α(eˣ − 1) (Clevert et al. 2015), accurate to all digits near 0 too */
export const elu = <S extends Shape>(x: Tensor<S>, alpha = 1): Tensor<S> =>
  mapOperands(
    a => {
      const isPositive = e.compare('gt', a, e.constant(0))
      // The exponential sees only the negative part, so that a large x in the branch not taken cannot overflow.
      const negative = e.select(isPositive, e.constant(0), a)
      return e.select(isPositive, a, e.binary('mul', e.constant(alpha), expm1(negative)))
    },
    [x],
  ) as Tensor<S>

/** eˣ − 1 for x ≤ 0. Near 0 the difference would lose digits, so there it is 2t / (1 − t) with t = tanh(x/2). */
function expm1(x: e.Expression): e.Expression {
  const t = e.unary('tanh', e.binary('mul', x, e.constant(0.5)))
  const near = e.binary('div', e.binary('mul', e.constant(2), t), e.binary('sub', e.constant(1), t))
  const far = e.binary('sub', e.unary('exp', x), e.constant(1))
  return e.select(e.compare('gt', x, e.constant(-1)), near, far)
}

/** x · σ(x), also called swish (Elfwing et al. 2017) */
export const silu: Unary = elementwise(x => e.binary('mul', x, e.unary('sigmoid', x)))
/** x · Φ(x), Φ(x) = ½(1 + erf(x / √2)) the normal distribution function (Hendrycks and Gimpel 2016) */
export const gelu: Unary = elementwise(x => {
  const normal = e.binary('add', e.constant(1), e.unary('erf', e.binary('mul', x, e.constant(Math.SQRT1_2))))
  return e.binary('mul', e.binary('mul', e.constant(0.5), x), normal)
})
/** x limited to [low, high], with slope 1 at both ends, as PyTorch's `clamp` */
export const clamp = <S extends Shape>(x: Tensor<S>, low: number, high: number): Tensor<S> =>
  mapOperands(
    a =>
      e.select(
        e.compare('lt', a, e.constant(low)),
        e.constant(low),
        e.select(e.compare('gt', a, e.constant(high)), e.constant(high), a),
      ),
    [x],
  ) as Tensor<S>

/** `below` for x ≤ low, `above` for x ≥ high, `between` otherwise: at a bend, the outer piece determines the slope. */
const pieces = (
  x: e.Expression,
  [low, below]: readonly [number, e.Expression],
  between: e.Expression,
  [high, above]: readonly [number, e.Expression],
): e.Expression =>
  e.select(e.compare('le', x, e.constant(low)), below, e.select(e.compare('ge', x, e.constant(high)), above, between))
/** x limited to [low, high], with slope 0 at both ends, as PyTorch's `hardtanh` and `relu6` */
export const hardTanh = <S extends Shape>(x: Tensor<S>, low = -1, high = 1): Tensor<S> =>
  mapOperands(a => pieces(a, [low, e.constant(low)], a, [high, e.constant(high)]), [x]) as Tensor<S>
/** (x + 3) / 6 */
const ramp = (x: e.Expression): e.Expression => e.binary('mul', e.binary('add', x, e.constant(3)), e.constant(1 / 6))
/** A piecewise linear σ, (x + 3) / 6 limited to [0, 1], with slope 0 at −3 and 3 (Howard et al. 2019) */
export const hardSigmoid: Unary = elementwise(x => pieces(x, [-3, e.constant(0)], ramp(x), [3, e.constant(1)]))
/** x · hardSigmoid(x), with slope 0 at −3 and 1 at 3 (Howard et al. 2019) */
export const hardSwish: Unary = elementwise(x => pieces(x, [-3, e.constant(0)], e.binary('mul', x, ramp(x)), [3, x]))
