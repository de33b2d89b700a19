/**
 * The best head for some features: softmax regression on standardized features, with the ridge of a linear probe (`linearProbe` of
 * `fovea/inspect`). Its slope is computed by the engine, over all pictures at once; L-BFGS finds the minimum, so nothing depends on
 * chance, on a rate, or on the order of the pictures.
 */

import { mul } from '../../../../src/graph/ops/elementwise.ts'
import { matmul } from '../../../../src/graph/ops/matmul.ts'
import { sum } from '../../../../src/graph/ops/reduce.ts'
import { softmaxCrossEntropy } from '../../../../src/graph/ops/softmaxCrossEntropy.ts'
import type { Matrix, Vector } from '../../../../src/graph/tensor.ts'
import { add, createEngine, type Engine, type Executable, gradients, input, Variable } from '../../../../src/index.ts'
import { type Slope, searchMinimum } from '../../../../src/inspect/minimize.ts'
import { standardized, unstandardized } from '../../../../src/inspect/probe.ts'
import type { TrainedHead } from './protocol.ts'

/** λ of the ridge λ / 2 · ‖W‖² beside the mean cross-entropy. */
const ridge = 0.01

/** The largest slope at which the minimum is near enough, and the most steps to get there. */
const options = { tolerance: 1e-4, steps: 200 } as const

/** Rows of the smallest program; larger ones double, so that a program lasts while pictures come. */
const fewestRows = 256

/** Fits heads; keeps its program as long as it has room for the pictures. */
export class HeadFitter {
  #place: Place | undefined

  /**
   * @param features `[rows, features]`
   * @param labels from 0; every class has a row
   * @param shares of each row in the mean cross-entropy; their sum is 1
   */
  async fit(features: Float32Array, labels: Uint8Array, shares: Float32Array): Promise<TrainedHead> {
    const count = labels.length
    const size = features.length / count
    const classes = labels.reduce((most, label) => Math.max(most, label), 0) + 1
    const { rows, mean, std } = standardized({ shape: [count, size], values: features })
    const place = await this.#placeFor(count, size, classes)
    await place.write(rows, labels, shares)
    const search = searchMinimum(new Float64Array(classes * (size + 1)), options)
    let asked = search.next()
    while (!asked.done) asked = search.next(await place.slope(asked.value))
    const { weights, bias } = unstandardized(asked.value.x, classes, mean, std)
    return { weights: Float32Array.from(weights), bias: Float32Array.from(bias) }
  }

  async #placeFor(count: number, size: number, classes: number): Promise<Place> {
    const known = this.#place
    let rows = fewestRows
    while (rows < count) rows *= 2
    if (known?.rows === rows && known.size === size && known.classes === classes) return known
    this.#place = undefined
    await known?.close()
    this.#place = new Place(rows, size, classes)
    return this.#place
  }

  /** Frees the memory. */
  async close(): Promise<void> {
    await this.#place?.close()
  }
}

/** Memory and program for a number of rows; those that are not needed weigh nothing. */
class Place {
  readonly rows: number
  readonly size: number
  readonly classes: number
  readonly #engine: Engine = createEngine({ precise: true, threads: 1 })
  readonly #features: Variable<readonly [number, number]>
  readonly #program: Promise<Executable>
  #labels = new Int32Array(0)
  #shares = new Float32Array(0)

  constructor(rows: number, size: number, classes: number) {
    this.rows = rows
    this.size = size
    this.classes = classes
    this.#features = new Variable([rows, size])
    const weights = input('weights', [classes, size])
    const bias = input('bias', [classes])
    const labels = input('labels', [rows], { dtype: 'i32' })
    const logits = add(matmul(this.#features.tensor, weights, { transposeB: true }), bias)
    const losses = softmaxCrossEntropy(logits as Matrix, labels as Vector)
    const [weightSlope, biasSlope] = gradients(sum(mul(losses, input('shares', [rows]))), [weights, bias])
    this.#program = this.#engine.compile({ outputs: { losses, weightSlope, biasSlope }, updates: new Map() })
  }

  /** Takes standardized features. */
  async write(features: Float64Array, labels: Uint8Array, shares: Float32Array): Promise<void> {
    const rows = new Float32Array(this.rows * this.size)
    rows.set(features)
    this.#labels = new Int32Array(this.rows)
    this.#labels.set(labels)
    this.#shares = new Float32Array(this.rows)
    this.#shares.set(shares)
    await this.#engine.write(this.#features, rows)
  }

  /** Of mean cross-entropy and ridge. @param x weights, then biases */
  async slope(x: Float64Array): Promise<Slope> {
    const split = this.classes * this.size
    const run = await (await this.#program).run({
      weights: Float32Array.from(x.subarray(0, split)),
      bias: Float32Array.from(x.subarray(split)),
      labels: this.#labels,
      shares: this.#shares,
    })
    const gradient = new Float64Array(x.length)
    gradient.set(run.weightSlope!)
    gradient.set(run.biasSlope!, split)
    // Summed in double precision: near the minimum, values differ in their last digits.
    let value = 0
    for (const [k, share] of this.#shares.entries()) if (share > 0) value += run.losses![k]! * share
    for (let k = 0; k < split; k++) {
      value += (ridge / 2) * x[k]! ** 2
      gradient[k]! += ridge * x[k]!
    }
    return { value, gradient }
  }

  async close(): Promise<void> {
    await this.#engine.close()
  }
}
