/** A traced network as an ONNX graph: first each value is recognized, then the nodes are written, in order. */
import { create } from '@bufbuild/protobuf'
import type { Tensor } from '../../graph/tensor.ts'
import type { Variable } from '../../graph/variable.ts'
import { Parameter } from '../../nn/module.ts'
import { OnnxError, Unsupported } from '../errors.ts'
import { type GraphProto, GraphProtoSchema, type ValueInfoProto, ValueInfoProtoSchema } from '../proto/onnx_pb.ts'
import type { FileTensor } from './fileBytes.ts'
import { foldedLayers } from './folding.ts'
import { layers } from './layers.ts'
import { Nodes, typeCodes, Value } from './nodes.ts'
import { normalizations } from './normalizations.ts'
import { checkSteady, isCopy, operation } from './operations.ts'
import { pathsOf } from './paths.ts'
import { firstOf, type Recognized, type Rule, type Writer } from './rule.ts'
import { type BatchTrace, nameOfSize, type Size } from './sizes.ts'
import { windows } from './windows.ts'

/** How a graph is written. */
export interface GraphOptions {
  readonly name: string
  /** Name of the open first axis. */
  readonly batch: string
  readonly foldBatchNorm: boolean
  /** The names of the network's variables. */
  readonly names: ReadonlyMap<Variable, string>
}

/** A graph without its tensors, and these. */
export interface WrittenGraph {
  readonly graph: GraphProto
  readonly tensors: readonly FileTensor[]
  /** Names of tensors that are neither trained weights nor statistics. */
  readonly fixed: readonly string[]
}

/** @throws OnnxError naming the operation, its module, and why it has no form in ONNX */
export function writeGraph(trace: BatchTrace, options: GraphOptions): WrittenGraph {
  const { names, batch } = options
  const paths = pathsOf(trace, nameIn(names))
  const writer = new GraphWriter(trace, names, paths)
  const recognized = recognize(trace, paths, options.foldBatchNorm)
  for (const tensor of trace.order) {
    const found = recognized.get(tensor)
    if (found) writer.write(tensor, found)
  }
  const inputs = [...trace.inputs].map(([name, tensor]) => writer.end(name, writer.of(tensor), tensor))
  const outputs = [...trace.outputs].map(([name, tensor]) => writer.output(name, tensor))
  const { nodes, tensors, fixed, described } = writer.nodes.finish(inputs, outputs)
  const graph = create(GraphProtoSchema, {
    name: options.name,
    node: nodes,
    input: inputs.map(value => infoOf(value, batch)),
    output: outputs.map(value => infoOf(value, batch)),
    valueInfo: described.filter(value => !outputs.includes(value)).map(value => infoOf(value, batch)),
  })
  return { graph, tensors, fixed }
}

const copy: Rule = tensor =>
  isCopy(tensor) ? { reads: tensor.inputs, write: writer => writer.of(tensor.inputs[0]) } : undefined

const rules: readonly Rule[] = [copy, ...normalizations, windows, ...layers, operation]

/** The rule for each value that the outputs need; values within a recognized part are not written. */
function recognize(
  trace: BatchTrace,
  paths: ReadonlyMap<Tensor, string>,
  foldBatchNorm: boolean,
): Map<Tensor, Recognized> {
  for (const tensor of trace.order) checkSteady(tensor, trace)
  const rule = firstOf(foldBatchNorm ? [foldedLayers, ...rules] : rules)
  const needed = new Set(trace.outputs.values())
  const found = new Map<Tensor, Recognized>()
  for (const tensor of [...trace.order].reverse()) {
    if (!needed.has(tensor) || tensor.source) continue
    const recognized = located(paths.get(tensor) || tensor.op, () => rule(tensor, trace))
    if (!recognized) throw new OnnxError(`${tensor.label ?? tensor.op}: '${tensor.op}' is no operation`)
    found.set(tensor, recognized)
    for (const read of recognized.reads) needed.add(read)
  }
  return found
}

/** Runs the work on a module, whose errors then name it. */
function located<T>(path: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error
    throw new OnnxError(`${path}: ${error.message}`, { cause: error })
  }
}

/** What a variable is called, of a tensor that reads it, reshaped or not. */
const nameIn =
  (names: ReadonlyMap<Variable, string>) =>
  ({ source, op, inputs: [x] }: Tensor): string | undefined => {
    const read = op === 'reshape' ? x.source : source
    return read?.kind === 'variable' ? names.get(read.variable) : undefined
  }

