/**
 * The contents of an ONNX file, checked before they are used: its graph in order, its weights as variables, its
 * constants, and the names of its inputs and outputs.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { type Shape, sizeOf } from '../graph/shape.ts'
import type { TypedArray, Variable } from '../graph/variable.ts'
import { ModelBuffer, Parameter } from '../nn/module.ts'
import { type ExternalData, type HostValue, hostValue, isFloat, type OnnxType, readTensor, typeOf } from './elements.ts'
import { OnnxError } from './errors.ts'
import { opNamed } from './ops/table.ts'
import { ordered, readsOf } from './order.ts'
import {
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto/onnx_pb.ts'

/** Where the metadata of a file written by Fovea name the tensors that are not trained: a JSON list. */
export const fixedKey = 'fovea.fixed'

/** Versions of the operator set that are read. */
export const opsetRange = [7, 28] as const

/** An input or output of the file. */
export interface OnnxPort {
  readonly name: string
  readonly type: OnnxType
  /** Sizes; a name for an open size, such as `'batch'`, and '?' for a size that the file does not state. */
  readonly shape: readonly (number | string)[] | undefined
}

/** Contents of an ONNX file. */
export interface OnnxFile {
  readonly info: {
    /** Name of the file in messages. */
    readonly file: string
    /** The program that wrote it: `pytorch 2.5.1`. */
    readonly producer: string
    readonly irVersion: number
    readonly opset: number
    /** Texts by key, as the program that wrote it left them. */
    readonly metadata: Readonly<Record<string, string>>
  }
  /** Version of the default domain's operator set. */
  readonly opset: number
  /** Nodes in an order in which they can be run. */
  readonly graph: GraphProto
  readonly functions: ReadonlyMap<string, FunctionProto>
  readonly inputs: readonly OnnxPort[]
  readonly outputs: readonly OnnxPort[]
  /** Weights and running statistics, by name. */
  readonly variables: ReadonlyMap<string, Variable>
  /** All other numbers in the file, by name. */
  readonly constants: ReadonlyMap<string, HostValue>
  readonly notes: readonly string[]
}

/** How a file is read. */
export interface ReadOptions {
  readonly file: string
  readonly external: ExternalData
  /** True when the bytes belong to a caller who may change them: weights are then copied. */
  readonly copy: boolean
}

/**
 * Reads an ONNX file.
 * @throws OnnxError naming what is broken
 */
export async function readOnnx(bytes: Uint8Array, { file, external, copy }: ReadOptions): Promise<OnnxFile> {
  const model = parse(bytes, file)
  const { graph } = model
  if (!graph) throw new OnnxError(`${file}: is no ONNX model: it has no graph`)
  const opset = opsetOf(model, file)
  /** Memory of the caller. */
  const foreign = new Set<ArrayBufferLike>(copy ? [bytes.buffer] : [])
  const tensors = await tensorsOf(graph, async (...place) => {
    const raw = await external(...place)
    if (copy) foreign.add(raw.buffer)
    return raw
  })
  const hoisted = hoist(graph, tensors)
  const nodes = ordered(hoisted, [...tensors.keys(), ...graph.input.map(({ name }) => name)])
  const ready: GraphProto = { ...graph, node: nodes }
  const functions = new Map(model.functions.map(called => [`${called.domain}:${called.name}`, called]))
  const { variables, constants } = sortTensors(tensors, nodes, { foreign, fixed: fixedOf(model) })
  const inputs = graph.input.filter(({ name }) => !tensors.has(name)).map(portOf)
  const outputs = graph.output.map(portOf)
  if (outputs.length === 0) throw new OnnxError(`${file}: the graph has no outputs`)
  const info = {
    file,
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    irVersion: Number(model.irVersion),
    opset,
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
  }
  return { info, opset, graph: ready, functions, inputs, outputs, variables, constants, notes: notesOf(nodes) }
}

function parse(bytes: Uint8Array, file: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false })
  } catch (error) {
    throw new OnnxError(`${file}: is no ONNX model, or a damaged one: ${(error as Error).message}`, { cause: error })
  }
}

