/**
 * Pools and their gradients. An invocation gathers what one element needs; gradients look up the windows that cover
 * their element, so that no two invocations write the same one and sums have a fixed order.
 */

import type { Tensor } from '../../../graph/tensor.ts'
import type { Window2d } from '../../../graph/window.ts'
import type { StepOf } from '../../../plan/step.ts'
import { declareCoordinates } from '../wgsl/indexing.ts'
import type { Operands } from '../wgsl/operands.ts'
import { resultShader } from '../wgsl/shader.ts'
import type { Lower } from './kernel.ts'

/**
 * Visits the elements that a window of output (`plane`, `y`, `x`) covers; `row` and `column` are inside the image.
 * @param visit statements for one element, at index `at` of the input
 */
function overWindow([, , height, width]: readonly number[], window: Window2d, visit: string): string {
  const { kernel, stride, padding, dilation } = window
  return `for (var u = 0; u < ${kernel[0]}; u++) {
    let row = y * ${stride[0]} + u * ${dilation[0]} - ${padding.top};
    if (row < 0 || row >= ${height}) { continue; }
    for (var v = 0; v < ${kernel[1]}; v++) {
      let column = x * ${stride[1]} + v * ${dilation[1]} - ${padding.left};
      if (column < 0 || column >= ${width}) { continue; }
      let at = u32((plane * ${height} + row) * ${width} + column);
      ${visit}
    }
  }`
}

/**
 * Visits the outputs whose windows cover the input element (`plane`, `y`, `x`).
 * @param visit statements for one output at (`row`, `column`), index `at`
 */
function overCovering([, , height, width]: readonly number[], window: Window2d, visit: string): string {
  const { kernel, stride, padding, dilation } = window
  return `for (var u = 0; u < ${kernel[0]}; u++) {
    let top = y + ${padding.top} - u * ${dilation[0]};
    let row = top / ${stride[0]};
    if (top < 0 || top % ${stride[0]} != 0 || row >= ${height}) { continue; }
    for (var v = 0; v < ${kernel[1]}; v++) {
      let left = x + ${padding.left} - v * ${dilation[1]};
      let column = left / ${stride[1]};
      if (left < 0 || left % ${stride[1]} != 0 || column >= ${width}) { continue; }
      let at = u32((plane * ${height} + row) * ${width} + column);
      ${visit}
    }
  }`
}

/** Statements that declare plane, y and x of element `i`. */
const here = ([batch, channels, height, width]: readonly number[]): string =>
  declareCoordinates([batch * channels, height, width], 'i', ['plane', 'y', 'x'])

/** Sets `r` to the largest element of a window and `best` to its place in the plane. A NaN is the largest. */
function scan(input: Tensor, output: Tensor, window: Window2d, operands: Operands): string {
  const visit = `let e = ${operands.float(input, 'at')};
      if (best < 0 || e > r || (isNan(e) && !isNan(r))) { r = e; best = row * ${input.shape[3]} + column; }`
  return `${here(output.shape)}
  var best = -1;
  ${overWindow(input.shape, window, visit)}`
}

/** The maxima, and their switches if the step stores both. */
export const maxPool2d: Lower<'maxPool2d'> = (step, tools) => {
  const operands = tools.operands()
  const [output, switches] = step.outputs
  const body = scan(step.inputs[0], output, step.attributes, operands)
  return [resultShader(step, operands, body, switches ? operands.store(switches, 'i', 'best') : '')]
}

export const maxPool2dSwitches: Lower<'maxPool2dSwitches'> = (step, tools) => {
  const operands = tools.operands()
  const body = `var r = 0.0;
  ${scan(step.inputs[0], step.outputs[0], step.attributes, operands)}
  q = best;`
  return [resultShader(step, operands, body)]
}

export const maxPool2dGradient: Lower<'maxPool2dGradient'> = (step, tools) => {
  const operands = tools.operands()
  const [gradient, switches] = step.inputs
  const { shape, ...window } = step.attributes
  const visit = `if (${operands.integer(switches, 'at')} == place) { r += ${operands.float(gradient, 'at')}; }`
  const body = `${here(shape)}
  let place = y * ${shape[3]} + x;
  ${overCovering(gradient.shape, window, visit)}`
  return [resultShader(step, operands, body)]
}

export const maxPool2dRoute: Lower<'maxPool2dRoute'> = (step, tools) => {
  const operands = tools.operands()
  const [x, switches] = step.inputs
  const plane = (shape: readonly number[]): number => shape[2] * shape[3]
  const at = `(i / ${plane(step.outputs[0].shape)}u) * ${plane(x.shape)}u + u32(${operands.integer(switches, 'i')})`
  return [resultShader(step, operands, `r = ${operands.float(x, at)};`)]
}

export const averagePool2d: Lower<'averagePool2d'> = (step, tools) => {
  const operands = tools.operands()
  const [input] = step.inputs
  const visit = `r += ${operands.float(input, 'at')}; count += 1.0;`
  const body = `${here(step.outputs[0].shape)}
  var count = 0.0;
  ${overWindow(input.shape, step.attributes, visit)}
  r /= ${step.attributes.countPadding ? wholeCount(step) : 'count'};`
  return [resultShader(step, operands, body)]
}

export const averagePool2dGradient: Lower<'averagePool2dGradient'> = (step, tools) => {
  const operands = tools.operands()
  const [gradient] = step.inputs
  const { kernel, stride, padding, countPadding, shape } = step.attributes
  // How many rows of the image a window has, for each axis.
  const extent = (at: string, axis: 0 | 1, start: number): string => {
    const first = `${at} * ${stride[axis]} - ${start}`
    return `(min(${first} + ${kernel[axis]}, ${shape[2 + axis]}) - max(${first}, 0))`
  }
  const count = countPadding
    ? wholeCount(step)
    : `f32(${extent('row', 0, padding.top)} * ${extent('column', 1, padding.left)})`
  const body = `${here(shape)}
  ${overCovering(gradient.shape, step.attributes, `r += ${operands.float(gradient, 'at')} / ${count};`)}`
  return [resultShader(step, operands, body)]
}

const wholeCount = ({ attributes: { kernel } }: StepOf<'averagePool2d'> | StepOf<'averagePool2dGradient'>): string =>
  `${kernel[0] * kernel[1]}.0`
