/** How large the numbers of a convolution are, and whether the products stand beside their window or below it. */
import { isSmall } from '../../draw/size.ts'
import { areWhole } from './numbers.ts'
import type { Convolve } from './state.ts'

/** Measures of a convolution, in CSS pixels. */
export interface ConvolutionLayout {
  /** A cell of inputs and weights. */
  readonly size: number
  /** A cell of outputs. */
  readonly outputSize: number
  /** Whether the products of a channel are below its window and its kernel. */
  readonly isStacked: boolean
}

/** Between input, kernel and products, and what products need beside their terms, in a wide window and in a small one. */
const gaps = { wide: 28, small: 14 } as const
const besideTerms = { wide: 72, small: 66 } as const
/** A term of whole numbers, such as `+ 1·(−1)`, with the gap before it; and of others, whose terms are as wide as cells. */
const termWidths = { wide: 74, small: 66 } as const
/** Gaps and the brace before the outputs. */
const beforeOutputs = 56

/** The measures for the room there is. */
export function layoutOf(state: Convolve): ConvolutionLayout {
  const numbers = state.numbers.value
  const { W, P, F } = numbers.sizes
  const { windows } = state.fit.value
  const isWhole = areWhole(numbers)
  const kind = isSmall.value ? 'small' : 'wide'
  const usual = isWhole ? 26 : 36
  const outputSize = windows > 5 ? 34 : 44
  const cells = W + 2 * P + F
  const products = F * (isWhole ? termWidths[kind] : usual + 4) + besideTerms[kind]
  // In a small window the outputs are below.
  const room = state.room.value - (isSmall.value ? 0 : beforeOutputs + windows * outputSize)
  const isStacked = cells * usual + 2 * gaps[kind] + products > room
  const fitting = Math.floor((room - gaps[kind] - 6) / cells)
  return { size: isStacked ? Math.max(1, Math.min(usual, fitting)) : usual, outputSize, isStacked }
}