function opsetOf(model: ModelProto, file: string): number {
  const own = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')
  const [least, most] = opsetRange
  const version = own ? Number(own.version) : 1
  if (version >= least && version <= most) return version
  throw new OnnxError(
    `${file}: needs operator set ${version}; Fovea reads ${least} to ${most}: export the network with one of these`,
  )
}

async function tensorsOf(graph: GraphProto, external: ExternalData): Promise<Map<string, HostValue>> {
  if (graph.sparseInitializer.length > 0) throw new OnnxError('sparse initializers are not read')
  const tensors = new Map<string, HostValue>()
  for (const tensor of graph.initializer) {
    if (tensors.has(tensor.name)) throw new OnnxError(`tensor '${tensor.name}' is there twice`)
    tensors.set(tensor.name, await readTensor(tensor, external))
  }
  return tensors
}

/** Nodes without the constants among them, which become tensors: some exporters write weights as constants. */
function hoist(graph: GraphProto, tensors: Map<string, HostValue>): NodeProto[] {
  return graph.node.filter(node => {
    const tensor =
      node.opType === 'Constant' && node.domain === ''
        ? node.attribute.find(({ name }) => name === 'value')?.t
        : undefined
    const [name] = node.output
    if (!tensor || !name) return true
    if (tensors.has(name)) throw new OnnxError(`tensor '${name}' is there twice`)
    tensors.set(name, namedValue(tensor, name))
    return false
  })
}

const namedValue = (tensor: TensorProto, name: string): HostValue => hostValue(tensor, `constant '${name}'`)

function portOf({ name, type }: ValueInfoProto): OnnxPort {
  const tensor = type?.tensorType
  if (!tensor) throw new OnnxError(`'${name}' is no tensor: sequences, maps and optional values are not read`)
  // Some programs write −1 for a size that is open.
  const shape = tensor.shape?.dim.map(({ value }) =>
    value.case === 'dimValue' && value.value >= 0 ? Number(value.value) : value.case === 'dimParam' ? value.value : '?',
  )
  return { name, type: typeOf(tensor.elemType, `'${name}'`), shape }
}

/** Which tensors can be trained, which are statistics, and which are fixed numbers. */
function sortTensors(
  tensors: ReadonlyMap<string, HostValue>,
  nodes: readonly NodeProto[],
  { foreign, fixed }: { readonly foreign: ReadonlySet<ArrayBufferLike>; readonly fixed: ReadonlySet<unknown> },
): { variables: Map<string, Variable>; constants: Map<string, HostValue> } {
  const roles = rolesOf(nodes)
  const variables = new Map<string, Variable>()
  const constants = new Map<string, HostValue>()
  for (const [name, tensor] of tensors) {
    const role = roles.get(name)
    // A single number without axes is part of a formula.
    const isWeight =
      role !== undefined &&
      role !== 'constant' &&
      !fixed.has(name) &&
      isFloat(tensor.type) &&
      tensor.shape.length > 0 &&
      sizeOf(tensor.shape) > 0
    if (!isWeight) constants.set(name, tensor)
    else variables.set(name, variableOf(name, tensor, role, foreign))
  }
  return { variables, constants }
}

/** Names of tensors that are not weights, as a file written by Fovea states them. */
function fixedOf({ metadataProps }: ModelProto): ReadonlySet<unknown> {
  const json = metadataProps.find(({ key }) => key === fixedKey)?.value
  try {
    const names: unknown = JSON.parse(json ?? '[]')
    return new Set(Array.isArray(names) ? names : [])
  } catch {
    return new Set()
  }
}

type Role = 'parameter' | 'statistic' | 'constant'

