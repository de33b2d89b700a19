/**
 * A network as data: the graph from the bytes of a batch of images to the logits, for a batch of any size. It contains
 * what the code of the model does, so running it needs none of that code.
 *
 * A network is traced for two batch sizes; whatever differs between the two graphs grows with the batch. A third size
 * checks the result.
 */
import { inputsOf } from '../graph/expression.ts'
import { bytesPerElement, checkShape, type DType, formatShape, type Shape } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import { isExpression, structuralKey } from '../graph/structuralKey.ts'
import { type OpName, opTable } from '../graph/table.ts'
import { Tensor, topologicalOrder } from '../graph/tensor.ts'
import { type HostTensor, type Variable, zeros } from '../graph/variable.ts'
import { Parameter } from '../nn/module.ts'
import { isRecord } from '../rules/record.ts'
import { decode, encode, type Json, type KnownExpressions, merge } from './data.ts'
import { GraphError } from './errors.ts'

/**
 * A value of a graph: the images; a weight, by its name; a constant, by its values or, when there are many, by the name
 * of a tensor; or the result of an operation on earlier values.
 */
export type GraphNode =
  | { readonly input: 'images' }
  /** `fixed`: statistics or a whitening, not a trained weight. */
  | { readonly tensor: string; readonly fixed?: true }
  | { readonly constant: readonly Json[] | string; readonly shape: readonly number[]; readonly dtype: DType }
  | {
      readonly op: OpName
      /** Positions of its inputs. */
      readonly of: readonly number[]
      readonly with?: Json
      /** Path of the module whose output it is. */
      readonly label?: string
    }

/** The values of a graph, inputs before users; the last one is the logits. */
export type GraphData = readonly GraphNode[]

/** Operations that belong to training, or draw random numbers: a classifier cannot have them. */
type TrainingOp =
  | 'averagePool2dGradient'
  | 'conv2dWeightGradient'
  | 'increment'
  | 'maxPool2dGradient'
  | 'random'
  | 'softmaxCrossEntropy'
  | 'softmaxCrossEntropyGradient'

type GraphOp = Exclude<OpName, TrainingOp>

/** How many inputs an operation of a classifier has. */
const inputCounts: Readonly<Record<GraphOp, number | 'any'>> = {
  argmax: 1,
  averagePool2d: 1,
  concat: 'any',
  conv2d: 2,
  conv2dInputGradient: 2,
  gather: 2,
  map: 'any',
  matmul: 2,
  maxPool2d: 1,
  maxPool2dRoute: 2,
  maxPool2dSwitches: 1,
  oneHot: 1,
  pad: 1,
  reduce: 1,
  reshape: 1,
  scatterAdd: 2,
  slice: 1,
  transpose: 1,
}

const isGraphOp = (name: string): name is GraphOp => Object.hasOwn(inputCounts, name)

/** Batch sizes for which a network is traced, and the size that checks the result. */
const tracedBatches = [2, 3] as const
const checkedBatch = 7

/** A network as data, and the tensors that it names. */
export interface DescribedGraph {
  readonly graph: GraphData
  /** The weights of the model that it reads. */
  readonly variables: ReadonlyMap<string, Variable>
  /** Constants of many values. */
  readonly constants: ReadonlyMap<string, HostTensor>
}

/**
 * A network as data.
 * @param trace makes the graph for a batch of some size, from one input `images` to the logits
 * @param names the names of the variables it reads
 * @throws GraphError when it depends on the size of the batch in more than its sizes, or draws random numbers.
 */
export function describeGraph(trace: (batch: number) => Tensor, names: ReadonlyMap<Variable, string>): DescribedGraph {
  const [one, other] = tracedBatches.map(batch => listNodes(trace(batch), names))
  if (one.nodes.length !== other.nodes.length) throw dependsOnBatch()
  const graph = one.nodes.map((node, k) =>
    located(node, k, () => merge(node as Json, other.nodes[k] as Json, tracedBatches) as unknown as GraphNode),
  )
  const wanted = trace(checkedBatch)
  const built = buildGraph(graph, {
    batch: checkedBatch,
    images: imagesOf(wanted),
    variable: name => one.variables.get(name),
    constant: name => one.constants.get(name)?.values,
  })
  if (fingerprint(built) !== fingerprint(wanted)) throw dependsOnBatch()
  return { graph, variables: one.variables, constants: one.constants }
}

const dependsOnBatch = (): GraphError => new GraphError('the network is another for another number of images')

/** Where a graph gets its values from. */
export interface GraphSources {
  /** Images in the batch. */
  readonly batch: number
  /** `u8 [batch, height, width, channels]` */
  readonly images: Tensor
  /** The weight of a name. */
  readonly variable: (name: string) => Variable | undefined
  /** The values of a constant that has a name. */
  readonly constant: (name: string) => ArrayLike<number> | undefined
}

/**
 * The graph that data describes. Nothing in it is trusted: every shape follows from the rules of its operations.
 * @throws GraphError naming the value and the rule it breaks.
 */
export function buildGraph(graph: GraphData, sources: GraphSources): Tensor {
  const values: Tensor[] = []
  const known: KnownExpressions = new Map()
  for (const [k, node] of graph.entries()) values.push(located(node, k, () => build(node, values, sources, known)))
  const logits = values.at(-1)
  if (!logits) throw new GraphError('the graph has no values')
  return logits
}

