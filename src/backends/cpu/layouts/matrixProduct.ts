/**
 * Matrix products of many rows as convolutions of one tap. A matrix `[rows, K]` has the memory layout of a volume
 * `[1, K, rows, 1]` stored channels last: rows are positions, K are channels. The convolution packs its weights, so
 * that its inner loop reads them from front to back, where a matrix product reads a column of `[K, columns]` with the
 * stride of a row. Packing pays off when enough rows share it.
 */
import type { StepOf } from '../../../plan/step.ts'
import type { Operand } from '../access.ts'
import type { ConvolutionTask } from './convolution.ts'

/** Fewest rows for which packing weights costs little beside the product. */
const manyRows = 32

/**
 * Smallest second operand, in elements, that does not fit the first-level cache, where its strides would cost nothing.
 */
const manyWeights = 16 * 1024

/** The convolution equivalent to a product; undefined for a product that is better computed directly. */
export function convolutionOf({ attributes, inputs, outputs }: StepOf<'matmul'>): ConvolutionTask | undefined {
  const [a, b] = inputs
  const [rows, columns] = outputs[0].shape
  const [, inner] = a.shape
  if (attributes.transposeA || rows < manyRows || inner * columns < manyWeights) return undefined
  return {
    // Weights of a convolution are [out, in]; for its input gradient it is the other way around.
    op: attributes.transposeB ? 'conv2d' : 'conv2dInputGradient',
    attributes: { kernel: [1, 1], stride: [1, 1], padding: noPadding, dilation: [1, 1], groups: 1 },
    operands: [
      [1, inner, rows, 1],
      [...b.shape, 1, 1],
    ],
    output: [1, columns, rows, 1],
  }
}

const noPadding = { top: 0, bottom: 0, left: 0, right: 0 } as const

/** A row-major operand as one of the convolution's volumes. */
export function asVolume(operand: Operand): Operand {
  const [columns = 1, rows = 1] = [...operand.shape].reverse()
  return { ...operand, shape: [1, columns, rows, 1], channelsLast: true }
}
