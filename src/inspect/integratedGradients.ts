/**
 * Integrated gradients (Sundararajan, Taly and Yan 2017): the gradient along the straight path from a baseline x₀ to
 * the image,
 *   (x − x₀) ⊙ ∫₀¹ ∂S(x₀ + α(x − x₀))/∂x dα,
 * by Gauss–Legendre quadrature. Its sum is S(x) − S(x₀) up to the quadrature error, which is reported.
 */
import { ShapeError } from '../graph/shape.ts'
import { type Attribution, type AttributionOptions, ask, checkWhole, imageOf, scoreOf } from './attribution.ts'
import type { Images, Inspector } from './inspector.ts'

/** Options of {@link integratedGradients}. */
export interface IntegratedGradientsOptions extends AttributionOptions {
  /** Points at which the gradient is taken, 32 by default. */
  readonly steps?: number
  /**
   * x₀: one number for all, or one per number of an image; 0 by default, which is black in pixels and the mean in
   * normalized values.
   */
  readonly baseline?: number | ArrayLike<number>
}

/** An attribution that adds up to a difference of scores. */
export interface IntegratedGradients extends Attribution {
  /** S(x₀) of each image. */
  readonly baselineScores: Float32Array
  /** Σ attribution − (S(x) − S(x₀)) of each image: the quadrature error. */
  readonly completenessErrors: Float32Array
}

/**
 * Integrated gradients, `[N, C, H, W]`.
 * @throws RangeError when steps are not a whole number ≥ 1; ShapeError when the baseline is no image.
 * @example const { map, completenessErrors } = await integratedGradients(inspector, pixels, { of: 281 })
 */
export async function integratedGradients(
  inspector: Inspector,
  images: Images,
  options: IntegratedGradientsOptions = {},
): Promise<IntegratedGradients> {
  const { steps = 32, baseline = 0, onProgress } = options
  checkWhole('integratedGradients', 'steps', steps)
  const question = await ask(inspector, images, options)
  const { size, count, space, scores } = question
  if (typeof baseline !== 'number' && baseline.length !== size) {
    throw new ShapeError(`integratedGradients: a baseline of ${baseline.length} numbers for images of ${size}`)
  }
  const start = Float32Array.from({ length: size }, (_, i) => (typeof baseline === 'number' ? baseline : baseline[i]))
  const { nodes, weights } = gaussLegendre(steps)
  const result = {
    map: { shape: [] as readonly number[], values: new Float32Array(count * size) },
    scores,
    baselineScores: new Float32Array(count),
    completenessErrors: new Float32Array(count),
  }
  for (let n = 0; n < count; n++) {
    const image = imageOf(question, n)
    // The path and its start, whose score is needed as well.
    const way = new Float32Array((steps + 1) * size)
    ;[0, ...nodes].forEach((alpha, k) => {
      for (let i = 0; i < size; i++) way[k * size + i] = start[i] + alpha * (image[i] - start[i])
    })
    const found = await inspector.capture(way, 'input', {
      gradientsOf: scoreOf(question, n, steps + 1),
      space,
      onProgress: done => onProgress?.(n * (steps + 1) + done, count * (steps + 1)),
    })
    const { shape, values } = found.gradients.get('input')!
    result.map.shape = [count, ...shape.slice(1)]
    let total = 0
    for (let i = 0; i < size; i++) {
      let slope = 0
      for (let k = 0; k < steps; k++) slope += weights[k] * values[(k + 1) * size + i]
      const share = (image[i] - start[i]) * slope
      result.map.values[n * size + i] = share
      total += share
    }
    result.baselineScores[n] = found.scores[0]
    result.completenessErrors[n] = total - (scores[n] - found.scores[0])
  }
  return result
}

/**
 * Gauss–Legendre quadrature on [0, 1]: exact for polynomials below degree 2n. Nodes are the zeros of the n-th Legendre
 * polynomial, found by Newton's method.
 * @throws RangeError when n is not a whole number ≥ 1.
 */
export function gaussLegendre(n: number): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  checkWhole('gaussLegendre', 'n', n)
  const nodes = new Float64Array(n)
  const weights = new Float64Array(n)
  for (let k = 0; k < n; k++) {
    let x = Math.cos((Math.PI * (k + 0.75)) / (n + 0.5))
    let slope = 0
    for (let round = 0; round < 100; round++) {
      const [value, before] = legendre(n, x)
      slope = (n * (x * value - before)) / (x * x - 1)
      const step = value / slope
      x -= step
      if (Math.abs(step) < 1e-16) break
    }
    // From [−1, 1], largest first, to [0, 1], smallest first.
    nodes[n - 1 - k] = (1 + x) / 2
    weights[n - 1 - k] = 1 / ((1 - x * x) * slope * slope)
  }
  return { nodes, weights }
}

/** P_n(x) and P_{n−1}(x), by k·P_k = (2k − 1)·x·P_{k−1} − (k − 1)·P_{k−2}. */
function legendre(n: number, x: number): [number, number] {
  let [value, before] = [1, 0]
  for (let k = 1; k <= n; k++) [value, before] = [((2 * k - 1) * x * value - (k - 1) * before) / k, value]
  return [value, before]
}
