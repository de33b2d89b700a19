/**
 * Occlusion (Zeiler and Fergus 2014): a patch moves over the image, and the drop of the score shows what matters. It
 * needs no gradients and no layers, only the network's answers.
 */
import { ShapeError } from '../graph/shape.ts'
import {
  type Attribution,
  type AttributionOptions,
  ask,
  checkWhole,
  imageOf,
  type Question,
  scoreOf,
} from './attribution.ts'
import type { Images, Inspector } from './inspector.ts'

/** Options of {@link occlusion}. */
export interface OcclusionOptions extends AttributionOptions {
  /** Rows and columns of the patch; an eighth of the image's shorter side by default. */
  readonly window?: number
  /** Rows and columns between two patches; half the window by default. */
  readonly stride?: number
  /** The number that is put over the image: 0.5 (gray) by default in pixels, 0 (the mean) in normalized values. */
  readonly value?: number
}

/** Occluded images that are made at once. */
const madeAtOnce = 64

/**
 * S(x) − S(x occluded), averaged over all patches that cover a position, `[N, H, W]`: positive where the image speaks
 * for the score. Patches begin at every `stride` and are cut off at the right and lower edge (as captum's `Occlusion`).
 * @throws RangeError when window or stride are not whole numbers ≥ 1; ShapeError for images without rows and columns.
 * @example const { map } = await occlusion(inspector, pixels, { of: 281, window: 32 })
 */
export async function occlusion(
  inspector: Inspector,
  images: Images,
  options: OcclusionOptions = {},
): Promise<Attribution> {
  const question = await ask(inspector, images, options)
  const { count, space, scores } = question
  const shape = inspector.imageShape(space)
  if (shape.length !== 3) throw new ShapeError(`occlusion: images [${shape.join(', ')}] have no rows and columns`)
  const [, height, width] = shape
  const window = options.window ?? Math.max(1, Math.round(Math.min(height, width) / 8))
  const stride = options.stride ?? Math.max(1, Math.floor(window / 2))
  checkWhole('occlusion', 'window', window)
  checkWhole('occlusion', 'stride', stride)
  if (stride > window) throw new RangeError(`occlusion: stride (=${stride}) leaves gaps between windows (=${window})`)
  const value = options.value ?? (space === 'pixels' ? 0.5 : 0)
  const places = startsOf(height, window, stride).flatMap(top =>
    startsOf(width, window, stride).map(left => ({
      top,
      left,
      bottom: Math.min(top + window, height),
      right: Math.min(left + window, width),
    })),
  )
  const area = height * width
  const map = { shape: [count, height, width], values: new Float32Array(count * area) }
  for (let n = 0; n < count; n++) {
    const drops = await dropsOf(question, n, { places, value, shape }, done =>
      options.onProgress?.(n * places.length + done, count * places.length),
    )
    const sums = new Float64Array(area)
    const covers = new Float64Array(area)
    places.forEach(({ top, left, bottom, right }, k) => {
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          sums[y * width + x] += drops[k]
          covers[y * width + x]++
        }
      }
    })
    map.values.set(
      sums.map((sum, i) => sum / covers[i]),
      n * area,
    )
  }
  return { map, scores }
}

interface Patch {
  readonly top: number
  readonly left: number
  readonly bottom: number
  readonly right: number
}

/** First rows of patches, so that the last one reaches the end. */
const startsOf = (size: number, window: number, stride: number): number[] =>
  Array.from({ length: Math.ceil(Math.max(0, size - window) / stride) + 1 }, (_, k) => k * stride)

/** How far the score of image `n` falls behind each patch. */
async function dropsOf(
  question: Question,
  n: number,
  { places, value, shape }: { places: readonly Patch[]; value: number; shape: readonly number[] },
  onProgress: (done: number) => void,
): Promise<number[]> {
  const { inspector, size, scores, space } = question
  const [channels, height, width] = shape
  const drops: number[] = []
  for (let first = 0; first < places.length; first += madeAtOnce) {
    const some = places.slice(first, first + madeAtOnce)
    const occluded = new Float32Array(some.length * size)
    some.forEach(({ top, left, bottom, right }, k) => {
      const image = occluded.subarray(k * size, (k + 1) * size)
      image.set(imageOf(question, n))
      for (let row = 0; row < channels * height; row++) {
        const y = row % height
        if (y >= top && y < bottom) image.fill(value, row * width + left, row * width + right)
      }
    })
    const found = await inspector.capture(occluded, [], { gradientsOf: scoreOf(question, n, some.length), space })
    drops.push(...Array.from(found.scores, score => scores[n] - score))
    onProgress(drops.length)
  }
  return drops
}
