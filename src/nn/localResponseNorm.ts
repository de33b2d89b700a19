/**
 * Local response normalization (Krizhevsky et al. 2012, section 3.3): neighboring channels inhibit each other,
 *
 *   y_c = x_c / (k + α Σ_{j = c − ⌊n/2⌋}^{c + ⌊(n − 1)/2⌋} x_j²)^β,
 *
 * with channels outside the tensor counted as zeros. PyTorch divides α by n; AlexNet's α = 1e-4 with n = 5 is its 5e-4.
 */
import { binary, constant, type Expression, unary } from '../graph/expression.ts'
import { averagePool2d } from '../graph/ops/averagePool2d.ts'
import { square } from '../graph/ops/elementwise.ts'
import { mapOperands } from '../graph/ops/map.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { type ForwardContext, Module } from './module.ts'

/** Options of {@link localResponseNorm}; the defaults are AlexNet's. */
export interface LocalResponseNormOptions {
  /** α, 1e-4 by default. */
  readonly alpha?: number
  /** β, 0.75 by default. */
  readonly beta?: number
  /** k, 2 by default (1 in PyTorch). */
  readonly k?: number
  /** True when α is divided by n, as PyTorch and Caffe do; false by default, as in the paper. */
  readonly divideAlphaBySize?: boolean
}

/** Division by the activity of neighboring channels; see {@link localResponseNorm}. */
export class LocalResponseNorm extends Module {
  readonly size: number
  readonly alpha: number
  readonly beta: number
  readonly k: number
  readonly divideAlphaBySize: boolean

  constructor(size = 5, options: LocalResponseNormOptions = {}) {
    super()
    const { alpha = 1e-4, beta = 0.75, k = 2, divideAlphaBySize = false } = options
    if (!Number.isInteger(size) || size < 1) {
      throw new RangeError(`localResponseNorm: size (=${size}) must be a whole number ≥ 1`)
    }
    if (!(k > 0 && alpha >= 0 && Number.isFinite(beta))) {
      throw new RangeError(
        `localResponseNorm: k (=${k}) must be positive, alpha (=${alpha}) not negative, beta (=${beta}) finite`,
      )
    }
    this.size = size
    this.alpha = alpha
    this.beta = beta
    this.k = k
    this.divideAlphaBySize = divideAlphaBySize
  }

  /** The output has the shape of the input. @throws ShapeError when the input is not `[N, C, …]`. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length < 2) {
      throw new ShapeError(`${this.displayName}: expected an input [N, C, …], got ${formatShape(x.shape)}`)
    }
    const [batch, channels] = x.shape
    const n = this.size
    // Channels become the rows of an image, so that the sum over neighbors is an average over a column of n rows.
    const rows = reshape(square(x), [batch, 1, channels, -1])
    const padding = { top: Math.floor(n / 2), bottom: Math.floor((n - 1) / 2), left: 0, right: 0 }
    const average = reshape(averagePool2d(rows as Volume, [n, 1], { stride: 1, padding }), x.shape)
    // The rest is one expression, so that only the averages are kept for the backward pass.
    const scale = constant(this.divideAlphaBySize ? this.alpha : this.alpha * n)
    const normalized = (value: Expression, mean: Expression): Expression =>
      timesPower(value, binary('add', binary('mul', mean, scale), constant(this.k)), -this.beta)
    return this.label(mapOperands(normalized, [x, average]))
  }
}

/**
 * A local response normalization layer `[N, C, H, W] → [N, C, H, W]` over `size` neighboring channels (n, 5 by
 * default), without parameters.
 * @throws RangeError when a number is out of its range.
 * @example sequential(conv2d(3, 96, 11, { stride: 4 }), relu(), localResponseNorm())
 */
export const localResponseNorm = (size?: number, options?: LocalResponseNormOptions): LocalResponseNorm =>
  new LocalResponseNorm(size, options)

/**
 * x · baseᵉ for a positive base. The exponents −¼, −½, … −2, such as AlexNet's −¾, need only roots and a division:
 * about a seventh of the time of the logarithm and exponential that compute the others.
 */
function timesPower(x: Expression, base: Expression, exponent: number): Expression {
  const quarters = -4 * exponent
  if (!Number.isInteger(quarters) || quarters < 1 || quarters > 8) {
    return binary('mul', x, unary('exp', binary('mul', constant(exponent), unary('log', base))))
  }
  const root = unary('sqrt', base)
  const factors = new Array<Expression>(quarters >> 2).fill(base)
  if (quarters & 2) factors.push(root)
  if (quarters & 1) factors.push(unary('sqrt', root))
  return binary(
    'div',
    x,
    factors.reduce((product, factor) => binary('mul', product, factor)),
  )
}
