/** The safetensors format: round trips, every rule that a file can break, and mutated files. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exactNumbers, SafetensorsError, type SafetensorsInput, writeSafetensors } from '../../src/formats/index.ts'
import { openSafetensors } from '../../src/formats/safetensors.ts'
import { bytesSource } from '../../src/formats/source.ts'

const open = (bytes: Uint8Array, name?: string) => openSafetensors(bytesSource(bytes, name))

/** A file with the given header text and data bytes, right or wrong. */
function fileOf(header: string | Uint8Array, data: ArrayLike<number> = [], statedLength?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const file = new Uint8Array(8 + text.length + data.length)
  new DataView(file.buffer).setBigUint64(0, statedLength ?? BigInt(text.length), true)
  file.set(text, 8)
  file.set(data, 8 + text.length)
  return file
}

const valuesOf = async (file: Uint8Array, name: string) => (await open(file)).tensors.get(name)!.read()

describe('round trip', () => {
  it('keeps names, shapes, types, values and metadata', async () => {
    const tensors: [string, SafetensorsInput][] = [
      ['conv1.weight', { shape: [2, 1, 1, 2], values: Float32Array.of(1, -2.5, Math.PI, -0) }],
      ['bytes', { shape: [3], values: Uint8Array.of(0, 128, 255) }],
      ['steps', { shape: [], values: Int32Array.of(-430) }],
      ['many', { shape: [2], values: BigInt64Array.of(-1n, 2n ** 62n) }],
      ['fine', { shape: [1, 1], values: Float64Array.of(1 / 3) }],
      ['empty', { shape: [0, 7], values: new Float32Array(0) }],
      ['unicode ü "quoted" \\ 数', { shape: [1], values: Int16Array.of(-3) }],
      ['__proto__', { shape: [1], values: Float32Array.of(7) }],
      ['17', { shape: [1], values: Uint16Array.of(65535) }],
    ]
    const { tensors: read, other } = await open(writeSafetensors(tensors, { producer: 'test', a: 'ä' }))
    expect([...other]).toEqual([
      ['a', 'ä'],
      ['producer', 'test'],
    ])
    expect([...read.keys()].sort()).toEqual(tensors.map(([name]) => name).sort())
    for (const [name, input] of tensors) {
      const tensor = read.get(name)!
      expect(tensor.shape).toEqual(input.shape)
      expect(await tensor.read()).toEqual('values' in input ? input.values : undefined)
    }
  })

  it('holds for random tensors', async () => {
    const floats = fc.float32Array({ minLength: 0, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), floats), async named => {
        const entries = Object.entries(named).filter(([name]) => name !== '__metadata__')
        const file = writeSafetensors(entries.map(([name, values]) => [name, { shape: [values.length], values }]))
        const { tensors } = await open(file)
        expect(tensors.size).toBe(entries.length)
        for (const [name, values] of entries) expect(await tensors.get(name)!.read()).toEqual(values)
      }),
    )
  })

  it('gives the same bytes for the same tensors in any order, all of them aligned', async () => {
    const a = ['a', { shape: [3], values: Uint8Array.of(1, 2, 3) }] as const
    const b = ['b', { shape: [1], values: Float64Array.of(1) }] as const
    const c = ['c', { shape: [1], values: Float32Array.of(2) }] as const
    const file = writeSafetensors([a, b, c])
    expect(writeSafetensors([c, a, b])).toEqual(file)
    for (const tensor of (await open(file)).tensors.values()) {
      const values = await tensor.read()
      expect(values.buffer).toBe(file.buffer) // a view, which only aligned values can be
    }
  })

  it('writes no tensors at all', async () => {
    expect((await open(writeSafetensors([]))).tensors.size).toBe(0)
  })

  it('reads tensors of a file that starts at an odd address', async () => {
    const file = writeSafetensors([['x', { shape: [2], values: Float32Array.of(1.5, -2) }]])
    const shifted = new Uint8Array(file.length + 1)
    shifted.set(file, 1)
    expect(await valuesOf(shifted.subarray(1), 'x')).toEqual(Float32Array.of(1.5, -2))
    expect(await valuesOf(Buffer.from(shifted.buffer, 1), 'x')).toEqual(Float32Array.of(1.5, -2))
  })

  it('reads a Node Buffer as if it were any array', async () => {
    const file = Buffer.from(writeSafetensors([['x', { shape: [2], values: Uint8Array.of(1, 2) }]]))
    expect(Object.getPrototypeOf(await valuesOf(file, 'x'))).toBe(Uint8Array.prototype)
  })

  it('passes bytes of a stated type through', async () => {
    const file = writeSafetensors([['h', { dtype: 'F16', shape: [2], bytes: Uint8Array.of(0, 0x3c, 0, 0xc0) }]])
    expect(await valuesOf(file, 'h')).toEqual(Float32Array.of(1, -2))
  })
})

