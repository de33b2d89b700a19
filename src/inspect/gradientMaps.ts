/**
 * Attributions by the gradient of a score S with respect to the image, and by two rules that turn it into pictures:
 *
 *   saliency            max over channels of |∂S/∂x|      Simonyan, Vedaldi and Zisserman 2013
 *   gradient × input    x ⊙ ∂S/∂x                         Shrikumar et al. 2016
 *   SmoothGrad          mean of ∂S(x + ε)/∂x              Smilkov et al. 2017
 *   deconvnet           g ← max(g, 0) at rectifiers       Zeiler and Fergus 2014
 *   guided backprop     g ← max(g, 0)·[x > 0]             Springenberg et al. 2015
 */
import type { ReluRule } from '../graph/rectifier.ts'
import { ShapeError } from '../graph/shape.ts'
import { RandomSequence } from '../random/philox.ts'
import { type Attribution, type AttributionOptions, ask, checkWhole, imageOf, scoreOf } from './attribution.ts'
import type { Captured, Images, Inspector } from './inspector.ts'

/**
 * ∂S/∂x, `[N, C, H, W]`.
 * @param options.relu another rule for rectifiers; the result is then no gradient
 * @example const { map } = await gradientMap(inspector, pixels, { of: 281 })
 */
export async function gradientMap(
  inspector: Inspector,
  images: Images,
  options: AttributionOptions & { readonly relu?: ReluRule } = {},
): Promise<Attribution> {
  const { score, images: given, space, count, scores } = await ask(inspector, images, options)
  const { relu = 'exact', onProgress } = options
  const { gradients } = await inspector.capture(given, 'input', {
    gradientsOf: score,
    space,
    relu,
    onProgress: done => onProgress?.(done, count),
  })
  return { map: gradients.get('input')!, scores }
}

/**
 * max over channels of |∂S/∂x|, `[N, H, W]`: by how much the score could change with a pixel (Simonyan et al. 2013).
 */
export async function saliency(
  inspector: Inspector,
  images: Images,
  options: AttributionOptions = {},
): Promise<Attribution> {
  const { map, scores } = await gradientMap(inspector, images, options)
  return { map: foldChannels(map, (most, value) => Math.max(most, Math.abs(value))), scores }
}

/**
 * x ⊙ ∂S/∂x, `[N, C, H, W]` (Shrikumar et al. 2016). Its sum is S when the network has no biases and no preprocessing
 * that shifts: S is then linear along the ray from 0 to x.
 */
export async function gradientTimesInput(
  inspector: Inspector,
  images: Images,
  options: AttributionOptions = {},
): Promise<Attribution> {
  const { images: x, score, space, scores } = await ask(inspector, images, options)
  const { map } = await gradientMap(inspector, x, { ...options, of: score, space })
  return { map: { shape: map.shape, values: map.values.map((slope, i) => slope * x[i]) }, scores }
}

/** Deconvnet, `[N, C, H, W]`: what comes back when rectifiers pass every positive gradient. */
export const deconvnet = (inspector: Inspector, images: Images, options?: AttributionOptions): Promise<Attribution> =>
  gradientMap(inspector, images, { ...options, relu: 'deconvnet' })

/**
 * Guided backpropagation, `[N, C, H, W]`: what comes back when rectifiers pass positive gradients where they passed
 * their input. It hardly depends on the upper layers' weights (Adebayo et al. 2018): it shows the edges that the
 * network reads, not why it decides.
 */
export const guidedBackprop = (
  inspector: Inspector,
  images: Images,
  options?: AttributionOptions,
): Promise<Attribution> => gradientMap(inspector, images, { ...options, relu: 'guided' })

/** Options of {@link smoothGrad}. */
export interface SmoothGradOptions extends AttributionOptions {
  /** Noisy copies of an image, 50 by default. */
  readonly samples?: number
  /**
   * Standard deviation of the noise, as a fraction of the image's range (largest − smallest number); 0.15 by default.
   */
  readonly noise?: number
  /** Seed of the random numbers, 0 by default. */
  readonly seed?: number
  /** The noise itself, instead of random numbers: `[samples, C, H, W]`, the same for all images, added unscaled. */
  readonly draws?: ArrayLike<number>
}

/**
 * The mean of ∂S(x + ε)/∂x over noisy copies of the image, `[N, C, H, W]` (Smilkov et al. 2017).
 * @throws RangeError when samples are not a whole number ≥ 1 or the noise is negative; ShapeError when draws do not
 *   fit.
 */
export async function smoothGrad(
  inspector: Inspector,
  images: Images,
  options: SmoothGradOptions = {},
): Promise<Attribution> {
  const { samples = 50, noise = 0.15, seed = 0, draws, onProgress } = options
  checkWhole('smoothGrad', 'samples', samples)
  if (!(noise >= 0 && Number.isFinite(noise))) throw new RangeError(`smoothGrad: noise (=${noise}) must be ≥ 0`)
  const question = await ask(inspector, images, options)
  const { size, count, space, scores } = question
  if (draws && draws.length !== samples * size) {
    throw new ShapeError(`smoothGrad: ${draws.length} draws for ${samples} samples of ${size} numbers`)
  }
  const map = { shape: [] as readonly number[], values: new Float32Array(count * size) }
  for (let n = 0; n < count; n++) {
    const image = imageOf(question, n)
    const range = image.reduce((a, b) => Math.max(a, b)) - image.reduce((a, b) => Math.min(a, b))
    const random = new RandomSequence(seed, 'smoothGrad', 0, n)
    const noisy = Float32Array.from(
      { length: samples * size },
      (_, i) => image[i % size] + (draws ? draws[i] : noise * range * random.normal()),
    )
    const { gradients } = await inspector.capture(noisy, 'input', {
      gradientsOf: scoreOf(question, n, samples),
      space,
      onProgress: done => onProgress?.(n * samples + done, count * samples),
    })
    const { shape, values } = gradients.get('input')!
    map.shape = [count, ...shape.slice(1)]
    for (let i = 0; i < size; i++) {
      let total = 0
      for (let k = 0; k < samples; k++) total += values[k * size + i]
      map.values[n * size + i] = total / samples
    }
  }
  return { map, scores }
}

/**
 * Folds one number per channel into one per position: `[N, C, H, W]` → `[N, H, W]`.
 * @param fold adds a channel's number to the result of the channels before it, starting with 0
 * @throws ShapeError when the map has no channels.
 * @example foldChannels(map, (sum, value) => sum + value)
 */
export function foldChannels({ shape, values }: Captured, fold: (sum: number, value: number) => number): Captured {
  const [images, channels, height, width] = shape
  if (shape.length !== 4) throw new ShapeError(`foldChannels: expected a map [N, C, H, W], got [${shape.join(', ')}]`)
  const area = height * width
  const folded = Float32Array.from({ length: images * area }, (_, i) => {
    const first = Math.floor(i / area) * channels * area + (i % area)
    let sum = 0
    for (let c = 0; c < channels; c++) sum = fold(sum, values[first + c * area])
    return sum
  })
  return { shape: [images, height, width], values: folded }
}
