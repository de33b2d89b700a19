/** Layers and networks as ONNX files: the same answers when they are read again, and a file that keeps ONNX's rules. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { readClassifier, writeClassifier } from '../../src/classifier/artifact.ts'
import { bytesSource } from '../../src/formats/source.ts'
import { constantTensor } from '../../src/graph/sources.ts'
import type { Matrix } from '../../src/graph/tensor.ts'
import * as nn from '../../src/nn/index.ts'

import { type ExportOnnxOptions, exportOnnx, importOnnx } from '../../src/onnx/index.ts'
import type { ValueInfoProto } from '../../src/onnx/proto/onnx_pb.ts'
import { checkLength } from '../../src/onnx/write/fileBytes.ts'
import { fillModel } from '../models/fill.ts'
import { answersOf, differenceOf, expectRules, metadataOf, opsOf, parsed, samples } from './exported.ts'
import { exportedLayers, layerClasses } from './exportedLayers.ts'

const engine = createEngine({ threads: 1 })
afterAll(() => engine.close())

/** Made by `scripts/check_onnx_exports.py --keep layers`. */
const fixture = JSON.parse(
  gunzipSync(readFileSync(join(import.meta.dirname, '../fixtures/onnx/exports.json.gz'))).toString(),
) as {
  readonly layers: Readonly<Record<string, { readonly ops: readonly string[]; readonly answers: string }>>
}

/** Sums of a few dozen products, in another order. */
const tolerance = 2e-6

describe('layers', () => {
  test('are all of fovea/nn', () => {
    const seen = new Set(
      exportedLayers.flatMap(({ make }) => [...make().modules()].map(([, module]) => module.constructor.name)),
    )
    const unseen = layerClasses.filter(name => !seen.has(name) && !['Module', 'Activation'].includes(name))
    expect(unseen).toEqual([])
  })

  test.each(exportedLayers)('$name', async ({ name, make, input, values, ops }) => {
    const model = make().initialize(1)
    fillModel(model, { model: name, input: { shape: input, seed: 1, scale: 1 }, seed: 3 })
    const bytes = exportOnnx(model, { input, dtype: values === 'u8' ? 'u8' : 'f32' })
    expectRules(bytes)
    expect(opsOf(bytes)).toEqual(ops)
    const network = await importOnnx(bytes)
    for (const batch of [1, 2, 3]) {
      const shape = [batch, ...input]
      const images = samples(shape, values)
      const wanted = await answersOf(engine, model, shape, images)
      expect(differenceOf(await answersOf(engine, network, shape, images), wanted)).toBeLessThan(tolerance)
      if (batch !== 2) continue
      // ONNX Runtime has run a file of the same nodes and numbers.
      const { ops: run, answers } = fixture.layers[name]!
      expect(run).toEqual(ops)
      const theirs = new Float32Array(new Uint8Array(Buffer.from(answers, 'base64')).buffer)
      expect(differenceOf(wanted.subarray(0, theirs.length), theirs)).toBeLessThan(tolerance)
    }
  })
})

/** A residual block, with an addition that no layer makes. */
class Block extends nn.Module {
  readonly left = nn.conv2d(4, 4, 3, { padding: 1, bias: false })
  readonly norm = nn.batchNorm2d(4)
  readonly end = nn.relu()

  override forward(x: nn.Tensor, context: nn.ForwardContext): nn.Tensor {
    const y = this.norm.forward(this.left.forward(x, context), context)
    return this.end.forward(nn.ops.add(x, y), context)
  }
}

const inputShape = [3, 8, 8]
const shape = [2, ...inputShape]

/** A network with a block, filled with numbers. */
function network(): nn.Module {
  const head = { pool: nn.globalAveragePool2d(), flat: nn.flatten(), fc: nn.linear(4, 5) }
  const model = nn.sequential({ conv1: nn.conv2d(3, 4, 3), block: new Block(), drop: nn.dropout(), ...head })
  fillModel(model.initialize(0), { model: 'small', input: { shape: inputShape, seed: 1, scale: 1 }, seed: 5 })
  return model
}

