/**
 * Two-dimensional convolution (cross-correlation, as in every deep-learning library) and its two gradients.
 *
 *   y[n, o, i, j] = Σ_{c, u, v} x[n, c, i·s + u·d − p, j·s + v·d − p] · w[o, c, u, v]
 *
 * with stride s, dilation d, zero padding p (per side) and groups. The output has ⌊(H + p_top + p_bottom − d(k − 1) −
 * 1)/s⌋ + 1 rows; if the stride does not divide evenly, the size is rounded down and the last rows or columns are not
 * covered.
 *
 * The three operations are linear in each operand and close under differentiation: the gradient of each is again one
 * of the three. For an upstream gradient g of y:
 *   ∂L/∂x = conv2dInputGradient(g, w)      ∂L/∂w = conv2dWeightGradient(x, g)
 */
import { eachWithWhole } from '../batch.ts'
import { apply, bytesTouched, type Op } from '../op.ts'
import { formatShape, type Shape, ShapeError, sameShape, sizeOf } from '../shape.ts'
import type { Volume } from '../tensor.ts'
import { outputSize, type Window2d, type WindowOptions, windowOf } from '../window.ts'

/** Geometry shared by a convolution and its gradients. */
export interface Conv2dAttributes extends Window2d {
  /** Channels are split into this many groups that do not see each other (AlexNet's two towers). */
  readonly groups: number
}

/** Attributes of the two gradients, which also need the shape they produce. */
export interface Conv2dGradientAttributes extends Conv2dAttributes {
  /** Shape of the result: of x for the input gradient, of w for the weight gradient. */
  readonly shape: readonly [number, number, number, number]
}

/** Options of {@link conv2d}. */
export interface Conv2dOptions extends Omit<WindowOptions, 'kernel'> {
  /** 1 by default. */
  readonly groups?: number
}

/** Calls `visit` with the flat indices of x, w and y of every multiply-add. */
function forEachTap(
  xShape: Shape,
  wShape: Shape,
  yShape: Shape,
  { stride, padding, dilation, groups }: Conv2dAttributes,
  visit: (x: number, w: number, y: number) => void,
): void {
  const [batch, inputChannels, height, width] = xShape
  const [outputChannels, groupChannels, kernelHeight, kernelWidth] = wShape
  const [, , outputHeight, outputWidth] = yShape
  const perGroup = outputChannels / groups
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outputChannels; o++)
      for (let c = 0; c < groupChannels; c++)
        for (let i = 0; i < outputHeight; i++)
          for (let u = 0; u < kernelHeight; u++) {
            const row = i * stride[0] + u * dilation[0] - padding.top
            if (row < 0 || row >= height) continue
            for (let j = 0; j < outputWidth; j++)
              for (let v = 0; v < kernelWidth; v++) {
                const column = j * stride[1] + v * dilation[1] - padding.left
                if (column < 0 || column >= width) continue
                const channel = Math.floor(o / perGroup) * groupChannels + c
                visit(
                  ((n * inputChannels + channel) * height + row) * width + column,
                  ((o * groupChannels + c) * kernelHeight + u) * kernelWidth + v,
                  ((n * outputChannels + o) * outputHeight + i) * outputWidth + j,
                )
              }
          }
}

/** @throws ShapeError when an input, weights, groups and kernel do not fit each other. */
function checkOperands(label: string, x: Shape, w: Shape, { groups, kernel }: Conv2dAttributes): void {
  if (x.length !== 4 || w.length !== 4) {
    throw new ShapeError(
      `${label}: expected input [N, C, H, W] and weights [O, C/groups, KH, KW], got ${formatShape(x)} and ${formatShape(w)}`,
    )
  }
  const [outputChannels, groupChannels, ...extents] = w
  if (!Number.isInteger(groups) || groups < 1 || outputChannels % groups !== 0) {
    throw new ShapeError(`${label}: output channels (=${outputChannels}) must be divisible by groups (=${groups})`)
  }
  if (x[1] !== groupChannels * groups) {
    throw new ShapeError(
      `${label}: expected ${groupChannels * groups} input channels, got ${x[1]} (input ${formatShape(x)}, weights ${formatShape(w)}, groups ${groups})`,
    )
  }
  if (!sameShape(kernel, extents)) {
    throw new ShapeError(`${label}: expected weights of a kernel ${kernel.join('×')}, got ${formatShape(w)}`)
  }
}

/** @throws ShapeError when the convolution of x with w does not have the shape of the gradient g. */
function checkGradient(label: string, x: Shape, w: Shape, g: Shape, attributes: Conv2dAttributes): void {
  checkOperands(label, x, w, attributes)
  const y = [x[0], w[0], ...outputSize(attributes, x[2], x[3], label)]
  if (!sameShape(g, y)) {
    throw new ShapeError(
      `${label}: the convolution of ${formatShape(x)} with ${formatShape(w)} has the shape ${formatShape(y)}, ` +
        `its gradient has ${formatShape(g)}`,
    )
  }
}

