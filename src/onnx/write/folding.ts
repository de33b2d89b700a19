/**
 * Batch normalization folded into the convolution or fully connected layer before it, whose weights are then those of
 * both:
 *
 *   γ (w ⊛ x + b − μ) / √(σ² + ε) + β = (s w) ⊛ x + s (b − μ) + β,   s = γ / √(σ² + ε)
 */
import type { Tensor } from '../../graph/tensor.ts'
import type { AttributeValue } from './attributes.ts'
import { linearOf } from './layers.ts'
import { type BatchNormParts, batchNormOf } from './normalizations.ts'
import type { Rule } from './rule.ts'
import type { BatchTrace } from './sizes.ts'
import { windowOpOf } from './windows.ts'

/** A layer that batch normalization follows. */
interface Layer {
  readonly op: string
  readonly x: Tensor
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** The output channel that an element of the weights belongs to. */
  readonly channelOf: (index: number) => number
}

/** Recognizes batch normalization directly after a layer whose output nothing else reads. */
export const foldedLayers: Rule = (tensor, trace) => {
  const parts = batchNormOf(tensor)
  if (!parts || !trace.isPrivate(parts.x)) return undefined
  const layer = layerOf(parts.x, trace)
  const weights = layer && numbersOf(layer.weight)
  const shifts = layer && shiftsOf(parts, layer)
  if (!layer || !weights || !shifts) return undefined
  return {
    reads: [layer.x],
    write(writer) {
      const weight = weights.map((value, k) => value * shifts.scale[layer.channelOf(k)])
      const inputs = [
        writer.float(layer.x),
        writer.weight(layer.weight, layer.weight.shape, Float32Array.from(weight)),
        writer.weight(layer.bias ?? layer.weight, [parts.channels], Float32Array.from(shifts.shift), 'bias'),
      ]
      return writer.add(layer.op, inputs, layer.attributes)
    },
  }
}

function layerOf(tensor: Tensor, trace: BatchTrace): Layer | undefined {
  const window = windowOpOf(tensor, trace)
  if (window?.weight) {
    const { op, x, weight, bias, attributes } = window
    const [first, second, ...kernel] = weight.shape
    const taps = kernel.reduce((product, extent) => product * extent, 1)
    if (op === 'Conv')
      return { op, x, weight, bias, attributes, channelOf: index => Math.floor(index / (second * taps)) }
    const perGroup = first / ((attributes.group as number | undefined) ?? 1)
    const channelOf = (index: number): number => {
      const [input, output] = [Math.floor(index / (second * taps)), Math.floor(index / taps) % second]
      return Math.floor(input / perGroup) * second + output
    }
    return { op, x, weight, bias, attributes, channelOf }
  }
  const linear = linearOf(tensor, trace)
  if (!linear || linear.transposeA) return undefined
  const { x, weight, bias, transposeB } = linear
  const [, columns] = weight.shape
  const channelOf = (index: number): number => (transposeB ? Math.floor(index / columns) : index % columns)
  return { op: 'Gemm', x, weight, bias, attributes: transposeB ? { transB: 1 } : {}, channelOf }
}

/** What a channel is multiplied by, and what is added to it. */
function shiftsOf(
  { gamma, beta, mean, variance, eps, channels }: BatchNormParts,
  { bias }: Layer,
): { readonly scale: number[]; readonly shift: number[] } | undefined {
  const read = (tensor: Tensor | undefined, otherwise: number): ArrayLike<number> | undefined =>
    tensor ? numbersOf(tensor) : new Array<number>(channels).fill(otherwise)
  const [g, b, m, v, before] = [read(gamma, 1), read(beta, 0), read(mean, 0), read(variance, 1), read(bias, 0)]
  if (!g || !b || !m || !v || !before) return undefined
  const scale = Array.from({ length: channels }, (_, c) => g[c] / Math.sqrt(v[c] + eps))
  return { scale, shift: scale.map((factor, c) => factor * (before[c] - m[c]) + b[c]) }
}

/** The numbers of a weight, statistic or constant. */
function numbersOf({ source }: Tensor): Float64Array | undefined {
  if (source?.kind === 'variable') return Float64Array.from(source.variable.value)
  return source?.kind === 'constant' ? Float64Array.from(source.values) : undefined
}
