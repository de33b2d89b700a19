/**
 * Average pooling and its gradient. Both are linear, and each is the transpose of the other, hence its gradient.
 */
import { eachOfFirst } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { formatShape, type Shape, ShapeError, sameShape, sizeOf } from '../shape.ts'
import type { Volume } from '../tensor.ts'
import { type Window2d, type WindowOptions, windowOf } from '../window.ts'
import { forEachWindow, pooledShape } from './poolWindows.ts'

/** Attributes of `averagePool2d`; the dilation is 1. */
export interface AveragePool2dAttributes extends Window2d {
  /** True when the divisor counts padding; it is then always the kernel's size. */
  readonly countPadding: boolean
}

/** Attributes of `averagePool2dGradient`, which also needs the shape `[N, C, H, W]` it produces. */
export interface AveragePool2dGradientAttributes extends AveragePool2dAttributes {
  readonly shape: readonly [number, number, number, number]
}

/** Options of {@link averagePool2d}. */
export interface AveragePool2dOptions extends Omit<WindowOptions, 'kernel' | 'dilation'> {
  /** Equal to the kernel by default, so that windows do not overlap. */
  readonly stride?: WindowOptions['kernel']
  /** True (the default, as in PyTorch) when the divisor counts padding. */
  readonly countPadding?: boolean
}

/** Input: x `[N, C, H, W]`. */
export const averagePool2dOp: Op<AveragePool2dAttributes> = {
  name: 'averagePool2d',
  shape([x], attributes) {
    return { shape: averagedShape(x.shape, attributes, 'averagePool2d'), dtype: 'f32' }
  },
  reference([x], attributes, shape) {
    const result = new Float64Array(sizeOf(shape))
    forEachAverage(x.shape, shape, attributes, (input, output, share) => {
      result[output] += x.values[input] * share
    })
    return result
  },
  vjp(output, gradient, attributes) {
    const shape = (output.inputs[0] as Volume).shape
    return [apply(averagePool2dGradientOp, [gradient], { ...attributes, shape })]
  },
  cost: elementwiseCost,
  batch: eachOfFirst,
}

/** Input: gradient of the pool `[N, C, H′, W′]`. */
export const averagePool2dGradientOp: Op<AveragePool2dGradientAttributes> = {
  name: 'averagePool2dGradient',
  shape([gradient], attributes) {
    const pooled = averagedShape(attributes.shape, attributes, 'averagePool2dGradient')
    if (!sameShape(gradient.shape, pooled)) {
      throw new ShapeError(
        `averagePool2dGradient: expected a gradient ${formatShape(pooled)}, got ${formatShape(gradient.shape)}`,
      )
    }
    return { shape: attributes.shape, dtype: 'f32' }
  },
  reference([gradient], attributes, shape) {
    const result = new Float64Array(sizeOf(shape))
    forEachAverage(shape, gradient.shape, attributes, (input, output, share) => {
      result[input] += gradient.values[output] * share
    })
    return result
  },
  vjp(_, gradient, { kernel, stride, padding, dilation, countPadding }) {
    return [apply(averagePool2dOp, [gradient], { kernel, stride, padding, dilation, countPadding })]
  },
  cost: elementwiseCost,
  batch: eachOfFirst,
}

/**
 * Mean of each window, `[N, C, H, W] → [N, C, H′, W′]`, by the floor rule; the stride is the kernel by default.
 * @throws ShapeError when the window does not fit or the padding exceeds half the kernel.
 * @example const y = averagePool2d(x, 2)
 */
export function averagePool2d(x: Volume, kernel: WindowOptions['kernel'], options: AveragePool2dOptions = {}): Volume {
  const { countPadding = true, ...window } = options
  return apply(averagePool2dOp, [x], { ...windowOf({ stride: kernel, ...window, kernel }), countPadding }) as Volume
}

function averagedShape(x: Shape, attributes: Window2d, label: string): [number, number, number, number] {
  if (attributes.dilation.some(rate => rate !== 1)) {
    throw new RangeError(`${label}: dilation (=${attributes.dilation.join(', ')}) must be 1`)
  }
  return pooledShape(x, attributes, label)
}

/** Calls `visit` with every connected pair of an input and an output element, and with the share 1 / divisor. */
function forEachAverage(
  x: Shape,
  y: Shape,
  attributes: AveragePool2dAttributes,
  visit: (input: number, output: number, share: number) => void,
): void {
  const { kernel, countPadding } = attributes
  forEachWindow(x, y, attributes, (output, plane, rows, columns) => {
    const share = 1 / (countPadding ? kernel[0] * kernel[1] : rows.length * columns.length)
    for (const row of rows) for (const column of columns) visit((plane * x[2] + row) * x[3] + column, output, share)
  })
}
