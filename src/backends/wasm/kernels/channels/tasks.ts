/** What all methods share: the numbers of a convolution's task, and the form in which a method provides its kernels. */
import type { Window2d } from '../../../../graph/window.ts'
import type { ConvolutionMethod, ConvolutionTask } from '../../../cpu/layouts/convolution.ts'
import type { MachineTile } from '../../emit/tile.ts'
import type { Kernel } from '../../kernel.ts'
import type { EpilogueSpec } from '../shared/epilogue.ts'
import type { CorrelationSpec } from './direct/correlation.ts'

/** A method with its kernels. */
export interface ConvolutionKernels {
  readonly method: ConvolutionMethod
  /** Kernel of each stage. Operand addresses: the inputs of the stage, its result. */
  readonly stages: readonly (() => Kernel)[]
  /**
   * Kernel of the result. Operand addresses: the method's inputs, the operands of the epilogue and of the moments, the
   * workspace if the method needs one, the result, and the moments if it stores them.
   */
  finish(epilogue: EpilogueSpec): Kernel
}

/** A convolution or its input gradient. */
export function correlationOf(
  { op, attributes, operands, output }: ConvolutionTask,
  tile: MachineTile,
): CorrelationSpec {
  const { groups, ...window } = attributes
  return {
    direction: op === 'conv2d' ? 'forward' : 'inputGradient',
    window: windowOnly(window),
    groups,
    source: operands[0],
    weights: operands[1],
    result: output,
    tile,
  }
}

/** The window without attributes that only the gradients have, so that equal windows make equal keys. */
export const windowOnly = ({ kernel, stride, padding, dilation }: Window2d): Window2d => ({
  kernel,
  stride,
  padding,
  dilation,
})