/** The use of each tensor; one whose numbers an operator must know is a constant. */
function rolesOf(nodes: readonly NodeProto[]): Map<string, Role> {
  const roles = new Map<string, Role>()
  const rank = { parameter: 0, statistic: 1, constant: 2 } as const
  const use = (name: string, role: Role): void => {
    const before = roles.get(name)
    if (before === undefined || rank[role] > rank[before]) roles.set(name, role)
  }
  for (const node of nodes) {
    const known = opNamed(node.opType)?.known ?? []
    node.input.forEach((name, k) => {
      const isStatistic = node.opType === 'BatchNormalization' && (k === 3 || k === 4)
      use(name, known.includes(k) ? 'constant' : isStatistic ? 'statistic' : 'parameter')
    })
  }
  return roles
}

function variableOf(
  name: string,
  { shape, values }: HostValue,
  role: Role,
  foreign: ReadonlySet<ArrayBufferLike>,
): Variable {
  const isOwn = values instanceof Float32Array && !foreign.has(values.buffer)
  const source = isOwn ? values : new Float32Array(values)
  // The numbers of the file are not the variable's own: training changes a copy, which is made when it is needed.
  return variableFrom(name, shape, role === 'statistic', target => target.set(source))
}

function variableFrom(name: string, shape: Shape, isStatistic: boolean, fill: (values: TypedArray) => void): Variable {
  const variable = isStatistic ? new ModelBuffer(shape, 0) : new Parameter(shape, { name: 'an ONNX file', fill })
  variable.name = name
  variable.fillWith(fill)
  fills.set(variable, fill)
  return variable
}

/** The rule that writes the numbers of the file into a variable. */
const fills = new WeakMap<Variable, (values: TypedArray) => void>()

/** The same file with its own variables. */
export function withFreshWeights(file: OnnxFile): OnnxFile {
  const fresh = [...file.variables].map(([name, variable]): [string, Variable] => {
    const { shape } = variable
    return [name, variableFrom(name, shape, variable instanceof ModelBuffer, fills.get(variable)!)]
  })
  return { ...file, variables: new Map(fresh) }
}

/** The same file without a softmax over the last axis of its first output; the file itself when there is none. */
export function withoutSoftmax(file: OnnxFile): OnnxFile {
  const [output, ...others] = file.outputs
  const node = file.graph.node.find(({ opType, domain, output: [name] }) => {
    return opType === 'Softmax' && domain === '' && name === output.name
  })
  if (!node || output.shape?.length !== 2 || !isOverClasses(node)) return file
  const [logits] = node.input
  const [end, ...ends] = file.graph.output
  // Others may read it, such as one that looks for the largest probability.
  const isRead = [...file.graph.node.flatMap(other => readsOf(other)), ...ends.map(({ name }) => name)].includes(
    output.name,
  )
  const graph = {
    ...file.graph,
    node: isRead ? file.graph.node : file.graph.node.filter(other => other !== node),
    output: [{ ...end, name: logits }, ...ends],
  }
  const notes = [
    ...file.notes,
    'ends in a softmax, which is left out: what is scored and trained begins with the logits before it',
  ]
  return { ...file, graph, outputs: [{ ...output, name: logits }, ...others], notes }
}

/** Whether a softmax of a matrix runs along its rows, as it does without an axis in all operator sets. */
const isOverClasses = ({ attribute }: NodeProto): boolean =>
  ['1', '-1'].includes(String(attribute.find(({ name }) => name === 'axis')?.i ?? -1))

/** Advice for training the network. */
function notesOf(nodes: readonly NodeProto[]): string[] {
  const has = (op: string): boolean => nodes.some(({ opType }) => opType === op)
  const notes: string[] = []
  if (has('Conv') && !has('BatchNormalization')) {
    notes.push(
      'no batch normalization: if the network had some, the exporter has folded it into the convolutions; it can be fine-tuned as ' +
        'it is. To keep it, export with torch.onnx.export(model, …, training=torch.onnx.TrainingMode.TRAINING, ' +
        'do_constant_folding=False, dynamo=False)',
    )
  }
  if (has('QLinearConv') || has('DequantizeLinear')) {
    notes.push(
      'quantized weights are constants: what is trained is the rest. Export before quantization to train all of it',
    )
  }
  return notes
}
