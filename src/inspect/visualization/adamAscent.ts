/**
 * Adam (Kingma and Ba 2015) uphill, on numbers outside of any engine: what it moves belongs to no model, and an engine
 * keeps the variables of its programs for good.
 */

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8]

/** Numbers that climb. */
export class AdamAscent {
  /** The numbers themselves; a caller may change them between steps. */
  readonly values: Float64Array
  readonly #lr: number
  readonly #mean: Float64Array
  readonly #square: Float64Array
  #steps = 0

  constructor(values: Float64Array, lr: number) {
    this.values = values
    this.#lr = lr
    this.#mean = new Float64Array(values.length)
    this.#square = new Float64Array(values.length)
  }

  /** One step up a slope: w ← w + η · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε). */
  step(gradient: ArrayLike<number>): void {
    this.#steps++
    const first = 1 - beta1 ** this.#steps
    const second = 1 - beta2 ** this.#steps
    for (let i = 0; i < this.values.length; i++) {
      const g = gradient[i]
      this.#mean[i] = beta1 * this.#mean[i] + (1 - beta1) * g
      this.#square[i] = beta2 * this.#square[i] + (1 - beta2) * g * g
      this.values[i] += (this.#lr * (this.#mean[i] / first)) / (Math.sqrt(this.#square[i] / second) + epsilon)
    }
  }
}
