/**
 * A network as a graph: its layers, the operations between them and the modules that hold both, with the tensors that lead from one to
 * another. It is read off a trace of `forward`, so any network has one, whatever its code looks like.
 */
import { costOf } from '../graph/cost.ts'
import { byteSizeOf, type DType, sizeOf } from '../graph/shape.ts'
import { input } from '../graph/sources.ts'
import { isApplicationOf } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import { inference, type Module, Parameter } from '../nn/module.ts'
import type { NetworkEdge, NetworkGraph, NetworkNode } from './graphNodes.ts'
import type { ReceptiveField } from './imageWindow.ts'
import { describeWindows, isInPlace, ownParameters, typeNameOf, windowsAmong } from './layerFacts.ts'
import { traceFields } from './receptiveField.ts'
import { withScopes } from './scopes.ts'
import { type ModuleCall, traceForward } from './trace.ts'

/** Options of {@link networkGraph}. */
export interface NetworkGraphOptions {
  /** Type of the input's elements; `'f32'` by default, `'u8'` for a network that takes bytes. */
  readonly dtype?: DType
  /** Images at a time, for a network that takes no other number; 1 by default. Costs are for one. */
  readonly batch?: number
}

/**
 * The graph of a network for one input of this shape, as in inference.
 *
 * Operations that only compute with weights are part of what reads them. A layer that passes its input on, as dropout does in
 * inference, stands where it is called.
 * @param inputShape of one image, `[C, H, W]`
 * @throws whatever `forward` throws for such an input: ShapeError naming the layer.
 * @example networkGraph(resnet18(), [3, 224, 224]).edges.length
 */
export function networkGraph(
  model: Module,
  inputShape: readonly number[],
  { dtype = 'f32', batch = 1 }: NetworkGraphOptions = {},
): NetworkGraph {
  const image = input('input', [batch, ...inputShape], { dtype, batched: true })
  const { output, calls } = traceForward(model, image, inference())
  return withScopes(new GraphBuilder(image, output, calls).build())
}

/** A call and those made in it. */
interface CallTree extends ModuleCall {
  readonly inner: readonly CallTree[]
}

/** Calls come after those made in them; here they hold them. */
function treeOf(calls: readonly ModuleCall[]): CallTree {
  const open: CallTree[][] = []
  for (const call of calls) {
    const inner = open[call.depth + 1] ?? []
    open[call.depth + 1] = []
    open[call.depth] = [...(open[call.depth] ?? []), { ...call, inner }]
  }
  return open[0]![0]!
}

/**
 * Who made a value, as it is seen in a call: a layer that passes a value on is its maker for what follows it in the same call, and
 * outside of the call when the call returns that value.
 */
class Frame {
  readonly #passed = new Map<Tensor, number>()
  readonly #outer: Frame | undefined

  constructor(outer?: Frame) {
    this.#outer = outer
  }

  pass(tensor: Tensor, by: number): void {
    this.#passed.set(tensor, by)
  }

  ownMakerOf(tensor: Tensor): number | undefined {
    return this.#passed.get(tensor)
  }

