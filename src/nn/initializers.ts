/**
 * Rules for initial weights. The numbers are a function of (seed, path) alone: block i of Philox with the counter
 * (i, 0, 1, 0) and the key (seed, hash of the path) gives elements 4i … 4i + 3. The third counter word keeps them apart
 * from the random numbers of training steps, which have 0 there.
 */
import {
  cosineFromWord,
  philoxBlocks,
  radiusFromWord,
  sineFromWord,
  streamOf,
  turns,
  uniformFromWord,
} from '../random/philox.ts'
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

/**
 * Xavier, normal (Glorot and Bengio 2010, in the lectures' form): N(0, 1 / fan_in), which keeps the variance through
 * tanh layers. PyTorch's `xavier_normal_` has the variance 2 / (fan_in + fan_out), the same for layers as wide as their
 * input.
 */
export const xavierNormal = (): Initializer => ({
  name: 'xavierNormal',
  fill: normals(shape => 1 / Math.sqrt(fanInOf(shape, 'xavierNormal'))),
})

/**
 * Xavier, uniform (Glorot and Bengio 2010; PyTorch's `xavier_uniform_`, also called Glorot): U(±√(6 / (fan_in +
 * fan_out))).
 */
export const xavierUniform = (): Initializer => ({
  name: 'xavierUniform',
  fill: uniforms(shape => Math.sqrt(6 / (fanInOf(shape, 'xavierUniform') + fanOutOf(shape, 'xavierUniform')))),
})

/**
 * He, normal (He et al. 2015; PyTorch's `kaiming_normal_`): N(0, 2 / fan_in); keeps the variance through ReLU layers.
 * With `mode: 'fanOut'` it divides by fan_out and keeps the variance of the gradients instead (torchvision's ResNets).
 */
export const heNormal = ({ mode = 'fanIn' }: { readonly mode?: 'fanIn' | 'fanOut' } = {}): Initializer => ({
  name: mode === 'fanIn' ? 'heNormal' : 'heNormal(fanOut)',
  fill: normals(shape => Math.sqrt(2 / (mode === 'fanIn' ? fanInOf(shape, 'heNormal') : fanOutOf(shape, 'heNormal')))),
})

/**
 * Normal distribution N(mean, std²) without the values more than `cut` deviations from the mean (TensorFlow's truncated
 * normal; torchvision's GoogLeNet).
 * @throws RangeError when `std` is negative or `cut` not positive.
 */
export function truncatedGaussian(std: number, cut = 2, mean = 0): Initializer {
  checkSpread('truncatedGaussian', 'std', std)
  if (!(cut > 0)) throw new RangeError(`truncatedGaussian: cut (=${cut}) must be positive`)
  return {
    name: `truncatedGaussian(${std}, ${cut}${mean === 0 ? '' : `, ${mean}`})`,
    fill(values, _, seed, path) {
      let position = 0
      const keep = (n: number): void => {
        if (Math.abs(n) <= cut && position < values.length) values[position++] = mean + std * n
      }
      for (const words of wordChunks(seed, path, values.length)) {
        for (let k = 0; k < words.length; k += 2) {
          const radius = radiusFromWord(words[k])
          keep(radius * cosineFromWord(words[k + 1], turns()))
          keep(radius * sineFromWord(words[k + 1], turns()))
        }
        if (position === values.length) return
      }
    },
  }
}

/**
 * Orthogonal weights (Saxe et al. 2014): as a matrix `[O, I·KH·KW]`, rows (or columns, if there are fewer of them) of
 * length
 * `gain` at right angles to each other, drawn evenly among all such matrices.
 */
export const orthogonal = (gain = 1): Initializer => ({
  name: gain === 1 ? 'orthogonal' : `orthogonal(${gain})`,
  fill(values, shape, seed, path) {
    const columns = fanInOf(shape, 'orthogonal')
    const rows = shape[0]
    const count = Math.min(rows, columns)
    const length = Math.max(rows, columns)
    const random = new Float32Array(count * length)
    normals(() => 1)(random, [count, length], seed, path)
    const basis = orthonormalRows(Float64Array.from(random), count, length)
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        values[i * columns + j] = gain * (rows <= columns ? basis[i * length + j] : basis[j * length + i])
      }
    }
  },
})

/**
 * The identity, for convolutions `[O, I, KH, KW]` with odd kernels: output channel i copies input channel i at first (the
 * middle tap is 1). Output channels beyond the I inputs start from `rest`, the gradient's usual place to find something
 * new. PyTorch's `dirac_` leaves these at 0; Zagoruyko and Komodakis 2017, Jordan 2024.
 * @example conv2d(64, 256, 3, { padding: 1, bias: false, init: dirac() })
 */
