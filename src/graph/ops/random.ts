/**
 * Random tensors that depend only on (seed, step, path): the same values in every run, on every backend, for every
 * number of threads. Element i of the row-major result is lane i mod 4 of Philox block ⌊i / 4⌋ with
 * counter (⌊i / 4⌋, step, 0, 0) and key (seed, stream), where the stream is a hash of the path.
 */

import { bernoulliFromWord, normalsFromWords, philox, streamOf, uniformFromWord } from '../../random/philox.ts'
import { ofEverything } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { checkShape, formatShape, type Shape, ShapeError, sizeOf } from '../shape.ts'
import type { Tensor, Vector } from '../tensor.ts'

/** Distribution of the elements: [0, 1), the standard normal distribution, or 1 with the given probability, else 0. */
export type Distribution = 'uniform' | 'normal' | 'bernoulli'

/** Attributes of `random`. */
export interface RandomAttributes {
  readonly distribution: Distribution
  /** Second word of the key, 0 … 2³² − 1; see `streamOf`. */
  readonly stream: number
  /** P(1) of `bernoulli`. */
  readonly probability?: number
  readonly shape: Shape
}

/** Input: key `i32 [2]` = (seed, step). No gradient. */
export const randomOp: Op<RandomAttributes> = {
  name: 'random',
  shape([key], { distribution, probability, shape }) {
    checkShape(shape, 'random')
    if (key.dtype !== 'i32' || key.shape.length !== 1 || key.shape[0] !== 2) {
      throw new ShapeError(`random: expected a key i32 [2] (seed, step), got ${key.dtype} ${formatShape(key.shape)}`)
    }
    if (distribution === 'bernoulli' && !(probability !== undefined && probability >= 0 && probability <= 1)) {
      throw new RangeError(`random: probability (=${probability}) must lie in 0 … 1`)
    }
    return { shape, dtype: 'f32' }
  },
  reference([key], { distribution, stream, probability = 0 }, shape) {
    const result = new Float64Array(sizeOf(shape))
    const [seed, step] = key.values
    for (let block = 0; block * 4 < result.length; block++) {
      const words = philox([block, step, 0, 0], [seed, stream])
      const lanes =
        distribution === 'normal'
          ? normalsFromWords(words)
          : words.map(word =>
              distribution === 'uniform' ? uniformFromWord(word) : bernoulliFromWord(word, probability),
            )
      for (let lane = 0; lane < 4 && block * 4 + lane < result.length; lane++) result[block * 4 + lane] = lanes[lane]
    }
    return result
  },
  vjp: () => [undefined],
  cost: elementwiseCost,
  batch: ofEverything,
}

/**
 * Numbers spread evenly over [0, 1), multiples of 2⁻²⁴.
 * @param key  `i32 [2]`: the seed and the step
 * @param path names the use, `dropout1` for example: different paths give independent numbers
 */
export function randomUniform<const S extends Shape>(key: Vector, shape: S, path: string): Tensor<S> {
  return apply(randomOp, [key], { distribution: 'uniform', stream: streamOf(path), shape }) as Tensor<S>
}

/** Numbers of the standard normal distribution. Parameters as {@link randomUniform}. */
export function randomNormal<const S extends Shape>(key: Vector, shape: S, path: string): Tensor<S> {
  return apply(randomOp, [key], { distribution: 'normal', stream: streamOf(path), shape }) as Tensor<S>
}

/**
 * 1 with the given probability, else 0. Other parameters as {@link randomUniform}.
 * @throws RangeError when the probability is not in 0 … 1.
 */
export function randomBernoulli<const S extends Shape>(
  key: Vector,
  shape: S,
  probability: number,
  path: string,
): Tensor<S> {
  const stream = streamOf(path)
  return apply(randomOp, [key], { distribution: 'bernoulli', stream, probability, shape }) as Tensor<S>
}
