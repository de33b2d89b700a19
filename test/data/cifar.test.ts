/** CIFAR's binary records, the archive they come in, and the download that fetches them, against a server on this machine. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cifar10, cifar100 } from '../../src/data/cifar.node.ts'
import { cifar10Classes, cifarDataset, cifarRecords } from '../../src/data/cifar.ts'
import { download } from '../../src/data/download.node.ts'
import { readTar } from '../../src/data/tar.ts'

const options = { name: 'cifar10', classes: cifar10Classes, labelBytes: 1 } as const

/** A record whose red, green and blue planes hold 1, 2 and 3. */
function record(label: number): Uint8Array {
  const bytes = new Uint8Array(3073)
  bytes[0] = label
  for (let c = 0; c < 3; c++) bytes.fill(c + 1, 1 + c * 1024, 1 + (c + 1) * 1024)
  return bytes
}

/** A tar archive of files. */
function tar(files: Record<string, Uint8Array>): Uint8Array {
  const blocks: Uint8Array[] = []
  for (const [path, bytes] of Object.entries(files)) {
    const header = new Uint8Array(512)
    const put = (text: string, at: number): void => header.set(new TextEncoder().encode(text), at)
    put(path, 0)
    put(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124)
    put('0', 156)
    const sum = header.reduce((total, byte) => total + byte, 0) + 8 * 32
    put(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    const body = new Uint8Array(Math.ceil(bytes.length / 512) * 512)
    body.set(bytes)
    blocks.push(header, body)
  }
  return Buffer.concat([...blocks, new Uint8Array(1024)])
}

describe('CIFAR records', () => {
  it('become pixels of three bytes with their labels', () => {
    const { images, labels, shape } = cifarDataset(
      [{ name: 'a.bin', bytes: Buffer.concat([record(3), record(9)]) }],
      options,
    )
    expect([...labels]).toEqual([3, 9])
    expect(shape).toEqual([32, 32, 3])
    expect([...images.subarray(0, 6)]).toEqual([1, 2, 3, 1, 2, 3])
    expect(images).toHaveLength(2 * 3072)
  })

  it('are made from rows of pixels and read back the same', () => {
    const rows = Uint8Array.from({ length: 2 * 3072 }, (_, k) => (k * 7) % 256)
    const bytes = cifarRecords(rows, [1, 2], 'rows')
    const { images, labels } = cifarDataset([{ name: 'rows', bytes }], options)
    expect(images).toEqual(rows)
    expect([...labels]).toEqual([1, 2])
  })

  it('are refused when cut off, empty, or with a label that is no class', () => {
    const read = (bytes: Uint8Array): unknown => cifarDataset([{ name: 'x.bin', bytes }], options)
    expect(() => read(record(1).subarray(0, 3000))).toThrow(
      'x.bin: 3000 bytes are not a whole number of records of 3073',
    )
    expect(() => read(new Uint8Array(0))).toThrow('x.bin: 0 bytes')
    expect(() => read(record(10))).toThrow('x.bin: record 0 has label 10, expected 0 … 9')
    expect(() => cifarRecords(new Uint8Array(10), [1], 'y')).toThrow('y: 10 bytes for 1 labels, expected 3072')
  })
})

describe('tar archives', () => {
  it('give their files by path', () => {
    const files = readTar(tar({ 'a/b.bin': Uint8Array.of(1, 2, 3), c: new Uint8Array(600).fill(7) }), 'x.tar')
    expect([...files.keys()]).toEqual(['a/b.bin', 'c'])
    expect([...files.get('a/b.bin')!]).toEqual([1, 2, 3])
    expect(files.get('c')).toHaveLength(600)
  })

  it('are refused when truncated or not tar', () => {
    expect(() => readTar(tar({ c: new Uint8Array(5000) }).subarray(0, 2000), 'x.tar')).toThrow('x.tar: truncated')
    expect(() => readTar(new Uint8Array(1024).fill(65), 'x.tar')).toThrow('x.tar: broken tar header at byte 0')
  })
})

describe('downloads', () => {
  const contents = Buffer.from(Array.from({ length: 100_000 }, (_, k) => k % 251))
  const md5 = createHash('md5').update(contents).digest('hex')
  let folder: string
  let server: Server
  let url: string
  /** Bytes after which the server hangs up, and the ranges it was asked for. */
  let hangUpAfter: number | undefined
  let ranges: (string | undefined)[]

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-download-'))
    hangUpAfter = undefined
    ranges = []
    server = createServer((request, response) => {
      const { range } = request.headers
      ranges.push(range)
      const from = range ? Number(/bytes=(\d+)-/.exec(range)?.[1]) : 0
      if (request.url === '/missing') return response.writeHead(404, 'Not Found').end()
      if (from >= contents.length) return response.writeHead(416).end()
      response.writeHead(range ? 206 : 200, { 'content-length': contents.length - from })
      if (hangUpAfter === undefined) return response.end(contents.subarray(from))
      // A proper end of the connection, so that what was sent arrives.
      response.write(contents.subarray(from, from + hangUpAfter), () => response.socket?.end())
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`
  })

  afterEach(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(() => resolve(undefined)))
    await rm(folder, { recursive: true, force: true })
  })

  const fetchTo = (path: string, from = url): Promise<void> =>
    download({ url: from, path, hash: { algorithm: 'md5', hex: md5 } })

  it('arrive whole, with progress, and are not fetched twice', async () => {
    const path = join(folder, 'deep', 'file')
    const seen: [number, number | undefined][] = []
    await download({ url, path, hash: { algorithm: 'md5', hex: md5 }, onProgress: (...at) => seen.push(at) })
    expect(await readFile(path)).toEqual(contents)
    expect(seen.at(-1)).toEqual([contents.length, contents.length])
    await fetchTo(path)
    expect(ranges).toHaveLength(1)
  })

  it('go on where they broke off', async () => {
    const path = join(folder, 'file')
    hangUpAfter = 40_000
    await expect(fetchTo(path)).rejects.toThrow(/broke off after \d+/)
    expect(existsSync(path)).toBe(false)
    hangUpAfter = undefined
    await fetchTo(path)
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/)
    expect(await readFile(path)).toEqual(contents)
  })

  it('are thrown away when the hash is wrong, and refused answers and dead servers are named', async () => {
    const path = join(folder, 'file')
    const wrong = download({ url, path, hash: { algorithm: 'md5', hex: '00' } })
    await expect(wrong).rejects.toThrow(`the md5 of the download is ${md5}, expected 00`)
    expect(existsSync(path) || existsSync(`${path}.part`)).toBe(false)
    await expect(fetchTo(path, url.replace('file', 'missing'))).rejects.toThrow('the server answered 404 Not Found')
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await expect(fetchTo(path)).rejects.toThrow('cannot be reached (ECONNREFUSED); are you offline?')
  })
})

describe('CIFAR from a folder', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-cifar-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('reads CIFAR-10 and says which file is missing', async () => {
    for (const batch of [1, 2, 3, 4, 5]) await writeFile(join(folder, `data_batch_${batch}.bin`), record(batch))
    await expect(cifar10({ directory: folder })).rejects.toThrow('test_batch.bin is missing')
    await writeFile(join(folder, 'test_batch.bin'), record(0))
    const { train, test } = await cifar10({ directory: folder })
    expect([...train.labels]).toEqual([1, 2, 3, 4, 5])
    expect(test.classes[test.labels[0]]).toBe('airplane')
  })

  it('reads CIFAR-100 with its fine labels', async () => {
    const bytes = Buffer.concat([Uint8Array.of(7, 1), record(0).subarray(1)])
    for (const file of ['train.bin', 'test.bin']) await writeFile(join(folder, file), bytes)
    await writeFile(join(folder, 'fine_label_names.txt'), 'apple\naquarium_fish\n')
    const { train } = await cifar100({ directory: folder })
    expect(train.classes[train.labels[0]]).toBe('aquarium_fish')
  })

  it('says in one message that it is offline, and leaves nothing behind', async () => {
    const previous = process.env.FOVEA_CACHE
    process.env.FOVEA_CACHE = join(folder, 'cache')
    try {
      await expect(cifar100({ url: 'http://127.0.0.1:1/cifar-100-binary.tar.gz' })).rejects.toThrow('are you offline?')
      expect(existsSync(join(folder, 'cache', 'cifar-100-binary'))).toBe(false)
      // An archive that is in the cache already is unpacked only when its contents are what was published.
      await mkdir(join(folder, 'cache'), { recursive: true })
      await writeFile(join(folder, 'cache', 'cifar100.tar.gz.part'), gzipSync(tar({ x: Uint8Array.of(1) })))
      await expect(cifar100({ url: 'http://127.0.0.1:1/cifar-100-binary.tar.gz' })).rejects.toThrow('are you offline?')
    } finally {
      if (previous === undefined) delete process.env.FOVEA_CACHE
      else process.env.FOVEA_CACHE = previous
    }
  })
})