/** Multiply-adds of the convolution with these shapes, including taps in the padding (the lectures' count). */
function multiplyAdds(wShape: Shape, yShape: Shape): number {
  return sizeOf(yShape) * wShape[1] * wShape[2] * wShape[3]
}

export const conv2dOp: Op<Conv2dAttributes> = {
  name: 'conv2d',
  shape([x, w], attributes) {
    checkOperands('conv2d', x.shape, w.shape, attributes)
    const [batch, , height, width] = x.shape
    return { shape: [batch, w.shape[0], ...outputSize(attributes, height, width, 'conv2d')], dtype: 'f32' }
  },
  reference([x, w], attributes, shape) {
    const y = new Float64Array(sizeOf(shape))
    forEachTap(x.shape, w.shape, shape, attributes, (xi, wi, yi) => {
      y[yi] += x.values[xi] * w.values[wi]
    })
    return y
  },
  vjp(output, gradient, attributes) {
    const [x, w] = output.inputs as readonly Volume[]
    return [
      conv2dInputGradient(gradient as Volume, w, x.shape, attributes),
      conv2dWeightGradient(x, gradient as Volume, w.shape, attributes),
    ]
  },
  cost: output => ({ multiplyAdds: multiplyAdds(output.inputs[1].shape, output.shape), bytes: bytesTouched(output) }),
  batch: eachWithWhole,
}

export const conv2dInputGradientOp: Op<Conv2dGradientAttributes> = {
  name: 'conv2dInputGradient',
  shape([g, w], attributes) {
    checkGradient('conv2dInputGradient', attributes.shape, w.shape, g.shape, attributes)
    return { shape: attributes.shape, dtype: 'f32' }
  },
  reference([g, w], attributes, shape) {
    const dx = new Float64Array(sizeOf(shape))
    forEachTap(shape, w.shape, g.shape, attributes, (xi, wi, yi) => {
      dx[xi] += g.values[yi] * w.values[wi]
    })
    return dx
  },
  vjp(output, gradient, attributes) {
    const [g, w] = output.inputs as readonly Volume[]
    return [
      apply(conv2dOp, [gradient, w], attributes),
      conv2dWeightGradient(gradient as Volume, g, w.shape, attributes),
    ]
  },
  cost: output => ({
    multiplyAdds: multiplyAdds(output.inputs[1].shape, output.inputs[0].shape),
    bytes: bytesTouched(output),
  }),
  batch: eachWithWhole,
}

export const conv2dWeightGradientOp: Op<Conv2dGradientAttributes> = {
  name: 'conv2dWeightGradient',
  shape([x, g], attributes) {
    checkGradient('conv2dWeightGradient', x.shape, attributes.shape, g.shape, attributes)
    return { shape: attributes.shape, dtype: 'f32' }
  },
  reference([x, g], attributes, shape) {
    const dw = new Float64Array(sizeOf(shape))
    forEachTap(x.shape, shape, g.shape, attributes, (xi, wi, yi) => {
      dw[wi] += x.values[xi] * g.values[yi]
    })
    return dw
  },
  vjp(output, gradient, attributes) {
    const [x, g] = output.inputs as readonly Volume[]
    return [conv2dInputGradient(g, gradient as Volume, x.shape, attributes), apply(conv2dOp, [x, gradient], attributes)]
  },
  cost: output => ({ multiplyAdds: multiplyAdds(output.shape, output.inputs[1].shape), bytes: bytesTouched(output) }),
  batch: ({ inputs: [x, g], isBatched }) => (isBatched(x) && isBatched(g) ? 'sum' : 'whole'),
}

/**
 * Convolution `[N, C, H, W] ⊛ [O, C/groups, KH, KW] → [N, O, H′, W′]`, without bias (add one with `add`).
 * Stride 1, padding 0, dilation 1 and groups 1 by default; a number sets both axes, padding may differ per side.
 * @throws ShapeError when channels, groups or geometry do not fit.
 * @example const y = conv2d(x, w, { padding: 2, stride: [2, 1] })
 */
export function conv2d(x: Volume, w: Volume, options: Conv2dOptions = {}): Volume {
  const kernel = [w.shape[2] ?? 0, w.shape[3] ?? 0] as const
  return apply(conv2dOp, [x, w], { ...windowOf({ ...options, kernel }), groups: options.groups ?? 1 }) as Volume
}

function conv2dInputGradient(g: Volume, w: Volume, shape: Volume['shape'], attributes: Conv2dAttributes): Volume {
  return apply(conv2dInputGradientOp, [g, w], { ...attributes, shape }) as Volume
}

function conv2dWeightGradient(x: Volume, g: Volume, shape: Volume['shape'], attributes: Conv2dAttributes): Volume {
  return apply(conv2dWeightGradientOp, [x, g], { ...attributes, shape }) as Volume
}
