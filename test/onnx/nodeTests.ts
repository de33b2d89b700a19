/** ONNX's own tests of its operators, and how they are run. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Engine } from '../../src/backends/engine.ts'
import { input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { type FixedInput, importOnnx, type OnnxNetwork } from '../../src/onnx/index.ts'
import { storageOf } from '../../src/onnx/network.ts'
import { opNamed } from '../../src/onnx/ops/table.ts'

interface Packed {
  /** At which input of the node an input is read. */
  readonly at: number
  readonly name: string
  readonly type: string
  readonly shape: readonly number[]
  readonly data: string
}

export interface NodeTest {
  readonly name: string
  readonly op: string
  readonly opset: number
  readonly rtol: number
  readonly atol: number
  /** True when its numbers are of 16 bits. */
  readonly half: boolean
  readonly model: string
  readonly inputs: readonly Packed[]
  readonly outputs: readonly Packed[]
}

const file = join(import.meta.dirname, '../fixtures/onnx/node-tests.json.gz')
export const { tests: nodeTests, left } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as {
  readonly tests: readonly NodeTest[]
  readonly left: Readonly<Record<string, number>>
}

const random = "numbers of NumPy's random generator"
const old = 'a file of operator set 1'

/** Tests that do not pass, and why. */
export const failing: Readonly<Record<string, string>> = {
  not_2d: old,
  not_3d: old,
  not_4d: old,
  training_dropout: random,
  training_dropout_default: random,
  training_dropout_default_mask: random,
  training_dropout_mask: random,
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
} as const

/** The numbers of a tensor. */
export function numbersOf({ type, data }: Packed): number[] {
  const bytes = new Uint8Array(Buffer.from(data, 'base64'))
  return Array.from(new arrays[type as keyof typeof arrays](bytes.buffer) as ArrayLike<number | bigint>, Number)
}

/** The graph of a test. */
export interface TracedNodeTest {
  readonly network: OnnxNetwork
  /** What is given to the run, and its numbers. */
  readonly inputs: ReadonlyMap<string, Tensor>
  readonly values: Readonly<Record<string, number[]>>
  /** What the run computes. */
  readonly outputs: ReadonlyMap<string, Tensor>
  /** All outputs; some are known when the graph is made. */
  readonly results: ReturnType<OnnxNetwork['run']>
}

/** The graph of a test: what decides shapes is known when it is made, everything else is given to the run. */
export async function traceNodeTest(test: NodeTest): Promise<TracedNodeTest> {
  const network = await importOnnx(new Uint8Array(Buffer.from(test.model, 'base64')))
  const known = opNamed(test.op)?.known ?? []
  const given: Record<string, Tensor | FixedInput> = {}
  const inputs = new Map<string, Tensor>()
  const values: Record<string, number[]> = {}
  for (const packed of test.inputs) {
    const isKnown = packed.shape.includes(0) || known.includes(packed.at)
    const numbers = numbersOf(packed)
    if (isKnown) given[packed.name] = { shape: packed.shape, values: numbers }
    else {
      const dtype = storageOf(network.inputs.find(({ name }) => name === packed.name)!.type)
      const x = input(packed.name, packed.shape, { dtype })
      given[packed.name] = x
      inputs.set(packed.name, x)
      values[packed.name] = numbers
    }
  }
  const results = network.run(given)
  const computed = Object.entries(results).filter(([, value]) => !value.known && !value.isEmpty)
  return { network, inputs, values, results, outputs: new Map(computed.map(([name, value]) => [name, value.tensor])) }
}

/** Runs a test. @returns what is wrong; '' when nothing is */
export async function runNodeTest(test: NodeTest, engine: Engine): Promise<string> {
  const { values, outputs: computed, results: outputs } = await traceNodeTest(test)
  const program = await engine.compile({ outputs: Object.fromEntries(computed), updates: new Map() })
  const results = await program.run(Object.fromEntries([...program.inputs.keys()].map(name => [name, values[name]!])))
  for (const packed of test.outputs) {
    const value = outputs[packed.name]!
    if (value.shape.join() !== packed.shape.join())
      return `${packed.name}: shape [${value.shape.join()}], expected [${packed.shape.join()}]`
    const problem = difference(value.known ?? results[packed.name]!, numbersOf(packed), test)
    if (problem) return `${packed.name}: ${problem}`
  }
  return ''
}

/** Single precision has seven digits, of which formulas lose some; the tests' own tolerance is 1e-3. */
function difference(found: ArrayLike<number>, wanted: readonly number[], { rtol, atol, half }: NodeTest): string {
  const relative = Math.max(rtol, half ? 8e-3 : 0)
  const absolute = Math.max(atol, half ? 1e-2 : 1e-5)
  for (const [k, number] of wanted.entries()) {
    const value = found[k]!
    const isEqual =
      Object.is(value, number) || value === number || Math.abs(value - number) <= absolute + relative * Math.abs(number)
    if (!isEqual) return `${value} at ${k}, expected ${number}`
  }
  return ''
}