describe('a network', () => {
  test('keeps the names of its weights, and calls nodes after its modules', () => {
    const { graph } = parsed(exportOnnx(network(), { input: inputShape }))
    expect(graph!.node.map(({ name, opType }) => [name, opType])).toEqual([
      ['conv1', 'Conv'],
      ['block.left', 'Conv'],
      ['block.norm', 'BatchNormalization'],
      ['block/Add', 'Add'],
      ['block.end', 'Relu'],
      ['pool', 'GlobalAveragePool'],
      ['flat', 'Flatten'],
      ['fc', 'Gemm'],
    ])
    const stored = graph!.initializer.map(({ name, dims }) => [name, dims.map(Number)])
    const own = [...network().variables()].filter(([name]) => !name.endsWith('num_batches_tracked'))
    expect(stored).toEqual(own.map(([name, variable]) => [name, variable.shape]))
  })

  test('says the sizes of its values, whose first axis is open', () => {
    const { graph } = parsed(exportOnnx(network(), { input: inputShape }))
    const sizes = ({ type }: ValueInfoProto) => type!.tensorType!.shape!.dim.map(({ value }) => value.value)
    expect([graph!.input[0]!, graph!.output[0]!].map(value => [value.name, sizes(value)])).toEqual([
      ['images', ['batch', 3n, 8n, 8n]],
      ['logits', ['batch', 5n]],
    ])
    const between = Object.fromEntries(graph!.valueInfo.map(value => [value.name, sizes(value)]))
    expect(between['block.left']).toEqual(['batch', 4n, 6n, 6n])
  })

  test('for one number of images, and under other names', async () => {
    const names = { inputName: 'pixels', outputName: 'scores', name: 'little' }
    const bytes = exportOnnx(network(), { input: inputShape, batch: 2, ...names })
    expectRules(bytes)
    const again = await importOnnx(bytes)
    expect(again.inputs).toEqual([{ name: 'pixels', type: 'float32', shape: shape }])
    expect(again.outputs.map(({ name }) => name)).toEqual(['scores'])
    expect(parsed(bytes).graph!.name).toBe('little')
  })

  test('with folded batch normalization: fewer nodes, the same answers', async () => {
    const model = network()
    const bytes = exportOnnx(model, { input: inputShape, batchNorm: 'fold' })
    expectRules(bytes)
    expect(opsOf(bytes)).not.toContain('BatchNormalization')
    const again = await importOnnx(bytes)
    expect([...again.parameters().keys()]).toContain('block.left.bias')
    const images = samples(shape)
    const wanted = await answersOf(engine, model, shape, images)
    expect(differenceOf(await answersOf(engine, again, shape, images), wanted)).toBeLessThan(tolerance)
  })

  test.each([
    ['convTranspose2d', nn.convTranspose2d(4, 6, 3, { groups: 2, stride: 2 }), nn.batchNorm2d(6), [4, 5, 5]],
    ['conv1d', nn.conv1d(4, 6, 3, { groups: 2 }), nn.batchNorm1d(6), [4, 9]],
    ['linear', nn.linear(7, 5), nn.batchNorm1d(5, { affine: false }), [7]],
  ] as const)('batch normalization behind %s is folded, too', async (name, layer, norm, input) => {
    const model = nn.sequential(layer, norm).initialize(0)
    fillModel(model, { model: name, input: { shape: input, seed: 1, scale: 1 }, seed: 6 })
    const bytes = exportOnnx(model, { input, batchNorm: 'fold' })
    expect(opsOf(bytes)).toHaveLength(1)
    const images = samples([2, ...input])
    const wanted = await answersOf(engine, model, [2, ...input], images)
    const found = await answersOf(engine, await importOnnx(bytes), [2, ...input], images)
    expect(differenceOf(found, wanted)).toBeLessThan(tolerance)
  })

  test.each([true, false])(
    'read from the file of a classifier has its batch normalization, affine %s',
    async affine => {
      const norm = nn.batchNorm2d(4, { affine })
      const layers = {
        conv: nn.conv2d(3, 4, 3, { bias: false }),
        norm,
        pool: nn.globalAveragePool2d(),
        flat: nn.flatten(),
      }
      const model = new nn.ImageClassifier(
        nn.normalize({ mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] }),
        nn.sequential(layers),
      )
      fillModel(model, { model: 'file', input: { shape: [8, 8, 3], seed: 1, scale: 1 }, seed: 7 })
      const info = { name: 'file', classes: [...'abcd'], shape: [8, 8, 3], subject: 'picture' } as const
      const { network: read } = await readClassifier(bytesSource(writeClassifier(model, info)))
      const bytesIn = { input: info.shape, dtype: 'u8', preprocessing: 'outside' } as const
      expect(opsOf(exportOnnx(read, bytesIn))).toEqual(['Conv', 'BatchNormalization', 'GlobalAveragePool', 'Flatten'])
      expect(opsOf(exportOnnx(read, { ...bytesIn, batchNorm: 'fold' }))).toEqual([
        'Conv',
        'GlobalAveragePool',
        'Flatten',
      ])
      const images = samples([2, 8, 8, 3], 'u8')
      const wanted = await answersOf(engine, model, [2, 8, 8, 3], images)
      const again = await importOnnx(exportOnnx(read, { input: info.shape, dtype: 'u8' }))
      expect(differenceOf(await answersOf(engine, again, [2, 8, 8, 3], images), wanted)).toBeLessThan(tolerance)
    },
  )

  test('gives probabilities', async () => {
    const bytes = exportOnnx(network(), { input: inputShape, probabilities: true })
    expect(opsOf(bytes).at(-1)).toBe('Softmax')
    const found = await answersOf(engine, await importOnnx(bytes), shape, samples(shape))
    expect(found.slice(0, 5).reduce((sum, value) => sum + value)).toBeCloseTo(1, 6)
  })

  test('that was read from a file and trained is written again, with the weights it has now', async () => {
    const first = await importOnnx(exportOnnx(network(), { input: inputShape }))
    const weight = first.parameters().get('fc.weight')!
    weight.setValue(Array.from(weight.value, value => value * 1.5))
    const bytes = exportOnnx(first)
    expectRules(bytes)
    expect(opsOf(bytes)).toEqual(opsOf(exportOnnx(network(), { input: inputShape })))
    const second = await importOnnx(bytes)
    expect(second.state()).toEqual(first.state())
    const images = samples(shape)
    const wanted = await answersOf(engine, first, shape, images)
    expect(differenceOf(await answersOf(engine, second, shape, images), wanted)).toBeLessThan(tolerance)
  })

  test('with the statistics of each batch', async () => {
    const model = nn.sequential(nn.conv2d(3, 4, 3), nn.batchNorm2d(4, { trackRunningStats: false })).initialize(0)
    const bytes = exportOnnx(model, { input: inputShape })
    expectRules(bytes)
    expect(opsOf(bytes)).toContain('ReduceMean')
    const again = await importOnnx(bytes)
    for (const batch of [2, 5]) {
      const images = samples([batch, ...inputShape])
      const wanted = await answersOf(engine, model, [batch, ...inputShape], images)
      const found = await answersOf(engine, again, [batch, ...inputShape], images)
      expect(differenceOf(found, wanted)).toBeLessThan(tolerance)
    }
  })

  test('with its weights beside it', async () => {
    const chunks: Uint8Array[] = []
    const external = { location: 'net.data', write: (chunk: Uint8Array) => chunks.push(chunk) }
    const model = nn.sequential(nn.flatten(), nn.linear(192, 40), nn.linear(40, 50)).initialize(0)
    const bytes = exportOnnx(model, { input: inputShape, external })
    expectRules(bytes)
    const outside = parsed(bytes).graph!.initializer.filter(({ dataLocation }) => dataLocation === 1)
    expect(outside.map(({ name }) => name)).toEqual(['1.weight', '2.weight'])
    const data = Buffer.concat(chunks)
    const again = await importOnnx(bytes, {
      external: async (location, offset, length) => {
        expect(location).toBe('net.data')
        expect(offset % 4096).toBe(0)
        return new Uint8Array(data.subarray(offset, offset + length!))
      },
    })
    for (const [name, { values }] of model.state()) expect(again.state().get(name)!.values).toEqual(values)
  })
})

