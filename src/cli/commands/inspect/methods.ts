/** The methods of `fovea inspect` for pictures: the function that computes each, and how its map is drawn. */
import {
  type Attribution,
  type AttributionOptions,
  type Captured,
  deconvnet,
  foldChannels,
  gradCam,
  gradCamPlusPlus,
  gradientTimesInput,
  guidedBackprop,
  guidedGradCam,
  type Images,
  type Inspector,
  integratedGradients,
  occlusion,
  resizeMaps,
  saliency,
  smoothGrad,
} from '../../../inspect/index.ts'
import { heatMap, overlay, scaleOf, signedPicture } from '../../../plot/index.ts'
import type { ImageShape } from '../../../train/programs.ts'

/** What the command line says about a method. */
export interface MethodOptions extends AttributionOptions {
  readonly layer?: string | undefined
  readonly steps?: number | undefined
  readonly window?: number | undefined
}

/** A map and its caption. */
export interface Answer extends Attribution {
  readonly note?: string
  /** For machines. */
  readonly details?: Readonly<Record<string, number | string>>
}

/** A method for pictures. */
interface Method {
  readonly compute: (inspector: Inspector, images: Images, options: MethodOptions) => Promise<Answer>
  /** `heat` is overlaid on the picture, `signed` is drawn alone, `strokes` is drawn in colors around gray. */
  readonly look: 'heat' | 'signed' | 'strokes'
}

const cam =
  (compute: typeof gradCam): Method['compute'] =>
  async (inspector, images, { layer, ...options }) => {
    const found = await compute(inspector, images, { ...options, ...(layer !== undefined && { layer }) })
    return { ...found, note: found.layer, details: { layer: found.layer } }
  }

/** The methods by name, in the order in which `all` draws them. */
export const methods: Readonly<Record<string, Method>> = {
  gradcam: { look: 'heat', compute: cam(gradCam) },
  'gradcam++': { look: 'heat', compute: cam(gradCamPlusPlus) },
  occlusion: {
    look: 'heat',
    compute: (inspector, images, { window, ...options }) =>
      occlusion(inspector, images, { ...options, ...(window !== undefined && { window }) }),
  },
  'integrated-gradients': {
    look: 'signed',
    async compute(inspector, images, { steps, ...options }) {
      const found = await integratedGradients(inspector, images, { ...options, ...(steps !== undefined && { steps }) })
      const [error] = found.completenessErrors
      return {
        ...found,
        note: `sum off by ${error.toPrecision(2)}`,
        details: { baselineScore: found.baselineScores[0], completenessError: error },
      }
    },
  },
  saliency: { look: 'signed', compute: (inspector, images, options) => saliency(inspector, images, options) },
  smoothgrad: {
    look: 'signed',
    compute: (inspector, images, { steps, ...options }) =>
      smoothGrad(inspector, images, { ...options, ...(steps !== undefined && { samples: steps }) }),
  },
  'gradient-input': {
    look: 'signed',
    compute: (inspector, images, options) => gradientTimesInput(inspector, images, options),
  },
  guided: { look: 'strokes', compute: (inspector, images, options) => guidedBackprop(inspector, images, options) },
  deconvnet: { look: 'strokes', compute: (inspector, images, options) => deconvnet(inspector, images, options) },
  'guided-gradcam': { look: 'strokes', compute: cam(guidedGradCam) },
}

/** Share of a map's values within its scale: gradients have a few values that are far larger than all others. */
const within = 0.99

/** A method's map of one picture, `[H, W, 3]` bytes. @param picture bytes `[H, W, C]` */
export function draw(name: string, { map }: Answer, picture: Uint8Array, shape: ImageShape): Uint8Array {
  const { look } = methods[name]!
  const [height, width] = shape
  if (look === 'strokes' && map.shape[1] === 3) {
    return signedPicture(map.values, [height, width], scaleOf(map.values, within))
  }
  const { values } = flat(map, [height, width])
  if (look !== 'heat') return heatMap(values, scaleOf(values, within))
  return overlay(picture, shape, values)
}

/** One number per pixel. */
const flat = (map: Captured, size: readonly [number, number]): Captured =>
  map.shape.length === 4 ? foldChannels(map, (sum, value) => sum + value) : resizeMaps(map, size)
