/** What is no file of `torch.save` is refused; whatever else than data is in one is a word, and nothing is executed. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { opcode as op } from '../../src/formats/pickleOpcodes.ts'
import { PyTorchFileError } from '../../src/formats/pytorch.ts'
import {
  call,
  dictionary,
  floats,
  get,
  global,
  int,
  legacyFile,
  legacyHeader,
  list,
  no,
  none,
  type Part,
  pickle,
  put,
  storage,
  tensor,
  text,
  tuple,
  zipFile,
} from './buildPickle.ts'
import { buildZip } from './buildZip.ts'
import { openBytes, valuesOf } from './openBytes.ts'

const one = storage('0', 4)
const open = (...parts: Part[]) => openBytes(zipFile(pickle(...parts), { '0': floats(1, 2, 3, 4) }), 'x.pth')
/** A file with all that is in it. */
const read = async (...parts: Part[]) => valuesOf(await open(...parts))

describe('a file that is no file of torch.save is refused', () => {
  const data = pickle(dictionary())
  const tar = new Uint8Array(1024)
  tar.set(new TextEncoder().encode('ustar'), 257)
  const entry = (name: string, content: Uint8Array | string = data) => ({
    name,
    data: typeof content === 'string' ? new TextEncoder().encode(content) : content,
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(0), /not a file of weights.*is empty/],
    [
      'a web page',
      new TextEncoder().encode('<!DOCTYPE html><html>'),
      /this one begins "<!DOCTYPE html><": a web page\?/,
    ],
    ['a pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'), /a pointer of Git LFS/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), /compressed with gzip/],
    ['tar', tar, /the tar format of the first versions of PyTorch is not read/],
    ['a plain pickle', data, /a plain pickle, not a file of torch\.save/],
    ['another zip', buildZip([entry('a/b.txt')]), /zip archive with 0 entries NAME\/data\.pkl/],
    ['two pickles', buildZip([entry('a/data.pkl'), entry('b/data.pkl')]), /with 2 entries/],
    ['TorchScript', buildZip([entry('a/data.pkl'), entry('a/constants.pkl')]), /a TorchScript archive/],
    ['TorchScript code', buildZip([entry('a/data.pkl'), entry('a/code/m.py', '')]), /a TorchScript archive/],
    ['big-endian', buildZip([entry('a/data.pkl'), entry('a/byteorder', 'big')]), /byte order "big" is not read/],
    ['big-endian stream', legacyFile(data, [], legacyHeader({ little: false })), /byte order "big" is not read/],
    ['protocol version', legacyFile(data, [], legacyHeader({ protocol: 1002 })), /protocol version 1002 is not read/],
    ['a call where the magic number is', pickle(call(global('os', 'system'))), /"os\.system" where a number/],
  ])('%s', async (_what, file, message) => {
    await expect(openBytes(file, 'x.pth').then(valuesOf)).rejects.toThrow(PyTorchFileError)
    await expect(openBytes(file, 'x.pth').then(valuesOf)).rejects.toThrow(message)
  })
})

