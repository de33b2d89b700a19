/** Activation layers: one function applied to every element; the output has the shape of the input. */
import * as f from '../graph/ops/elementwise.ts'
import { softmax as softmaxAlong } from '../graph/ops/softmax.ts'
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

/**
 * λ · x for x > 0, else λα(eˣ − 1) (Klambauer et al. 2017): with weights of variance 1 / fan_in, activations converge
 * to mean 0 and variance 1.
 */
export class SELU extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.mul(f.elu(x, seluAlpha), seluScale)
  }
}

/** min(max(0, x), 6), with slope 0 at 0 and 6 (Krizhevsky 2010; MobileNets). */
export class ReLU6 extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.hardTanh(x, 0, 6)
  }
}

/** A piecewise linear σ: min(max(0, x + 3), 6) / 6, with slope 0 at −3 and 3 (Howard et al. 2019). */
export class HardSigmoid extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.hardSigmoid(x)
  }
}

/** x · hardSigmoid(x), with slope 0 at −3 and 1 at 3 (Howard et al. 2019). */
export class HardSwish extends Activation {
  protected override apply(x: Tensor): Tensor {
    return f.hardSwish(x)
  }
}

/** Options of {@link gelu}. */
export interface GELUOptions {
  /** `'none'` (the default) for x · Φ(x) itself, `'tanh'` for an approximation; PyTorch's names. */
  readonly approximate?: 'none' | 'tanh'
}

/** x · Φ(x), Φ the normal distribution function; see {@link gelu}. */
export class GELU extends Activation {
  readonly approximate: 'none' | 'tanh'
  constructor({ approximate = 'none' }: GELUOptions = {}) {
    super()
    if (approximate !== 'none' && approximate !== 'tanh') {
      throw new RangeError(`gelu: approximate (=${approximate}) must be 'none' or 'tanh'`)
    }
    this.approximate = approximate
  }
  protected override apply(x: Tensor): Tensor {
    if (this.approximate === 'none') return f.gelu(x)
    const cubic = f.mul(x, f.add(1, f.mul(0.044715, f.square(x))))
    return f.mul(f.mul(0.5, x), f.add(1, f.tanh(f.mul(Math.sqrt(2 / Math.PI), cubic))))
  }
}

/** Probabilities along one axis; see {@link softmax}. */
export class Softmax extends Activation {
  /** Axis along which the outputs add up to 1; negative ones count from the end. */
  readonly axis: number
  constructor(axis = -1) {
    super()
    this.axis = axis
  }
  protected override apply(x: Tensor): Tensor {
    return this.located(() => softmaxAlong(x, this.axis))
  }
}

/**
 * SELU's α and λ, solved for the fixed point (mean 0, variance 1) (Klambauer et al. 2017): the lecture's digits,
 * rounded to a double.
 */
const seluAlpha = 1.6732632423543772
const seluScale = 1.0507009873554805

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
/** A layer λ · x for x > 0, else λα(eˣ − 1), with the constants that keep mean 0 and variance 1. */
export const selu = (): SELU => new SELU()
/** A layer min(max(0, x), 6). */
export const relu6 = (): ReLU6 => new ReLU6()
/** A layer min(max(0, x + 3), 6) / 6. */
export const hardSigmoid = (): HardSigmoid => new HardSigmoid()
/** A layer x · min(max(0, x + 3), 6) / 6. */
export const hardSwish = (): HardSwish => new HardSwish()
/**
 * A layer x · Φ(x) with the normal distribution function Φ(x) = ½(1 + erf(x / √2)) (Hendrycks and Gimpel 2016). With
 * `approximate: 'tanh'` it is ½x(1 + tanh(√(2/π)(x + 0.044715x³))), which is within 5e-4 of that and what GPT-2 uses.
 * @throws RangeError when `approximate` is neither `'none'` nor `'tanh'`.
 * @example gelu() // PyTorch's nn.GELU()
 */
export const gelu = (options?: GELUOptions): GELU => new GELU(options)
/**
 * A layer eˣ / Σ eˣ along `axis`, the last by default: `[N, classes]` → probabilities. To train, leave it out and use
 * `crossEntropy`, which takes logits. `forward` throws ShapeError when the axis is out of range.
 */
export const softmax = (axis?: number): Softmax => new Softmax(axis)
