/**
 * What one number of a convolution or a linear layer is made of: the terms w · x under the window, and the bias.
 *
 * Terms are added in double precision in the order of the reference backend, channel by channel and row by row, the
 * bias last:
 * `sum` is bit for bit the number that the reference backend gives for the same input.
 */
import type { Window2d } from '../graph/window.ts'
import { Conv2d } from '../nn/convolution.ts'
import { Linear } from '../nn/linear.ts'
import type { Images, Inspector } from './inspector.ts'
import type { ImageSpace } from './network.ts'

/** One product w · x. */
export interface Term {
  /** Channel of the layer's input, or the feature of a linear layer. */
  readonly channel: number
  /** Position in the input; outside of it for a tap in the padding, where x is 0. */
  readonly row: number
  readonly column: number
  /** Position in the kernel. */
  readonly tap: readonly [row: number, column: number]
  readonly x: number
  readonly weight: number
  /** weight · x, 0 in the padding. */
  readonly product: number
  /** True for a tap in the padding. */
  readonly isPadding: boolean
}

/** What a unit is made of. */
export interface Contributions {
  /** In the order in which they are added. */
  readonly terms: readonly Term[]
  /** Sum of the terms of each channel that the unit sees. */
  readonly channels: readonly { readonly channel: number; readonly sum: number }[]
  /** 0 for a layer without a bias. */
  readonly bias: number
  /** All terms and the bias. */
  readonly sum: number
}

/** A convolution with its numbers, row-major. */
export interface ConvolutionCell {
  /** `[C, H, W]` of one image. */
  readonly input: ArrayLike<number>
  readonly shape: readonly [channels: number, height: number, width: number]
  /** `[O, C / groups, KH, KW]` */
  readonly weight: ArrayLike<number>
  /** `[O]` */
  readonly bias?: ArrayLike<number> | undefined
  /** O */
  readonly outputs: number
  readonly window: Window2d
  /** 1 by default. */
  readonly groups?: number
}

/**
 * The terms of the unit `[channel, row, column]` of a convolution.
 * @throws RangeError for a unit that does not exist.
 */
export function convolutionTerms(
  { input, shape, weight, bias, outputs, window, groups = 1 }: ConvolutionCell,
  [output, row, column]: readonly [channel: number, row: number, column: number],
): Contributions {
  const [channels, height, width] = shape
  const { kernel, stride, dilation, padding } = window
  if (!(Number.isInteger(output) && output >= 0 && output < outputs)) {
    throw new RangeError(`contributions: channel (=${output}) must be a whole number in 0 … ${outputs - 1}`)
  }
  const groupChannels = channels / groups
  const firstChannel = Math.floor(output / (outputs / groups)) * groupChannels
  const terms: Term[] = []
  for (let c = 0; c < groupChannels; c++) {
    for (let u = 0; u < kernel[0]; u++) {
      for (let v = 0; v < kernel[1]; v++) {
        const y = row * stride[0] + u * dilation[0] - padding.top
        const x = column * stride[1] + v * dilation[1] - padding.left
        const isPadding = y < 0 || y >= height || x < 0 || x >= width
        const value = isPadding ? 0 : input[((firstChannel + c) * height + y) * width + x]
        const w = weight[((output * groupChannels + c) * kernel[0] + u) * kernel[1] + v]
        const product = isPadding ? 0 : value * w
        terms.push({
          channel: firstChannel + c,
          row: y,
          column: x,
          tap: [u, v],
          x: value,
          weight: w,
          product,
          isPadding,
        })
      }
    }
  }
  return summed(terms, bias ? bias[output] : 0)
}

/** The terms of the unit `output` of a linear layer. @param weight `[outputs, features]` */
export function linearTerms(
  input: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | undefined,
  output: number,
): Contributions {
  const features = input.length
  const terms = Array.from({ length: features }, (_, k): Term => {
    const w = weight[output * features + k]
    return {
      channel: k,
      row: 0,
      column: 0,
      tap: [0, 0],
      x: input[k],
      weight: w,
      product: w * input[k],
      isPadding: false,
    }
  })
  return summed(terms, bias ? bias[output] : 0)
}

function summed(terms: readonly Term[], bias: number): Contributions {
  const sums = new Map<number, number>()
  let total = 0
  for (const { channel, product, isPadding } of terms) {
    // The reference leaves out taps in the padding; adding 0 to −0 would change the result.
    if (!isPadding) total += product
    sums.set(channel, (sums.get(channel) ?? 0) + product)
  }
  return { terms, channels: [...sums].map(([channel, sum]) => ({ channel, sum })), bias, sum: total + bias }
}

/**
 * What a unit of a convolution or linear layer is made of, for one image and the engine's present weights.
 * @param layer its path
 * @param unit `[channel, row, column]`, or `[feature]` of a linear layer
 * @throws PointError for a layer that does not exist; RangeError for a layer of another kind, for a unit that does not
 * exist, and for several images.
 * @example const { terms, sum } = await contributions(inspector, image, 'conv2', [3, 0, 5])
 */
export async function contributions(
  inspector: Inspector,
  image: Images,
  layer: string,
  unit: readonly number[],
  options: { readonly space?: ImageSpace } = {},
): Promise<Contributions> {
  const { name, shape } = inspector.point(layer)
  const module = new Map(inspector.model.modules()).get(name.replace(/#\d+$/, ''))
  if (!(module instanceof Conv2d || module instanceof Linear)) {
    throw new RangeError(`contributions: ${name} is no convolution and no linear layer, so no sum of terms w · x`)
  }
  if (unit.length !== shape.length || unit.some((at, axis) => !(Number.isInteger(at) && at >= 0 && at < shape[axis]))) {
    throw new RangeError(`contributions: ${name} [${shape.join(', ')}] has no unit [${unit.join(', ')}]`)
  }
  const { values, images } = await inspector.capture(image, `${name}:input`, options)
  if (images !== 1) throw new RangeError(`contributions: expected one image, got ${images}`)
  const { engine } = inspector
  const input = values.get(`${name}:input`)!
  const weight = await engine.read(module.weight)
  const bias = module.bias && (await engine.read(module.bias))
  if (module instanceof Linear) return linearTerms(input.values, weight, bias, unit[0])
  const { window, groups, outChannels: outputs } = module
  const [, channels, height, width] = input.shape
  return convolutionTerms(
    { input: input.values, shape: [channels, height, width], weight, bias, outputs, window, groups },
    [unit[0], unit[1], unit[2]],
  )
}
