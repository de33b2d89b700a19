/** A network given as data: the contents of a classifier's file, as a module. */
import type { InputShape } from '../data/prepare.ts'
import { type DType, formatShape } from '../graph/shape.ts'
import { input } from '../graph/sources.ts'
import { type Tensor, topologicalOrder } from '../graph/tensor.ts'
import { type HostTensor, Variable } from '../graph/variable.ts'
import { type Initializer, Module, Parameter } from '../nn/module.ts'
import { GraphError } from './errors.ts'
import { buildGraph, type GraphData, type GraphNode } from './graphData.ts'

/** A tensor of a file, before its values are known. */
export interface WeightShape {
  readonly shape: readonly number[]
  readonly dtype: DType
}

type TensorNode = Extract<GraphNode, { readonly tensor: string }>

/** From the bytes of images to logits, by a graph and its tensors. */
export class GraphNetwork extends Module {
  readonly #graph: GraphData
  readonly #constants: ReadonlyMap<string, HostTensor>
  readonly #variables: ReadonlyMap<string, Variable>

  /**
   * @param weights shapes and types of the tensors that it names, whose values are zeros until they are set
   * @param constants the constants that it names
   */
  constructor(graph: GraphData, weights: ReadonlyMap<string, WeightShape>, constants: ReadonlyMap<string, HostTensor>) {
    super()
    this.#graph = graph
    this.#constants = constants
    const variables = new Map<string, Variable>()
    for (const node of graph) {
      if ('tensor' in node) variables.set(node.tensor, variableOf(node, weights.get(node.tensor) as WeightShape))
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
   * @returns its logits
   * @throws GraphError when it breaks a rule, its logits are not of this number of classes, or do not depend on images.
   */
  check(shape: InputShape, classes: number): Tensor {
    const images = input('images', [1, ...shape], { dtype: 'u8', batched: true })
    const logits = this.forward(images)
    if (!topologicalOrder([logits]).includes(images)) throw new GraphError('the graph does not read its images')
    if (formatShape(logits.shape) === formatShape([1, classes]) && logits.dtype === 'f32') return logits
    throw new GraphError(
      `the graph ends in ${logits.dtype} ${formatShape(logits.shape)}, expected f32 [1, ${classes}]: a logit for each class`,
    )
  }
}

/** A weight, or a tensor that is not a weight. */
function variableOf({ tensor: name, fixed }: TensorNode, { shape, dtype }: WeightShape): Variable {
  const isWeight = !fixed && dtype === 'f32'
  const variable = isWeight ? new Parameter(shape, readFromFile) : new Variable(shape, { dtype })
  variable.name = name
  return variable
}

/** A classifier has no rule by which its weights could be initialized again. */
const readFromFile: Initializer = {
  name: 'the file of a classifier',
  fill: () => {
    throw new GraphError('the weights of a classifier are those of its file: it cannot be initialized anew')
  },
}
