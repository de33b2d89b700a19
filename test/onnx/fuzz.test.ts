/** Damaged and hostile ONNX files: a clear error or a network; never a crash, a hang, or memory that the file does not warrant. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ShapeError } from '../../src/graph/shape.ts'
import { input } from '../../src/graph/sources.ts'
import { importOnnx, OnnxError, type OnnxNetwork } from '../../src/onnx/index.ts'
import { ModelProtoSchema } from '../../src/onnx/proto/onnx_pb.ts'
import { nodeTests } from './nodeTests.ts'

type Graph = NonNullable<MessageInitShape<typeof ModelProtoSchema>['graph']>

/** The bytes of a model of one input `x` `[1, 3, 8, 8]` and one output `y`. */
function modelOf(graph: Graph, opset = 17n): Uint8Array {
  const port = (name: string, sizes: readonly number[]) => ({
    name,
    type: {
      tensorType: {
        elemType: 1,
        shape: { dim: sizes.map(size => ({ value: { case: 'dimValue' as const, value: BigInt(size) } })) },
      },
    },
  })
  const whole = { input: [port('x', [1, 3, 8, 8])], output: [port('y', [])], ...graph }
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ domain: '', version: opset }], graph: whole as Graph }),
  )
}

const trace = (network: OnnxNetwork) => network.forward(input('x', [1, 3, 8, 8]))
const outcome = async (graph: Graph, opset?: bigint): Promise<string> => {
  try {
    trace(await importOnnx(modelOf(graph, opset)))
    return 'no error'
  } catch (error) {
    expect(error).toBeInstanceOf(OnnxError)
    return (error as Error).message
  }
}
const ints = (name: string, list: readonly number[]) => ({ name, type: 7, ints: list.map(BigInt) })
const int64s = (name: string, list: readonly number[]) => ({
  name,
  dims: [BigInt(list.length)],
  dataType: 7,
  int64Data: list.map(BigInt),
})

