/**
 * How a backend computes a convolution whose volumes are stored channels last: in one kernel or in stages. The plan
 * places and schedules each stage like any other step. The plan asks; the backend knows the kernels.
 */
import type { Conv2dAttributes } from '../../../graph/ops/conv2d.ts'
import type { Shape } from '../../../graph/shape.ts'

/** One of the three operations of a convolution, with its shapes. */
export interface ConvolutionTask {
  readonly op: 'conv2d' | 'conv2dInputGradient' | 'conv2dWeightGradient'
  readonly attributes: Conv2dAttributes
  /** Shapes of the two operands and of the result, in PyTorch's order of axes. */
  readonly operands: readonly [Shape, Shape]
  readonly output: Shape
  /** Moments of the result to compute as well, per channel, in parts. */
  readonly moments?: MomentKind
}

/**
 * What the kernel of a convolution can gather about its result, over images and positions. `squares`: the mean of each
 * part and the sum of squared distances from it. `products`: the sum, and the sum of products with another volume.
 */
export type MomentKind = 'squares' | 'products'

/** A value between the operands and the result: packed weights, a padded or transformed image. */
export interface ConvolutionStage {
  readonly name: string
  /** Which values it reads: 0 and 1 are the operands, 2 the first stage, 3 the second, … */
  readonly reads: readonly number[]
  /** Row-major shape of its f32 result. */
  readonly shape: Shape
  /** Bytes of scratch that each thread needs while it works on the stage. */
  readonly workspace?: number
}

/** The ways to compute a convolution or one of its gradients; Winograd's F(m×m, r×r) is named by its m. */
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
  /** Which values the last kernel, which makes the result, reads; numbered like {@link ConvolutionStage.reads}. */
  readonly reads: readonly number[]
  /** Bytes of scratch that each thread needs while it works on the last kernel. */
  readonly workspace: number
  /** The register tile of the kernels: its rows and columns, and whether pairs of its vectors are joined. */
  readonly tile: { readonly rows: number; readonly columns: number; readonly joined: boolean }
  /**
   * Number of positions behind each row of the moments that the last kernel stores; absent when moments are not wanted
   * or the kernel cannot store them.
   */
  readonly moments?: readonly number[]
}

/** The backend's choice of a method. */
export type ConvolutionChooser = (task: ConvolutionTask) => ConvolutionMethod
