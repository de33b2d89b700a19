/** What is no file of `torch.save`, or holds more than data, is refused with the name of what was refused. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PyTorchFileError, readPyTorch } from '../../src/formats/index.ts'
import { opcode as op } from '../../src/formats/pickleOpcodes.ts'
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

const one = storage('0', 4)
const read = (...parts: Part[]) => readPyTorch(zipFile(pickle(...parts), { '0': floats(1, 2, 3, 4) }), 'x.pth')

describe('a file that is no file of torch.save is refused', () => {
  const data = pickle(dictionary())
  const tar = new Uint8Array(1024)
  tar.set(new TextEncoder().encode('ustar'), 257)
  const entry = (name: string, content: Uint8Array | string = data) => ({
    name,
    data: typeof content === 'string' ? new TextEncoder().encode(content) : content,
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(0), /not a file of torch\.save.*is empty/],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html><html>'), /this one begins "<!DOCTYPE html><"/],
    ['safetensors', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d), /a safetensors file\?/],
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
  ])('%s', (_what, file, message) => {
    expect(() => readPyTorch(file, 'x.pth')).toThrow(PyTorchFileError)
    expect(() => readPyTorch(file, 'x.pth')).toThrow(message)
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
    ['', 'constructor'],
    ['__proto__', 'toString'],
    ['torch', '__proto__'],
  ])('%s.%s is refused by name, even where nothing calls it', (module, name) => {
    expect(() => read(dictionary(text('w'), global(module, name)))).toThrow(`x.pth: refuses ${module}.${name}: `)
    const byStack: Part = [...text(module), ...text(name), op.STACK_GLOBAL]
    expect(() => read(byStack)).toThrow(`x.pth: refuses ${module}.${name}: `)
  })

  it('says what to do about whole modules', () => {
    expect(() => read(global('torch.nn.modules.linear', 'Linear'))).toThrow(
      'x.pth: refuses torch.nn.modules.linear.Linear: whole pickled modules execute code; save model.state_dict() instead',
    )
  })

  it('does not print what a name could do to a terminal', () => {
    expect(() => read(global('\u001b[2J', 'x'))).toThrow('refuses "\\u001b[2J.x"')
  })

  it.each<[string, Part, RegExp]>([
    ['a text', call(text('eval'), text('1')), /cannot call "eval"/],
    ['a type of storage', call(global('torch', 'FloatStorage'), int(3)), /cannot call torch\.FloatStorage/],
    ['a tensor', call(tensor(one, [1], [1])), /cannot call tensor/],
    [
      'a function by a rebuild',
      call(global('torch._tensor', '_rebuild_from_type_v2'), global('collections', 'OrderedDict'), none, tuple(), none),
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
  ])('calling %s is refused', (_what, part, message) => {
    expect(() => read(part)).toThrow(PyTorchFileError)
    expect(() => read(part)).toThrow(message)
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
    [
      'parameter of a text',
      w(call(global('torch._utils', '_rebuild_parameter'), text('a'))),
      /expects a tensor, got "a"/,
    ],
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
  ])('%s', (_what, part, message) => {
    expect(() => read(part)).toThrow(PyTorchFileError)
    expect(() => read(part)).toThrow(message)
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
  ])('in the old stream: %s', (_what, file, message) => {
    expect(() => readPyTorch(file, 'x.pth')).toThrow(PyTorchFileError)
    expect(() => readPyTorch(file, 'x.pth')).toThrow(message)
  })

  it('names the tensor in the error', () => {
    try {
      read(w(tensor(one, [5], [1])))
      expect.unreachable()
    } catch (error) {
      expect((error as PyTorchFileError).tensor).toBe('w')
    }
  })

  it('tells a damaged file from a good one', () => {
    const file = readFileSync(new URL('../fixtures/pth/types.zip.pth', import.meta.url))
    const at = file.indexOf(Buffer.from(new Uint8Array(Float64Array.of(-2.5).buffer)))
    file[at] = 1
    expect(() => readPyTorch(file, 'x.pth')).toThrow(/tensor "float64": entry ".*\/data\/0" is damaged/)
  })
})
