/** `loadWeights`: one call for every format and every way in, and one error that says all that does not fit. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { crc32 } from '../../src/formats/crc32.ts'
import { openWeights, type SafetensorsInput, WeightsError, writeSafetensors } from '../../src/formats/index.ts'
import { bytesSource } from '../../src/formats/source.ts'
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
import { buildZip, type ZipInput } from '../formats/buildZip.ts'
import { valuesOf as valuesIn } from '../formats/openBytes.ts'

const fixture = (name: string): URL => new URL(`../fixtures/pth/${name}`, import.meta.url)

/** The network of `scripts/make_pth_fixtures.py`. */
const tiny = () => sequential(conv2d(1, 2, 3), batchNorm2d(2), relu(), flatten(), linear(8, 3)).initialize(5)

const valuesOf = (model: Module) => structuredClone(model.state())

function safetensorsOf(model: Module, prefix = '', more: [string, SafetensorsInput][] = []): Uint8Array<ArrayBuffer> {
  const own = [...model.state()].map(([path, tensor]) => [prefix + path, tensor] as [string, SafetensorsInput])
  return writeSafetensors([...own, ...more])
}

/** The same archive with every entry deflated. */
async function compressed(archive: Uint8Array, withChecksums = true): Promise<Uint8Array> {
  const source = bytesSource(archive)
  const entries: ZipInput[] = []
  for (const [name, entry] of await readZip(source)) {
    const data = await zipContents(source, entry, archive.length)
    entries.push({
      name,
      data: deflateRawSync(data),
      size: data.length,
      method: 8,
      crc: withChecksums ? crc32(data) : 0,
    })
  }
  return buildZip(entries)
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
    expect(report).toMatchObject({ missing: [], unexpected: [], misshaped: [] })
    expect(report.notes[0]).toMatch(/^took "state_dict\.module\." off the names of 9 tensors, and left out \d+ others$/)
    const tensors = await valuesIn(await openWeights(await readFile(fixture(name))))
    for (const [path, { values }] of model.state()) {
      expect(Array.from(values), path).toEqual(Array.from(tensors.get(`state_dict.module.${path}`) ?? [], Number))
    }
    // One batch: an int64 in the file, an i32 here.
    expect(model.state().get('1.num_batches_tracked')?.values).toEqual(Int32Array.of(1))
  })

  test('compressed afterwards', async () => {
    const bytes = new Uint8Array(await readFile(fixture('checkpoint.zip.pth')))
    const packed = await compressed(bytes)
    expect(await valuesIn(await openWeights(packed))).toEqual(await valuesIn(await openWeights(bytes)))
    const [model, expected] = [tiny(), tiny()]
    await loadWeights(model, packed)
    await loadWeights(expected, bytes)
    expect(valuesOf(model)).toEqual(valuesOf(expected))
  })

  test('compressed, then changed anywhere: a clear error or a whole file', async () => {
    // Without checksums, which would find nearly every change.
    const packed = await compressed(new Uint8Array(await readFile(fixture('checkpoint.zip.pth'))), false)
    const change = fc.record({ at: fc.nat(packed.length - 1), to: fc.nat(255) })
    let refused = 0
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async changes => {
        const file = packed.slice()
        for (const { at, to } of changes) file[at] = to
        try {
          for (const { shape, read } of (await openWeights(file, 'x.pth')).tensors.values()) {
            expect((await read()).length).toBe(shape.reduce((size, extent) => size * extent, 1))
          }
        } catch (error) {
          expect(error).toBeInstanceOf(WeightsError)
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
    ['a bomb', 2 ** 30, (data: Uint8Array) => deflateRawSync(data), 'unfolds to 1073741824 bytes, more than'],
  ])('compressed badly: %s', async (_, size, pack, message) => {
    const data = pack(new TextEncoder().encode('0123456789'))
    const archive = buildZip([{ name: 'a/data.pkl', data, size, method: 8, crc: 1 }])
    await expect(openWeights(archive, 'x.pth')).rejects.toThrow(`x.pth: `)
    await expect(openWeights(archive, 'x.pth')).rejects.toThrow(message)
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
    ['an address as text', () => `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`],
    ['the answer of a server', () => new Response(bytes)],
  ])('%s', async (_, make) => {
    const path = join(folder, 'a name with spaces.safetensors')
    await writeFile(path, bytes)
    const model = lenet5().initialize(0)
    await loadWeights(model, make(path))
    expect(valuesOf(model)).toEqual(valuesOf(source))
  })

  test('the door for browsers takes a Blob', async () => {
    const model = lenet5().initialize(0)
    await loadInBrowser(model, new Blob([bytes]))
    expect(valuesOf(model)).toEqual(valuesOf(source))
  })

  test('where there is no page, the door for browsers takes whole addresses only', async () => {
    await expect(loadInBrowser(lenet5(), 'lenet5.safetensors')).rejects.toThrow(
      'lenet5.safetensors: is not an address, and there is no page to which it could be relative',
    )
  })

  test('on a page a text is an address, relative to the page', async () => {
    vi.stubGlobal('location', { href: 'https://models.example/pages/index.html' })
    vi.stubGlobal('fetch', async (url: URL) =>
      url.href === 'https://models.example/weights/lenet5.safetensors'
        ? new Response(bytes)
        : new Response('', { status: 404 }),
    )
    try {
      const model = lenet5().initialize(0)
      await loadInBrowser(model, '../weights/lenet5.safetensors')
      expect(valuesOf(model)).toEqual(valuesOf(source))
      await expect(loadInBrowser(model, 'lenet5.safetensors')).rejects.toThrow(
        'https://models.example/pages/lenet5.safetensors: the server answered 404',
      )
    } finally {
      vi.unstubAllGlobals()
    }
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
    expect(await loadWeights(model, without)).toEqual({ missing: [path], unexpected: [], misshaped: [], notes: [] })
    expect(model.state().get(path)?.values).toEqual(Int32Array.of(7))
    // Written again, the counter is an integer still.
    const { tensors } = await openWeights(safetensorsOf(model))
    expect(tensors.get(path)).toMatchObject({ dtype: 'int32', shape: [] })
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
    expect(report).toEqual({ missing: [], unexpected: [], misshaped: ['fc3.weight', 'fc3.bias'], notes: [] })
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
    ['a folder', () => folder, 'is a folder, expected a file'],
    [
      'an address without an answer',
      () => new URL('http://127.0.0.1:9/x.pth'),
      'http://127.0.0.1:9/x.pth: cannot be fetched',
    ],
    [
      'an address with an error',
      () => new Response('', { status: 404, statusText: 'Not Found' }),
      'response: the server answered 404 Not Found',
    ],
    [
      'a web page in place of a file',
      () => new Response('<!DOCTYPE html>', { headers: { 'content-type': 'text/html; charset=utf-8' } }),
      'response: the server answered with a web page (text/html), not with a file',
    ],
    ['a web page that calls itself a file', () => new Blob(['<!DOCTYPE html><p>Quota exceeded']), 'a web page?'],
    [
      'a download that breaks off',
      () => new Response(new ReadableStream({ pull: controller => controller.error(new Error('socket closed')) })),
      'response: the download broke off: socket closed',
    ],
    [
      'text',
      () => new Blob(['these are no weights at all']),
      'weights: not a file of weights (safetensors or torch.save)',
    ],
    [
      'nothing',
      () => new Uint8Array(0),
      'weights: not a file of weights (safetensors or torch.save): this one is empty',
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
    expect(await loadWeights(model, safetensorsOf(full))).toEqual({
      missing: [],
      unexpected: [],
      misshaped: [],
      notes: [],
    })
    expect(model.aux2?.fc2.weight.value).toEqual(full.aux2?.fc2.weight.value)
  })

  test('half of one is an error', async () => {
    const part: [string, SafetensorsInput] = ['aux1.fc1.bias', { shape: [1024], values: new Float32Array(1024) }]
    await expect(loadWeights(googlenet({ classes: 3 }), safetensorsOf(plain, '', [part]))).rejects.toThrow(
      /missing \(9\):\n\s+aux1\.conv\.conv\.weight/,
    )
  })
})

describe('values', () => {
  const model = () => sequential(linear(2, 1, { bias: false }), batchNorm2d(1)).initialize(0)
  const counter = '1.num_batches_tracked'
  const load = async (changes: Record<string, SafetensorsInput>) => {
    const target = model()
    const file = writeSafetensors(Object.entries({ ...Object.fromEntries(model().state()), ...changes }))
    return {
      report: await loadWeights(target, file, { strict: false }),
      weight: target.state().get('0.weight')!.values,
    }
  }

  test.each<[string, SafetensorsInput, number[]]>([
    ['F16', { dtype: 'F16', shape: [1, 2], bytes: Uint8Array.of(0, 0x3c, 0, 0xc0) }, [1, -2]],
    ['BF16', { dtype: 'BF16', shape: [1, 2], bytes: Uint8Array.of(0x80, 0xbf, 0x80, 0x3f) }, [-1, 1]],
    ['F8_E4M3', { dtype: 'F8_E4M3', shape: [1, 2], bytes: Uint8Array.of(0x7e, 0xb8) }, [448, -1]],
    ['F64', { shape: [1, 2], values: Float64Array.of(1 / 3, 2) }, [Math.fround(1 / 3), 2]],
    ['U64', { shape: [1, 2], values: BigUint64Array.of(2n ** 60n, 3n) }, [2 ** 60, 3]],
  ])('of type %s are converted', async (_, input, expected) => {
    expect(Array.from((await load({ '0.weight': input })).weight)).toEqual(expected)
  })

  test('that the model does not ask for may be anything', async () => {
    const { report, weight } = await load({
      seed: { shape: [1], values: BigInt64Array.of(2n ** 62n + 1n) },
      nothing: { shape: [1], values: Float32Array.of(Number.NaN) },
    })
    expect(report).toEqual({ missing: [], unexpected: ['seed', 'nothing'], misshaped: [], notes: [] })
    expect(weight).toEqual(model().state().get('0.weight')!.values)
  })

  test('that are not finite are loaded, and said', async () => {
    const { report } = await load({ '0.weight': { shape: [1, 2], values: Float64Array.of(Number.NaN, 1e300) } })
    expect(report.notes).toEqual(['0.weight: 2 of 2 values are NaN or infinite'])
  })

  test('that the variable does not hold are an error', async () => {
    await expect(load({ [counter]: { shape: [], values: BigInt64Array.of(2n ** 33n) } })).rejects.toThrow(
      new StateError(
        `weights: the state does not fit the model\n  wrong values (1):\n    ${counter}: 8589934592 does not fit in i32`,
      ),
    )
    await expect(load({ [counter]: { shape: [], values: BigInt64Array.of(2n ** 53n + 1n) } })).rejects.toThrow(
      `weights: tensor "${counter}": the integer 9007199254740993 at 0 needs more than 53 bits`,
    )
  })
})
