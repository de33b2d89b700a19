/**
 * The windows of convolutions and pools as ONNX describes them: explicit or automatic padding, in one or two
 * dimensions.
 */
import { reshape } from '../../graph/ops/reshape.ts'
import type { Shape } from '../../graph/shape.ts'
import type { Tensor, Volume } from '../../graph/tensor.ts'
import type { Window2d } from '../../graph/window.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode } from '../node.ts'

/** A window, and what it needs beyond the padding. */
export interface WindowFor {
  readonly window: Window2d
  /** Rows and columns that windows reach beyond the padding, by which the result is rounded up. */
  readonly beyond: readonly [number, number]
}

/** Strides and dilations, 1 where the node states none. */
export function windowLists(node: OnnxNode, axes: number): { readonly stride: number[]; readonly dilation: number[] } {
  const [stride, dilation] = ['strides', 'dilations'].map(name => node.ints(name) ?? new Array<number>(axes).fill(1))
  for (const [name, list] of Object.entries({ strides: stride!, dilations: dilation! })) {
    if (list.length !== axes || !list.every(size => Number.isSafeInteger(size) && size >= 1)) {
      throw new Unsupported(`${name} [${list.join(', ')}] must be ${axes} whole numbers ≥ 1`)
    }
  }
  return { stride: stride!, dilation: dilation! }
}

/** The window of a node. @param sizes of the axes it moves along */
export function windowFor(node: OnnxNode, kernel: Shape, sizes: Shape, isPool = false): WindowFor {
  const axes = kernel.length
  if (axes !== sizes.length) throw new Unsupported(`a kernel of ${axes} axes for ${sizes.length}`)
  const { stride, dilation } = windowLists(node, axes)
  const auto = node.text('auto_pad', 'NOTSET')
  const pads =
    auto === 'NOTSET' ? (node.ints('pads') ?? new Array<number>(2 * axes).fill(0)) : new Array<number>(2 * axes).fill(0)
  const beyond = sizes.map(() => 0)
  const sides = sizes.map((size, k): readonly [number, number] => {
    const reach = dilation[k]! * (kernel[k]! - 1) + 1
    if (auto.startsWith('SAME')) return samePadding(size, stride[k]!, reach, auto === 'SAME_UPPER')
    const [low, high] = [pads[k]!, pads[k + axes]!]
    if (isPool && node.int('ceil_mode', 0) === 1) beyond[k] = reachBeyond(size, stride[k]!, reach, low, high)
    return [low, high]
  })
  const [rows, columns] = axes === 1 ? [[0, 0] as const, sides[0]!] : [sides[0]!, sides[1]!]
  return {
    window: {
      kernel: planeSizes(kernel, 1),
      stride: planeSizes(stride, 1),
      dilation: planeSizes(dilation, 1),
      padding: { top: rows![0], bottom: rows![1], left: columns![0], right: columns![1] },
    },
    beyond: planeSizes(beyond, 0),
  }
}

function samePadding(size: number, stride: number, reach: number, isUpper: boolean): readonly [number, number] {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size)
  const less = Math.floor(total / 2)
  return isUpper ? [less, total - less] : [total - less, less]
}

/**
 * How far the last window reaches out when the number of windows is rounded up; none begins in the padding at the end.
 */
function reachBeyond(size: number, stride: number, reach: number, low: number, high: number): number {
  let count = Math.ceil((size + low + high - reach) / stride) + 1
  if ((count - 1) * stride >= size + low) count--
  return Math.max(0, (count - 1) * stride + reach - size - low - high)
}

/** Numbers for the two axes of a plane; of one axis, the first has `otherwise`. @throws Unsupported for more axes */
export function planeSizes(list: readonly number[], otherwise: number): readonly [number, number] {
  if (list.length === 1) return [otherwise, list[0]!]
  if (list.length === 2) return [list[0]!, list[1]!]
  throw new Unsupported(`${list.length} dimensions: Fovea has one and two`)
}

/** `[N, C, L]` as `[N, C, 1, L]`. @throws Unsupported for other numbers of axes */
export function toVolume(x: Tensor): Volume {
  if (x.shape.length === 4) return x as Volume
  if (x.shape.length === 3) return reshape(x, [x.shape[0]!, x.shape[1]!, 1, x.shape[2]!]) as Volume
  throw new Unsupported(`a tensor of ${x.shape.length} axes: Fovea has convolutions and pools of 3 and 4`)
}

/** The reverse of {@link toVolume}. */
export const fromVolume = (y: Tensor, rank: number): Tensor =>
  rank === 4 ? y : reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!])