describe('element types', () => {
  const one = (dtype: string, bytes: number[]) =>
    fileOf(`{"x":{"dtype":"${dtype}","shape":[1],"data_offsets":[0,${bytes.length}]}}`, bytes)

  it.each([
    ['BOOL', [1], Uint8Array.of(1)],
    ['U8', [200], Uint8Array.of(200)],
    ['I8', [200], Int8Array.of(-56)],
    ['I16', [0xfe, 0xff], Int16Array.of(-2)],
    ['U16', [0xfe, 0xff], Uint16Array.of(65534)],
    ['F16', [0x55, 0x35], Float32Array.of(0.333251953125)],
    ['BF16', [0x49, 0x40], Float32Array.of(3.140625)],
    ['I32', [0xff, 0xff, 0xff, 0xff], Int32Array.of(-1)],
    ['U32', [0xff, 0xff, 0xff, 0xff], Uint32Array.of(4294967295)],
    ['F32', [0, 0, 0x80, 0xbf], Float32Array.of(-1)],
    ['I64', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], BigInt64Array.of(-1n)],
    ['U64', [1, 0, 0, 0, 0, 0, 0, 0x80], BigUint64Array.of(2n ** 63n + 1n)],
    ['F64', [0, 0, 0, 0, 0, 0, 0xf0, 0x3f], Float64Array.of(1)],
    ['F8_E4M3', [0x7e], Float32Array.of(448)],
    ['F8_E5M2', [0x7b], Float32Array.of(57344)],
    ['F8_E4M3FNUZ', [0x7f], Float32Array.of(240)],
    ['F8_E5M2FNUZ', [0x7f], Float32Array.of(57344)],
    ['F8_E8M0', [0x80], Float32Array.of(2)],
  ])('reads %s', async (dtype, bytes, expected) => {
    expect(await valuesOf(one(dtype, bytes), 'x')).toEqual(expected)
  })

  it('widens F16 exactly: its limits, subnormals, infinities and NaN', async () => {
    const cases: [bits: number, value: number][] = [
      [0x0000, 0],
      [0x8000, -0],
      [0x0001, 2 ** -24],
      [0x03ff, 6.097555160522461e-5],
      [0x0400, 2 ** -14],
      [0x7bff, 65504],
      [0x7c00, Number.POSITIVE_INFINITY],
      [0xfc00, Number.NEGATIVE_INFINITY],
      [0x7e00, Number.NaN],
    ]
    for (const [bits, value] of cases) {
      expect((await valuesOf(one('F16', [bits & 255, bits >> 8]), 'x'))[0], bits.toString(16)).toBe(value)
    }
  })

  it('gives 64-bit integers as numbers where these hold them', () => {
    expect(exactNumbers(BigInt64Array.of(-12n, 2n ** 53n, -(2n ** 63n)))).toEqual(
      Float64Array.of(-12, 2 ** 53, -(2 ** 63)),
    )
    expect(() => exactNumbers(BigUint64Array.of(1n, 2n ** 53n + 1n))).toThrow(
      new RangeError('the integer 9007199254740993 at 1 needs more than 53 bits'),
    )
    const floats = Float64Array.of(1 / 3)
    expect(exactNumbers(floats)).toBe(floats)
  })

  it.each(['C64', 'F4', 'F6_E2M3', 'what comes next'])(
    'lists a tensor of type %s beside others, and refuses it when it is asked for',
    async dtype => {
      const header = {
        x: { dtype, shape: [5], data_offsets: [0, 3] },
        y: { dtype: 'U8', shape: [1], data_offsets: [3, 4] },
      }
      const file = fileOf(JSON.stringify(header), [1, 2, 3, 4])
      const { tensors } = await open(file, 'a.safetensors')
      expect(tensors.get('x')).toMatchObject({ dtype, shape: [5] })
      expect(await tensors.get('y')!.read()).toEqual(Uint8Array.of(4))
      await expect(tensors.get('x')!.read()).rejects.toThrow(
        `a.safetensors: tensor "x": elements of type "${dtype}" are not read, only F64, F32`,
      )
    },
  )
})

