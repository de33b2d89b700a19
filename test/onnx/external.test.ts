/** Weights beside the model: as the package onnx saves them, and as a file may say that they lie where nothing of it belongs. */
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { input } from '../../src/graph/sources.ts'
import { importOnnx } from '../../src/onnx/index.node.ts'
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../../src/onnx/proto/onnx_pb.ts'

interface Packed {
  readonly shape: readonly number[]
  readonly data: string
}

interface Fixture {
  readonly files: Readonly<Record<'model.onnx' | 'model.onnx.data', string>>
  readonly images: Packed
  readonly logits: Packed
}

const path = join(import.meta.dirname, '../fixtures/onnx/external.json.gz')
const { files, images, logits } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as Fixture
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
const floats = ({ data }: Packed): Float32Array => new Float32Array(bytes(data).buffer as ArrayBuffer)
const [model, weights] = [bytes(files['model.onnx']), bytes(files['model.onnx.data'])]

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-external-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The model with its weights said to lie somewhere else. */
function locatedAt(location: string): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, model)
  for (const { externalData } of proto.graph!.initializer) {
    for (const entry of externalData) if (entry.key === 'location') entry.value = location
  }
  return toBinary(ModelProtoSchema, proto)
}

/** The path of a model in a folder of its own, beside the given file of weights. */
async function saved(name: string, contents: Uint8Array, beside: string, data = weights): Promise<string> {
  const place = join(folder, name)
  await mkdir(join(place, 'weights'), { recursive: true })
  await writeFile(join(place, beside), data)
  await writeFile(join(place, 'model.onnx'), contents)
  return join(place, 'model.onnx')
}

async function answers(path: string): Promise<Float32Array> {
  const engine = createEngine({ threads: 1 })
  try {
    const network = await importOnnx(path)
    const outputs = { logits: network.forward(input('images', images.shape, { batched: true })) }
    const program = await engine.compile({ outputs, updates: new Map() })
    return (await program.run({ images: floats(images) })).logits as Float32Array
  } finally {
    await engine.close()
  }
}

describe('weights in a file beside the model', () => {
  test.each(['model.onnx.data', 'weights/part.bin', './weights/../model.data'])('are read from %s', async location => {
    const found = await answers(await saved('good', locatedAt(location), location))
    const wanted = floats(logits)
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    // ONNX Runtime's answers; sums of a few hundred products, in another order.
    wanted.forEach((value, k) => {
      expect(Math.abs(found[k]! - value)).toBeLessThan(1e-5 * largest)
    })
  })

  test('are read where the model says, and no further', async () => {
    const short = await saved('short', model, 'model.onnx.data', weights.subarray(0, 100))
    await expect(importOnnx(short)).rejects.toThrow(/'model\.onnx\.data' holds 100 bytes, the model reads \d+ of it/)
  })

  test('that are not there are named', async () => {
    const path = await saved('missing', locatedAt('gone.data'), 'model.onnx.data')
    await expect(importOnnx(path)).rejects.toThrow(/gone\.data.*no such file/)
  })

  test('need a reader when the model comes as bytes', async () => {
    await expect(importOnnx(model)).rejects.toThrow(/weights lie in 'model\.onnx\.data': give importOnnx/)
  })
})

describe('a location outside of the folder is refused', () => {
  test.each([
    ['the folder above', '../stolen.data'],
    ['the folder above, by a detour', 'weights/../../stolen.data'],
    ['the folder above itself', '..'],
    ['an absolute path', '/etc/hostname'],
    ['a name with a zero in it', 'model.onnx.data\0.png'],
  ])('%s', async (_, location) => {
    await writeFile(join(folder, 'stolen.data'), weights)
    const path = await saved('hostile', locatedAt(location), 'model.onnx.data')
    await expect(importOnnx(path)).rejects.toThrow(/which is outside of the model's folder/)
  })

  test.each(['-1', '1e3', '0x10', '99999999999999999999'])('and an offset of %s', async offset => {
    const proto = fromBinary(ModelProtoSchema, model)
    for (const { externalData } of proto.graph!.initializer) {
      const at = externalData.find(({ key }) => key === 'offset')
      if (at) at.value = offset
      else if (externalData.length > 0)
        externalData.push(create(StringStringEntryProtoSchema, { key: 'offset', value: offset }))
    }
    const path = await saved('offset', toBinary(ModelProtoSchema, proto), 'model.onnx.data')
    await expect(importOnnx(path)).rejects.toThrow(`external offset (=${offset}) must be a whole number`)
  })
})
