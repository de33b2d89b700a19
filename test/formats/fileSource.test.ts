/** Files by their path: larger than anything Node reads at once, and such that change meanwhile. */
import { appendFile, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import { withFile } from '../../src/formats/source.node.ts'
import { openSource } from '../../src/formats/weights.ts'
import { linear, sequential } from '../../src/nn/index.ts'
import { loadWeights } from '../../src/train/index.node.ts'
import { dictionary, floats, legacyHeader, list, pickle, storage, tensor, text } from './buildPickle.ts'
import { buildZip } from './buildZip.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-source-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const path = (name: string) => join(folder, name)

/** More than Node reads at once, and more than 32 bits count. */
const large = 4.5 * 2 ** 30

/** A file of which a few places are written, and the rest is a hole that takes no place on the disk. */
async function sparse(name: string, size: number, parts: readonly (readonly [at: number, bytes: Uint8Array])[]) {
  const handle = await open(path(name), 'w')
  for (const [at, bytes] of parts) await handle.write(bytes, 0, bytes.length, at)
  await handle.truncate(size)
  await handle.close()
  return path(name)
}

/** A model of one matrix, and the bytes of one for it. */
const model = () => sequential(linear(2, 2, { bias: false })).initialize(0)
const matrix = floats(1, 2, 3, 4)
const little = (value: number, bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))

describe('a file of 4.5 GiB, most of which nobody asks for', () => {
  const load = async (file: string) => {
    const target = model()
    const before = process.memoryUsage().arrayBuffers
    await loadWeights(target, file)
    const grown = process.memoryUsage().arrayBuffers - before
    await rm(file)
    // A legacy description is looked for in the first 64 MiB.
    expect(grown).toBeLessThan(100 * 2 ** 20)
    expect(target.state().get('0.weight')?.values).toEqual(new Float32Array(matrix.buffer))
  }

  it('safetensors', async () => {
    const header = (bytes: number) =>
      new TextEncoder().encode(
        JSON.stringify({
          'optimizer.0': { dtype: 'U8', shape: [bytes], data_offsets: [0, bytes] },
          'model.0.weight': { dtype: 'F32', shape: [2, 2], data_offsets: [bytes, bytes + 16] },
        }),
      )
    const data = large - 4096
    const bytes = header(data)
    const size = 8 + bytes.length + data + 16
    const parts = [[0, little(bytes.length, 8)] as const, [8, bytes] as const, [size - 16, matrix] as const]
    await load(await sparse('large.safetensors', size, parts))
  })

  /** Two storages: a large one of zeros, and the matrix. */
  const huge = (large - 4096) / 4
  const long = (value: number) => [0x8a, 8, ...little(value, 8)]
  const hugeStorage = storage('0', 0).flatMap((byte, i, all) =>
    // The length is the last item of the tuple: an int of 32 bits, of which this one needs more.
    i === all.length - 7 ? long(huge) : i > all.length - 7 && i < all.length - 2 ? [] : [byte],
  )
  const description = dictionary(
    text('optimizer'),
    dictionary(text('0'), tensor(hugeStorage, [1], [1])),
    text('state_dict'),
    dictionary(text('0.weight'), tensor(storage('1', 4), [2, 2], [2, 1])),
  )

  it('torch.save, zip with 64-bit fields', async () => {
    const small = buildZip(
      [
        { name: 'a/data.pkl', data: pickle(description) },
        { name: 'a/data/0', data: new Uint8Array(0) },
        { name: 'a/data/1', data: matrix },
      ],
      { zip64: true },
    )
    await load(await sparse('large.pth', ...stretched(small, 'a/data/0', 4 * huge)))
  })

  it('torch.save, the stream before the zip format', async () => {
    const start = Uint8Array.from([...legacyHeader(), ...pickle(description), ...pickle(list(text('0'), text('1')))])
    const second = start.length + 8 + 4 * huge
    const parts = [
      [0, start],
      [start.length, little(huge, 8)],
      [second, little(4, 8)],
      [second + 8, matrix],
    ] as const
    await load(await sparse('large.th', second + 8 + 16, parts))
  })

  it('a range that takes several reads, beyond 2 GiB', async () => {
    const length = 2 ** 26 + 10
    const start = large - length
    const file = await sparse('range.bin', large, [
      [start, Uint8Array.of(1)],
      [large - 4, Uint8Array.of(2, 3, 4, 5)],
    ])
    const bytes = await withFile(file, source => source.read(start, large))
    await rm(file)
    expect(bytes.length).toBe(length)
    expect([...bytes.subarray(0, 2), ...bytes.subarray(-5)]).toEqual([1, 0, 0, 2, 3, 4, 5])
  })
})