  makerOf(tensor: Tensor): number | undefined {
    return this.#passed.get(tensor) ?? this.#outer?.makerOf(tensor)
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

class GraphBuilder {
  readonly #image: Tensor
  readonly #output: Tensor
  readonly #root: CallTree
  readonly #nodes: Mutable<NetworkNode>[] = []
  readonly #edges = new Map<string, NetworkEdge>()
  readonly #makers = new Map<Tensor, number>()
  readonly #counted = new Set<Parameter>()
  readonly #fields: ReadonlyMap<Tensor, ReceptiveField>
  readonly #windows: Parameters<typeof windowsAmong>[1]
  readonly #seesImage = new Map<Tensor, boolean>()
  readonly #readers = new Map<Tensor, number>()

  constructor(image: Tensor, output: Tensor, calls: readonly ModuleCall[]) {
    this.#image = image
    this.#output = output
    this.#root = treeOf(calls)
    const isImage = image.shape.length === 4
    const { fields, windows } = isImage ? traceFields(output, image) : { fields: new Map(), windows: new Map() }
    this.#fields = fields
    this.#windows = windows
    for (const { operations } of calls) {
      for (const { inputs } of operations)
        for (const x of new Set(inputs)) this.#readers.set(x, (this.#readers.get(x) ?? 0) + 1)
    }
  }

  build(): NetworkGraph {
    this.#makers.set(this.#image, this.#add({ kind: 'input', path: 'input', type: 'Input', output: this.#image }))
    this.#nodes[0].activationBytes = this.#bytesOf(this.#image)
    const frame = new Frame()
    // A network without layers is drawn operation by operation.
    const isLayer = this.#root.inner.length === 0 && this.#root.operations.length <= 1
    if (isLayer) this.#addLayer(this.#root, frame, undefined)
    else this.#addInside(this.#root, frame, undefined)
    const end = this.#add({ kind: 'output', path: 'output', type: 'Output', output: this.#output })
    this.#connect(this.#output, end, frame)
    for (const { parent, parameters, multiplyAdds, activationBytes } of this.#nodes.toReversed()) {
      if (parent === undefined) continue
      this.#nodes[parent].parameters += parameters
      this.#nodes[parent].multiplyAdds += multiplyAdds
      this.#nodes[parent].activationBytes += activationBytes
    }
    return { nodes: this.#nodes, edges: [...this.#edges.values()] }
  }

  /** What a call does itself and the calls in it, in the order of computation. */
  #addInside(call: CallTree, frame: Frame, parent: number | undefined): void {
    const own = call.operations.filter(tensor => this.#sees(tensor)).map(tensor => ({ at: tensor.id, tensor }))
    const inner = call.inner.map(child => ({ at: lastIdOf(child), child }))
    const operations = new Set(own.map(({ tensor }) => tensor))
    // A layer that passes on what it reads comes after the operation that made it.
    for (const part of [...inner, ...own].sort((a, b) => a.at - b.at || Number('child' in a) - Number('child' in b))) {
      if ('tensor' in part) this.#addOperation(part.tensor, operations, call, frame, parent)
      else this.#addCall(part.child, frame, parent)
    }
  }

  #addCall(call: CallTree, frame: Frame, parent: number | undefined): void {
    if (call.inner.length === 0) {
      this.#addLayer(call, frame, parent)
      return
    }
    const { path, module, output } = call
    const id = this.#add({ kind: 'module', path, type: typeNameOf(module), output, parent })
    this.#nodes[id].parameters = this.#countOwn(module)
    const inside = new Frame(frame)
    this.#addInside(call, inside, id)
    const passed = inside.ownMakerOf(output)
    if (passed !== undefined) frame.pass(output, passed)
  }

  #addLayer(
    { path, module, input: read, output, operations }: CallTree,
    frame: Frame,
    parent: number | undefined,
  ): void {
    const window = describeWindows(windowsAmong(operations, this.#windows))
    const id = this.#add({
      kind: 'layer',
      path: path || 'model',
      type: typeNameOf(module),
      output,
      parent,
      ...(window && { window }),
    })
    this.#nodes[id].parameters = this.#countOwn(module)
    this.#nodes[id].multiplyAdds = operations.reduce((sum, tensor) => sum + this.#workOf(tensor), 0)
    if (!isInPlace({ input: read, output, operations })) this.#nodes[id].activationBytes = this.#bytesOf(output)
    const own = new Set(operations)
    for (const { inputs } of operations) {
      for (const x of inputs) if (!own.has(x)) this.#connect(x, id, frame)
    }
    for (const tensor of operations) this.#makers.set(tensor, id)
    if (own.has(output)) return
    this.#connect(read, id, frame)
    frame.pass(output, id)
  }

  /** An operation of a module that holds layers. It joins the one before it when nothing else reads that one. */
  #addOperation(
    tensor: Tensor,
    own: ReadonlySet<Tensor>,
    { path, output }: CallTree,
    frame: Frame,
    parent: number | undefined,
  ): void {
    const [read, ...others] = new Set(tensor.inputs.filter(x => this.#sees(x)))
    const isPassedOn = read !== undefined && frame.makerOf(read) !== undefined
    const joins =
      others.length === 0 && own.has(read!) && this.#readers.get(read!) === 1 && read !== output && !isPassedOn
    const type = operationName(tensor)
    if (joins) {
      const id = this.#makers.get(read!)!
      const node = this.#nodes[id]
      Object.assign(node, { type: `${node.type}, ${type}`, output: tensor.shape.slice(1) })
      node.multiplyAdds += this.#workOf(tensor)
      node.parameters += this.#countRead(tensor)
      this.#makers.set(tensor, id)
      return
    }
    const id = this.#add({ kind: 'operation', path: tensor.label ?? (path || 'model'), type, output: tensor, parent })
    this.#nodes[id].multiplyAdds = this.#workOf(tensor)
    this.#nodes[id].parameters = this.#countRead(tensor)
    if (!isInPlace({ input: read!, output: tensor, operations: [tensor] })) {
      this.#nodes[id].activationBytes = this.#bytesOf(tensor)
    }
    for (const x of tensor.inputs) this.#connect(x, id, frame)
    this.#makers.set(tensor, id)
  }

  #connect(tensor: Tensor, to: number, frame: Frame): void {
    const from = frame.makerOf(tensor) ?? this.#makers.get(tensor)
    if (from === undefined || from === to) return
    this.#edges.set(`${from}>${to}`, { from, to, shape: tensor.shape.slice(1) })
  }

  #add({
    output,
    parent,
    ...node
  }: Pick<NetworkNode, 'kind' | 'path' | 'type' | 'window'> & {
    readonly output: Tensor
    readonly parent?: number | undefined
  }): number {
    const id = this.#nodes.length
    const receptiveField = this.#fields.get(output)
    this.#nodes.push({
      ...node,
      id,
      output: output.shape.slice(1),
      parameters: 0,
      multiplyAdds: 0,
      activationBytes: 0,
      ...(receptiveField && { receptiveField }),
      ...(parent !== undefined && { parent }),
    })
    return id
  }

  #countOwn(module: Module): number {
    return this.#count(ownParameters(module))
  }

  /** Parameters that an operation reads, also by way of others that only compute with weights. */
  #countRead(tensor: Tensor): number {
    const found: Parameter[] = []
    const pending = [...tensor.inputs]
    for (let next = pending.pop(); next; next = pending.pop()) {
      if (this.#sees(next)) continue
      if (next.source?.kind === 'variable' && next.source.variable instanceof Parameter)
        found.push(next.source.variable)
      pending.push(...next.inputs)
    }
    return this.#count(found)
  }

  #count(parameters: readonly Parameter[]): number {
    const own = [...new Set(parameters)].filter(parameter => !this.#counted.has(parameter))
    for (const parameter of own) this.#counted.add(parameter)
    return own.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  }

  #workOf(tensor: Tensor): number {
    return costOf(tensor).multiplyAdds / this.#image.shape[0]!
  }

  #bytesOf(tensor: Tensor): number {
    return byteSizeOf(tensor) / this.#image.shape[0]!
  }

  /** Whether a value depends on the image; others are weights and what is computed from them alone. */
  #sees(tensor: Tensor): boolean {
    if (tensor === this.#image) return true
    const known = this.#seesImage.get(tensor)
    if (known !== undefined) return known
    const sees = tensor.inputs.some(x => this.#sees(x))
    this.#seesImage.set(tensor, sees)
    return sees
  }
}

/** Where a call stands in the order of computation. */
const lastIdOf = ({ output, operations, inner }: CallTree): number =>
  Math.max(output.id, ...operations.map(({ id }) => id), ...inner.map(lastIdOf))

const binaryNames: Readonly<Record<string, string>> = {
  add: 'add',
  sub: 'subtract',
  mul: 'multiply',
  div: 'divide',
  max: 'maximum',
  min: 'minimum',
}

/** What an operation does, in a word. */
function operationName(tensor: Tensor): string {
  if (isApplicationOf(tensor, 'concat')) return 'concatenate'
  if (!isApplicationOf(tensor, 'map')) return tensor.op
  const { expression } = tensor.attributes
  if (expression.kind === 'binary') return binaryNames[expression.fn]!
  return expression.kind === 'unary' ? expression.fn : 'element-wise'
}
