/** Convolutions and their transposes, in one or two dimensions. */

import { conv2d } from '../../graph/ops/conv2d.ts'
import { convTranspose2d } from '../../graph/ops/convTranspose2d.ts'
import { add } from '../../graph/ops/elementwise.ts'
import { pad } from '../../graph/ops/pad.ts'
import { slice } from '../../graph/ops/slice.ts'
import type { Shape } from '../../graph/shape.ts'
import type { Tensor, Volume } from '../../graph/tensor.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode, OnnxOp } from '../node.ts'
import { op, perChannel } from './build.ts'
import { fromVolume, planeSizes, toVolume, windowFor, windowLists } from './window.ts'

/** `[N, C, …]` and weights `[O, C/groups, …]`, without bias. */
export function convolve(node: OnnxNode, x: Tensor, w: Tensor): Tensor {
  const rank = x.shape.length
  checkKernel(node, w.shape)
  const volume = toVolume(x)
  const { window } = windowFor(node, w.shape.slice(2), x.shape.slice(2))
  return fromVolume(conv2d(volume, toVolume(w), { ...window, groups: node.int('group', 1) }), rank)
}

/** @throws Unsupported when the attribute states another kernel than that of the weights */
function checkKernel(node: OnnxNode, weights: Shape): void {
  const given = node.ints('kernel_shape')
  if (given && given.join() !== weights.slice(2).join()) {
    throw new Unsupported(`kernel_shape [${given.join(', ')}] is not that of the weights [${weights.join(', ')}]`)
  }
}

/** Adds a bias `[C]` where there is one. */
export const biased = (y: Tensor, bias: Tensor | undefined): Tensor =>
  bias ? add(y, perChannel(bias, y.shape.length)) : y

function transposed(node: OnnxNode): Tensor {
  const [x, w] = [node.float(0), node.float(1)]
  const rank = x.shape.length
  checkKernel(node, w.shape)
  const kernel = w.shape.slice(2)
  const { stride, dilation } = windowLists(node, kernel.length)
  const added = node.ints('output_padding') ?? kernel.map(() => 0)
  const full = kernel.map((size, k) => (x.shape[k + 2]! - 1) * stride[k]! + dilation[k]! * (size - 1) + 1)
  const [before, after] = transposedPads(
    node,
    x.shape.slice(2),
    full.map((size, k) => size + added[k]!),
    stride,
  )
  // The full result, then cut or extended: any padding is possible, even more than a convolution allows.
  const whole = convTranspose2d(toVolume(x), toVolume(w), {
    stride: planeSizes(stride, 1),
    dilation: planeSizes(dilation, 1),
    groups: node.int('group', 1),
  })
  const [low, high, extra] = [planeSizes(before, 0), planeSizes(after, 0), planeSizes(added, 0)]
  const ends = [0, 1].map(k => extra[k as 0 | 1] - high[k as 0 | 1])
  const extended = pad(whole, {
    before: [0, 0, Math.max(0, -low[0]), Math.max(0, -low[1])],
    after: [0, 0, Math.max(0, ends[0]!), Math.max(0, ends[1]!)],
  })
  const starts = [0, 0, Math.max(0, low[0]), Math.max(0, low[1])]
  const stops = extended.shape.map((extent, axis) => (axis < 2 ? extent : extent + Math.min(0, ends[axis - 2]!)))
  return biased(fromVolume(slice(extended, starts, stops) as Volume, rank), node.has(2) ? node.float(2) : undefined)
}

/** What is cut at the beginnings and at the ends of the axes. */
function transposedPads(
  node: OnnxNode,
  sizes: Shape,
  full: readonly number[],
  stride: readonly number[],
): [number[], number[]] {
  const auto = node.text('auto_pad', 'NOTSET')
  const given = node.ints('output_shape')
  const wanted = given?.length
    ? given.slice(-sizes.length)
    : auto.startsWith('SAME')
      ? sizes.map((size, k) => size * stride[k]!)
      : undefined
  if (!wanted) {
    const pads = auto === 'VALID' ? undefined : node.ints('pads')
    return pads ? [pads.slice(0, sizes.length), pads.slice(sizes.length)] : [sizes.map(() => 0), sizes.map(() => 0)]
  }
  const total = full.map((size, k) => size - wanted[k]!)
  // Missing elements are added at the end.
  const before = total.map(cut => Math.max(0, auto === 'SAME_LOWER' ? Math.ceil(cut / 2) : Math.floor(cut / 2)))
  return [before, total.map((cut, k) => cut - before[k]!)]
}

/** Convolutions. */
export const convolutionOps: Readonly<Record<string, OnnxOp>> = {
  Conv: op(node => biased(convolve(node, node.float(0), node.float(1)), node.has(2) ? node.float(2) : undefined)),
  ConvTranspose: op(transposed),
}
