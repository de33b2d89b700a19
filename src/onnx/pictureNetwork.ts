/** A network of an ONNX file as a classifier of pictures, however the file arranges its input and output. */
import { reshape } from '../graph/ops/reshape.ts'
import { transpose } from '../graph/ops/transpose.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type ForwardContext, Module } from '../nn/module.ts'
import type { OnnxPort } from './file.ts'
import type { OnnxNetwork } from './network.ts'

/** What a file says about the pictures that its network takes. */
export interface PictureInput {
  /** True for the bytes of pictures, whose preprocessing is then inside; false for normalized numbers. */
  readonly bytes: boolean
  /** Whether a pixel's channels lie together, `[N, H, W, C]`, or are planes, `[N, C, H, W]`. */
  readonly channelsLast: boolean
  /** `[height, width, channels]`; absent when the file leaves one of them open. */
  readonly shape?: readonly [number, number, number]
}

/** The input of a network that takes pictures; undefined for one that takes anything else. */
export function pictureInput({ inputs: [port, ...others] }: OnnxNetwork): PictureInput | undefined {
  if (!port || others.length > 0) return undefined
  const [, first, second, third, ...more] = port.shape ?? []
  if (port.shape && (third === undefined || more.length > 0)) return undefined
  const bytes = port.type === 'uint8'
  const channelsLast = !isChannels(first) && isChannels(third)
  const [channels, height, width] = channelsLast ? [third, first, second] : [first, second, third]
  if (typeof height !== 'number' || typeof width !== 'number' || typeof channels !== 'number') {
    return { bytes, channelsLast }
  }
  return { bytes, channelsLast, shape: [height, width, channels] }
}

/** Gray or colors; no picture is one or three pixels wide. */
const isChannels = (size: unknown): boolean => size === 1 || size === 3

/**
 * The network from pictures to logits `[N, classes]`: of numbers `[N, C, H, W]`, or of bytes `u8 [N, H, W, C]`. It is
 * the network itself where nothing has to be rearranged.
 */
export function asPictureNetwork(network: OnnxNetwork, input: PictureInput): Module {
  const isArranged = input.channelsLast === input.bytes && isMatrix(network.outputs[0])
  return isArranged ? network : new PictureNetwork(network, input)
}

const isMatrix = ({ shape }: OnnxPort): boolean => shape?.length === 2

/** Rearranges the input and output of a network, whose weights keep their names. */
class PictureNetwork extends Module {
  readonly network: OnnxNetwork
  readonly #input: PictureInput

  constructor(network: OnnxNetwork, input: PictureInput) {
    super()
    this.network = network
    this.#input = input
  }

  override get fixedBatch(): number | undefined {
    return this.network.fixedBatch
  }

  override *modules(prefix = '', seen: Set<Module> = new Set()): Generator<[path: string, module: Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    yield* this.network.modules(prefix, seen)
  }

  override forward(images: Tensor, context: ForwardContext): Tensor {
    const { bytes, channelsLast } = this.#input
    const arranged = bytes === channelsLast ? images : transpose(images, channelsLast ? [0, 2, 3, 1] : [0, 3, 1, 2])
    const logits = this.network.forward(arranged, context)
    const [batch, classes, ...rest] = logits.shape
    // Networks that end in a convolution and a pool leave axes of one number: [N, classes, 1, 1].
    const isVector = rest.length > 0 && rest.every(size => size === 1)
    return isVector ? reshape(logits, [batch, classes]) : logits
  }
}
