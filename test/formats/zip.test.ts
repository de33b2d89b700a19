/** The zip reader: what archives may look like, and every rule that one can break. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32 } from '../../src/formats/crc32.ts'
import { readZip, ZipError, zipContents } from '../../src/formats/zip.ts'
import { buildZip, type ZipInput, type ZipOptions } from './buildZip.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const two: ZipInput[] = [
  { name: 'a/data.pkl', data: bytes('first') },
  { name: 'a/data/0', data: bytes('second one') },
]

/** Contents of every entry, as text. */
function contents(archive: Uint8Array): Record<string, string> {
  const read = [...readZip(archive)].map(([name, entry]) => [
    name,
    new TextDecoder().decode(zipContents(archive, entry)),
  ])
  return Object.fromEntries(read)
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
  ])('%s', (_how, options) => {
    expect(contents(buildZip(two, options))).toEqual(expected)
  })

  it('without entries', () => {
    expect(readZip(buildZip([])).size).toBe(0)
  })

  it('with a checksum', () => {
    const data = bytes('first')
    expect(contents(buildZip([{ name: 'x', data, crc: crc32(data) }]))).toEqual({ x: 'first' })
  })

  it('with names beyond ASCII and names of JavaScript', () => {
    const names = ['ü/data.pkl', '__proto__', 'constructor']
    expect([...readZip(buildZip(names.map(name => ({ name, data: bytes('x') })))).keys()]).toEqual(names)
  })

  it('with compressed entries that nobody asks for', () => {
    const archive = buildZip([{ name: 'code', data: bytes('xyz'), method: 8, size: 100 }, ...two])
    const entries = readZip(archive)
    expect(zipContents(archive, entries.get('a/data/0')!)).toEqual(bytes('second one'))
    expect(() => zipContents(archive, entries.get('code')!)).toThrow(/entry "code" is compressed \(zip method 8\)/)
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
    ['no header', buildZip([{ name: 'x', data: bytes('x'), header: 1 }]), /entry "x" has no header at 1/],
    ['header past the end', buildZip([{ name: 'x', data: bytes('x'), header: 5000 }]), /no header at 5000/],
    ['contents in the directory', changed(good, 26, 200, 0), /runs into the directory/],
  ])('%s', (_what, archive, message) => {
    expect(() => readZip(archive)).toThrow(ZipError)
    expect(() => readZip(archive)).toThrow(message)
  })

  it('whose contents have changed', () => {
    const archive = buildZip([{ name: 'x', data: bytes('first'), crc: crc32(bytes('wrong')) }])
    expect(() => zipContents(archive, readZip(archive).get('x')!)).toThrow(/entry "x" is damaged/)
  })
})
