/** Networks as PyTorch's two exporters write them: their answers are ONNX Runtime's, and a training step is PyTorch's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { mean } from '../../src/graph/ops/reduce.ts'
import { softmaxCrossEntropy } from '../../src/graph/ops/softmaxCrossEntropy.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import { type Matrix, topologicalOrder, type Vector } from '../../src/graph/tensor.ts'
import { formatSummary, networkGraph, summarize } from '../../src/inspect/index.ts'
import { type ForwardContext, inference } from '../../src/nn/module.ts'
import { importOnnx } from '../../src/onnx/index.ts'
import {
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  ValueInfoProtoSchema,
} from '../../src/onnx/proto/onnx_pb.ts'

interface Packed {
  readonly shape: readonly number[]
  readonly data: string
}

interface Fixtures {
  readonly cases: readonly {
    readonly name: string
    readonly model: string
    readonly images: Packed
    readonly logits: Packed
  }[]
  readonly training: {
    readonly model: string
    readonly images: Packed
    readonly labels: readonly number[]
    readonly loss: number
    readonly gradients: Readonly<Record<string, Packed>>
    readonly statistics: Readonly<Record<string, Packed>>
  }
}

const file = join(import.meta.dirname, '../fixtures/onnx/networks.json.gz')
const { cases, training } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Fixtures
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
const floats = ({ data }: Packed): Float32Array => new Float32Array(bytes(data).buffer as ArrayBuffer)

const engine = createEngine({ threads: 1 })
afterAll(() => engine.close())

/** The largest difference, relative to the largest number. */
function difference(found: ArrayLike<number>, wanted: Float32Array): number {
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return wanted.reduce((most, value, k) => Math.max(most, Math.abs(value - found[k]!)), 0) / largest
}

/** Sums of a few hundred products, in another order. */
const tolerance = 1e-5

/** The first network, changed. */
function changed(change: (model: ModelProto) => void): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes(cases[0]!.model))
  change(model)
  return toBinary(ModelProtoSchema, model)
}

describe('a network as other programs write it', () => {
  test('whose probabilities are read once more: without its softmax it gives the logits', async () => {
    const file = changed(({ graph }) => {
      const [logits] = graph!.output
      const node = (opType: string, input: string, output: string) =>
        create(NodeProtoSchema, { opType, name: opType, input: [input], output: [output] })
      graph!.node.push(node('Softmax', logits!.name, 'probabilities'), node('ArgMax', 'probabilities', 'class'))
      graph!.output = ['probabilities', 'class'].map(name =>
        create(ValueInfoProtoSchema, { name, type: logits!.type! }),
      )
    })
    const { images } = cases[0]!
    const answers = async (network: Awaited<ReturnType<typeof importOnnx>>) => {
      const x = input('images', images.shape, { batched: true })
      const program = await engine.compile({ outputs: { logits: network.forward(x) }, updates: new Map() })
      return (await program.run({ images: floats(images) })).logits
    }
    const network = (await importOnnx(file)).withoutSoftmax()
    expect(await answers(network)).toEqual(await answers(await importOnnx(bytes(cases[0]!.model))))
    expect(network.notes.join()).toContain('ends in a softmax')
  })

  test('that writes −1 for the number of images takes any', async () => {
    const file = changed(({ graph }) => {
      graph!.input[0]!.type!.tensorType!.shape!.dim[0]!.value = { case: 'dimValue', value: -1n }
    })
    const network = await importOnnx(file)
    expect(network.inputs[0]!.shape![0]).toBe('?')
    expect(network.fixedBatch).toBeUndefined()
    const [, ...sample] = cases[0]!.images.shape
    expect(network.forward(input('images', [2, ...sample], { batched: true })).shape[0]).toBe(2)
  })
})

describe('networks', () => {
  test.each(cases)('$name: answers as ONNX Runtime, for batches of any size', async ({ model, images, logits }) => {
    const network = await importOnnx(bytes(model))
    const [count, ...sample] = images.shape as readonly [number, ...number[]]
    for (const batch of [count, 1]) {
      const x = input('images', [batch, ...sample], { batched: true })
      const program = await engine.compile({ outputs: { logits: network.forward(x) }, updates: new Map() })
      const size = sample.reduce((product, extent) => product * extent, 1)
      const found = (await program.run({ images: floats(images).subarray(0, batch * size) })).logits!
      const wanted = floats(logits).subarray(0, batch * logits.shape[1]!)
      expect(found).toHaveLength(wanted.length)
      expect(difference(found, wanted)).toBeLessThan(tolerance)
    }
  })

  test('have tables of their layers, by the names and operators of the file', async () => {
    const network = await importOnnx(bytes(cases.find(({ name }) => name === 'plain, script')!.model))
    const { rows, totals } = summarize(network, [3, 16, 16])
    expect(rows.map(({ type }) => type)).toEqual(['Input', 'Conv', 'Relu', 'MaxPool', 'AveragePool', 'Flatten', 'Gemm'])
    expect(totals.parameters).toBe(4 * 3 * 9 + 4 + 5 * 64 + 5)
    expect(formatSummary(summarize(network, [3, 16, 16]))).toContain('3×3, padding 1')
  })

  test('say when batch norm is folded, and how to keep it', async () => {
    const [folded, kept] = await Promise.all([cases[0]!.model, training.model].map(model => importOnnx(bytes(model))))
    expect(kept!.notes).toEqual([])
    const notes = (await importOnnx(bytes(cases.find(({ name }) => name === 'plain, script')!.model))).notes
    expect(notes.join()).toContain('TrainingMode.TRAINING')
    expect(folded!.parameters().size).toBeGreaterThan(4)
  })
})

