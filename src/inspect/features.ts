/**
 * Features as points: the value of a layer for each image is a row of numbers. Shows which images are close together,
 * along which directions they differ most, and whether two layers say the same.
 */
import { ShapeError } from '../graph/shape.ts'
import type { Captured } from './inspector.ts'

/**
 * Rows of features, one per image: `[N, F]`, or a captured value `[N, …]`, whose numbers are taken in their stored
 * order.
 */
export type Features = Captured

/** An image near another. */
export interface Neighbor {
  readonly image: number
  /** Cosine of the angle between the two rows, 1 for the same direction. */
  readonly similarity: number
}

/**
 * The images whose features point most nearly in the direction of those of `image`, nearest first, without `image`
 * itself.
 * @throws RangeError for an image that does not exist.
 * @example nearestNeighbors((await inspector.capture(bytes, 'flatten')).values.get('flatten'), 0)
 */
export function nearestNeighbors(features: Features, image: number, count = 9): Neighbor[] {
  const [images] = features.shape
  if (!Number.isInteger(image) || image < 0 || image >= images) {
    throw new RangeError(`nearestNeighbors: image (=${image}) must be a whole number in 0 … ${images - 1}`)
  }
  const row = rowsOf(features)
  const own = row(image)
  const length = Math.sqrt(dot(own, own))
  return Array.from({ length: images }, (_, other) => {
    const product = length * Math.sqrt(dot(row(other), row(other)))
    return { image: other, similarity: product === 0 ? 0 : dot(own, row(other)) / product }
  })
    .filter(neighbor => neighbor.image !== image)
    .sort((a, b) => b.similarity - a.similarity || a.image - b.image)
    .slice(0, count)
}

/**
 * Linear centered kernel alignment of two layers on the same images, 0 to 1: ‖YᵀX‖² / (‖XᵀX‖ · ‖YᵀY‖) of centered
 * features (Kornblith, Norouzi, Lee and Hinton 2019). Rotating features, or scaling all of them, changes nothing. It is
 * computed from the products of the images, which takes N² numbers whatever the sizes of the layers.
 * @throws ShapeError when the layers have not seen the same number of images.
 * @returns NaN when one of the layers says the same of all images
 */
export function linearCka(x: Features, y: Features): number {
  if (x.shape[0] !== y.shape[0])
    throw new ShapeError(`linearCka: features of ${x.shape[0]} and of ${y.shape[0]} images`)
  const [a, b] = [centeredProducts(x), centeredProducts(y)]
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

/** Principal components. */
export interface PrincipalComponents {
  /** Position of each image along the components, `[N, components]`. */
  readonly points: Float64Array
  /** Variance along each component, largest first (divided by N − 1). */
  readonly variances: Float64Array
  /** The fraction of the total variance along each component. */
  readonly shares: Float64Array
}

/**
 * The first principal components of features: directions of largest variance, each at right angles to those before. The
 * sign of a component is chosen so that the image farthest from the mean along it has a positive coordinate. They are
 * the eigenvectors of the products of all pairs of images, or of all pairs of features where those are fewer: thousands
 * of images of a few hundred features take a moment.
 * @param components 2 by default
 * @throws RangeError when components are not a whole number in 1 … N − 1.
 */
export function principalComponents(features: Features, components = 2): PrincipalComponents {
  const [images] = features.shape
  if (!Number.isInteger(components) || components < 1 || components > images - 1) {
    throw new RangeError(`principalComponents: components (=${components}) must be a whole number in 1 … ${images - 1}`)
  }
  const rows = centered(features)
  const size = rows.length / images
  const byFeature = size < images
  const [side, products] = byFeature
    ? [size, productsOf(transposed(rows, size), size)]
    : [images, productsOf(rows, images)]
  const total = Array.from({ length: side }, (_, n) => products[n * side + n]).reduce((a, b) => a + b, 0)
  const points = new Float64Array(images * components)
  const variances = new Float64Array(components)
  for (let k = 0; k < components; k++) {
    const { vector, value } = largestEigenvector(products, side)
    const along = byFeature
      ? Float64Array.from({ length: images }, (_, n) => dot(rows.subarray(n * size, (n + 1) * size), vector))
      : vector.map(x => x * Math.sqrt(Math.max(value, 0)))
    const farthest = along.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0)
    for (let n = 0; n < images; n++) points[n * components + k] = along[n] * (farthest < 0 ? -1 : 1)
    variances[k] = value / (images - 1)
    // Removes the component.
    for (let n = 0; n < side; n++) {
      for (let m = 0; m < side; m++) products[n * side + m] -= value * vector[n] * vector[m]
    }
  }
  return { points, variances, shares: variances.map(variance => (variance * (images - 1)) / total) }
}

/** Products of all pairs of rows after the mean row is subtracted: `[N, N]`. */
const centeredProducts = (features: Features): Float64Array => productsOf(centered(features), features.shape[0])

/** Features less the mean row, `[N, F]`. */
function centered(features: Features): Float64Array {
  const [images] = features.shape
  const size = features.values.length / images
  const mean = new Float64Array(size)
  features.values.forEach((value, i) => {
    mean[i % size] += value / images
  })
  return Float64Array.from(features.values, (value, i) => value - mean[i % size])
}

/** Products of all pairs of rows, `[count, count]`. */
function productsOf(rows: Float64Array, count: number): Float64Array {
  const size = rows.length / count
  const row = (n: number): Float64Array => rows.subarray(n * size, (n + 1) * size)
  const products = new Float64Array(count * count)
  for (let n = 0; n < count; n++) {
    for (let m = 0; m <= n; m++) {
      const product = dot(row(n), row(m))
      products[n * count + m] = product
      products[m * count + n] = product
    }
  }
  return products
}

/** Rows of `size` numbers as columns. */
const transposed = (rows: Float64Array, size: number): Float64Array =>
  rows.map((_, i) => rows[(i % (rows.length / size)) * size + Math.floor(i / (rows.length / size))])

/** Rounds of the power method, and the change of a direction at which it ends. */
const [mostRounds, still] = [10_000, 1e-14] as const

/** The eigenvector of the largest eigenvalue of a symmetric positive semidefinite matrix, by the power method. */
function largestEigenvector(matrix: Float64Array, size: number): { vector: Float64Array; value: number } {
  // The column of the largest diagonal element is no combination of the other eigenvectors alone.
  const diagonal = Array.from({ length: size }, (_, n) => matrix[n * size + n])
  const start = diagonal.indexOf(Math.max(...diagonal))
  let vector = matrix.slice(start * size, (start + 1) * size)
  let value = 0
  for (let round = 0; round < mostRounds; round++) {
    const length = Math.sqrt(dot(vector, vector))
    if (length === 0) return { vector, value: 0 }
    const unit = vector.map(x => x / length)
    vector = unit.map((_, n) => dot(matrix.subarray(n * size, (n + 1) * size), unit))
    value = dot(unit, vector)
    const change = vector.reduce((most, x, n) => Math.max(most, Math.abs(x - value * unit[n])), 0)
    if (change <= still * value || round === mostRounds - 1) return { vector: unit, value }
  }
  return { vector, value }
}

function rowsOf({ shape: [images], values }: Features): (n: number) => Float32Array {
  const size = values.length / images
  return n => values.subarray(n * size, (n + 1) * size)
}

function dot(a: Float32Array | Float64Array, b: Float32Array | Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
