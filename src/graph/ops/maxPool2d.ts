/**
 * Maximum pooling with switches (Zeiler and Fergus 2013), the positions of the maxima.
 *
 * The gradient sends each upstream value to its switch; windows that overlap add up. Routing a tensor of the input's
 * shape through the switches is the transpose of that, so second derivatives stay inside the four operations.
 * The first of equal maxima wins; padding never wins; a NaN counts as the largest (all as in PyTorch).
 */
import { eachOfBoth, eachOfFirst } from '../batch.ts'
import { apply, elementwiseCost, type Op, type ReferenceTensor } from '../op.ts'
import { formatShape, type Shape, ShapeError, sameShape, sizeOf } from '../shape.ts'
import type { Tensor, Volume } from '../tensor.ts'
import { type Window2d, type WindowOptions, windowOf } from '../window.ts'
import { forEachWindow, pooledShape } from './poolWindows.ts'

/** Attributes of `maxPool2dGradient`: the window and the shape `[N, C, H, W]` of the pool's input. */
export interface MaxPool2dGradientAttributes extends Window2d {
  readonly shape: readonly [number, number, number, number]
}

/** Options of {@link maxPool2d}. */
export interface MaxPool2dOptions extends Omit<WindowOptions, 'kernel'> {
  /** Equal to the kernel by default, so that windows do not overlap. */
  readonly stride?: WindowOptions['kernel']
}

/** Input: x `[N, C, H, W]`. */
export const maxPool2dOp: Op<Window2d> = {
  name: 'maxPool2d',
  shape: ([x], window) => ({ shape: pooledShape(x.shape, window, 'maxPool2d'), dtype: 'f32' }),
  reference([x], window, shape) {
    const result = new Float64Array(sizeOf(shape))
    forEachMaximum(x, shape, window, (output, _, value) => {
      result[output] = value
    })
    return result
  },
  vjp(output, gradient, window) {
    const [x] = output.inputs as readonly Volume[]
    return [maxPool2dGradient(gradient as Volume, maxPool2dSwitches(x, window), x.shape, window)]
  },
  cost: elementwiseCost,
  batch: eachOfFirst,
}

/** Input: x `[N, C, H, W]`; result: `i32` row · W + column of each maximum in its plane. */
export const maxPool2dSwitchesOp: Op<Window2d> = {
  name: 'maxPool2dSwitches',
  shape: ([x], window) => ({ shape: pooledShape(x.shape, window, 'maxPool2dSwitches'), dtype: 'i32' }),
  reference([x], window, shape) {
    const result = new Float64Array(sizeOf(shape))
    forEachMaximum(x, shape, window, (output, at) => {
      result[output] = at
    })
    return result
  },
  vjp: () => [undefined],
  cost: elementwiseCost,
  batch: eachOfFirst,
}

/** Inputs: gradient of the pool `[N, C, H′, W′]`, switches of the same shape. */
export const maxPool2dGradientOp: Op<MaxPool2dGradientAttributes> = {
  name: 'maxPool2dGradient',
  shape([gradient, switches], attributes) {
    const pooled = pooledShape(attributes.shape, attributes, 'maxPool2dGradient')
    checkSwitches(switches, pooled, 'maxPool2dGradient')
    if (!sameShape(gradient.shape, pooled)) {
      throw new ShapeError(
        `maxPool2dGradient: expected a gradient ${formatShape(pooled)}, got ${formatShape(gradient.shape)}`,
      )
    }
    return { shape: attributes.shape, dtype: 'f32' }
  },
  reference([gradient, switches], _, shape) {
    const result = new Float64Array(sizeOf(shape))
    const plane = shape[2] * shape[3]
    forEachSwitch(switches, plane, (output, at) => {
      result[at] += gradient.values[output]
    })
    return result
  },
  vjp(output, gradient, attributes) {
    const { kernel, stride, padding, dilation } = attributes
    const switches = output.inputs[1]
    return [apply(maxPool2dRouteOp, [gradient, switches], { kernel, stride, padding, dilation }), undefined]
  },
  cost: elementwiseCost,
  batch: eachOfBoth,
}