describe('preprocessing', () => {
  const classifier = (preprocessing: nn.Module): nn.Module => {
    const model = new nn.ImageClassifier(preprocessing, network())
    model.assignPaths()
    return model
  }
  const statistics = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] }
  const bytesIn = { input: [8, 8, 3], dtype: 'u8' } as const

  test('inside: bytes with their channels last, and numbers that training leaves alone', async () => {
    const model = classifier(nn.normalize(statistics))
    const file = exportOnnx(model, { ...bytesIn, classes: ['a', 'b', 'c', 'd', 'e'], metadata: { subject: 'picture' } })
    expectRules(file)
    const { classes, preprocessing, subject } = metadataOf(file)
    expect(JSON.parse(classes!)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(JSON.parse(preprocessing!)).toEqual({ where: 'inside', ...statistics })
    expect(subject).toBe('picture')
    const again = await importOnnx(file)
    expect(again.inputs).toEqual([{ name: 'images', type: 'uint8', shape: ['batch', 8, 8, 3] }])
    expect([...again.parameters().keys()]).toEqual([...network().parameters().keys()])
    const images = samples([2, 8, 8, 3], 'u8')
    const wanted = await answersOf(engine, model, [2, 8, 8, 3], images)
    expect(differenceOf(await answersOf(engine, again, [2, 8, 8, 3], images), wanted)).toBeLessThan(tolerance)
  })

  test.each([
    ['normalize', nn.normalize(statistics)],
    ['standardize', nn.standardize(statistics)],
  ])('outside: what %s does is left to the metadata', async (_, preprocessing) => {
    const file = exportOnnx(classifier(preprocessing), { ...bytesIn, preprocessing: 'outside' })
    expectRules(file)
    const said = JSON.parse(metadataOf(file).preprocessing!)
    expect(said.where).toBe('outside')
    for (const [name, numbers] of Object.entries(statistics))
      for (const [c, number] of numbers.entries()) expect(said[name][c]).toBeCloseTo(number, 6)
    expect(opsOf(file)[0]).toBe('Conv')
    const again = await importOnnx(file)
    expect(again.inputs).toEqual([{ name: 'images', type: 'float32', shape: ['batch', 3, 8, 8] }])
    const images = samples(shape)
    const wanted = await answersOf(engine, network(), shape, images)
    expect(differenceOf(await answersOf(engine, again, shape, images), wanted)).toBeLessThan(tolerance)
  })

  test('outside is refused for what is more than numbers for each channel', () => {
    const model = classifier(nn.whiten({ shape: [3, 8, 8], kind: 'zca' }))
    expect(() => exportOnnx(model, { ...bytesIn, preprocessing: 'outside' })).toThrow(
      /preprocessing 'outside': this network's is more than a mean/,
    )
  })
})

