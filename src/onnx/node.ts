/** A node of an ONNX graph as its importer sees it: inputs, attributes, and the errors that name them. */
import { type Shape, sizeOf } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { ForwardContext } from '../nn/module.ts'
import { type HostValue, hostValue, type OnnxType } from './elements.ts'
import { Unsupported } from './errors.ts'
import type { AttributeProto, GraphProto, NodeProto } from './proto/onnx_pb.ts'
import { fold, type Numbers, tensorValue, type Value } from './value.ts'

/** What an importer makes: outputs in order. A tensor has the element type of the node's first input. */
export type Result = Tensor | Value | readonly (Tensor | Value | undefined)[]

/** How an operator of ONNX becomes operations of Fovea. */
export interface OnnxOp {
  readonly build: (node: OnnxNode) => Result
  /** Inputs whose numbers decide shapes, and must be known before any run. */
  readonly known?: readonly number[]
}

/** What a node is run with. */
export interface NodeSurroundings {
  /** Version of the operator set that its domain has in this file. */
  readonly opset: number
  readonly context: ForwardContext
  /** Runs the nodes of a branch. */
  readonly runGraph: (graph: GraphProto) => Value[]
}

/** A node and its inputs. */
export class OnnxNode {
  readonly op: string
  readonly opset: number
  readonly context: ForwardContext
  /** Names of its outputs; '' for an output that is not read. */
  readonly outputs: readonly string[]
  readonly runGraph: (graph: GraphProto) => Value[]
  readonly #inputs: readonly (Value | undefined)[]
  readonly #attributes: ReadonlyMap<string, AttributeProto>

  constructor(proto: NodeProto, inputs: readonly (Value | undefined)[], surroundings: NodeSurroundings) {
    this.op = proto.opType
    this.outputs = proto.output
    this.#inputs = inputs
    this.#attributes = new Map(proto.attribute.map(attribute => [attribute.name, attribute]))
    this.opset = surroundings.opset
    this.context = surroundings.context
    this.runGraph = surroundings.runGraph
  }

  /** Number of inputs, omitted ones between others included. */
  get count(): number {
    return this.#inputs.length
  }

  /** True when an output is read. */
  wants(output: number): boolean {
    return Boolean(this.outputs[output])
  }

  has(index: number): boolean {
    return this.#inputs[index] !== undefined
  }

  /** An input. @throws Unsupported when it is missing */
  value(index: number): Value {
    const value = this.#inputs[index]
    if (!value) throw new Unsupported(`input ${index} is missing`)
    return value
  }

  optional(index: number): Value | undefined {
    return this.#inputs[index]
  }

  get values(): Value[] {
    return this.#inputs.map((_, index) => this.value(index))
  }

  /** An input as a tensor of any type that numbers are stored in. */
  tensor(index = 0): Tensor {
    return this.value(index).tensor
  }

  /** An input as `f32`. */
  float(index = 0): Tensor {
    return this.value(index).float
  }

  /** Shape of an input. */
  shape(index = 0): Shape {
    return this.value(index).shape
  }

  rank(index = 0): number {
    return this.shape(index).length
  }

  /** Element type of an input. */
  type(index = 0): OnnxType {
    return this.value(index).type
  }

  /**
   * Numbers of an input that must be known.
   * @throws Unsupported when they depend on the inputs of a run, or on weights
   */
  known(index: number): Numbers {
    const value = fold(this.value(index))
    if (!value.known)
      throw new Unsupported(`input ${index} must be known before a run: it decides the shape of the result`)
    return value.known
  }

  /** Numbers that are an attribute in older operator sets and an input in newer ones; undefined when there are none. */
  listOf(name: string, index: number): number[] | undefined {
    const attribute = this.#attributes.get(name)
    if (attribute) return attribute.floats.length > 0 ? attribute.floats : attribute.ints.map(Number)
    return this.has(index) ? Array.from(this.known(index)) : undefined
  }

  /** A number that is an attribute in older operator sets and an input in newer ones. */
  numberOf(name: string, index: number): number | undefined {
    const attribute = this.#attributes.get(name)
    if (attribute) return attribute.type === intType ? Number(attribute.i) : attribute.f
    return this.has(index) ? this.known(index)[0] : undefined
  }

  hasAttribute(name: string): boolean {
    return this.#attributes.has(name)
  }

  /** An attribute that is a whole number. */
  int(name: string, otherwise: number): number {
    const attribute = this.#attributes.get(name)
    return attribute ? Number(attribute.i) : otherwise
  }

  /** An attribute that is a real number. */
  number(name: string, otherwise: number): number {
    return this.#attributes.get(name)?.f ?? otherwise
  }

  text(name: string, otherwise: string): string {
    const attribute = this.#attributes.get(name)
    return attribute ? new TextDecoder().decode(attribute.s) : otherwise
  }

  ints(name: string): number[] | undefined {
    return this.#attributes.get(name)?.ints.map(Number)
  }

  numbers(name: string): number[] | undefined {
    return this.#attributes.get(name)?.floats
  }

  /** An attribute that is a tensor. */
  host(name: string): HostValue | undefined {
    const tensor = this.#attributes.get(name)?.t
    return tensor && hostValue(tensor, `attribute '${name}'`)
  }

  /** An attribute that is a graph. @throws Unsupported when it is missing */
  graph(name: string): GraphProto {
    const graph = this.#attributes.get(name)?.g
    if (!graph) throw new Unsupported(`attribute '${name}' is missing`)
    return graph
  }

  /** An axis attribute, counted from the end when negative. */
  axis(otherwise: number, rank = this.rank(), name = 'axis'): number {
    return axisOf(this.int(name, otherwise), rank)
  }
}

/** `AttributeProto.AttributeType.INT`. */
const intType = 2

/** An axis as a number from 0. @throws Unsupported when there is no such axis */
export function axisOf(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new Unsupported(`axis ${axis} is out of range for a tensor of rank ${rank}`)
  }
  return positive
}

/** The values of a result, in order. */
export function resultValues(node: OnnxNode, result: Result): (Value | undefined)[] {
  const list = Array.isArray(result) ? (result as readonly (Tensor | Value | undefined)[]) : [result as Tensor | Value]
  return list.map(entry => (entry === undefined || !isTensor(entry) ? entry : tensorValue(node.type(), entry)))
}

const isTensor = (entry: Tensor | Value): entry is Tensor => 'inputs' in entry

/** Elements of a part of a shape. */
export const sizeFrom = (shape: Shape, from: number, to = shape.length): number => sizeOf(shape.slice(from, to))
