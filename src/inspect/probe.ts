/**
 * Linear probes (Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016): how well
 * a layer's values tell classes apart by a linear classifier alone. The network stays unchanged.
 *
 * The classifier is multinomial logistic regression with a ridge: it minimizes
 *   mean cross-entropy + λ / 2 · ‖W‖²
 * over features of mean 0 and deviation 1 (a bias is not punished), by L-BFGS in double precision from zero. The
 * function is convex, so nothing depends on chance. scikit-learn's `LogisticRegression` has the same minimum for C = 1
 * / (λ N).
 */
import { ShapeError } from '../graph/shape.ts'
import type { CancelSignal } from './cancel.ts'
import type { Features } from './features.ts'
import type { Inspector } from './inspector.ts'
import type { LabeledImages } from './loss.ts'
import { minimize } from './minimize.ts'

/** Options of {@link linearProbe}. */
export interface ProbeOptions {
  /** λ, the strength of the ridge; 0.01 by default. */
  readonly ridge?: number
  /** The minimum is found when no slope is larger than this; 1e-6 by default. */
  readonly tolerance?: number
  /** Largest number of steps, 1000 by default. */
  readonly steps?: number
}

/** A linear classifier of features. */
export interface LinearProbe {
  /** `[classes, F]`, for features that are not standardized. */
  readonly weights: Float64Array
  /** `[classes]` */
  readonly bias: Float64Array
  readonly classes: number
  /** Of the features it was fitted to. */
  readonly accuracy: number
  /** Mean cross-entropy of them, in nats, and the ridge with it. */
  readonly loss: number
  readonly objective: number
  /** Steps of L-BFGS, and whether they reached the tolerance. */
  readonly steps: number
  readonly converged: boolean
}

/**
 * Fits a linear classifier to features `[N, …]`; deterministic.
 * @throws ShapeError when there are not as many labels as rows; RangeError for fewer than two classes, a label that is
 *   no whole number ≥ 0, and options out of their ranges.
 * @example const probe = linearProbe(values.get('conv2'), labels, { ridge: 0.01 })
 */
export function linearProbe(features: Features, labels: ArrayLike<number>, options: ProbeOptions = {}): LinearProbe {
  const { ridge = 0.01, tolerance = 1e-6, steps: most = 1000 } = options
  if (!(ridge >= 0 && Number.isFinite(ridge))) throw new RangeError(`linearProbe: ridge (=${ridge}) must be ≥ 0`)
  const [count] = features.shape
  const classes = classesOf(labels, count)
  const size = features.values.length / count
  const { rows, mean, std } = standardized(features)
  const objective = new ProbeObjective(rows, labels, classes, ridge)
  const found = minimize(objective.evaluate, new Float64Array(classes * (size + 1)), { tolerance, steps: most })
  const { weights, bias } = unstandardized(found.x, classes, mean, std)
  const probe = { weights, bias, classes }
  const loss = objective.lossOf(found.x)
  return {
    ...probe,
    accuracy: probeAccuracy(probe, features, labels),
    loss,
    objective: found.value,
    steps: found.steps,
    converged: found.converged,
  }
}

/**
 * The fraction of features that a probe classifies correctly.
 * @throws ShapeError when features or labels do not fit.
 */
export function probeAccuracy(
  { weights, bias, classes }: Pick<LinearProbe, 'weights' | 'bias' | 'classes'>,
  features: Features,
  labels: ArrayLike<number>,
): number {
  const [count] = features.shape
  const size = features.values.length / count
  if (labels.length !== count) throw new ShapeError(`probeAccuracy: ${labels.length} labels for ${count} rows`)
  if (weights.length !== classes * size)
    throw new ShapeError(`probeAccuracy: rows of ${size} numbers for a probe of ${weights.length / classes}`)
  let right = 0
  for (let n = 0; n < count; n++) {
    let [best, most] = [0, Number.NEGATIVE_INFINITY]
    for (let k = 0; k < classes; k++) {
      let logit = bias[k]
      for (let i = 0; i < size; i++) logit += weights[k * size + i] * features.values[n * size + i]
      if (logit > most) [best, most] = [k, logit]
    }
    if (best === labels[n]) right++
  }
  return right / count
}

