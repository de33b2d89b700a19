/**
 * Networks of the catalog, and networks and operators of ONNX's and PyTorch's own files, written as ONNX files and read again: the
 * same answers. With FOVEA_FULL=1 the catalog's are all of them, at full size; else those of up to 25 million weights, on small images.
 * ONNX Runtime's answers to the same files: `scripts/check_onnx_exports.py`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { findModel, type ModelName, models } from '../../src/models/catalog.ts'
import { exportOnnx, importOnnx } from '../../src/onnx/index.ts'
import { modelBytes } from '../../src/onnx/write/exportOnnx.ts'
import { BatchTrace } from '../../src/onnx/write/sizes.ts'
import { type FilledModel, fillModel, loadModelFixtures } from '../models/fill.ts'
import { full } from '../support/full.ts'
import { answersOf, differenceOf, expectRules, opsOf, samples } from './exported.ts'
import { nodeTests, traceNodeTest } from './nodeTests.ts'

const mostWeights = 25e6

const engine = createEngine({ threads: 1 })
afterAll(() => engine.close())

const fixtures = loadModelFixtures().logits
const names = (Object.keys(models) as ModelName[]).filter(
  name => full || findModel(name).create().countParameters() < mostWeights,
)

/** Sides of images for networks of photographs that pool whatever they are given. */
const smallSide = 64

/** The same kernels on the same numbers, but for sums that the two graphs fuse differently. */
const tolerance = 1e-5

/** Operators that networks of the catalog are made of; their graphs hold no others. */
const layerOps: ReadonlySet<string> = new Set([
  ...['Conv', 'Gemm', 'BatchNormalization', 'LRN', 'Relu', 'Clip', 'Tanh', 'Sigmoid', 'Softmax'],
  ...['MaxPool', 'AveragePool', 'GlobalAveragePool', 'Add', 'Mul', 'Concat', 'Flatten', 'Reshape'],
  // Shortcuts of ResNets for CIFAR that have no weights.
  ...['Slice', 'Pad'],
])

describe('networks of the catalog', () => {
  test('are at least half of it', () => {
    expect(names.length).toBeGreaterThan(Object.keys(models).length / 2)
  })

  test.each(names)('%s', async name => {
    const { create, inputShape } = findModel(name)
    const [channels, ...size] = inputShape
    const input = [channels, ...(full || size[0]! <= smallSide ? size : [smallSide, smallSide])]
    const model = create().assignPaths()
    const known: FilledModel | undefined = fixtures.find(fixture => fixture.model === name)
    fillModel(model, known ?? { model: name, input: { shape: input, seed: 7, scale: 4 }, seed: 1000 })
    const bytes = exportOnnx(model, { input, name })
    expectRules(bytes)
    if (name !== 'lenet5-1998') expect(opsOf(bytes).filter(op => !layerOps.has(op))).toEqual([])
    const network = await importOnnx(bytes)
    const used = [...model.parameters().keys()].filter(path => !model.trainingOnly.includes(path.split('.')[0]!))
    expect([...network.parameters().keys()].sort()).toEqual(used.sort())
    const images = samples([2, ...input])
    // An engine keeps the weights of all that it has run: there is no room for two of the largest networks.
    const [wanted, found] = [model, network].map(async asked => {
      const own = createEngine({ threads: 1 })
      return answersOf(own, asked, [2, ...input], images).finally(() => own.close())
    }) as [Promise<Float32Array>, Promise<Float32Array>]
    expect(differenceOf(await found, await wanted)).toBeLessThan(tolerance)
  })
})

describe("networks of PyTorch's exporters", () => {
  const file = join(import.meta.dirname, '../fixtures/onnx/networks.json.gz')
  const { cases } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as {
    readonly cases: readonly { readonly name: string; readonly model: string; readonly images: { shape: number[] } }[]
  }

  test.each(cases)('$name', async ({ model, images: { shape } }) => {
    const first = await importOnnx(new Uint8Array(Buffer.from(model, 'base64')))
    const bytes = exportOnnx(first)
    expectRules(bytes)
    const second = await importOnnx(bytes)
    expect(second.inputs.map(({ name }) => name)).toEqual(first.inputs.map(({ name }) => name))
    expect(second.outputs.map(({ name }) => name)).toEqual(first.outputs.map(({ name }) => name))
    const images = samples(shape)
    const wanted = await answersOf(engine, first, shape, images)
    expect(differenceOf(await answersOf(engine, second, shape, images), wanted)).toBeLessThan(tolerance)
  })
})

describe("nodes of ONNX's own tests", () => {
  /** Random numbers, and operator sets that are not read. */
  const unread = /^(training_dropout|not_\dd$)/
  /** Positions of maxima. */
  const unwritten = /^maxpool_with_argmax/

  const traced = nodeTests.filter(({ name }) => !unread.test(name))
  test.each(traced)('$name', async nodeTest => {
    const { network, inputs, values, outputs } = await traceNodeTest(nodeTest)
    if (outputs.size === 0) return
    const trace = new BatchTrace(() => ({ inputs, outputs }), 1)
    const names = new Map([...network.variables()].map(([path, variable]) => [variable, path]))
    if (unwritten.test(nodeTest.name)) {
      expect(() => modelBytes(trace, names, {})).toThrow("operation 'maxPool2dSwitches' has no form in ONNX")
      return
    }
    const bytes = modelBytes(trace, names, {})
    expectRules(bytes)
    const again = await importOnnx(bytes)
    const found = again.apply(Object.fromEntries(inputs))
    const wanted = evaluateReference([...outputs.values()], values)
    const given = evaluateReference(
      [...outputs.keys()].map(name => found[name]!),
      values,
    )
    for (const [k, { values: numbers }] of wanted.entries()) {
      for (const [at, number] of numbers.entries()) {
        const other = given[k]!.values[at]!
        // Constants of single precision, where the graph that was read had them in double precision.
        const isClose = Math.abs(other - number) <= 1e-6 * Math.max(1, Math.abs(number))
        expect(isClose || Object.is(other, number), `${nodeTest.name}[${at}]: ${other}, expected ${number}`).toBe(true)
      }
    }
  })
})
