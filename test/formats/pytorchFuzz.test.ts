/** Mutated files of `torch.save`: a clear error or a consistent file; never a crash, a hang, or memory without bound. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { chooseWeights, WeightsError } from '../../src/formats/index.ts'
import { opcode as op } from '../../src/formats/pickleOpcodes.ts'
import { bytesSource } from '../../src/formats/source.ts'
import { openSource } from '../../src/formats/weights.ts'
import {
  call,
  dictionary,
  floats,
  get,
  global,
  int,
  legacyFile,
  list,
  type Part,
  pickle,
  put,
  storage,
  tensor,
  text,
  tuple,
  zipFile,
} from './buildPickle.ts'

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/pth/${name}`, import.meta.url)))

/** Without checksums, which would catch most mutations before the reader sees them. */
function withoutChecksums(archive: Uint8Array): Uint8Array {
  const view = new DataView(archive.buffer)
  for (let at = 0; at + 46 <= archive.length; at++)
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 16, 0, true)
  return archive
}

const contents = ['types', 'views', 'checkpoint', 'parameters', 'protocol4']
const corpus = [
  ...contents.map(name => ({ name: `${name}.zip`, file: withoutChecksums(fixture(`${name}.zip.pth`)) })),
  ...contents.map(name => ({ name: `${name}.legacy`, file: fixture(`${name}.legacy.pth`) })),
]

/** Processor time, in milliseconds: what a busy machine does meanwhile does not count. */
const processorTime = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

let slowest = 0

/** A model that some of the files are weights of. */
const wanted = new Map([
  ['0.weight', { shape: [2, 1, 3, 3] }],
  ['4.bias', { shape: [3] }],
  ['w', { shape: [4] }],
])

/** Reads a file completely; the only failure that is allowed is the format's own error. */
async function check(file: Uint8Array): Promise<'read' | 'refused'> {
  const start = processorTime()
  try {
    const content = await openSource(bytesSource(file))
    for (const { shape, read } of content.tensors.values()) {
      const values = await read()
      expect(values.length).toBe(shape.reduce((size, extent) => size * extent, 1))
      // Views of the file, and what is unfolded: twice as long where numbers are widened.
      if (values.buffer !== file.buffer) expect(values.byteLength).toBeLessThanOrEqual(2 * (16 * file.length + 2 ** 20))
    }
    chooseWeights(content, wanted)
    return 'read'
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error
    expect(error.message.length).toBeLessThan(5000)
    return 'refused'
  } finally {
    slowest = Math.max(slowest, processorTime() - start)
  }
}

afterAll(() => {
  expect(slowest).toBeLessThan(5000)
})

/** Opcodes and pieces that lead a mutation somewhere. */
const pieces: Part[] = [
  ...Object.values(op).map(code => [code]),
  [op.BINUNICODE, 255, 255, 255, 127],
  [op.BINGET, 0],
  [op.LONG_BINGET, 1, 0, 0, 0],
  int(-1),
  int(2 ** 31 - 1),
  [op.LONG1, 8, 255, 255, 255, 255, 255, 255, 255, 127],
  text('storage'),
  global('os', 'system'),
  global('torch', 'FloatStorage'),
  global('torch._utils', '_rebuild_tensor_v2'),
  global('collections', 'OrderedDict'),
]
const piece = fc.constantFrom(...pieces)

describe.each(corpus)('$name', ({ file }) => {
  const change = fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 }))

  it('is read as it is', async () => {
    expect(await await check(file)).toBe('read')
  })

  it('cut anywhere gives a clear error', async () => {
    for (let length = 0; length < file.length; length += 3)
      expect(await check(file.slice(0, length)), `${length}`).toBe('refused')
  })

  it('with one to four bytes changed gives a clear error or a consistent file', async () => {
    const outcomes = { read: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async changes => {
        const copy = file.slice()
        for (const [index, value] of changes) copy[index] = value
        outcomes[await check(copy)]++
      }),
      { numRuns: 1000 },
    )
    expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(10)
  })

  it('with pieces of pickle written over it gives a clear error or a consistent file', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(file.length - 1), piece), { minLength: 1, maxLength: 3 }),
        async changes => {
          const copy = file.slice()
          for (const [at, bytes] of changes) copy.set(bytes.slice(0, file.length - at), at)
          await check(copy)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('with pieces taken out and put in gives a clear error or a consistent file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.nat(12), piece, async (at, removed, bytes) => {
        await check(Uint8Array.from([...file.subarray(0, at), ...bytes, ...file.subarray(at + removed)]))
      }),
      { numRuns: 300 },
    )
  })
})

describe('made of random parts', () => {
  it('pickles give a clear error or a consistent file', async () => {
    const part = fc.oneof(
      piece,
      fc.constantFrom<Part>(storage('0', 4), tensor(storage('0', 4), [4], [1]), tuple(), list()),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 30 }), async parts => {
        await check(zipFile(pickle(...parts), { '0': floats(1, 2, 3, 4) }))
        await check(legacyFile(pickle(...parts), [['0', 4, floats(1, 2, 3, 4)]]))
      }),
      { numRuns: 2000 },
    )
  })

  it('bytes are refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom([], [0x80, 2], [0x50, 0x4b, 3, 4]),
        async (bytes, start) => {
          expect(await check(Uint8Array.from([...start, ...bytes]))).toBe('refused')
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('made to exhaust the memory', () => {
  const values = { '0': floats(1, 2, 3, 4) }
  const one = storage('0', 4)
  const file = (...parts: Part[]) => zipFile(pickle(...parts), values)
  const times = (count: number, part: (i: number) => Part): Part =>
    Array.from({ length: count }, (_, i) => part(i)).flat()

  it('dictionaries that hold each other 2^40 times', async () => {
    const level = (i: number) => [...dictionary(text('a'), get(i), text('b'), get(i)), ...put(i + 1), op.POP]
    const laughs = [...dictionary(text('a'), int(1)), ...put(0), op.POP, ...times(40, level), ...get(40)]
    await expect(openSource(bytesSource(file(laughs)))).rejects.toThrow(/the same containers come too often/)
  })

  it('the same with tensors in them', async () => {
    const level = (i: number) => [...dictionary(text('a'), get(i), text('b'), get(i)), ...put(i + 1), op.POP]
    const laughs = [...tensor(one, [4], [1]), ...put(0), op.POP, ...times(40, level), ...get(40)]
    expect(await check(file(laughs))).toBe('refused')
  })

  it('a list that becomes a dictionary ten thousand times', async () => {
    const pairs = list(...Array.from({ length: 1000 }, (_, i) => tuple(int(i), int(i))))
    const again = times(10_000, () => call(global('collections', 'OrderedDict'), get(0)))
    await expect(openSource(bytesSource(file([...pairs, ...put(0), op.MARK, ...again, op.LIST])))).rejects.toThrow(
      /come too often/,
    )
  })

  it('a tensor that repeats one value', async () => {
    const of = (count: number) => file(dictionary(text('w'), tensor(one, [count], [0])))
    expect(await check(of(100_000))).toBe('read')
    const { tensors } = await openSource(bytesSource(of(1_000_000)))
    await expect(tensors.get('w')!.read()).rejects.toThrow(/its 1000000 elements are more than 16 times the size/)
  })

  it('tensors of 64 axes', async () => {
    const axes = (size: number) => Array<number>(64).fill(size)
    expect(await check(file(dictionary(text('w'), tensor(one, axes(1), axes(7)))))).toBe('read')
    expect(await check(file(dictionary(text('w'), tensor(one, axes(2), axes(0)))))).toBe('refused')
  })
})