test('a network of Keras, channels last, answers as ONNX Runtime, without a transpose but that of the images', async () => {
  const keras = join(import.meta.dirname, '../fixtures/onnx/keras.json.gz')
  const { model, images, logits } = JSON.parse(gunzipSync(readFileSync(keras)).toString()) as Fixtures['cases'][number]
  const network = await importOnnx(bytes(model))
  const x = input('images', images.shape, { batched: true })
  const [simple] = simplify([network.forward(x)])
  const program = await engine.compile({ outputs: { logits: simple! }, updates: new Map() })
  const found = (await program.run({ images: floats(images) })).logits!
  expect(difference(found, floats(logits))).toBeLessThan(tolerance)
  expect(topologicalOrder([simple!]).filter(({ op }) => op === 'transpose')).toHaveLength(1)
})

describe('a training step', () => {
  const classes = 5
  const step = async () => {
    const network = await importOnnx(bytes(training.model))
    const x = input('images', training.images.shape, { batched: true })
    const context: ForwardContext = { training: true, updates: new Map(), key: constantTensor([0, 0], [2], 'i32') }
    const labels = constantTensor(training.labels, [training.labels.length], 'i32') as Vector
    const logits = network.forward(x, context) as Matrix
    return { network, context, loss: mean(softmaxCrossEntropy(logits, labels)) }
  }

  test("has PyTorch's loss, gradients and running averages", async () => {
    const { network, context, loss } = await step()
    const parameters = [...network.parameters()]
    expect(parameters.map(([name]) => name).sort()).toEqual(Object.keys(training.gradients).sort())
    const found = gradients(
      loss,
      parameters.map(([, { tensor }]) => tensor),
    )
    const outputs = Object.fromEntries(parameters.map(([name], k) => [name, found[k]!]))
    const statistics = Object.fromEntries([...context.updates].map(([variable, next]) => [variable.name, next]))
    expect(Object.keys(statistics).sort()).toEqual(Object.keys(training.statistics).sort())
    const program = await engine.compile({ outputs: { loss, ...outputs, ...statistics }, updates: new Map() })
    const results = await program.run({ images: floats(training.images) })
    expect(results.loss![0]).toBeCloseTo(training.loss, 5)
    const largest = Math.max(...Object.values(training.gradients).flatMap(packed => [...floats(packed)].map(Math.abs)))
    for (const [name, packed] of Object.entries(training.gradients)) {
      // The gradient of a bias before batch norm is 0, and rounding is all that there is of it.
      const off = floats(packed).reduce((most, value, k) => Math.max(most, Math.abs(value - results[name]![k]!)), 0)
      expect(off / largest, name).toBeLessThan(tolerance)
    }
    for (const [name, packed] of Object.entries(training.statistics)) {
      expect(difference(results[name]!, floats(packed)), name).toBeLessThan(tolerance)
    }
  })

  test('starts from the weights of the file, also when they are initialized again', async () => {
    const network = await importOnnx(bytes(training.model))
    const before = network.parameters().get('fc.weight')!.value.slice()
    network.parameters().get('fc.weight')!.value.fill(0)
    network.initialize(3)
    expect(network.parameters().get('fc.weight')!.value).toEqual(before)
    expect(before).toHaveLength(classes * 4)
  })

  test('of a frozen network leaves the running averages as they are', async () => {
    const network = await importOnnx(bytes(training.model))
    const context: ForwardContext = { ...inference(), training: true, frozen: new Set([network]) }
    network.forward(input('images', training.images.shape), context)
    expect(context.updates.size).toBe(0)
  })
})

test('names of nodes that have scopes give a graph boxes around its blocks; others none', async () => {
  const boxesOf = async (name: string): Promise<string[]> => {
    const { model, images } = cases.find(one => one.name === name)!
    const network = await importOnnx(bytes(model))
    const { nodes } = networkGraph(network, images.shape.slice(1), { batch: network.fixedBatch ?? 1 })
    return nodes.filter(({ kind }) => kind === 'module').map(({ path }) => path)
  }
  expect(await boxesOf('inverted, script')).toEqual(['expand', 'depth', 'gate', 'gate/gate.2'])
  expect(await boxesOf('vit, script')).toEqual(['attention'])
  expect(await boxesOf('inverted, dynamo')).toEqual([])
})
