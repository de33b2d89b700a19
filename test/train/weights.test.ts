/** `loadWeights`: one call for every format and every way in, and one error that says all that does not fit. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crc32 } from '../../src/formats/crc32.ts'
import {
  PyTorchFileError,
  readCompressedPyTorch,
  readPyTorch,
  readSafetensors,
  readWeights,
  type SafetensorsInput,
  tensorValues,
  writeSafetensors,
} from '../../src/formats/index.ts'
import { readZip, zipContents } from '../../src/formats/zip.ts'
import { googlenet, lenet5 } from '../../src/models/index.ts'
import {
  batchNorm2d,
  conv2d,
  flatten,
  linear,
  type Module,
  relu,
  replaceHead,
  StateError,
  sequential,
} from '../../src/nn/index.ts'
import { loadWeights } from '../../src/train/index.node.ts'
import { loadWeights as loadInBrowser } from '../../src/train/index.ts'
import { buildZip } from '../formats/buildZip.ts'

const fixture = (name: string): URL => new URL(`../fixtures/pth/${name}`, import.meta.url)

/** The network of `scripts/make_pth_fixtures.py`. */
const tiny = () => sequential(conv2d(1, 2, 3), batchNorm2d(2), relu(), flatten(), linear(8, 3)).initialize(5)

const valuesOf = (model: Module) => structuredClone(model.state())

function safetensorsOf(model: Module, prefix = '', more: [string, SafetensorsInput][] = []): Uint8Array<ArrayBuffer> {
  const own = [...model.state()].map(([path, tensor]) => [prefix + path, tensor] as [string, SafetensorsInput])
  return writeSafetensors([...own, ...more])
}

/** The same archive with every entry deflated. */
function compressed(archive: Uint8Array, withChecksums = true): Uint8Array {
  return buildZip(
    [...readZip(archive)].map(([name, entry]) => {
      const data = zipContents(archive, entry)
      const crc = withChecksums ? crc32(data) : 0
      return { name, data: deflateRawSync(data), size: data.length, method: 8, crc }
    }),
  )
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-weights-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('PyTorch wrote these', () => {
  test.each(['checkpoint.zip.pth', 'checkpoint.legacy.pth'])('%s, by its path', async name => {
    const model = tiny()
    const report = await loadWeights(model, fixture(name))
    expect(report).toEqual({ missing: [], unexpected: [], misshaped: [] })
    const { tensors } = readPyTorch(await readFile(fixture(name)))
    for (const [path, { values }] of model.state()) {
      expect(Array.from(values), path).toEqual(Array.from(tensors.get(`state_dict.module.${path}`)?.values ?? []))
    }
    // One batch: an int64 in the file, an i32 here.
    expect(model.state().get('1.num_batches_tracked')?.values).toEqual(Int32Array.of(1))
  })

  test('compressed afterwards', async () => {
    const bytes = new Uint8Array(await readFile(fixture('checkpoint.zip.pth')))
    const packed = compressed(bytes)
    expect(() => readPyTorch(packed, 'x.pth')).toThrow('is compressed (zip method 8)')
    expect(await readCompressedPyTorch(packed, 'x.pth')).toEqual(readPyTorch(bytes, 'x.pth'))
    const [model, expected] = [tiny(), tiny()]
    await loadWeights(model, packed)
    await loadWeights(expected, bytes)
    expect(valuesOf(model)).toEqual(valuesOf(expected))
  })

  test('compressed, then changed anywhere: a clear error or a whole file', async () => {
    // Without checksums, which would find nearly every change.
    const packed = compressed(new Uint8Array(await readFile(fixture('checkpoint.zip.pth'))), false)
    const change = fc.record({ at: fc.nat(packed.length - 1), to: fc.nat(255) })
    let refused = 0
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async changes => {
        const file = packed.slice()
        for (const { at, to } of changes) file[at] = to
        try {
          for (const { shape, values } of (await readWeights(file, { file: 'x.pth' })).values()) {
            expect(values.length).toBe(shape.reduce((size, extent) => size * extent, 1))
          }
        } catch (error) {
          expect(error).toBeInstanceOf(PyTorchFileError)
          expect((error as Error).message).toMatch(/^x\.pth: ./)
          refused++
        }
      }),
      { seed: 20_250_103, numRuns: 500 },
    )
    expect(refused).toBeGreaterThan(100)
  })

  test.each([
    ['less than stated', 50, (data: Uint8Array) => deflateRawSync(data), 'does not unfold to the 50 bytes'],
    ['more than stated', 3, (data: Uint8Array) => deflateRawSync(data), 'does not unfold to the 3 bytes'],
    ['nothing stated', 0, (data: Uint8Array) => deflateRawSync(data), 'does not unfold to the 0 bytes'],
    ['no deflate stream', 9, () => Uint8Array.of(7, 7, 7), 'entry "a/data.pkl" cannot be unfolded'],
    ['another checksum', 10, (data: Uint8Array) => deflateRawSync(data), 'entry "a/data.pkl" is damaged'],
    ['a bomb', 2 ** 30, (data: Uint8Array) => deflateRawSync(data), 'unfold to 1073741824 bytes, more than'],
  ])('compressed badly: %s', async (_, size, pack, message) => {
    const data = pack(new TextEncoder().encode('0123456789'))
    const archive = buildZip([{ name: 'a/data.pkl', data, size, method: 8, crc: 1 }])
    await expect(readWeights(archive, { file: 'x.pth' })).rejects.toThrow(`x.pth: `)
    await expect(readWeights(archive, { file: 'x.pth' })).rejects.toThrow(message)
  })
})

