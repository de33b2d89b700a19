/** A network given as data: the contents of a classifier's file, as a module. */
import type { InputShape } from '../data/prepare.ts'
import { type DType, formatShape } from '../graph/shape.ts'
import { input } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type HostTensor, type TypedArray, Variable } from '../graph/variable.ts'
import { type Initializer, Module, Parameter } from '../nn/module.ts'
import { GraphError } from './errors.ts'
import { buildGraph, type GraphData, type GraphNode } from './graphData.ts'

type TensorNode = Extract<GraphNode, { readonly tensor: string }>

/** From the bytes of images to logits, by a graph and its tensors. */
export class GraphNetwork extends Module {
  readonly #graph: GraphData
  readonly #constants: ReadonlyMap<string, HostTensor>
  readonly #variables: ReadonlyMap<string, Variable>

  /** @param tensors everything that the graph names */
  constructor(graph: GraphData, tensors: ReadonlyMap<string, HostTensor>) {
    super()
    this.#graph = graph
    this.#constants = tensors
    const variables = new Map<string, Variable>()
    for (const node of graph) {
      if ('tensor' in node) variables.set(node.tensor, variableOf(node, tensors.get(node.tensor) as HostTensor))
    }
    this.#variables = variables
  }

  override variables(): Map<string, Variable> {
    return new Map(this.#variables)
  }

  /** @throws GraphError naming the value that breaks a rule. */
  override forward(images: Tensor): Tensor {
    return buildGraph(this.#graph, {
      batch: images.shape[0],
      images,
      variable: name => this.#variables.get(name),
      constant: name => this.#constants.get(name)?.values,
    })
  }

  /**
   * Builds the graph for one image.
   * @throws GraphError when it breaks a rule, or its logits are not of this number of classes.
   */
  check(shape: InputShape, classes: number): void {
    const logits = this.forward(input('images', [1, ...shape], { dtype: 'u8', batched: true }))
    if (formatShape(logits.shape) === formatShape([1, classes]) && logits.dtype === 'f32') return
    throw new GraphError(
      `the graph ends in ${logits.dtype} ${formatShape(logits.shape)}, expected f32 [1, ${classes}]: a logit for each class`,
    )
  }
}

/** A weight, or a tensor that is not a weight. */
function variableOf({ tensor: name, fixed }: TensorNode, { shape, values }: HostTensor): Variable {
  const isWeight = !fixed && values instanceof Float32Array
  const variable = isWeight ? new Parameter(shape, readFromFile) : new Variable(shape, { dtype: dtypeOf(values) })
  variable.name = name
  variable.value = values
  return variable
}

/** A classifier has no rule by which its weights could be initialized again. */
const readFromFile: Initializer = {
  name: 'the file of a classifier',
  fill: () => {
    throw new GraphError('the weights of a classifier are those of its file: it cannot be initialized anew')
  },
}

function dtypeOf(values: TypedArray): DType {
  if (values instanceof Float32Array) return 'f32'
  return values instanceof Int32Array ? 'i32' : 'u8'
}