/** Inputs: x `[N, C, H, W]`, switches `[N, C, H′, W′]`; result: the element of x at each switch. */
export const maxPool2dRouteOp: Op<Window2d> = {
  name: 'maxPool2dRoute',
  shape([x, switches], window) {
    const pooled = pooledShape(x.shape, window, 'maxPool2dRoute')
    checkSwitches(switches, pooled, 'maxPool2dRoute')
    return { shape: pooled, dtype: 'f32' }
  },
  reference([x, switches], _, shape) {
    const result = new Float64Array(sizeOf(shape))
    forEachSwitch(switches, x.shape[2] * x.shape[3], (output, at) => {
      result[output] = x.values[at]
    })
    return result
  },
  vjp(output, gradient, window) {
    const [x, switches] = output.inputs as readonly Volume[]
    return [maxPool2dGradient(gradient as Volume, switches, x.shape, window), undefined]
  },
  cost: elementwiseCost,
  batch: eachOfBoth,
}

/**
 * Largest element of each window, `[N, C, H, W] → [N, C, H′, W′]`, by the floor rule; the stride is the kernel by
 * default.
 * @throws ShapeError when the window does not fit or the padding exceeds half the kernel.
 * @example const y = maxPool2d(x, 3, { stride: 2 }) // AlexNet's overlapping pool
 */
export function maxPool2d(x: Volume, kernel: WindowOptions['kernel'], options: MaxPool2dOptions = {}): Volume {
  return apply(maxPool2dOp, [x], windowOf({ stride: kernel, ...options, kernel })) as Volume
}

/** Position row · W + column of each window's maximum, `i32 [N, C, H′, W′]`, as torch's `return_indices`. */
export function maxPool2dSwitches(x: Volume, { kernel, stride, padding, dilation }: Window2d): Volume {
  return apply(maxPool2dSwitchesOp, [x], { kernel, stride, padding, dilation }) as Volume
}

function maxPool2dGradient(gradient: Volume, switches: Volume, shape: Volume['shape'], window: Window2d): Volume {
  return apply(maxPool2dGradientOp, [gradient, switches], { ...window, shape }) as Volume
}

function checkSwitches(switches: Tensor, pooled: Shape, label: string): void {
  if (switches.dtype !== 'i32' || !sameShape(switches.shape, pooled)) {
    throw new ShapeError(
      `${label}: expected switches i32 ${formatShape(pooled)}, got ${switches.dtype} ${formatShape(switches.shape)}`,
    )
  }
}

function forEachMaximum(
  x: ReferenceTensor,
  y: Shape,
  window: Window2d,
  visit: (output: number, at: number, value: number) => void,
): void {
  const [, , height, width] = x.shape
  forEachWindow(x.shape, y, window, (output, plane, rows, columns) => {
    let best = rows[0] * width + columns[0]
    let largest = x.values[plane * height * width + best]
    for (const row of rows) {
      for (const column of columns) {
        const value = x.values[(plane * height + row) * width + column]
        if (value > largest || (Number.isNaN(value) && !Number.isNaN(largest))) {
          best = row * width + column
          largest = value
        }
      }
    }
    visit(output, best, largest)
  })
}

/** Calls `visit` with the flat index of every output and of the input element its switch names. */
function forEachSwitch(switches: ReferenceTensor, plane: number, visit: (output: number, at: number) => void): void {
  const outputs = switches.shape[2] * switches.shape[3]
  switches.values.forEach((at, output) => {
    if (!Number.isInteger(at) || at < 0 || at >= plane) {
      throw new RangeError(`maxPool2d: switch ${at} is out of range for a plane of ${plane} elements`)
    }
    visit(output, Math.floor(output / outputs) * plane + at)
  })
}
