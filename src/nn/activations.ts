/** Activation layers: one function applied to every element; the output has the shape of the input. */
import * as f from '../graph/ops/elementwise.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type ForwardContext, Module } from './module.ts'

/** A layer that applies one function to every element. */
export abstract class Activation extends Module {
  /** The function, as graph operations. */
  protected abstract apply(x: Tensor): Tensor

  override forward(x: Tensor, _context: ForwardContext): Tensor {
    return this.label(this.apply(x))
  }
}

/** max(0, x), with gradient 0 at 0 (Krizhevsky et al. 2012). */
export class ReLU extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.relu(x)
  }
}

/** x for x > 0, else slope · x (Maas et al. 2013). */
export class LeakyReLU extends Activation {
  readonly slope: number
  constructor(slope = 0.01) {
    super()
    this.slope = slope
  }
  protected override apply(x: Tensor): Tensor {
    return f.leakyRelu(x, this.slope)
  }
}

/** x for x > 0, else α(eˣ − 1) (Clevert et al. 2015). */
export class ELU extends Activation {
  readonly alpha: number
  constructor(alpha = 1) {
    super()
    this.alpha = alpha
  }
  protected override apply(x: Tensor): Tensor {
    return f.elu(x, this.alpha)
  }
}

/** x · σ(x), also called swish (Elfwing et al. 2017). */
export class SiLU extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.silu(x)
  }
}

/** Hyperbolic tangent, = 2σ(2x) − 1. */
export class Tanh extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.tanh(x)
  }
}

/** Logistic function σ(x) = 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.sigmoid(x)
  }
}

/** A layer max(0, x). */
export const relu = (): ReLU => new ReLU()
/** A layer that keeps positive values and multiplies the others by `slope` (the lectures use 0.01 and 0.1). */
export const leakyRelu = (slope?: number): LeakyReLU => new LeakyReLU(slope)
/** A layer x for x > 0, else α(eˣ − 1). */
export const elu = (alpha?: number): ELU => new ELU(alpha)
/** A layer x · σ(x). */
export const silu = (): SiLU => new SiLU()
/** A layer tanh(x). */
export const tanh = (): Tanh => new Tanh()
/** A layer σ(x) = 1 / (1 + e⁻ˣ). */
export const sigmoid = (): Sigmoid => new Sigmoid()