describe('ways in', () => {
  const source = lenet5().initialize(3)
  const bytes = safetensorsOf(source)

  test.each<[string, (path: string) => Parameters<typeof loadWeights>[1]]>([
    ['a path', path => path],
    ['a file: address', path => pathToFileURL(path)],
    ['bytes', () => bytes],
    ['a Buffer within a larger one', () => Buffer.concat([Buffer.of(1), bytes, Buffer.of(2)]).subarray(1, -1)],
    ['an ArrayBuffer', () => bytes.buffer],
    ['a Blob', () => new Blob([bytes])],
    [
      'an address to fetch',
      () => new URL(`data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`),
    ],
  ])('%s', async (_, make) => {
    const path = join(folder, 'a name with spaces.safetensors')
    await writeFile(path, bytes)
    const model = lenet5().initialize(0)
    await loadWeights(model, make(path))
    expect(valuesOf(model)).toEqual(valuesOf(source))
  })

  test('the door for browsers takes all but paths', async () => {
    const model = lenet5().initialize(0)
    await loadInBrowser(model, new Blob([bytes]))
    expect(valuesOf(model)).toEqual(valuesOf(source))
  })
})

describe('names', () => {
  const source = tiny()

  test.each(['', 'module.', 'state_dict.', 'model.module.'])('the prefix %j is taken off', async prefix => {
    const model = tiny().initialize(9)
    await loadWeights(model, safetensorsOf(source, prefix))
    expect(valuesOf(model)).toEqual(valuesOf(source))
  })

  test('of a checkpoint of a run the model is taken', async () => {
    const momentum: [string, SafetensorsInput] = [
      'optimizer.momentum.0.weight',
      { shape: [1], values: Float32Array.of(1) },
    ]
    const model = tiny().initialize(9)
    expect(await loadWeights(model, safetensorsOf(source, 'model.', [momentum]))).toMatchObject({ unexpected: [] })
    expect(valuesOf(model)).toEqual(valuesOf(source))
  })

  test('a prefix of your own chooses among several networks', async () => {
    const other: [string, SafetensorsInput] = ['teacher.0.weight', { shape: [1], values: Float32Array.of(1) }]
    const file = safetensorsOf(source, 'student.', [other])
    const model = tiny().initialize(9)
    await loadWeights(model, file, { prefix: 'student.' })
    expect(valuesOf(model)).toEqual(valuesOf(source))
    await expect(loadWeights(model, file, { prefix: 'pupil.' })).rejects.toThrow(
      'weights: no tensor\'s name begins with "pupil."; there are ',
    )
  })

  test('counters may be int64, as PyTorch writes them into safetensors, or be missing, as before PyTorch 0.4.1', async () => {
    const state: [string, SafetensorsInput][] = [...source.state()]
    const path = '1.num_batches_tracked'
    const int64 = state.map(([name, tensor]): [string, SafetensorsInput] =>
      name === path ? [name, { shape: [], values: BigInt64Array.of(7n) }] : [name, tensor],
    )
    const model = tiny()
    await loadWeights(model, writeSafetensors(int64))
    expect(model.state().get(path)?.values).toEqual(Int32Array.of(7))
    const without = writeSafetensors(state.filter(([name]) => name !== path))
    expect(await loadWeights(model, without)).toEqual({ missing: [path], unexpected: [], misshaped: [] })
    expect(model.state().get(path)?.values).toEqual(Int32Array.of(7))
    // Written again, the counter is an integer still.
    const { tensors } = readSafetensors(safetensorsOf(model))
    expect(tensors.get(path)).toMatchObject({ dtype: 'I32', shape: [] })
  })
})