describe('a broken file is refused with the rule it breaks', () => {
  const entry = (fields: string) => `{"x":${fields}}`
  const f32 = (shape: string, offsets: string) => entry(`{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`)
  const two = (first: string, second: string) =>
    `{"a":{"dtype":"U8","shape":[2],"data_offsets":${first}},"b":{"dtype":"U8","shape":[2],"data_offsets":${second}}}`

  it.each<[rule: string, file: Uint8Array, message: RegExp]>([
    ['empty', new Uint8Array(0), /0 bytes are too short/],
    ['header length beyond the limit', fileOf('{}', [], 2n ** 63n), /header length 9223372036854775808 is over/],
    ['header longer than the file', fileOf('{}', [], 3n), /header of 3 bytes does not fit in a file of 10 bytes/],
    ['empty header', fileOf('', []), /begin with '\{'/],
    ['no object', fileOf('[]'), /begin with '\{'/],
    ['leading space', fileOf(' {}'), /begin with '\{'/],
    ['not JSON', fileOf('{"x":}'), /header is not JSON/],
    ['not UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not UTF-8/],
    ['number as tensor', fileOf(entry('3')), /tensor "x": expected \{ dtype, shape, data_offsets \}/],
    ['a number as type', fileOf(entry('{"dtype":8,"shape":[],"data_offsets":[0,1]}'), [0]), /dtype must be a string/],
    ['negative size', fileOf(f32('[-1]', '[0,4]'), [0, 0, 0, 0]), /shape must be .* got \[-1\]/],
    ['fractional size', fileOf(f32('[0.5]', '[0,2]'), [0, 0]), /shape must be/],
    ['sizes too large', fileOf(f32('[4294967296,4294967296]', '[0,4]'), [0, 0, 0, 0]), /needs too many bytes/],
    ['one offset', fileOf(f32('[1]', '[4]'), [0, 0, 0, 0]), /data_offsets must be \[begin, end\]/],
    ['offsets backward', fileOf(f32('[1]', '[4,0]'), [0, 0, 0, 0]), /end before they begin/],
    [
      'shape too small',
      fileOf(f32('[1]', '[0,8]'), new Uint8Array(8)),
      /\[1\] of F32 needs 4 bytes, data_offsets give 8/,
    ],
    ['truncated data', fileOf(f32('[2]', '[0,8]'), new Uint8Array(7)), /go past the 7 bytes of data: truncated\?/],
    ['trailing bytes', fileOf(f32('[1]', '[0,4]'), new Uint8Array(6)), /2 bytes after the last tensor/],
    ['overlap', fileOf(two('[0,2]', '[1,3]'), [1, 2, 3]), /tensor "b": .* overlaps/],
    ['same bytes twice', fileOf(two('[0,2]', '[0,2]'), [1, 2]), /overlaps/],
    ['hole', fileOf(two('[0,2]', '[3,5]'), [1, 2, 3, 4, 5]), /tensor "b": .* leaves a hole/],
    ['metadata not texts', fileOf('{"__metadata__":{"a":1}}'), /__metadata__\.a must be a string/],
    ['metadata no object', fileOf('{"__metadata__":"a"}'), /__metadata__ must be an object/],
    [
      'tensor named twice',
      fileOf(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        [1],
      ),
      /key "a" occurs twice/,
    ],
    [
      'shape given twice',
      fileOf(entry('{"dtype":"U8","shape":[2],"shape":[1],"data_offsets":[0,1]}'), [1]),
      /"shape" occurs twice/,
    ],
  ])('%s', async (_rule, file, message) => {
    await expect(open(file, 'model.safetensors')).rejects.toThrow(SafetensorsError)
    await expect(open(file, 'model.safetensors')).rejects.toThrow(message)
    await expect(open(file, 'model.safetensors')).rejects.toThrow(/^model\.safetensors: /)
  })

  it('says which tensor', async () => {
    await expect(open(fileOf(f32('[2]', '[0,8]'), new Uint8Array(7)))).rejects.toMatchObject({ tensor: 'x' })
  })
})

it.each<[string, [string, SafetensorsInput][], RegExp]>([
  [
    'a shape that does not fit',
    [['x', { shape: [3], values: new Float32Array(2) }]],
    /"x": shape \[3\] of F32 needs 12 bytes, got 8/,
  ],
  ['a negative size', [['x', { shape: [-1], values: new Float32Array(0) }]], /sizes ≥ 0/],
  ['the reserved name', [['__metadata__', { shape: [], values: new Float32Array(1) }]], /reserved/],
  [
    'a name twice',
    [
      ['x', { shape: [], values: new Float32Array(1) }],
      ['x', { shape: [], values: new Float32Array(1) }],
    ],
    /given twice/,
  ],
])('refuses to write %s', (_what, tensors, message) => {
  expect(() => writeSafetensors(tensors)).toThrow(message)
})

describe('mutated files', () => {
  const good = writeSafetensors(
    [
      ['conv1.weight', { shape: [2, 1, 3, 3], values: Float32Array.from({ length: 18 }, (_, i) => i) }],
      ['conv1.bias', { shape: [2], values: Float32Array.of(1, 2) }],
      ['steps', { shape: [], values: BigInt64Array.of(3n) }],
      ['mask', { shape: [5], values: Uint8Array.of(1, 0, 1, 0, 1) }],
    ],
    { format: 'pt' },
  )
  const headerEnd = 8 + Number(new DataView(good.buffer).getBigUint64(0, true))

  /** Reads a file completely; the only failure that is allowed is the format's own error. */
  async function check(file: Uint8Array): Promise<'read' | 'refused'> {
    try {
      let elements = 0
      for (const { shape, read } of (await open(file)).tensors.values()) {
        const values = await read()
        expect(values.length).toBe(shape.reduce((size, extent) => size * extent, 1))
        elements += values.length
      }
      expect(elements).toBeLessThanOrEqual(file.length)
      return 'read'
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error
      return 'refused'
    }
  }

  it('cut at every length is refused', async () => {
    for (let length = 0; length < good.length; length++)
      expect(await check(good.slice(0, length)), `${length}`).toBe('refused')
  })

  it('with one to four bytes of length and header changed gives a clear error or a consistent file', async () => {
    const change = fc.tuple(fc.integer({ min: 0, max: headerEnd - 1 }), fc.integer({ min: 0, max: 255 }))
    const outcomes = { read: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async changes => {
        const file = good.slice()
        for (const [index, value] of changes) file[index] = value
        outcomes[await check(file)]++
      }),
      { numRuns: 5000 },
    )
    expect(outcomes.refused).toBeGreaterThan(1000)
  })

  it('with pieces of the header text replaced gives a clear error or a consistent file', async () => {
    const header = new TextDecoder().decode(good.subarray(8, headerEnd))
    const piece = fc.constantFrom(
      '"',
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '9'.repeat(30),
      '-1',
      '1e999',
      'null',
      '\\u0000',
      '"shape":',
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(header.length), fc.nat(12), piece, async (at, removed, text) => {
        await check(fileOf(header.slice(0, at) + text + header.slice(at + removed), good.subarray(headerEnd)))
      }),
      { numRuns: 5000 },
    )
  })

  it('of random bytes are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 0, maxLength: 64 }), async bytes => {
        expect(await check(bytes)).toBe('refused')
      }),
      { numRuns: 3000 },
    )
  })

  it('with a million nested brackets is refused without exhausting the stack', async () => {
    const nested = `${'['.repeat(1e6)}${']'.repeat(1e6)}`
    expect(await check(fileOf(`{"x":{"dtype":"U8","shape":${nested},"data_offsets":[0,0]}}`))).toBe('refused')
  })
})