/** What a layer's values reveal about the class. */
export interface LayerProbe {
  readonly layer: string
  /** Numbers of one image that the probe reads, and how many the layer has. */
  readonly features: number
  readonly size: number
  readonly trainAccuracy: number
  /** On images that the probe has not seen. */
  readonly accuracy: number
  readonly converged: boolean
}

/** Options of {@link probeLayers}. */
export interface ProbeLayersOptions extends ProbeOptions {
  /** Larger layers are averaged over neighboring positions until they have no more numbers; 1024 by default. */
  readonly mostFeatures?: number
  /** Called after each layer with how many are done. */
  readonly onProgress?: (layers: number, of: number) => void
  /** Ends the work: the call then throws the signal's reason. */
  readonly signal?: CancelSignal
}

/**
 * A probe of each layer, fitted to some images and judged on others.
 * @param layers names and patterns; by default every value that depends on the image
 * @throws PointError for a name that matches nothing; ShapeError and RangeError as {@link linearProbe}; the reason of
 *   `signal`.
 * @example for (const { layer, accuracy } of await probeLayers(inspector, train, test, ['input', 'conv*'])) …
 */
export async function probeLayers(
  inspector: Inspector,
  train: LabeledImages,
  test: LabeledImages,
  layers: string | readonly string[],
  options: ProbeLayersOptions = {},
): Promise<LayerProbe[]> {
  const { mostFeatures = 1024, onProgress, signal, ...fit } = options
  const names = [...(await inspector.capture(firstOf(train), layers)).values.keys()]
  const probes: LayerProbe[] = []
  for (const layer of names) {
    signal?.throwIfAborted()
    const featuresOf = async ({ images }: LabeledImages): Promise<Features> =>
      pooled((await inspector.capture(images, layer)).values.get(layer)!, mostFeatures)
    const features = await featuresOf(train)
    const probe = linearProbe(features, train.labels, fit)
    probes.push({
      layer,
      features: features.values.length / features.shape[0],
      size: inspector.point(layer).shape.reduce((a, b) => a * b, 1),
      trainAccuracy: probe.accuracy,
      accuracy: probeAccuracy(probe, await featuresOf(test), test.labels),
      converged: probe.converged,
    })
    onProgress?.(probes.length, names.length)
  }
  return probes
}

const firstOf = ({ images, labels }: LabeledImages): LabeledImages['images'] =>
  images.subarray(0, images.length / labels.length)

/**
 * Values `[N, C, H, W]` averaged over squares of positions, the smallest that leave no more than `most` numbers an
 * image.
 */
function pooled(values: Features, most: number): Features {
  const [count, channels, height, width] = values.shape
  if (values.shape.length !== 4) return values
  let side = 1
  const sizeOf = (s: number): number => channels * Math.ceil(height / s) * Math.ceil(width / s)
  while (side < Math.max(height, width) && sizeOf(side) > most) side++
  if (side === 1) return values
  const [rows, columns] = [Math.ceil(height / side), Math.ceil(width / side)]
  const means = new Float32Array(count * channels * rows * columns)
  for (let plane = 0; plane < count * channels; plane++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        let [sum, cells] = [0, 0]
        for (let y = r * side; y < Math.min(height, (r + 1) * side); y++) {
          for (let x = c * side; x < Math.min(width, (c + 1) * side); x++, cells++) {
            sum += values.values[(plane * height + y) * width + x]
          }
        }
        means[(plane * rows + r) * columns + c] = sum / cells
      }
    }
  }
  return { shape: [count, channels, rows, columns], values: means }
}

function classesOf(labels: ArrayLike<number>, count: number): number {
  if (labels.length !== count) throw new ShapeError(`linearProbe: ${labels.length} labels for ${count} rows`)
  let most = 0
  for (let n = 0; n < count; n++) {
    if (!Number.isInteger(labels[n]) || labels[n] < 0) {
      throw new RangeError(`linearProbe: label ${n} (=${labels[n]}) must be a whole number ≥ 0`)
    }
    most = Math.max(most, labels[n])
  }
  if (most === 0) throw new RangeError('linearProbe: all labels are 0; a probe needs two classes')
  return most + 1
}

