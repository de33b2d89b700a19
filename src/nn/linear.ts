/** The fully connected layer y = x Wᵀ + b, with PyTorch's parameter names and shapes. */
import { add } from '../graph/ops/elementwise.ts'
import { matmul } from '../graph/ops/matmul.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Matrix, Tensor } from '../graph/tensor.ts'
import { fanInUniform, zeros } from './initializers.ts'
import { type ForwardContext, type Initializer, Module, Parameter } from './module.ts'

/** Options of {@link linear}. */
export interface LinearOptions {
  /** Add a learned number per output; true by default. */
  readonly bias?: boolean
  /** Initial weights; PyTorch's default U(±1/√fan_in) when absent. */
  readonly init?: Initializer
  /** Initial biases; PyTorch's default U(±1/√fan_in), or zeros when `init` is given. */
  readonly biasInit?: Initializer
}

/** Fully connected layer `[N, I] → [N, O]`; see {@link linear}. */
export class Linear extends Module {
  readonly inFeatures: number
  readonly outFeatures: number
  /** `[O, I]` */
  readonly weight: Parameter<readonly [number, number]>
  /** `[O]`, absent with `bias: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super()
    for (const [name, value] of Object.entries({ inFeatures, outFeatures })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`linear: ${name} (=${value}) must be a whole number ≥ 1`)
      }
    }
    const { bias = true, init } = options
    this.inFeatures = inFeatures
    this.outFeatures = outFeatures
    this.weight = new Parameter([outFeatures, inFeatures], init ?? fanInUniform(inFeatures))
    const biasInit = options.biasInit ?? (init ? zeros() : fanInUniform(inFeatures))
    this.bias = bias ? new Parameter([outFeatures], biasInit) : undefined
  }

  /** A new layer with other outputs and the same inputs and initializers; see `replaceHead`. */
  withOutputs(outFeatures: number): Linear {
    const { inFeatures, weight, bias } = this
    const biasInit = bias && { biasInit: bias.initializer }
    return new Linear(inFeatures, outFeatures, { bias: bias !== undefined, init: weight.initializer, ...biasInit })
  }

  /** @throws ShapeError when `x` is not `[N, I]`. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 2) {
      const hint = x.shape.length > 2 ? '; put flatten() before it' : ''
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inFeatures}], got ${formatShape(x.shape)}${hint}`,
      )
    }
    if (x.shape[1] !== this.inFeatures) {
      throw new ShapeError(
        `${this.displayName}: expected ${this.inFeatures} input features, got ${x.shape[1]} (input ${formatShape(x.shape)})`,
      )
    }
    const y = matmul(x as Matrix, this.weight.tensor, { transposeB: true })
    return this.label(this.bias ? add(y, this.bias.tensor) : y)
  }
}

/**
 * A fully connected layer `[N, inFeatures] → [N, outFeatures]`: y = x Wᵀ + b, with parameters `weight` `[O, I]` and
 * `bias` `[O]`.
 * @throws RangeError when a size is not a whole number ≥ 1.
 * @example linear(400, 120)
 */
export function linear(inFeatures: number, outFeatures: number, options: LinearOptions = {}): Linear {
  return new Linear(inFeatures, outFeatures, options)
}