/** An archive with an empty entry made long: size and parts of a file with a hole in its place. */
function stretched(archive: Uint8Array, entry: string, bytes: number) {
  const view = new DataView(archive.buffer)
  const find = (signature: number, from = 0) => {
    let at = from
    while (view.getUint32(at, true) !== signature) at++
    return at
  }
  const directory = find(0x02014b50)
  const name = new TextEncoder().encode(entry)
  const isNamed = (at: number) => name.every((byte, i) => archive[at + i] === byte)
  let cut = 0 // where the contents of the entry begin
  for (let at = find(0x04034b50); at < directory; at = find(0x04034b50, at + 4)) {
    if (isNamed(at + 30)) cut = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true)
    if (cut > 0) break
  }
  // In the directory: sizes of the entry, positions of those after it, and where the directory itself is.
  for (let at = directory; view.getUint32(at, true) === 0x02014b50; ) {
    const extra = at + 46 + view.getUint16(at + 28, true) + 4
    if (isNamed(at + 46)) {
      view.setBigUint64(extra, BigInt(bytes), true)
      view.setBigUint64(extra + 8, BigInt(bytes), true)
    }
    const header = Number(view.getBigUint64(extra + 16, true))
    if (header >= cut) view.setBigUint64(extra + 16, BigInt(header + bytes), true)
    at = extra + view.getUint16(at + 30, true) - 4
  }
  const end64 = find(0x06064b50, directory)
  view.setBigUint64(end64 + 48, BigInt(directory + bytes), true)
  view.setBigUint64(end64 + 56 + 8, BigInt(end64 + bytes), true)
  const parts = [[0, archive.subarray(0, cut)] as const, [cut + bytes, archive.subarray(cut)] as const]
  return [archive.length + bytes, parts] as const
}

describe('a file that changes while it is read', () => {
  const bytes = writeSafetensors([['0.weight', { shape: [2, 2], values: new Float32Array(matrix.buffer) }]])

  it('cut: says where it ends', async () => {
    const file = path('cut.safetensors')
    await writeFile(file, bytes)
    await expect(
      withFile(file, async source => {
        const { tensors } = await openSource(source)
        await truncate(file, bytes.length - 6)
        await tensors.get('0.weight')!.read()
      }),
    ).rejects.toThrow(
      `${file}: ends at byte ${bytes.length - 6}, before ${bytes.length}: was it cut while it was being read?`,
    )
  })

  it('longer: is not believed', async () => {
    const file = path('longer.safetensors')
    await writeFile(file, bytes)
    const use = withFile(file, async source => {
      await openSource(source)
      await appendFile(file, 'more')
    })
    await expect(use).rejects.toThrow(`${file}: was changed while it was being read: read it again`)
  })

  it('replaced by another: the one that was opened is read', async () => {
    const file = path('replaced.safetensors')
    await writeFile(file, bytes)
    const values = await withFile(file, async source => {
      const { tensors } = await openSource(source)
      await rm(file)
      await writeFile(file, 'another')
      return tensors.get('0.weight')!.read()
    })
    expect(values).toEqual(new Float32Array(matrix.buffer))
  })
})
