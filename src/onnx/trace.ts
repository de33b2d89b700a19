/** Runs the nodes of an ONNX graph, in order, into Fovea's graph. */
import { ShapeError } from '../graph/shape.ts'
import type { ForwardContext, Module } from '../nn/module.ts'
import { hostValue } from './elements.ts'
import { OnnxError, Unsupported } from './errors.ts'
import type { OnnxFile } from './file.ts'
import { OnnxLayer } from './layer.ts'
import { OnnxNode, resultValues } from './node.ts'
import { opNamed } from './ops/table.ts'
import type { AttributeProto, GraphProto, NodeProto } from './proto/onnx_pb.ts'
import { fold, knownValue, tensorValue, type Value } from './value.ts'

/** Functions of a file that call each other deeper than this are taken to be recursive. */
const deepestCall = 32

/** Where names are looked up: those of a graph, then those around it. */
type Scope = {
  readonly values: Map<string, Value>
  readonly outer?: Scope
  readonly depth: number
  readonly attributes?: ReadonlyMap<string, AttributeProto>
}

/** Makes graphs of a file. */
export class Tracer {
  /** Modules that stand for the nodes that compute, by path: what summaries and maps of activations show. */
  readonly layers: Map<string, Module>
  readonly #file: OnnxFile
  readonly #layerOf: ReadonlyMap<NodeProto, OnnxLayer>

  constructor(file: OnnxFile) {
    this.#file = file
    const layers = OnnxLayer.listOf(file)
    this.#layerOf = layers
    this.layers = new Map([...layers.values()].map(layer => [layer.name, layer]))
  }

  /**
   * The outputs of the graph.
   * @throws OnnxError naming the node
   */
  run(inputs: ReadonlyMap<string, Value>, context: ForwardContext): Value[] {
    const values = new Map<string, Value>(inputs)
    for (const [name, { type, shape, values: known }] of this.#file.constants)
      values.set(name, knownValue(type, shape, known))
    for (const [name, variable] of this.#file.variables) values.set(name, tensorValue('float32', variable.tensor))
    const scope = { values, depth: 0 }
    return this.#runGraph(this.#file.graph, scope, context)
  }

  #runGraph(
    graph: Pick<GraphProto, 'node'> & { readonly output: readonly { readonly name: string }[] },
    scope: Scope,
    context: ForwardContext,
  ): Value[] {
    for (const node of graph.node) this.#runNode(node, scope, context)
    return graph.output.map(({ name }) => {
      const value = find(scope, name)
      if (!value) throw new OnnxError(`output '${name}' is made by no node`)
      return value
    })
  }

  #runNode(proto: NodeProto, scope: Scope, context: ForwardContext): void {
    const name = proto.name || proto.output[0] || proto.opType
    try {
      const inputs = proto.input.map(input => {
        if (input === '') return undefined
        const value = find(scope, input)
        if (!value) throw new Unsupported(`its input '${input}' is made by no node before it`)
        return value
      })
      const results = this.#outputsOf(resolved(proto, scope), inputs, scope, context)
      proto.output.forEach((output, k) => {
        const value = results[k]
        if (output === '') return
        if (!value) throw new Unsupported(`output ${k} ('${output}') is not computed`)
        scope.values.set(output, value)
      })
    } catch (error) {
      if (error instanceof OnnxError && error.node !== undefined) throw error
      if (
        !(
          error instanceof OnnxError ||
          error instanceof Unsupported ||
          error instanceof ShapeError ||
          error instanceof RangeError
        )
      )
        throw error
      throw new OnnxError(error.message, { node: name, op: proto.opType, cause: error })
    }
  }

  #outputsOf(
    proto: NodeProto,
    inputs: readonly (Value | undefined)[],
    scope: Scope,
    context: ForwardContext,
  ): (Value | undefined)[] {
    const { domain, opType } = proto
    const called = this.#file.functions.get(`${domain}:${opType}`)
    if (called) return this.#call(called, proto, inputs, scope, context)
    if (domain !== '' && domain !== 'ai.onnx') {
      throw new Unsupported(`operators of the domain '${domain}' are not ONNX's own: export without them`)
    }
    const op = opNamed(opType)
    if (!op) throw new Unsupported('Fovea does not have this operator')
    const runGraph = (graph: GraphProto): Value[] => this.#branch(graph, scope, context)
    const node = new OnnxNode(proto, inputs, { opset: this.#file.opset, context, runGraph })
    const run = (): (Value | undefined)[] => resultValues(node, op.build(node)).map(value => value && fold(value))
    const layer = this.#layerOf.get(proto)
    const data = inputs[0]
    if (!layer || !data || data.known) return run()
    return layer.run(data.tensor, context, run)
  }

  #branch(graph: GraphProto, scope: Scope, context: ForwardContext): Value[] {
    const values = new Map<string, Value>()
    for (const tensor of graph.initializer) {
      const { type, shape, values: known } = hostValue(tensor)
      values.set(tensor.name, knownValue(type, shape, known))
    }
    return this.#runGraph(graph, deeper(scope, values), context)
  }

  #call(
    called: OnnxFile['functions'] extends ReadonlyMap<string, infer F> ? F : never,
    proto: NodeProto,
    inputs: readonly (Value | undefined)[],
    scope: Scope,
    context: ForwardContext,
  ): Value[] {
    const values = new Map<string, Value>()
    called.input.forEach((name, k) => {
      const value = inputs[k]
      if (value) values.set(name, value)
    })
    const attributes = new Map(
      [...called.attributeProto, ...proto.attribute].map(attribute => [attribute.name, attribute]),
    )
    const inner: Scope = { values, depth: deeper(scope, values).depth, attributes }
    return this.#runGraph({ node: called.node, output: called.output.map(name => ({ name })) }, inner, context)
  }
}

function deeper(outer: Scope, values: Map<string, Value>): Scope {
  if (outer.depth >= deepestCall) throw new Unsupported(`functions and branches are nested deeper than ${deepestCall}`)
  return { values, outer, depth: outer.depth + 1, ...(outer.attributes && { attributes: outer.attributes }) }
}

function find(scope: Scope | undefined, name: string): Value | undefined {
  for (let at = scope; at; at = at.outer) {
    const value = at.values.get(name)
    if (value) return value
  }
  return undefined
}

/** A node of a function with the attributes that it takes from the call. */
function resolved(proto: NodeProto, { attributes }: Scope): NodeProto {
  if (!attributes || proto.attribute.every(({ refAttrName }) => refAttrName === '')) return proto
  const attribute = proto.attribute.flatMap(own => {
    if (own.refAttrName === '') return [own]
    const given = attributes.get(own.refAttrName)
    return given ? [{ ...given, name: own.name }] : []
  })
  return { ...proto, attribute }
}