describe('what does not fit', () => {
  const path = (): string => join(folder, 'resnet.safetensors')
  const save = async (model: Module): Promise<string> => {
    await writeFile(path(), safetensorsOf(model))
    return path()
  }

  test('is listed in one error that names the file, and nothing is loaded', async () => {
    const file = await save(sequential({ conv1: conv2d(1, 6, 5, { padding: 2 }), fc: linear(84, 10) }).initialize(2))
    const model = lenet5().initialize(0)
    const before = valuesOf(model)
    const error: unknown = await loadWeights(model, file).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StateError)
    expect((error as Error).message.replace(file, 'FILE')).toMatchInlineSnapshot(`
      "FILE: the state does not fit the model
        missing (8):
          conv2.weight
          conv2.bias
          fc1.weight
          fc1.bias
          fc2.weight
          fc2.bias
          fc3.weight
          fc3.bias
        unexpected (2):
          fc.bias
          fc.weight"
    `)
    expect(valuesOf(model)).toEqual(before)
    const report = await loadWeights(model, file, { strict: false })
    expect(report.unexpected).toEqual(['fc.bias', 'fc.weight'])
    expect(valuesOf(model)).not.toEqual(before)
  })

  test('another shape is an error, strict or not, unless it is to be skipped', async () => {
    const source = lenet5().initialize(1)
    const file = await save(source)
    const model = lenet5({ classes: 3 }).initialize(0)
    const message = 'fc3.weight: the model has [3, 84], the state [10, 84]'
    await expect(loadWeights(model, file)).rejects.toThrow(message)
    await expect(loadWeights(model, file, { strict: false })).rejects.toThrow(message)
    const head = structuredClone(model.layers.fc3.weight.value)
    const report = await loadWeights(model, file, { skipMisshaped: true })
    expect(report).toEqual({ missing: [], unexpected: [], misshaped: ['fc3.weight', 'fc3.bias'] })
    expect(model.layers.fc3.weight.value).toEqual(head)
    expect(model.layers.conv2.weight.value).toEqual(source.layers.conv2.weight.value)
  })

  test('transfer: what was loaded stays, the head is new', async () => {
    const source = lenet5().initialize(1)
    const model = lenet5().initialize(0)
    await loadWeights(model, await save(source))
    expect(replaceHead(model, 3, { seed: 4 })).toEqual(['fc3.weight', 'fc3.bias'])
    expect(model.layers.conv2.weight.value).toEqual(source.layers.conv2.weight.value)
    expect(model.layers.fc3.weight.value).toEqual(lenet5({ classes: 3 }).initialize(4).layers.fc3.weight.value)
  })

  test.each([
    ['a file that is not there', () => join(folder, 'none.pth'), 'none.pth: no such file'],
    ['a folder', () => folder, 'illegal operation on a directory'],
    [
      'an address without an answer',
      () => new URL('http://127.0.0.1:9/x.pth'),
      'http://127.0.0.1:9/x.pth: cannot be fetched',
    ],
    ['text', () => new Blob(['these are no weights at all']), 'weights: not a file of torch.save'],
    [
      'nothing',
      () => new Uint8Array(0),
      'weights: not a file of torch.save, which is a zip archive or begins with a pickle',
    ],
  ])('%s says so', async (_, source, message) => {
    await expect(loadWeights(lenet5(), source())).rejects.toThrow(message)
  })
})

describe('GoogLeNet and its auxiliary classifiers', () => {
  const full = googlenet({ classes: 3 }).initialize(1)
  const plain = googlenet({ classes: 3, auxiliary: false }).initialize(2)

  test('weights with them, into a network without', async () => {
    const model = googlenet({ classes: 3, auxiliary: false }).initialize(0)
    const { missing, unexpected } = await loadWeights(model, safetensorsOf(full))
    expect(missing).toEqual([])
    expect(unexpected.every(path => /^aux[12]\./.test(path))).toBe(true)
    expect(unexpected).toContain('aux2.fc2.bias')
    expect(model.fc.weight.value).toEqual(full.fc.weight.value)
  })

  test('weights without them, into a network with', async () => {
    const model = googlenet({ classes: 3 }).initialize(0)
    const own = structuredClone(model.aux1?.fc2.weight.value)
    const { missing, unexpected } = await loadWeights(model, safetensorsOf(plain))
    expect(unexpected).toEqual([])
    expect(missing.every(path => /^aux[12]\./.test(path))).toBe(true)
    expect(model.aux1?.fc2.weight.value).toEqual(own)
    expect(model.fc.weight.value).toEqual(plain.fc.weight.value)
  })

  test('with them, into a network with', async () => {
    const model = googlenet({ classes: 3 }).initialize(0)
    expect(await loadWeights(model, safetensorsOf(full))).toEqual({ missing: [], unexpected: [], misshaped: [] })
    expect(model.aux2?.fc2.weight.value).toEqual(full.aux2?.fc2.weight.value)
  })

  test('half of one is an error', async () => {
    const part: [string, SafetensorsInput] = ['aux1.fc1.bias', { shape: [1024], values: new Float32Array(1024) }]
    await expect(loadWeights(googlenet({ classes: 3 }), safetensorsOf(plain, '', [part]))).rejects.toThrow(
      /missing \(9\):\n\s+aux1\.conv\.conv\.weight/,
    )
  })
})

test('readWeights widens half precision', async () => {
  const bytes = Uint8Array.of(0, 0x3c, 0, 0xc0)
  const file = writeSafetensors([['w', { dtype: 'F16', shape: [2], bytes }]])
  expect(await readWeights(file)).toEqual(new Map([['w', { shape: [2], values: Float32Array.of(1, -2) }]]))
  expect(tensorValues({ dtype: 'BF16', shape: [1], bytes: Uint8Array.of(0x80, 0xbf) })).toEqual(Float32Array.of(-1))
})
