/**
 * Class activation maps: the maps of a layer, weighted by how much their channels matter for a score.
 *
 *   Grad-CAM      ReLU(Σ_c w_c A_c), w_c = mean of ∂S/∂A_c over positions          Selvaraju et al. 2017
 *   Grad-CAM++    w_c = Σ α ⊙ ReLU(∂S/∂A_c), α = g² / (2g² + ΣA_c · g³)           Chattopadhay et al. 2018
 *   guided        guided backpropagation × Grad-CAM, enlarged to the image        Selvaraju et al. 2017
 */
import { ShapeError } from '../graph/shape.ts'
import { type Attribution, type AttributionOptions, ask } from './attribution.ts'
import { guidedBackprop } from './gradientMaps.ts'
import type { Captured, Images, Inspector } from './inspector.ts'
import { resizeMaps } from './resizeMaps.ts'

/** Options of the class activation maps. */
export interface CamOptions extends AttributionOptions {
  /** Name of the layer; the last one that has rows and columns by default, see {@link lastSpatialLayer}. */
  readonly layer?: string
}

/** A map of the layer's size. */
export interface CamAttribution extends Attribution {
  /** Name of the layer. */
  readonly layer: string
}

/**
 * Grad-CAM, `[N, h, w]` of the layer's size; `resizeMaps` enlarges it to the image's.
 * @throws PointError for a layer that does not exist; ShapeError for one without rows and columns.
 * @example const cam = resizeMaps((await gradCam(inspector, pixels, { layer: 'layer4' })).map, [224, 224])
 */
export const gradCam = (inspector: Inspector, images: Images, options: CamOptions = {}): Promise<CamAttribution> =>
  camOf(inspector, images, options, (gradient: Float32Array) => sumOf(gradient) / gradient.length)

/**
 * Grad-CAM++, `[N, h, w]`: positions whose gradient is positive count, each by how much it explains.
 * @throws as {@link gradCam}.
 */
export const gradCamPlusPlus = (
  inspector: Inspector,
  images: Images,
  options: CamOptions = {},
): Promise<CamAttribution> =>
  camOf(inspector, images, options, (gradient, activation) => {
    const total = sumOf(activation)
    return gradient.reduce((weight, g) => {
      const divisor = 2 * g * g + total * g * g * g
      return weight + (divisor === 0 ? 0 : ((g * g) / divisor) * Math.max(g, 0))
    }, 0)
  })

/**
 * Guided Grad-CAM, `[N, C, H, W]`: the detail of guided backpropagation where Grad-CAM looks.
 * @throws as {@link gradCam}.
 */
export async function guidedGradCam(
  inspector: Inspector,
  images: Images,
  options: CamOptions = {},
): Promise<CamAttribution> {
  const { score, space, images: given } = await ask(inspector, images, options)
  const fixed = { ...options, of: score, space }
  const { map: cam, scores, layer } = await gradCam(inspector, given, fixed)
  const { map } = await guidedBackprop(inspector, given, fixed)
  const [, channels, height, width] = map.shape
  const large = resizeMaps(cam, [height, width]).values
  const area = height * width
  const values = map.values.map((value, i) => value * large[Math.floor(i / (channels * area)) * area + (i % area)])
  return { map: { shape: map.shape, values }, scores, layer }
}

/** The last value of a network with more than one row or column: the default for class activation maps. */
export function lastSpatialLayer(inspector: Inspector): string {
  const spatial = inspector.points.filter(
    ({ name, shape }) => shape.length === 3 && shape[1] * shape[2] > 1 && !name.endsWith(':input'),
  )
  const last = spatial.at(-1)
  if (!last || last.name === 'input') throw new ShapeError('gradCam: no layer of this network has rows and columns')
  return last.name
}

async function camOf(
  inspector: Inspector,
  images: Images,
  options: CamOptions,
  weightOf: (gradient: Float32Array, activation: Float32Array) => number,
): Promise<CamAttribution> {
  const layer = options.layer === undefined ? lastSpatialLayer(inspector) : inspector.point(options.layer).name
  const { score, space, images: given, count, scores } = await ask(inspector, images, options)
  const { values, gradients } = await inspector.capture(given, layer, {
    gradientsOf: score,
    space,
    onProgress: done => options.onProgress?.(done, count),
  })
  return { map: weightedMaps(layer, values.get(layer)!, gradients.get(layer)!, weightOf), scores, layer }
}

/** ReLU(Σ_c w_c A_c). */
function weightedMaps(
  layer: string,
  activations: Captured,
  gradients: Captured,
  weightOf: (gradient: Float32Array, activation: Float32Array) => number,
): Captured {
  const [images, channels, height, width] = activations.shape
  if (activations.shape.length !== 4) {
    throw new ShapeError(
      `gradCam: ${layer} [${activations.shape.join(', ')}] has no rows and columns; choose a layer [N, C, H, W]`,
    )
  }
  const area = height * width
  const sums = new Float64Array(images * area)
  for (let k = 0; k < images * channels; k++) {
    const of = (values: Float32Array): Float32Array => values.subarray(k * area, (k + 1) * area)
    const weight = weightOf(of(gradients.values), of(activations.values))
    const first = Math.floor(k / channels) * area
    of(activations.values).forEach((value, i) => {
      sums[first + i] += weight * value
    })
  }
  return { shape: [images, height, width], values: Float32Array.from(sums, value => Math.max(value, 0)) }
}

const sumOf = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0)