describe('a file that is wrong', () => {
  test.each<[string, Graph, RegExp, bigint?]>([
    [
      'an operator that is not known',
      { node: [{ name: 'n', opType: 'Frobnicate', input: ['x'], output: ['y'] }] },
      /^node 'n' \(Frobnicate\): Fovea does not have/,
    ],
    [
      'another domain',
      { node: [{ name: 'n', domain: 'com.microsoft', opType: 'FusedConv', input: ['x'], output: ['y'] }] },
      /domain 'com.microsoft'/,
    ],
    ['an operator set that is too old', { node: [] }, /needs operator set 6; Fovea reads 7 to/, 6n],
    [
      'a circle',
      {
        node: [
          { name: 'a', opType: 'Relu', input: ['b'], output: ['y'] },
          { name: 'b', opType: 'Relu', input: ['y'], output: ['b'] },
        ],
      },
      /goes round in a circle/,
    ],
    [
      'an input that nobody makes',
      { node: [{ name: 'n', opType: 'Relu', input: ['z'], output: ['y'] }] },
      /node 'n' \(Relu\): its input 'z'/,
    ],
    [
      'a name that two nodes make',
      { node: ['a', 'b'].map(name => ({ name, opType: 'Relu', input: ['x'], output: ['y'] })) },
      /two nodes make 'y'/,
    ],
    ['an output that nobody makes', { node: [] }, /output 'y' is made by no node/],
    [
      'a tensor with too few bytes',
      { initializer: [{ name: 'w', dims: [2n ** 40n], dataType: 1, rawData: new Uint8Array(8) }] },
      /tensor 'w': 8 bytes for shape/,
    ],
    [
      'a tensor of a shape that is none',
      { initializer: [{ name: 'w', dims: [-3n], dataType: 1, rawData: new Uint8Array(8) }] },
      /is no shape/,
    ],
    [
      'a tensor of a type that is none',
      { initializer: [{ name: 'w', dims: [1n], dataType: 99, rawData: new Uint8Array(8) }] },
      /element type 99/,
    ],
    [
      'weights elsewhere',
      {
        initializer: [
          {
            name: 'w',
            dims: [1n],
            dataType: 1,
            dataLocation: 1,
            externalData: [{ key: 'location', value: '/etc/hostname' }],
          },
        ],
      },
      /weights lie in '\/etc\/hostname'/,
    ],
    [
      'a convolution of three dimensions',
      {
        node: [{ name: 'n', opType: 'Conv', input: ['x', 'w'], output: ['y'] }],
        initializer: [{ name: 'w', dims: [1n, 3n, 1n, 1n, 1n], dataType: 1, floatData: [1, 2, 3] }],
      },
      /node 'n' \(Conv\)/,
    ],
    [
      'channels that do not fit',
      {
        node: [{ name: 'n', opType: 'Conv', input: ['x', 'w'], output: ['y'] }],
        initializer: [{ name: 'w', dims: [1n, 2n, 1n, 1n], dataType: 1, floatData: [1, 2] }],
      },
      /node 'n' \(Conv\): .*3/,
    ],
    [
      'a stride of 0',
      {
        node: [
          {
            name: 'n',
            opType: 'MaxPool',
            input: ['x'],
            output: ['y'],
            attribute: [ints('kernel_shape', [2, 2]), ints('strides', [0, 0])],
          },
        ],
      },
      /node 'n' \(MaxPool\): strides/,
    ],
    [
      'a constant that would fill the memory',
      {
        node: [{ name: 'n', opType: 'ConstantOfShape', input: ['s'], output: ['y'] }],
        initializer: [int64s('s', [1e6, 1e6])],
      },
      /more than 2\^31 elements/,
    ],
    [
      'a range without end',
      {
        node: [{ name: 'n', opType: 'Range', input: ['a', 'b', 'c'], output: ['y'] }],
        initializer: [
          ['a', 0],
          ['b', 1e15],
          ['c', 1],
        ].map(([name, value]) => ({ name: name as string, dataType: 7, int64Data: [BigInt(value!)] })),
      },
      /Range/,
    ],
    [
      'an expansion that would fill the memory',
      {
        node: [{ name: 'n', opType: 'Expand', input: ['x', 's'], output: ['y'] }],
        initializer: [int64s('s', [1e9, 3, 8, 8])],
      },
      /more than 2\^31 elements/,
    ],
    [
      'a repetition that would fill the memory',
      {
        node: [{ name: 'n', opType: 'Tile', input: ['x', 's'], output: ['y'] }],
        initializer: [int64s('s', [1e9, 1, 1, 1])],
      },
      /more than 2\^31 elements/,
    ],
    [
      'padding that would fill the memory',
      {
        node: [
          {
            name: 'n',
            opType: 'Pad',
            input: ['x', 's'],
            output: ['y'],
            attribute: [{ name: 'mode', type: 3, s: Buffer.from('reflect') }],
          },
        ],
        initializer: [int64s('s', [0, 0, 0, 0, 0, 0, 0, 1e9])],
      },
      /more than 2\^31 elements/,
    ],
  ])('%s', async (_, graph, expected, opset) => {
    expect(await outcome(graph, opset)).toMatch(expected)
  })

  test('that is no ONNX file', async () => {
    await expect(importOnnx(new TextEncoder().encode('<!DOCTYPE html>'), { name: 'x.onnx' })).rejects.toThrow(
      /x\.onnx: is no ONNX model/,
    )
    await expect(importOnnx(new Uint8Array(0))).rejects.toThrow(OnnxError)
  })
})

describe('a damaged file', () => {
  const path = join(import.meta.dirname, '../fixtures/onnx/networks.json.gz')
  const { cases } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as {
    cases: { name: string; model: string }[]
  }
  const corpus = [...cases, ...nodeTests.filter((_, k) => k % 40 === 0)].map(
    ({ model }) => new Uint8Array(Buffer.from(model, 'base64')),
  )

  /** What a file comes to: a graph, or an error that says what is wrong. */
  async function survives(bytes: Uint8Array): Promise<void> {
    try {
      const network = await importOnnx(bytes)
      network.run(network.makeInputs())
    } catch (error) {
      if (!(error instanceof OnnxError || error instanceof ShapeError)) throw error
    }
  }

  test('cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...corpus), fc.double({ min: 0, max: 1, noNaN: true }), async (file, share) => {
        await survives(file.slice(0, Math.floor(share * file.length)))
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  test('with other bytes in some places', async () => {
    const changes = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...corpus), changes, async (file, list) => {
        const bytes = file.slice()
        for (const [share, byte] of list) bytes[Math.min(bytes.length - 1, Math.floor(share * bytes.length))] = byte
        await survives(bytes)
      }),
      { numRuns: 1000, seed: 2 },
    )
  })
})
