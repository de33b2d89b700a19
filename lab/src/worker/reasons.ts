/** Why a network says a class, by five methods. Raw values: their scale is the page's, and a map of zeros stays one. */
import {
  type Captured,
  foldChannels,
  gradCam,
  guidedBackprop,
  type Inspector,
  integratedGradients,
  occlusion,
  saliency,
} from '../../../src/inspect/index.ts'
import type { Reason, Reasons } from './protocol.ts'

/** Rows and columns of the patch that occlusion moves over the picture. */
const patch = 7
/** Points of integrated gradients on the way from black. */
const steps = 32

/**
 * The reasons for a class, or for the one that is predicted.
 * @param pixels bytes `[height, width, channels]`
 * @param rows of the maps that Grad-CAM weighs: those of the last convolution
 */
export async function reasonsFor(
  inspector: Inspector,
  pixels: Uint8Array,
  target: number | undefined,
  rows: number,
): Promise<Omit<Reasons, 'step'>> {
  const { predicted, logits } = await inspector.capture(pixels)
  const of = target ?? predicted[0]!
  // Behind its ReLU, and before pooling makes it coarser.
  const layer = inspector.points.findLast(({ shape }) => shape.length === 3 && shape[1] === rows)
  const integrated = await integratedGradients(inspector, pixels, { of, steps })
  const maps = [
    mapOf('saliency', (await saliency(inspector, pixels, { of })).map),
    mapOf('gradCam', (await gradCam(inspector, pixels, { of, ...(layer && { layer: layer.name }) })).map),
    {
      ...mapOf('integratedGradients', summed(integrated.map)),
      sum: integrated.map.values.reduce((a, b) => a + b, 0),
      error: integrated.completenessErrors[0]!,
    },
    mapOf('occlusion', (await occlusion(inspector, pixels, { of, window: patch })).map),
    mapOf('guidedBackprop', summed((await guidedBackprop(inspector, pixels, { of })).map)),
  ]
  return { target: of, score: logits.values[of]!, maps }
}

/** One number a position: the sum over the channels. */
const summed = (map: Captured): Captured => foldChannels(map, (sum, value) => sum + value)

function mapOf(method: Reason['method'], { shape, values }: Captured): Reason {
  const [height = 1, width = 1] = shape.slice(-2)
  return { method, values, height, width }
}
