/**
 * How a backend computes a convolution whose volumes lie channels last: in one kernel or in stages, each of which the
 * plan places and schedules like any other step. The plan asks; the backend knows the kernels.
 */
import type { Conv2dAttributes } from '../../../graph/ops/conv2d.ts'
import type { Shape } from '../../../graph/shape.ts'

/** One of the three operations of a convolution, with the shapes it has. */
export interface ConvolutionTask {
  readonly op: 'conv2d' | 'conv2dInputGradient' | 'conv2dWeightGradient'
  readonly attributes: Conv2dAttributes
  /** Shapes of the two operands and of the result, in PyTorch's order of axes. */
  readonly operands: readonly [Shape, Shape]
  readonly output: Shape
  /** What is wanted of the result as well, per channel, in parts. */
  readonly moments?: MomentKind
}

/**
 * What the kernel of a convolution can gather of its result, over images and positions: the mean of a part and the sum of the
 * squares of the distances from it (`squares`), or the sum, and that of the products with another volume (`products`).
 */
export type MomentKind = 'squares' | 'products'

/** A value between the operands and the result: packed weights, a padded or transformed image. */
export interface ConvolutionStage {
  readonly name: string
  /** What it reads: 0 and 1 are the operands, 2 the first stage, 3 the second, … */
  readonly reads: readonly number[]
  /** Row-major shape of what it makes, f32. */
  readonly shape: Shape
  /** Bytes of scratch that each thread needs while it works on the stage. */
  readonly workspace?: number
}

/** The ways there are to compute a convolution or a gradient of one; Winograd's F(m×m, r×r) is named by its m. */
export type MethodName =
  | 'direct'
  | 'depthwise'
  | 'sums'
  | 'depthwise sums'
  | 'winograd 4×4'
  | 'winograd 2×2'
  | 'winograd sums'
  | 'winograd staged sums'

/** A way to compute a task. */
export interface ConvolutionMethod {
  readonly name: MethodName
  readonly stages: readonly ConvolutionStage[]
  /** What the last kernel reads, which makes the result; numbered like {@link ConvolutionStage.reads}. */
  readonly reads: readonly number[]
  /** Bytes of scratch that each thread needs while it works on the last kernel. */
  readonly workspace: number
  /** The register tile that the kernels are written for: its rows and columns, and whether pairs of its vectors are joined. */
  readonly tile: { readonly rows: number; readonly columns: number; readonly joined: boolean }
  /** Positions behind each row of the moments that the last kernel stores; absent when they are not wanted or it cannot. */
  readonly moments?: readonly number[]
}

/** The backend's choice of a method. */
export type ConvolutionChooser = (task: ConvolutionTask) => ConvolutionMethod
