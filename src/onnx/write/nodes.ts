/**
 * The nodes of a graph that is being written, and the values between them. Values get their names last, when all nodes
 * are known: names from the network's own code take precedence.
 */
import { create } from '@bufbuild/protobuf'
import type { DType, Shape } from '../../graph/shape.ts'
import type { Variable } from '../../graph/variable.ts'
import { type NodeProto, NodeProtoSchema } from '../proto/onnx_pb.ts'
import { type AttributeValue, attribute } from './attributes.ts'
import type { FileTensor } from './fileBytes.ts'
import type { Size } from './sizes.ts'

/** Numbers of `TensorProto.DataType`. */
export const typeCodes = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9 } as const

/** A value of the graph; its name is given at the end. */
export class Value {
  name = ''
  /** Sizes and type, of values that the network itself has. */
  described: { readonly sizes: readonly Size[]; readonly dtype: DType } | undefined
}

/** A constant or a weight. */
interface Stored extends Omit<FileTensor, 'name' | 'bytes'> {
  readonly value: Value
  /** The name it should have, or the beginning of that name. */
  readonly wanted: string
  readonly bytes: () => Uint8Array
  /** Not a trained weight. */
  readonly isFixed: boolean
}

interface Node {
  readonly op: string
  readonly inputs: readonly (Value | undefined)[]
  readonly output: Value
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** Path of the module that it belongs to. */
  readonly path: string
  /** True for the node that makes the module's value. */
  isLast: boolean
}

/** Collects nodes, constants and weights. */
export class Nodes {
  readonly #nodes: Node[] = []
  readonly #stored = new Map<string, Stored>()
  readonly #makers = new Map<Value, Node>()

  /** Adds a node. @returns its value */
  add(
    op: string,
    inputs: readonly (Value | undefined)[],
    path: string,
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): Value {
    const output = new Value()
    const node: Node = { op, inputs, output, attributes, path, isLast: false }
    this.#nodes.push(node)
    this.#makers.set(output, node)
    return output
  }

  /** Says that a value is the one that its module is for. */
  markLast(value: Value): void {
    const maker = this.#makers.get(value)
    if (maker) maker.isLast = true
  }

  /** True for what a node makes: an input, a weight or a constant is made by none. */
  isMade(value: Value): boolean {
    return this.#makers.has(value)
  }

  /** A weight or statistic of the network under its own name. @param isFixed true when it is not trained */
  weight(name: string, variable: Variable, isFixed: boolean): Value {
    const { shape, dtype } = variable
    return this.#store(`weight ${name}`, {
      ...{ wanted: name, type: typeCodes[dtype], shape, isFixed },
      bytes: () => bytesOf(variable.value, dtype),
    })
  }

  /** A weight that is computed from others. @param wanted its name, or the beginning of it */
  derived(wanted: string, shape: Shape, values: Float32Array): Value {
    return this.#store(`derived ${this.#stored.size}`, {
      ...{ wanted, type: typeCodes.f32, shape, isFixed: false },
      bytes: () => bytesOf(values, 'f32'),
    })
  }

  /** Numbers that are part of a formula; equal ones are the same value. */
  constant(values: ArrayLike<number>, shape: Shape, type: keyof typeof typeCodes = 'f32'): Value {
    const text = values.length <= fewNumbers ? Array.from(values, textOf).join(', ') : undefined
    const wanted = text === undefined ? 'constant' : `constant/${shape.length === 0 ? text : `[${text}]`}`
    const key = text === undefined ? `constant ${this.#stored.size}` : `${type} [${shape.join()}] ${text}`
    return this.#store(key, {
      ...{ wanted, type: typeCodes[type], shape, isFixed: true },
      bytes: () => bytesOf(values, type),
    })
  }

  #neededFor(outputs: readonly Value[]): Set<Value | undefined> {
    const needed = new Set<Value | undefined>(outputs)
    for (const { inputs, output } of [...this.#nodes].reverse()) {
      if (needed.has(output)) for (const input of inputs) needed.add(input)
    }
    return needed
  }

  #store(key: string, stored: Omit<Stored, 'value'>): Value {
    const known = this.#stored.get(key)
    if (known) return known.value
    const value = new Value()
    this.#stored.set(key, { ...stored, value })
    return value
  }

  /** Names every value that the outputs need; inputs and outputs have their names already. */
  finish(
    inputs: readonly Value[],
    outputs: readonly Value[],
  ): {
    readonly nodes: NodeProto[]
    readonly tensors: FileTensor[]
    /** Names of tensors that are neither weights nor running averages of batch normalization. */
    readonly fixed: string[]
    /** Values between nodes whose sizes and types are known. */
    readonly described: Value[]
  } {
    const needed = this.#neededFor(outputs)
    const values = new Names([...inputs, ...outputs].map(({ name }) => name))
    const stored = [...this.#stored.values()].filter(({ value }) => needed.has(value))
    for (const { value, wanted } of stored) value.name = values.unique(wanted)
    const statistics = new Set(this.#nodes.flatMap(statisticsOf))
    const names = new Names()
    const written = this.#nodes.filter(({ output }) => needed.has(output))
    const nodes = written.map(({ op, inputs, output, attributes, path, isLast }) => {
      const name = names.unique(path === '' ? op : isLast ? path : `${path}/${op}`)
      if (output.name === '') output.name = values.unique(name)
      return { name, op, inputs, output, attributes }
    })
    return {
      nodes: nodes.map(({ name, op, inputs, output, attributes }) =>
        create(NodeProtoSchema, {
          name,
          opType: op,
          input: inputs.map(input => input?.name ?? ''),
          output: [output.name],
          attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
        }),
      ),
      tensors: stored.map(({ value: { name }, type, shape, bytes }) => ({ name, type, shape, bytes: bytes() })),
      fixed: stored.flatMap(({ value, shape, isFixed }) =>
        isFixed && shape.length > 0 && !statistics.has(value) ? [value.name] : [],
      ),
      described: nodes.flatMap(({ output }) => (output.described ? [output] : [])),
    }
  }
}

/** A number, with the sign of its zero. */
const textOf = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

/** Running averages, which a reader recognizes by their place. */
const statisticsOf = ({ op, inputs }: Node): readonly (Value | undefined)[] =>
  op === 'BatchNormalization' ? inputs.slice(3) : []

/** Most numbers of a constant that its name says. */
const fewNumbers = 4

/** Names that are taken. */
class Names {
  readonly #taken: Set<string>

  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken)
  }

  /** The name itself, or with a number after it. */
  unique(wanted: string): string {
    let name = wanted
    for (let k = 1; this.#taken.has(name); k++) name = `${wanted}_${k}`
    this.#taken.add(name)
    return name
  }
}

/** Numbers as the bytes of a type, little-endian. */
function bytesOf(values: ArrayLike<number>, type: keyof typeof typeCodes): Uint8Array {
  if (type === 'f32') return viewOf(values instanceof Float32Array ? values : Float32Array.from(values))
  if (type === 'i32') return viewOf(values instanceof Int32Array ? values : Int32Array.from(values))
  if (type === 'i64') return viewOf(BigInt64Array.from(Array.from(values, BigInt)))
  return Uint8Array.from(values)
}

const viewOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