describe('errors', () => {
  const written = (build: (x: nn.Tensor) => nn.Tensor, options: Partial<ExportOnnxOptions> = {}): Uint8Array => {
    class Odd extends nn.Module {
      override forward(x: nn.Tensor): nn.Tensor {
        return this.label(build(x))
      }
    }
    return exportOnnx(nn.sequential({ odd: new Odd() }).assignPaths(), { input: [4], ...options })
  }
  const key = constantTensor([1, 2], [2], 'i32')

  test.each([
    [
      'random numbers',
      () => written(x => nn.ops.add(x, nn.ops.randomNormal(key, x.shape, 'odd'))),
      /^odd: operation 'random' has no form in ONNX: it draws random numbers: export the network as it is at test time/,
    ],
    [
      'an operation of training',
      () =>
        written(x =>
          nn.ops.softmaxCrossEntropy(x as Matrix, constantTensor(new Array(x.shape[0]).fill(0), [x.shape[0]!], 'i32')),
        ),
      /odd: operation 'softmaxCrossEntropy' has no form in ONNX: a loss/,
    ],
    [
      'another formula for another batch',
      () => written(x => nn.ops.mul(x, x.shape[0]!)),
      /odd: depends on the number of images in more than its sizes \(attributes of 'map'\)/,
    ],
    [
      'other operations for another batch',
      () => written(x => (x.shape[0] === 2 ? x : nn.ops.relu(x))),
      /depends on the number of images/,
    ],
    [
      'a size that grows otherwise',
      () => written(x => nn.ops.pad(x, { after: [1, 0] })),
      /axis 0 has 3 elements for 2 images and 4 for 3/,
    ],
    ['no input', () => exportOnnx(nn.relu()), /option 'input' must say the shape of one sample/],
    ['one name for two', () => written(nn.ops.relu, { inputName: 'x', outputName: 'x' }), /both called 'x'/],
    [
      'preprocessing of floats',
      () => written(nn.ops.relu, { preprocessing: 'outside' }),
      /is for networks that take bytes/,
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(message)
  })

  test('more bytes than protobuf allows', () => {
    expect(() => checkLength(2 ** 31)).toThrow(/2147483648 bytes.*at most 2147483647.*--external/)
    expect(() => checkLength(2 ** 31 - 1)).not.toThrow()
  })
})
