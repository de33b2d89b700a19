/** A network as a graph: what its nodes and edges are. */
import type { ReceptiveField } from './imageWindow.ts'

/** A node: the picture, a layer, an operation of a module that holds layers, such a module, or the result. */
export interface NetworkNode {
  /** Position in {@link NetworkGraph.nodes}. */
  readonly id: number
  readonly kind: 'input' | 'layer' | 'operation' | 'module' | 'output'
  /** `layer1.0.conv1`; of an operation the path of its module; `input` and `output`. */
  readonly path: string
  /** Class of a layer or module, or what an operation does: `Conv2d`, `add`. */
  readonly type: string
  /** Kernel, stride and padding: `5×5, padding 2`. */
  readonly window?: string
  /** What it gives for one image: `[C, H, W]` or `[F]`. */
  readonly output: readonly number[]
  /** Trainable numbers, those of the nodes inside included; a layer that is used again counts once. */
  readonly parameters: number
  /** Multiply-adds for one image, those of the nodes inside included. */
  readonly multiplyAdds: number
  /** Bytes of the output for one image, those of the nodes inside included; 0 for a node that can keep its values where its input was. */
  readonly activationBytes: number
  /** The part of the image that one output unit sees. */
  readonly receptiveField?: ReceptiveField
  /** The module that it is in; none for the nodes of the network itself. */
  readonly parent?: number
}

/** A value that one node makes and another reads; neither holds others. */
export interface NetworkEdge {
  readonly from: number
  readonly to: number
  /** For one image: `[C, H, W]` or `[F]`. */
  readonly shape: readonly number[]
}

/** A network as a graph. Nodes stand in the order of computation, a module before what it holds. */
export interface NetworkGraph {
  readonly nodes: readonly NetworkNode[]
  readonly edges: readonly NetworkEdge[]
}