/** Writes the values one by one. */
class GraphWriter implements Writer {
  readonly trace: BatchTrace
  readonly truths = new Map<Value, Value>()
  readonly nodes = new Nodes()
  readonly #names: ReadonlyMap<Variable, string>
  readonly #paths: ReadonlyMap<Tensor, string>
  readonly #values = new Map<Tensor, Value>()
  readonly #floats = new Map<Value, Value>()
  #path = ''
  #images: Value | undefined

  constructor(trace: BatchTrace, names: ReadonlyMap<Variable, string>, paths: ReadonlyMap<Tensor, string>) {
    this.trace = trace
    this.#names = names
    this.#paths = paths
    for (const tensor of trace.inputs.values()) this.#values.set(tensor, new Value())
  }

  /** Writes a value as what it has been recognized as. */
  write(tensor: Tensor, recognized: Recognized): void {
    this.#path = this.#paths.get(tensor) ?? ''
    const value = recognized.write(this)
    this.#values.set(tensor, value)
    if (!this.nodes.isMade(value)) return
    value.described ??= { sizes: this.trace.sizesOf(tensor), dtype: tensor.dtype }
    if (tensor.label !== undefined) this.nodes.markLast(value)
  }

  of(tensor: Tensor): Value {
    const known = this.#values.get(tensor)
    if (known) return known
    const value = this.#source(tensor)
    this.#values.set(tensor, value)
    return value
  }

  float(tensor: Tensor): Value {
    const value = this.of(tensor)
    if (tensor.dtype === 'f32') return value
    const known = this.#floats.get(value) ?? this.add('Cast', [value], { to: typeCodes.f32 })
    this.#floats.set(value, known)
    return known
  }

  add(op: string, inputs: readonly (Value | undefined)[], attributes: Parameters<Writer['add']>[2] = {}): Value {
    return this.nodes.add(op, inputs, this.#path, attributes)
  }

  constant(...given: Parameters<Writer['constant']>): Value {
    const [values, shape = [], type] = given
    return this.nodes.constant(values, shape, type)
  }

  weight(...[like, shape, values, last]: Parameters<Writer['weight']>): Value {
    const name = nameIn(this.#names)(like) ?? 'weight'
    return this.nodes.derived(last === undefined ? name : name.replace(/[^.]*$/, last), shape, values)
  }

  shape(sizes: readonly Size[]): Value {
    const numbers = sizes.filter(size => typeof size === 'number')
    if (numbers.length === sizes.length) return this.constant(numbers, [numbers.length], 'i64')
    const parts = sizes.map(size =>
      typeof size === 'number' ? this.constant([size], [1], 'i64') : this.#multiple(size.timesBatch),
    )
    return this.add('Concat', parts, { axis: 0 })
  }

  /** A multiple of the number of images, `[1]`. */
  #multiple(times: number): Value {
    const images = [...this.trace.inputs.values()].find(input => typeof this.trace.sizesOf(input)[0] === 'object')
    if (!images) throw new OnnxError('no input of the network has an axis for the batch')
    this.#images ??= this.add('Shape', [this.of(images)], { start: 0, end: 1 })
    return times === 1 ? this.#images : this.add('Mul', [this.#images, this.constant([times], [1], 'i64')])
  }

  /** Gives an input or output its name, type and sizes. */
  end(name: string, value: Value, tensor: Tensor): Value {
    value.name = name
    value.described = { sizes: this.trace.sizesOf(tensor), dtype: tensor.dtype }
    return value
  }

  /** An output must be a separate value that a node makes. */
  output(name: string, tensor: Tensor): Value {
    const value = this.of(tensor)
    this.#path = this.#paths.get(tensor) ?? ''
    const isFree = value.name === '' && this.nodes.isMade(value)
    return this.end(name, isFree ? value : this.add('Identity', [value]), tensor)
  }

  #source(tensor: Tensor): Value {
    const { source, shape, dtype, label, op } = tensor
    if (source?.kind === 'variable') {
      const { variable } = source
      const name = this.#names.get(variable)
      if (name === undefined) throw new OnnxError(`variable '${variable.name}' is none of the model's`)
      return this.nodes.weight(name, variable, !(variable instanceof Parameter))
    }
    if (source?.kind === 'constant') return this.constant(source.values, shape, dtype === 'u8' ? 'i32' : dtype)
    const what = source ? `reads '${source.name}', which is no input of the network` : 'is read before it is made'
    throw new OnnxError(`${label ?? op}: ${what}`)
  }
}

function infoOf({ name, described }: Value, batch: string): ValueInfoProto {
  const { sizes, dtype } = described!
  const dim = sizes.map(size => {
    const value = nameOfSize(size, batch)
    return typeof value === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(value) } }
      : { value: { case: 'dimParam' as const, value } }
  })
  return create(ValueInfoProtoSchema, { name, type: { tensorType: { elemType: typeCodes[dtype], shape: { dim } } } })
}