describe('nothing is executed', () => {
  it.each([
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'getattr'],
    ['__builtin__', 'exec'],
    ['torch.nn.modules.conv', 'Conv2d'],
    ['__main__', 'Net'],
    ['torch.hub', 'load'],
    ['collections', 'deque'],
    ['globalThis', 'process'],
    ['__proto__', 'toString'],
    ['torch', '__proto__'],
  ])('%s.%s is a word, however it is used', async (module, name) => {
    const named = global(module, name)
    const byStack: Part = [...text(module), ...text(name), op.STACK_GLOBAL]
    const uses: Part[] = [
      named,
      byStack,
      call(named, text('touch executed')),
      [...named, ...tuple(), op.NEWOBJ],
      [...named, ...tuple(), op.EMPTY_DICT, op.NEWOBJ_EX],
      [...call(named), ...dictionary(text('a'), int(1)), op.BUILD],
      [...call(named), ...int(1), op.APPEND],
      [...call(named), op.MARK, ...text('a'), ...int(1), op.SETITEMS],
      call(call(named), int(1)),
    ]
    for (const use of uses) {
      const { tensors, other } = await open(dictionary(text('w'), tensor(one, [4], [1]), text('x'), use))
      expect(other.get('x')).toEqual({ skipped: `${module}.${name}` })
      expect(await tensors.get('w')!.read()).toEqual(Float32Array.of(1, 2, 3, 4))
    }
  })

  it('does not print what a name could do to a terminal', async () => {
    const { other } = await open(dictionary(text('x'), global('\u001b[2J', 'x')))
    expect(other.get('x')).toEqual({ skipped: '"\\u001b[2J.x"' })
  })

  it.each<[string, Part, RegExp]>([
    ['a text', call(text('eval'), text('1')), /cannot call "eval"/],
    ['a tensor', call(tensor(one, [1], [1])), /cannot call tensor/],
    [
      'a text by a rebuild',
      call(global('torch._tensor', '_rebuild_from_type_v2'), text('eval'), none, tuple(), none),
      /expects a function that rebuilds a tensor/,
    ],
    [
      'itself by a rebuild',
      call(
        global('torch._tensor', '_rebuild_from_type_v2'),
        global('torch._tensor', '_rebuild_from_type_v2'),
        none,
        tuple(),
        none,
      ),
      /expects a function that rebuilds a tensor/,
    ],
  ])('calling %s is refused', async (_what, part, message) => {
    await expect(read(part)).rejects.toThrow(PyTorchFileError)
    await expect(read(part)).rejects.toThrow(message)
  })
})

