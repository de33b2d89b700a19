/**
 * The perceptron (Rosenblatt 1958): one neuron o = sign(w · x + b) in {−1, +1}, with its two learning rules.
 *
 * The *perceptron rule* takes the samples one by one, Δw_i = η (t − o) x_i, and changes nothing once all are right; on
 * linearly separable samples it is certain to get there (Novikoff 1962). The *delta rule* follows the gradient of E = ½
 * Σ_d (t_d − o_d)² for the neuron without its sign, o = w · x + b, over all samples together, Δw_i = η Σ_d (t_d − o_d)
 * x_id; it approaches the least squares fit whether or not the samples are separable.
 */
import { add, greaterEqual, mul, sub } from '../graph/ops/elementwise.ts'
import { matmul } from '../graph/ops/matmul.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Matrix, Tensor } from '../graph/tensor.ts'
import { zeros } from '../nn/initializers.ts'
import { type ForwardContext, Module, Parameter } from '../nn/module.ts'

/** Options of {@link Perceptron.learn}. */
export interface PerceptronOptions {
  /** `'perceptron'` (the default) or `'delta'`. */
  readonly rule?: 'perceptron' | 'delta'
  /** η, 0.1 by default. The delta rule diverges when it is too large: η < 2 / Σ_d |x_d|² is always small enough. */
  readonly learningRate?: number
  /** Most passes over the samples, 1000 by default. */
  readonly maxEpochs?: number
}

/** Result of {@link Perceptron.learn}. */
export interface PerceptronResult {
  /** Passes over the samples. */
  readonly epochs: number
  /** Wrong samples after the last pass. */
  readonly errors: number
  /** True when all samples are right. */
  readonly converged: boolean
  /** After each pass: the number of wrong samples (perceptron rule), or E = ½ Σ (t − o)² before it (delta rule). */
  readonly history: readonly number[]
}

/** One neuron with a threshold, `[N, inputs] → [N]` in {−1, +1}; see {@link perceptron}. */
export class Perceptron extends Module {
  readonly inputs: number
  /** w `[1, inputs]`, initially zeros. */
  readonly weight: Parameter<readonly [number, number]>
  /** b `[1]`, initially zero. */
  readonly bias: Parameter<readonly [number]>

  constructor(inputs: number) {
    super()
    if (!Number.isInteger(inputs) || inputs < 1) {
      throw new RangeError(`perceptron: inputs (=${inputs}) must be a whole number ≥ 1`)
    }
    this.inputs = inputs
    this.weight = new Parameter([1, inputs], zeros())
    this.bias = new Parameter([1], zeros())
  }

  /** +1 where w · x + b ≥ 0, else −1; has no gradient. @throws ShapeError when `x` is not `[N, inputs]`. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 2 || x.shape[1] !== this.inputs) {
      throw new ShapeError(`${this.displayName}: expected an input [N, ${this.inputs}], got ${formatShape(x.shape)}`)
    }
    const net = add(matmul(x as Matrix, this.weight.tensor, { transposeB: true }), this.bias.tensor)
    return this.label(sub(mul(greaterEqual(reshape(net, [x.shape[0]]), 0), 2), 1))
  }

  /** The class of one sample, −1 or +1. */
  classify(sample: readonly number[]): number {
    return this.#net(sample) >= 0 ? 1 : -1
  }

  /**
   * Learns from samples and their classes until all are right, or for `maxEpochs` passes, starting from the current
   * weights.
   * @throws Error when samples and targets do not fit each other or the neuron; RangeError when a target is not −1 or
   * +1.
   * @example const { converged } = perceptron(2).learn([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, -1, -1, 1]) // AND
   */
  learn(
    samples: readonly (readonly number[])[],
    targets: readonly number[],
    { rule = 'perceptron', learningRate = 0.1, maxEpochs = 1000 }: PerceptronOptions = {},
  ): PerceptronResult {
    this.#check(samples, targets, learningRate)
    const pass = rule === 'perceptron' ? this.#oneByOne : this.#allAtOnce
    const wrong = (): number => samples.filter((sample, d) => this.classify(sample) !== targets[d]).length
    const history: number[] = []
    let errors = wrong()
    while (errors > 0 && history.length < maxEpochs) {
      const error = pass.call(this, samples, targets, learningRate)
      errors = wrong()
      history.push(rule === 'perceptron' ? errors : error)
    }
    return { epochs: history.length, errors, converged: errors === 0, history }
  }

  /** One pass of the perceptron rule. Returns E of the outputs it computed. */
  #oneByOne(samples: readonly (readonly number[])[], targets: readonly number[], rate: number): number {
    let error = 0
    samples.forEach((sample, d) => {
      const difference = targets[d] - this.classify(sample)
      error += difference ** 2 / 2
      this.#move([...sample, 1].map(x => rate * difference * x))
    })
    return error
  }

  /** One pass of the delta rule. Returns E before it. */
  #allAtOnce(samples: readonly (readonly number[])[], targets: readonly number[], rate: number): number {
    const change = new Array<number>(this.inputs + 1).fill(0)
    let error = 0
    samples.forEach((sample, d) => {
      const difference = targets[d] - this.#net(sample)
      error += difference ** 2 / 2
      for (const [i, x] of [...sample, 1].entries()) change[i] += rate * difference * x
    })
    this.#move(change)
    return error
  }

  /** w · x + b */
  #net(sample: readonly number[]): number {
    return sample.reduce((total, x, i) => total + this.weight.value[i] * x, this.bias.value[0])
  }

  /** Adds to the weights and then to the bias, whose input is 1. */
  #move(change: readonly number[]): void {
    for (let i = 0; i < this.inputs; i++) this.weight.value[i] += change[i]
    this.bias.value[0] += change[this.inputs]
  }

  #check(samples: readonly (readonly number[])[], targets: readonly number[], rate: number): void {
    if (samples.length !== targets.length) {
      throw new ShapeError(`perceptron: ${samples.length} samples, but ${targets.length} targets`)
    }
    for (const [d, sample] of samples.entries()) {
      if (sample.length !== this.inputs) {
        throw new ShapeError(`perceptron: sample ${d} has ${sample.length} numbers, the neuron ${this.inputs} inputs`)
      }
      if (Math.abs(targets[d]) !== 1) {
        throw new RangeError(`perceptron: target ${d} (=${targets[d]}) must be −1 or +1`)
      }
    }
    if (!(rate > 0)) throw new RangeError(`perceptron: learningRate (=${rate}) must be positive`)
  }
}

/**
 * A perceptron `[N, inputs] → [N]`, sign(w · x + b) in {−1, +1} (+1 at 0), with parameters `weight` `[1, inputs]` and
 * `bias` `[1]`. It learns by {@link Perceptron.learn}, not by gradients.
 * @throws RangeError when `inputs` is not a whole number ≥ 1.
 */
export const perceptron = (inputs: number): Perceptron => new Perceptron(inputs)
