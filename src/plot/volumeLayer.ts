/** The rows of a table of layers, from which a network is drawn. */

/** A layer to draw, such as a row of `fovea/inspect`'s summary. */
export interface VolumeLayer {
  /** `conv1`, `layer1.0.conv2`. */
  readonly path: string
  /** Class of the layer. */
  readonly type: string
  /** Kernel, stride and padding: `5×5, padding 2`. */
  readonly window?: string
  /** Output of one image: `[C, H, W]` or `[F]`. */
  readonly output: readonly number[]
  /** Trainable numbers. */
  readonly parameters: number
  /** 0 for a layer that works in place. */
  readonly activationBytes: number
  /** The layers whose values this layer reads, by position in the list; without them no arrows are drawn. */
  readonly inputs?: readonly number[]
  /** How a layer that reads several values combines them. */
  readonly combines?: 'add' | 'multiply' | 'concatenate'
}