export const dirac = (rest: Initializer = fanInUniform()): Initializer => ({
  name: 'dirac',
  fill(values, shape, seed, path) {
    const size = fanInOf(shape, 'dirac')
    const [outputs, inputs] = [shape[0]!, shape[1]!]
    const taps = size / inputs
    const middle = shape.slice(2).reduce((at, extent) => at * extent + Math.floor(extent / 2), 0)
    rest.fill(values, shape, seed, path)
    for (let o = 0; o < Math.min(outputs, inputs); o++) {
      values.fill(0, o * size, (o + 1) * size)
      values[o * size + o * taps + middle] = 1
    }
  },
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

/**
 * Number of outputs that one input reaches: O · KH · KW for convolution weights `[O, C / groups, KH, KW]`, O for linear
 * weights `[O, I]`; PyTorch's fan_out.
 * @throws Error for shapes with fewer than two axes.
 */
export function fanOutOf(shape: readonly number[], label = 'fanOutOf'): number {
  return (shape[0] * fanInOf(shape, label)) / shape[1]
}

type Fill = Initializer['fill']

/** Fills with mean + scale · n, n standard normal. */
function normals(scaleOf: (shape: readonly number[]) => number, mean = 0): Fill {
  return (values, shape, seed, path) => {
    const scale = scaleOf(shape)
    forEachChunk(values, seed, path, (part, words) => fillNormals(part, words, mean, scale))
  }
}

/** Fills with numbers in [−bound, bound). */
function uniforms(boundOf: (shape: readonly number[]) => number): Fill {
  return (values, shape, seed, path) => {
    const bound = boundOf(shape)
    forEachChunk(values, seed, path, (part, words) => fillUniforms(part, words, bound))
  }
}

/** How many random words are made at a time, a multiple of 4. */
const chunkWords = 4096

/** Calls `fill` with each part of the values in turn, together with a random word for each of its elements. */
function forEachChunk(
  values: Float32Array,
  seed: number,
  path: string,
  fill: (part: Float32Array, words: Uint32Array) => void,
): void {
  let start = 0
  for (const words of wordChunks(seed, path, values.length)) {
    if (start >= values.length) return
    fill(values.subarray(start, start + words.length), words)
    start += words.length
  }
}

/** An endless stream of the random words of (seed, path), in one reused array; about `needed` of them are read. */
function* wordChunks(seed: number, path: string, needed: number): Generator<Uint32Array> {
  const words = new Uint32Array(Math.min(chunkWords, 4 * Math.ceil(needed / 4) || 4))
  const key = [seed, streamOf(path)] as const
  for (let block = 0; ; block += words.length / 4) {
    philoxBlocks(words, block, [0, 1, 0], key)
    yield words
  }
}

// Loops over millions of numbers: plain functions of typed arrays, which compile to several times the speed of
// closures.

function fillUniforms(part: Float32Array, words: Uint32Array, bound: number): void {
  for (let k = 0; k < part.length; k++) part[k] = bound * (2 * uniformFromWord(words[k]) - 1)
}

function fillNormals(part: Float32Array, words: Uint32Array, mean: number, scale: number): void {
  const tables = turns()
  for (let k = 0; k < part.length; k += 2) {
    const radius = radiusFromWord(words[k])
    part[k] = mean + scale * (radius * cosineFromWord(words[k + 1], tables))
    if (k + 1 < part.length) part[k + 1] = mean + scale * (radius * sineFromWord(words[k + 1], tables))
  }
}

/**
 * Makes the rows of a matrix orthonormal by Gram–Schmidt, twice for each row, which keeps them at right angles up to
 * rounding. Rows of normal numbers give an even draw among orthonormal rows.
 */
function orthonormalRows(matrix: Float64Array, count: number, length: number): Float64Array {
  const row = (i: number): Float64Array => matrix.subarray(i * length, (i + 1) * length)
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((total, value, k) => total + value * b[k], 0)
  for (let i = 0; i < count; i++) {
    const current = row(i)
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const before = row(j)
        const share = dot(current, before)
        for (let k = 0; k < length; k++) current[k] -= share * before[k]
      }
      const norm = Math.sqrt(dot(current, current))
      for (let k = 0; k < length; k++) current[k] /= norm
    }
  }
  return matrix
}

function checkSpread(label: string, name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new RangeError(`${label}: ${name} (=${value}) must be a finite number ≥ 0`)
  }
}
