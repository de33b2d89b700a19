/**
 * Rules for initial weights. The numbers are a function of (seed, path) alone: block i of Philox with the counter
 * (i, 0, 1, 0) and the key (seed, hash of the path) gives elements 4i … 4i + 3. The third counter word keeps them apart
 * from the random numbers of training steps, which have 0 there.
 */
import { normalsFromWords, philox, streamOf, uniformFromWord, type Words } from '../random/philox.ts'
import type { Initializer } from './module.ts'

/** Zeros: right for biases; weights that are all zero never learn to differ. */
export const zeros = (): Initializer => constant(0)

/** The same number everywhere (AlexNet: bias 1 in conv2, 4, 5 and the fully connected layers). */
export const constant = (value: number): Initializer => ({
  name: value === 0 ? 'zeros' : `constant(${value})`,
  fill: values => {
    values.fill(value)
  },
})

/**
 * Normal distribution N(mean, std²) (AlexNet: std 0.01).
 * @throws RangeError when `std` is negative.
 */
export function gaussian(std: number, mean = 0): Initializer {
  checkSpread('gaussian', 'std', std)
  return { name: mean === 0 ? `gaussian(${std})` : `gaussian(${std}, ${mean})`, fill: normals(() => std, mean) }
}

/**
 * Uniform distribution over [−bound, bound).
 * @throws RangeError when `bound` is negative.
 */
export function uniform(bound: number): Initializer {
  checkSpread('uniform', 'bound', bound)
  return { name: `uniform(${bound})`, fill: uniforms(() => bound) }
}

/** Xavier (Glorot and Bengio 2010, as in the lectures): N(0, 1 / fan_in); keeps the variance through tanh layers. */
export const xavier = (): Initializer => ({
  name: 'xavier',
  fill: normals(shape => 1 / Math.sqrt(fanInOf(shape, 'xavier'))),
})

/** He (He et al. 2015): N(0, 2 / fan_in); keeps the variance through ReLU layers. */
export const he = (): Initializer => ({
  name: 'he',
  fill: normals(shape => Math.sqrt(2 / fanInOf(shape, 'he'))),
})

/**
 * U(±1/√fan_in), PyTorch's default for the weights and biases of convolutions and linear layers.
 * @param fanIn needed for biases, whose shape does not tell it; by default it follows from the shape
 */
export const fanInUniform = (fanIn?: number): Initializer => ({
  name: 'fanInUniform',
  fill: uniforms(shape => 1 / Math.sqrt(fanIn ?? fanInOf(shape, 'fanInUniform'))),
})

/**
 * Number of inputs of one output: C / groups · KH · KW for convolution weights `[O, C / groups, KH, KW]`, I for linear
 * weights `[O, I]`.
 * @throws Error for shapes with fewer than two axes.
 */
export function fanInOf(shape: readonly number[], label = 'fanInOf'): number {
  if (shape.length < 2) {
    throw new Error(`${label}: fan-in is defined for weights [O, I, …], not for shape [${shape.join(', ')}]`)
  }
  return shape.slice(1).reduce((product, extent) => product * extent, 1)
}

type Fill = Initializer['fill']

/** Fills with mean + scale · n, n standard normal. */
function normals(scaleOf: (shape: readonly number[]) => number, mean = 0): Fill {
  return (values, shape, seed, path) => {
    const scale = scaleOf(shape)
    fillBlocks(values, seed, path, words => normalsFromWords(words).map(n => mean + scale * n))
  }
}

/** Fills with numbers in [−bound, bound). */
function uniforms(boundOf: (shape: readonly number[]) => number): Fill {
  return (values, shape, seed, path) => {
    const bound = boundOf(shape)
    fillBlocks(values, seed, path, words => words.map(word => bound * (2 * uniformFromWord(word) - 1)))
  }
}

function fillBlocks(values: Float32Array, seed: number, path: string, numbers: (words: Words) => number[]): void {
  const key = [seed, streamOf(path)] as const
  for (let start = 0; start < values.length; start += 4) {
    const block = numbers(philox([start / 4, 0, 1, 0], key))
    for (let lane = 0; lane < 4 && start + lane < values.length; lane++) values[start + lane] = block[lane]
  }
}

function checkSpread(label: string, name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new RangeError(`${label}: ${name} (=${value}) must be a finite number ≥ 0`)
  }
}
