/** What tests of written ONNX files share: the rules that a file keeps, and the answers of a network. */
import { fromBinary } from '@bufbuild/protobuf'
import { expect } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { input } from '../../src/graph/sources.ts'
import { inference, type Module } from '../../src/nn/index.ts'
import { type GraphProto, type ModelProto, ModelProtoSchema } from '../../src/onnx/proto/onnx_pb.ts'
import { lcgTensor } from '../support/fixtures.ts'

/** A file as its messages. */
export const parsed = (bytes: Uint8Array): ModelProto => fromBinary(ModelProtoSchema, bytes)

/** Operators of a graph, in order. */
export const opsOf = (bytes: Uint8Array): string[] => parsed(bytes).graph!.node.map(({ opType }) => opType)

/** Metadata by key. */
export const metadataOf = (bytes: Uint8Array): Record<string, string> =>
  Object.fromEntries(parsed(bytes).metadataProps.map(({ key, value }) => [key, value]))

/** Bytes of one element of the types that are written. */
const elementBytes: Readonly<Record<number, number>> = { 1: 4, 2: 1, 6: 4, 7: 8 }

/**
 * Expects what `onnx.checker` demands: values that are made once, before they are read; nodes and tensors with names of their own;
 * inputs and outputs with type and shape; tensors that fill their shapes.
 */
export function expectRules(bytes: Uint8Array): void {
  const model = parsed(bytes)
  expect(model.irVersion).toBe(8n)
  expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([['', 17n]])
  const graph = model.graph!
  expect(graph.name).not.toBe('')
  const made = new Set<string>()
  const make = (name: string): void => {
    expect(name, 'a value has a name').not.toBe('')
    expect(made, `'${name}' is made once`).not.toContain(name)
    made.add(name)
  }
  for (const { name } of [...graph.input, ...graph.initializer]) make(name)
  for (const { name, opType, input: inputs, output } of graph.node) {
    expect(name, `${opType} has a name`).not.toBe('')
    for (const read of inputs) if (read !== '') expect(made, `${name} reads '${read}'`).toContain(read)
    for (const value of output) make(value)
  }
  expect(new Set(graph.node.map(({ name }) => name)).size).toBe(graph.node.length)
  for (const { name } of [...graph.output, ...graph.valueInfo]) expect(made).toContain(name)
  expectTensors(graph)
}

function expectTensors(graph: GraphProto): void {
  for (const { name, type } of [...graph.input, ...graph.output, ...graph.valueInfo]) {
    expect([1, 2, 6], name).toContain(type?.tensorType?.elemType)
    for (const { value } of type?.tensorType?.shape?.dim ?? []) expect(value.case, name).toBeDefined()
  }
  const read = new Set(graph.node.flatMap(({ input: inputs }) => inputs))
  for (const { name, dims, dataType, rawData, dataLocation } of graph.initializer) {
    expect(read, `'${name}' is used`).toContain(name)
    const size = dims.reduce((product, extent) => product * Number(extent), 1)
    if (dataLocation === 0) expect(rawData.length, name).toBe(size * elementBytes[dataType]!)
  }
}

/** Numbers for an input: bytes, numbers above 0, or around 0. */
export function samples(shape: readonly number[], kind?: 'u8' | 'positive'): Float32Array | Uint8Array {
  const values = lcgTensor(shape, 7, 4)
  if (kind === 'u8') return Uint8Array.from(values, value => Math.floor((value + 2) * 64))
  return Float32Array.from(values, value => (kind === 'positive' ? value + 2.1 : value))
}

/** What a network answers to some images. */
export async function answersOf(
  engine: Engine,
  network: Module,
  shape: readonly number[],
  images: Float32Array | Uint8Array,
): Promise<Float32Array> {
  const x = input('images', shape, { dtype: images instanceof Uint8Array ? 'u8' : 'f32', batched: true })
  const outputs = { logits: network.forward(x, inference()) }
  const program = await engine.compile({ outputs, updates: new Map() })
  return (await program.run({ images })).logits as Float32Array
}

/** The largest difference, relative to the largest number. */
export function differenceOf(found: ArrayLike<number>, wanted: Float32Array): number {
  expect(found).toHaveLength(wanted.length)
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return wanted.reduce((most, value, k) => Math.max(most, Math.abs(value - found[k]!)), 0) / largest
}
