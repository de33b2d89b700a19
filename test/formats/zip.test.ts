/** The zip reader: what archives may look like, and every rule that one can break. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32 } from '../../src/formats/crc32.ts'
import { bytesSource } from '../../src/formats/source.ts'
import { readZip, ZipError, zipContents } from '../../src/formats/zip.ts'
import { buildZip, type ZipInput, type ZipOptions } from './buildZip.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const two: ZipInput[] = [
  { name: 'a/data.pkl', data: bytes('first') },
  { name: 'a/data/0', data: bytes('second one') },
]

/** Contents of every entry, as text. */
async function contents(archive: Uint8Array): Promise<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const name of (await list(archive)).keys()) texts[name] = new TextDecoder().decode(await read(archive, name))
  return texts
}

const list = (archive: Uint8Array) => readZip(bytesSource(archive))

async function read(archive: Uint8Array, name: string): Promise<Uint8Array> {
  const source = bytesSource(archive)
  return zipContents(source, (await readZip(source)).get(name)!, 1000)
}

/** A copy with other bytes at a position. */
function changed(archive: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = archive.slice()
  copy.set(values, at)
  return copy
}

describe('the checksum', () => {
  it('is the CRC-32 of the standards: its check value', () => {
    expect(crc32(bytes('123456789'))).toBe(0xcbf43926)
    expect(crc32(new Uint8Array(0))).toBe(0)
  })

  it('agrees with one bit at a time, at any length', () => {
    const bitwise = (data: Uint8Array) => {
      let crc = 0xffffffff
      for (const byte of data) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
      }
      return ~crc >>> 0
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), data => crc32(data) === bitwise(data)))
  })
})

describe('an archive is read', () => {
  const expected = { 'a/data.pkl': 'first', 'a/data/0': 'second one' }

  it.each<[string, ZipOptions]>([
    ['as torch.save writes it', {}],
    ['with 64-bit fields', { zip64: true }],
    ['with a comment', { comment: bytes('made by hand') }],
    [
      'with a comment that looks like the end of an archive',
      { comment: bytes('PK\x05\x06 and more than 22 bytes after') },
    ],
  ])('%s', async (_how, options) => {
    expect(await contents(buildZip(two, options))).toEqual(expected)
  })

  it('without entries', async () => {
    expect((await list(buildZip([]))).size).toBe(0)
  })

  it('with a checksum', async () => {
    const data = bytes('first')
    expect(await contents(buildZip([{ name: 'x', data, crc: crc32(data) }]))).toEqual({ x: 'first' })
  })

  it('with names beyond ASCII and names of JavaScript', async () => {
    const names = ['ü/data.pkl', '__proto__', 'constructor']
    expect([...(await list(buildZip(names.map(name => ({ name, data: bytes('x') }))))).keys()]).toEqual(names)
  })

  it('with compressed entries that nobody asks for', async () => {
    const archive = buildZip([{ name: 'code', data: bytes('xyz'), method: 12, size: 100 }, ...two])
    expect(await read(archive, 'a/data/0')).toEqual(bytes('second one'))
    await expect(read(archive, 'code')).rejects.toThrow(/entry "code" is compressed \(zip method 12\)/)
  })
})

describe('a broken archive is refused', () => {
  const good = buildZip(two)
  const end = good.length - 22
  const directory = new DataView(good.buffer).getUint32(end + 16, true)
  const good64 = buildZip(two, { zip64: true })

  it.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(0), /directory at the end is missing: truncated\?/],
    ['cut', good.subarray(0, -1), /truncated\?/],
    ['bytes after the end', Uint8Array.from([...good, 0]), /truncated\?/],
    ['more entries than the directory holds', buildZip(two, { count: 3 }), /cannot hold 3 entries|no directory record/],
    ['65,534 entries', buildZip(two, { count: 65534 }), /cannot hold 65534 entries/],
    ['a directory past the end', changed(good, end + 16, 255, 255, 0, 0), /does not fit in the file/],
    ['no record where one should be', changed(good, directory, 0), /no directory record/],
    ['a record longer than the directory', changed(good, directory + 28, 255, 255), /longer than the zip directory/],
    ['no 64-bit record', changed(good64, good64.length - 22 - 20 + 8, 0), /no zip64 directory record at/],
    ['no 64-bit sizes', changed(good64, directory + 46 + 10 + 2, 4), /"a\/data.pkl" lacks its 64-bit sizes/],
    ['encrypted', buildZip([{ name: 'x', data: bytes('x'), flags: 1 }]), /entry "x" is encrypted/],
    ['two sizes', buildZip([{ name: 'x', data: bytes('x'), size: 2 }]), /entry "x" stores 1 bytes for 2/],
    ['a name twice', buildZip([two[0]!, two[0]!]), /entry "a\/data.pkl" occurs twice/],
    ['overlap', buildZip([two[0]!, { name: 'x', data: bytes('second'), header: 0 }]), /"a\/data.pkl" and "x" overlap/],
    [
      'header past the end',
      buildZip([{ name: 'x', data: bytes('x'), header: 5000 }]),
      /at 5000 runs into the directory/,
    ],
  ])('%s', async (_what, archive, message) => {
    await expect(list(archive)).rejects.toThrow(ZipError)
    await expect(list(archive)).rejects.toThrow(message)
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['no header', buildZip([{ name: 'x', data: bytes('x'), header: 1 }]), /entry "x" has no header at 1/],
    ['contents in the directory', changed(good, 26, 200, 0), /overlaps the next part/],
    [
      'contents that are too long',
      buildZip([{ name: 'x', data: bytes('x'.repeat(1001)) }]),
      /1001 bytes, more than 1000/,
    ],
  ])('when an entry is asked for: %s', async (_what, archive, message) => {
    const [name] = (await list(archive)).keys()
    await expect(read(archive, name!)).rejects.toThrow(ZipError)
    await expect(read(archive, name!)).rejects.toThrow(message)
  })

  it('whose contents have changed', async () => {
    const archive = buildZip([{ name: 'x', data: bytes('first'), crc: crc32(bytes('wrong')) }])
    await expect(read(archive, 'x')).rejects.toThrow(/entry "x" is damaged/)
  })
})
