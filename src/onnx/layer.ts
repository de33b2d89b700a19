/**
 * A node of an ONNX graph as a module, so that summaries and other tools that look at a network layer by layer see it
 * under its name with its weights.
 */
import type { Tensor } from '../graph/tensor.ts'
import { type ForwardContext, Module, Parameter } from '../nn/module.ts'
import { OnnxError } from './errors.ts'
import type { OnnxFile } from './file.ts'
import type { NodeProto } from './proto/onnx_pb.ts'
import type { Value } from './value.ts'

/** Operators that have weights or constants, or change the size of a volume: the rows of a table of layers. */
const layerOps: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'Gemm',
  'MatMul',
  'BatchNormalization',
  'InstanceNormalization',
  'GroupNormalization',
  'LayerNormalization',
  'MaxPool',
  'AveragePool',
  'LpPool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'LRN',
  'PRelu',
  'Relu',
  'LeakyRelu',
  'Elu',
  'Selu',
  'Celu',
  'Sigmoid',
  'Tanh',
  'HardSigmoid',
  'HardSwish',
  'Clip',
  'Gelu',
  'Mish',
  'Softmax',
  'LogSoftmax',
  'Add',
  'Mul',
  'Concat',
  'Flatten',
  'Dropout',
  'Resize',
  'DepthToSpace',
  'SpaceToDepth',
  'ReduceMean',
  'Einsum',
  'QLinearConv',
  'QLinearMatMul',
])

/** A node with its weights. */
export class OnnxLayer extends Module {
  /** Name of the node, or of its first output: `layer1.0.conv1`. */
  readonly name: string
  readonly #op: string
  #run: (() => (Value | undefined)[]) | undefined
  #results: (Value | undefined)[] = []

  private constructor(name: string, op: string, parameters: readonly Parameter[]) {
    super()
    this.name = name
    this.#op = op
    this.path = name
    // Fields, like the weights of any layer; no other field has their names.
    for (const [k, parameter] of parameters.entries()) Object.assign(this, { [`parameter${k}`]: parameter })
  }

  /** The layers of a file, by node. */
  static listOf(file: OnnxFile): Map<NodeProto, OnnxLayer> {
    const layers = new Map<NodeProto, OnnxLayer>()
    const names = new Set<string>()
    for (const node of file.graph.node) {
      if (!layerOps.has(node.opType)) continue
      const own = node.input.flatMap(name => {
        const variable = file.variables.get(name)
        return variable instanceof Parameter ? [variable] : []
      })
      const plain = pathOf(node.name || node.output[0] || node.opType)
      const name = names.has(plain) ? `${plain}:${node.output[0]}` : plain
      if (names.has(name)) continue
      names.add(name)
      layers.set(node, new OnnxLayer(name, node.opType, own))
    }
    return layers
  }

  /** The operator, shown by tables of layers. */
  get typeName(): string {
    return this.#op
  }

  /** Runs the node as a module's forward pass, so that listeners to forward passes see it. */
  run(x: Tensor, context: ForwardContext, run: () => (Value | undefined)[]): (Value | undefined)[] {
    this.#run = run
    try {
      this.forward(x, context)
      return this.#results
    } finally {
      this.#run = undefined
      this.#results = []
    }
  }

  override forward(_x: Tensor, _context: ForwardContext): Tensor {
    if (!this.#run) throw new OnnxError(`${this.name}: a node of an ONNX graph runs as part of its network`)
    this.#results = this.#run()
    return this.label(this.#results[0]!.tensor)
  }
}

/** `/layer1/layer1.0/conv1/Conv` is `layer1/layer1.0/conv1/Conv`: a path does not begin with a separator. */
const pathOf = (name: string): string => name.replace(/^\/+/, '')