describe('a broken description is refused', () => {
  const rebuild = global('torch._utils', '_rebuild_tensor_v2')
  const w = (part: Part) => dictionary(text('w'), part)
  const big = Number.MAX_SAFE_INTEGER
  const long = (value: number): Part => [op.LONG1, 8, ...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)]
  const raw = (offset: Part, shape: Part, strides: Part) => call(rebuild, one, offset, shape, strides, no, none)

  it.each<[string, Part, RegExp]>([
    [
      'past the end',
      w(tensor(one, [5], [1])),
      /tensor "w": shape \[5\] with strides \[1\] at offset 0 goes past its 4/,
    ],
    ['offset past the end', w(tensor(one, [1], [1], 4)), /goes past its 4 elements/],
    ['stride past the end', w(tensor(one, [2, 2], [3, 1])), /goes past its 4 elements/],
    ['negative offset', w(tensor(one, [1], [1], -1)), /storage offset must be a whole number ≥ 0, got -1/],
    ['negative size', w(tensor(one, [-1], [1])), /size must be up to 64 whole numbers ≥ 0, got -1/],
    ['negative stride', w(tensor(one, [1], [-1])), /stride must be .*, got -1/],
    ['size of text', w(raw(int(0), text('ab'), tuple())), /size must be .*, got "ab"/],
    ['strides for other axes', w(tensor(one, [2, 2], [1])), /1 strides for 2 axes/],
    ['65 axes', w(tensor(one, Array<number>(65).fill(1), Array<number>(65).fill(1))), /got tuple of 65 values/],
    [
      '2^159 elements of stride 0',
      w(raw(int(0), tuple(long(big), long(big), long(big)), tuple(int(0), int(0), int(0)))),
      /too many elements/,
    ],
    [
      '2^53 elements of stride 0',
      w(raw(int(0), tuple(long(big)), tuple(int(0)))),
      /more than 16 times the size of the file/,
    ],
    ['2^30 elements of stride 0', w(tensor(one, [2 ** 30], [0])), /more than 16 times the size of the file/],
    ['no storage', w(call(rebuild, int(1), int(0), tuple(), tuple())), /_rebuild_tensor_v2 expects \(storage, offset/],
    ['no strides', w(call(rebuild, one, int(0), tuple())), /_rebuild_tensor_v2 expects/],
    ['persistent id', w([...text('0'), op.BINPERSID]), /persistent id is not \('storage', .* but "0"/],
    ['negative storage', w(storage('0', -4)), /persistent id is not/],
    [
      'storage of two types',
      list(one, storage('0', 2, 'DoubleStorage')),
      /"0" is both storage of 4 float32 and storage of 2 float64/,
    ],
    ['missing storage', w(tensor(storage('1', 4), [1], [1])), /tensor "w": storage "1" is missing/],
    [
      'storage of another size',
      w(tensor(storage('0', 5), [1], [1])),
      /storage of 5 float32 needs 20 bytes, "data\/0" has 16/,
    ],
    [
      'two tensors of one path',
      dictionary(text('a.b'), tensor(one, [1], [1]), text('a'), dictionary(text('b'), tensor(one, [1], [1]))),
      /tensor "a\.b": two tensors have this path/,
    ],
    [
      'pairs that are none',
      call(global('collections', 'OrderedDict'), list(int(1))),
      /OrderedDict expects pairs, got 1/,
    ],
    ['endless path', dictionary(text('x'.repeat(2000)), int(1)), /path of more than 1024 characters/],
    ['in itself', [op.EMPTY_LIST, ...put(0), ...get(0), op.APPEND], /containers are nested more than 64 deep/],
  ])('%s', async (_what, part, message) => {
    await expect(read(part)).rejects.toThrow(PyTorchFileError)
    await expect(read(part)).rejects.toThrow(message)
  })

  it.each<[string, Uint8Array, RegExp]>([
    [
      'truncated storage',
      legacyFile(pickle(w(tensor(one, [4], [1]))), [['0', 4, floats(1, 2, 3)]]),
      /past the end of the file: truncated\?/,
    ],
    [
      'truncated length',
      legacyFile(pickle(w(tensor(one, [4], [1]))), [['0', 4, floats()]]).subarray(0, -1),
      /truncated\?/,
    ],
    [
      'another length',
      legacyFile(pickle(w(tensor(one, [4], [1]))), [['0', 3, floats(1, 2, 3, 4)]]),
      /has 3 elements, not a storage of 4 float32/,
    ],
    ['a storage of no tensor', legacyFile(pickle(w(int(1))), [['0', 1, floats(1)]]), /"0" belongs to no tensor/],
    [
      'a storage twice',
      legacyFile(pickle(w(tensor(one, [4], [1]))), [
        ['0', 4, floats(1, 2, 3, 4)],
        ['0', 4, floats(1, 2, 3, 4)],
      ]),
      /listed twice/,
    ],
    ['no storage', legacyFile(pickle(w(tensor(one, [4], [1])))), /tensor "w": storage "0" is missing in the file/],
    [
      'view past the storage',
      legacyFile(pickle(storage('0', 4, 'FloatStorage', tuple(text('1'), int(3), int(2))))),
      /view of a storage of 4 is not/,
    ],
  ])('in the old stream: %s', async (_what, file, message) => {
    await expect(openBytes(file, 'x.pth').then(valuesOf)).rejects.toThrow(PyTorchFileError)
    await expect(openBytes(file, 'x.pth').then(valuesOf)).rejects.toThrow(message)
  })

  it('names the tensor in the error', async () => {
    await expect(read(w(tensor(one, [5], [1])))).rejects.toMatchObject({ tensor: 'w' })
  })

  it('tells a damaged tensor from a good one, when it is asked for', async () => {
    const file = readFileSync(new URL('../fixtures/pth/types.zip.pth', import.meta.url))
    const at = file.indexOf(Buffer.from(new Uint8Array(Float64Array.of(-2.5).buffer)))
    file[at] = 1
    await expect(openBytes(file, 'x.pth').then(valuesOf)).rejects.toThrow(
      /tensor "float64": entry ".*\/data\/0" is damaged/,
    )
  })
})
