/** The available forms of Winograd's algorithm: which convolutions have one, with which matrices and tiles. */
import type { ConvolutionTask } from '../../../layouts/convolution.ts'
import { type WinogradMatrices, winogradMatrices } from './matrices.ts'
import { phaseMatrices, phaseMatricesToInput } from './phases.ts'

/** m of the forms for kernels of r × r, by the stride and by r. */
const forms: Readonly<Record<number, Readonly<Record<number, readonly number[]>>>> = {
  1: { 3: [2, 4], 5: [2] },
  2: { 3: [2] },
}

/**
 * Every m for which a convolution has a form. The weight gradient has a form wherever this is not empty. It has none at
 * stride 2, where the gain was only 2 to 20 %.
 */
export function winogradOutputs({ op, attributes }: ConvolutionTask): readonly number[] {
  const { kernel, stride, padding, dilation, groups } = attributes
  const square = kernel[0] === kernel[1] && stride[0] === stride[1]
  if (groups !== 1 || !square || dilation.some(size => size !== 1)) return []
  if (op === 'conv2dWeightGradient' && stride[0] !== 1) return []
  // Rows and columns have the same matrices, so the same phase must come first.
  const phases = op === 'conv2dInputGradient' ? stride[0] : 1
  return (padding.top - padding.left) % phases === 0 ? (forms[stride[0]]?.[kernel[0]] ?? []) : []
}

/** What determines the form of a convolution or of its input gradient. */
export interface FormSpec {
  readonly direction: 'forward' | 'inputGradient'
  /** Shape of the weights `[O, I, r, r]`. */
  readonly weights: readonly number[]
  /** s: 1, or 2 for r = 3. */
  readonly stride: number
  /**
   * Forward, result i sees source rows i s − lead … i s − lead + r − 1. Backward, it sees those of
   * (i − lead) / s … (i − lead + r − 1) / s that are whole numbers. The same holds for columns.
   */
  readonly lead: readonly [number, number]
  /** m. */
  readonly outputs: number
}

/** The matrices of a form, and the positions of its tiles. */
export interface WinogradForm {
  readonly matrices: WinogradMatrices
  /** Rows from one tile to the next, in the source and in the result. */
  readonly sourceStep: number
  readonly resultStep: number
  /** Rows and columns by which the first tile begins before the source. */
  readonly sourceLead: readonly [number, number]
}

/** The form of a convolution or of its input gradient. */
export function formOf({ direction, weights, stride, lead, outputs: m }: FormSpec): WinogradForm {
  if (stride === 1) {
    return { matrices: winogradMatrices(m, weights[2]), sourceStep: m, resultStep: m, sourceLead: lead }
  }
  if (direction === 'forward') {
    return { matrices: phaseMatrices(m), sourceStep: 2 * m, resultStep: m, sourceLead: lead }
  }
  return {
    matrices: phaseMatricesToInput(m, lead[0] % 2 === 0),
    sourceStep: m,
    resultStep: 2 * m,
    sourceLead: [Math.floor(lead[0] / 2), Math.floor(lead[1] / 2)],
  }
}