/** Features of mean 0 and deviation 1; constant features are 0. @internal */
export function standardized({ shape: [count], values }: Features): {
  rows: Float64Array
  mean: Float64Array
  std: Float64Array
} {
  const size = values.length / count
  const [mean, std] = [new Float64Array(size), new Float64Array(size)]
  // Relative to the first row, so that the mean of equal numbers is that number.
  for (let at = 0; at < values.length; at++) mean[at % size] += (values[at] - values[at % size]) / count
  for (let i = 0; i < size; i++) mean[i] += values[i]
  for (let at = 0; at < values.length; at++) std[at % size] += (values[at] - mean[at % size]) ** 2 / count
  for (let i = 0; i < size; i++) std[i] = Math.sqrt(std[i])
  const rows = Float64Array.from(values, (value, at) =>
    std[at % size] > 0 ? (value - mean[at % size]) / std[at % size] : 0,
  )
  return { rows, mean, std }
}

/**
 * From weights and biases for standardized features to those for the original features.
 * @param x weights `[classes, F]`, then biases `[classes]`
 * @internal
 */
export function unstandardized(
  x: Float64Array,
  classes: number,
  mean: Float64Array,
  std: Float64Array,
): { weights: Float64Array; bias: Float64Array } {
  const size = mean.length
  const weights = new Float64Array(classes * size)
  const bias = x.slice(classes * size)
  for (let k = 0; k < classes; k++) {
    for (let i = 0; i < size; i++) {
      const weight = std[i] > 0 ? x[k * size + i] / std[i] : 0
      weights[k * size + i] = weight
      bias[k] -= weight * mean[i]
    }
  }
  return { weights, bias }
}

/** Mean cross-entropy and ridge as a function of weights `[classes, F]` followed by biases `[classes]`. */
class ProbeObjective {
  readonly #rows: Float64Array
  readonly #labels: ArrayLike<number>
  readonly #classes: number
  readonly #size: number
  readonly #ridge: number

  constructor(rows: Float64Array, labels: ArrayLike<number>, classes: number, ridge: number) {
    this.#rows = rows
    this.#labels = labels
    this.#classes = classes
    this.#size = rows.length / labels.length
    this.#ridge = ridge
  }

  lossOf(x: Float64Array): number {
    const { value } = this.evaluate(x)
    const ridge = x.subarray(0, this.#classes * this.#size).reduce((sum, w) => sum + w * w, 0)
    return value - (this.#ridge / 2) * ridge
  }

  readonly evaluate = (x: Float64Array): { value: number; gradient: Float64Array } => {
    const [classes, size, count] = [this.#classes, this.#size, this.#labels.length]
    const gradient = new Float64Array(x.length)
    const p = new Float64Array(classes)
    let value = 0
    for (let n = 0; n < count; n++) {
      const first = n * size
      let most = Number.NEGATIVE_INFINITY
      for (let k = 0; k < classes; k++) {
        let logit = x[classes * size + k]
        for (let i = 0; i < size; i++) logit += x[k * size + i] * this.#rows[first + i]
        p[k] = logit
        most = Math.max(most, logit)
      }
      const label = this.#labels[n]
      let total = 0
      for (let k = 0; k < classes; k++) total += Math.exp(p[k] - most)
      value += (most + Math.log(total) - p[label]) / count
      for (let k = 0; k < classes; k++) {
        const slope = (Math.exp(p[k] - most) / total - (k === label ? 1 : 0)) / count
        gradient[classes * size + k] += slope
        for (let i = 0; i < size; i++) gradient[k * size + i] += slope * this.#rows[first + i]
      }
    }
    for (let i = 0; i < classes * size; i++) {
      value += (this.#ridge / 2) * x[i] * x[i]
      gradient[i] += this.#ridge * x[i]
    }
    return { value, gradient }
  }
}