function build(node: GraphNode, values: readonly Tensor[], sources: GraphSources, known: KnownExpressions): Tensor {
  const { batch, images } = sources
  if ('input' in node) return images
  if ('tensor' in node) {
    const variable = sources.variable(node.tensor)
    if (!variable) throw new GraphError('the file has no such tensor')
    return variable.tensor
  }
  if ('constant' in node) {
    if (!Object.hasOwn(bytesPerElement, node.dtype)) throw new GraphError(`'${node.dtype}' is no element type`)
    const values = constantOf(node.constant, sources)
    if (node.dtype !== 'f32' && !Array.from(values).every(Number.isSafeInteger)) {
      throw new GraphError(`a constant of ${node.dtype} must be whole numbers`)
    }
    return constantTensor(values, node.shape as Shape, node.dtype)
  }
  if (!isGraphOp(node.op)) throw new GraphError(`'${node.op}' is no operation of a classifier`)
  const inputs = node.of.map(place => {
    const value = values[place]
    if (!value) throw new GraphError(`input ${place} is none of the values before it`)
    return value
  })
  const count = inputCounts[node.op]
  if (count !== 'any' && inputs.length !== count) {
    throw new GraphError(`'${node.op}' has ${inputs.length} inputs, expected ${count}`)
  }
  const attributes = node.with === undefined ? undefined : attributesOf(node, node.with, batch, known)
  if (node.op === 'map') checkExpression(attributes, inputs.length)
  const { shape, dtype } = opTable[node.op].shape(inputs, attributes as never)
  checkShape(shape, node.op)
  return new Tensor({ op: node.op, inputs, attributes, shape, dtype, label: node.label })
}

/** @throws GraphError for attributes of `map` without an expression, or with one that reads other inputs than there are */
function checkExpression(attributes: unknown, count: number): void {
  const expression = isRecord(attributes) ? attributes.expression : undefined
  if (!isRecord(expression) || !isExpression(expression)) throw new GraphError('its expression is none')
  const missing = inputsOf(expression).find(index => index >= count)
  if (missing !== undefined) throw new GraphError(`its expression reads input ${missing} of ${count}`)
}

/** The latest attributes of a node: a network is checked, and then used, for the same number of images. */
const latest = new WeakMap<GraphNode, { readonly batch: number; readonly attributes: unknown }>()

function attributesOf(node: GraphNode, data: Json, batch: number, known: KnownExpressions): unknown {
  const last = latest.get(node)
  if (last?.batch === batch) return last.attributes
  const attributes = decode(data, batch, known)
  latest.set(node, { batch, attributes })
  return attributes
}

function constantOf(constant: readonly Json[] | string, { constant: find }: GraphSources): ArrayLike<number> {
  const values = typeof constant === 'string' ? find(constant) : constant.map(value => decode(value, 0) as number)
  if (values === undefined) throw new GraphError('the file has no such tensor')
  if (!Array.from(values).every(value => typeof value === 'number')) throw new GraphError('a constant must be numbers')
  return values
}

/** Runs the work on a node, whose errors then name it. */
function located<T>(node: GraphNode, place: number, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw new GraphError(`${nameOf(node, place)}: ${(error as Error).message}`, { cause: error })
  }
}

/** Most values of a constant that is stored in the graph itself. */
const fewValues = 64

/** The nodes of a traced graph, and the tensors they name. */
function listNodes(
  logits: Tensor,
  names: ReadonlyMap<Variable, string>,
): Omit<DescribedGraph, 'graph'> & { readonly nodes: GraphData } {
  const order = topologicalOrder([logits])
  const places = new Map(order.map((tensor, k) => [tensor, k]))
  const variables = new Map<string, Variable>()
  const constants = new Map<string, HostTensor>()
  const nodes = order.map((tensor, k): GraphNode => {
    const { source, op, inputs, attributes, label, shape, dtype } = tensor
    if (source?.kind === 'input') {
      if (source.name !== 'images') throw new GraphError(`the network reads '${source.name}', which only training has`)
      return { input: 'images' }
    }
    if (source?.kind === 'variable') {
      const name = names.get(source.variable)
      if (name === undefined) throw new GraphError(`variable '${source.variable.name}' is none of the model's`)
      variables.set(name, source.variable)
      return { tensor: name, ...(!(source.variable instanceof Parameter) && { fixed: true }) }
    }
    if (source && source.values.length <= fewValues)
      return { constant: Array.from(source.values, encode), shape, dtype }
    if (source) {
      const name = `constant:${k}`
      const values = zeros(dtype, source.values.length)
      values.set(source.values)
      constants.set(name, { shape, values })
      return { constant: name, shape, dtype }
    }
    if (!isGraphOp(op)) throw new GraphError(`${label ?? op}: '${op}' is no operation of a classifier`)
    const of = inputs.map(input => places.get(input) as number)
    const data = attributes === undefined ? {} : { with: encode(attributes) }
    return { op, of, ...data, ...(label !== undefined && { label }) }
  })
  return { nodes, variables, constants }
}

function imagesOf(logits: Tensor): Tensor {
  const images = topologicalOrder([logits]).find(({ source }) => source?.kind === 'input')
  if (!images) throw new GraphError('the network does not read its images')
  return images
}

/** Text that is equal for equal graphs. */
function fingerprint(logits: Tensor): string {
  const order = topologicalOrder([logits])
  const places = new Map(order.map((tensor, k) => [tensor, k]))
  const lines = order.map(({ op, inputs, attributes, shape, dtype, source }) => {
    const own =
      source?.kind === 'variable'
        ? source.variable.name
        : source?.kind === 'constant'
          ? [...Array.from(source.values)].join()
          : ''
    return [
      op,
      dtype,
      formatShape(shape),
      inputs.map(input => places.get(input)).join(),
      structuralKey(attributes),
      own,
    ].join(' ')
  })
  return lines.join('\n')
}

const nameOf = (node: GraphNode, k: number): string =>
  'op' in node
    ? `value ${k} (${node.label ?? node.op})`
    : 'tensor' in node
      ? `value ${k} (${node.tensor})`
      : `value ${k}`
