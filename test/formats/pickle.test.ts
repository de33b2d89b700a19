/** The pickle reader: every opcode that is data, none that is not, and its limits. */
import { describe, expect, it } from 'vitest'
import {
  maxPickleBytes,
  maxPickleObjects,
  maxPickleStack,
  type PickleHost,
  unpickle,
} from '../../src/formats/pickle.ts'
import { PickleError } from '../../src/formats/pickleBytes.ts'
import { opcode as op, refusedOpcodes } from '../../src/formats/pickleOpcodes.ts'
import {
  describeValue,
  PickleDictionary,
  PickleObject,
  PickleSequence,
  type PickleValue,
} from '../../src/formats/pickleValues.ts'
import {
  call,
  dictionary,
  get,
  global,
  int,
  list,
  none,
  oldText,
  type Part,
  pickle,
  put,
  text,
  tuple,
} from './buildPickle.ts'

class Named extends PickleObject {
  override readonly description: string
  constructor(description: string) {
    super()
    this.description = description
  }
}

/** Says what it was asked. */
const host: PickleHost = {
  global: (module, name) => new Named(`${module}.${name}`),
  call: (callee, args) => new Named(`${describeValue(callee)}(${args.map(describeValue).join(', ')})`),
  persistent: id => new Named(`#${describeValue(id)}`),
}

const read = (...parts: Part[]) => plain(unpickle(pickle(...parts), host).value)

/** A value in a form that reads well in a test. */
function plain(value: PickleValue): unknown {
  if (value instanceof PickleSequence) return { [value.kind]: value.items.map(plain) }
  if (value instanceof PickleDictionary)
    return new Map([...value.entries].map(([key, item]) => [plain(key), plain(item)]))
  return value instanceof PickleObject ? value.description : value
}

const length8 = (length: number): Part => [length, 0, 0, 0, 0, 0, 0, 0]

describe('opcodes', () => {
  it.each<[string, Part, unknown]>([
    ['NONE', [op.NONE], null],
    ['NEWTRUE', [op.NEWTRUE], true],
    ['NEWFALSE', [op.NEWFALSE], false],
    ['BININT', [op.BININT, 0xfe, 0xff, 0xff, 0xff], -2],
    ['BININT1', [op.BININT1, 200], 200],
    ['BININT2', [op.BININT2, 1, 2], 513],
    ['LONG1 of nothing', [op.LONG1, 0], 0],
    ['LONG1 below zero', [op.LONG1, 2, 0, 0xff], -256],
    ['LONG1 of 2^63', [op.LONG1, 9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0], 2n ** 63n],
    ['BINFLOAT, big-endian', [op.BINFLOAT, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0], -1.5],
    ['BINUNICODE', text('zwölf 数'), 'zwölf 数'],
    ['BINUNICODE with a byte order mark', text('\ufeffx'), '\ufeffx'],
    ['SHORT_BINUNICODE', [op.SHORT_BINUNICODE, 1, 0x61], 'a'],
    ['BINUNICODE8', [op.BINUNICODE8, ...length8(1), 0x61], 'a'],
    ['SHORT_BINSTRING in UTF-8', oldText(0xc3, 0xbc), 'ü'],
    ['SHORT_BINSTRING in Latin-1', oldText(0xfc, 0x62), 'üb'],
    ['BINSTRING', [op.BINSTRING, 1, 0, 0, 0, 0x61], 'a'],
    ['BINBYTES', [op.BINBYTES, 2, 0, 0, 0, 1, 2], Uint8Array.of(1, 2)],
    ['SHORT_BINBYTES', [op.SHORT_BINBYTES, 1, 255], Uint8Array.of(255)],
    ['BINBYTES8', [op.BINBYTES8, ...length8(1), 7], Uint8Array.of(7)],
    ['BYTEARRAY8', [op.BYTEARRAY8, ...length8(1), 7], Uint8Array.of(7)],
    ['EMPTY_TUPLE', [op.EMPTY_TUPLE], { tuple: [] }],
    ['TUPLE1', [...int(1), op.TUPLE1], { tuple: [1] }],
    ['TUPLE2', [...int(1), ...int(2), op.TUPLE2], { tuple: [1, 2] }],
    ['TUPLE3', [...int(1), ...int(2), ...none, op.TUPLE3], { tuple: [1, 2, null] }],
    ['TUPLE', tuple(int(1), int(2), int(3), int(4)), { tuple: [1, 2, 3, 4] }],
    ['EMPTY_LIST', [op.EMPTY_LIST], { list: [] }],
    ['APPEND', [op.EMPTY_LIST, ...int(1), op.APPEND], { list: [1] }],
    ['APPENDS', list(int(1), list(int(2))), { list: [1, { list: [2] }] }],
    ['LIST', [op.MARK, ...int(1), op.LIST], { list: [1] }],
    ['EMPTY_SET, ADDITEMS', [op.EMPTY_SET, op.MARK, ...int(1), op.ADDITEMS], { set: [1] }],
    ['FROZENSET', [op.MARK, ...int(1), op.FROZENSET], { frozenset: [1] }],
    ['EMPTY_DICT', [op.EMPTY_DICT], new Map()],
    ['SETITEM', [op.EMPTY_DICT, ...text('a'), ...int(1), op.SETITEM], new Map([['a', 1]])],
    [
      'SETITEMS',
      dictionary(text('a'), int(1), text('__proto__'), int(2)),
      new Map([
        ['a', 1],
        ['__proto__', 2],
      ]),
    ],
    ['DICT', [op.MARK, ...text('a'), ...none, op.DICT], new Map([['a', null]])],
    ['POP', [...int(1), ...int(2), op.POP], 1],
    ['POP of a mark', [...int(1), op.MARK, op.POP], 1],
    ['POP_MARK', [...int(1), op.MARK, ...int(2), ...int(3), op.POP_MARK], 1],
    ['DUP', [...int(1), op.DUP, op.TUPLE2], { tuple: [1, 1] }],
    ['BINPUT, BINGET', [...int(7), op.BINPUT, 3, op.BINGET, 3, op.TUPLE2], { tuple: [7, 7] }],
    ['LONG_BINPUT, LONG_BINGET', [...int(7), ...put(2 ** 31 - 1), ...get(2 ** 31 - 1), op.TUPLE2], { tuple: [7, 7] }],
    ['MEMOIZE', [...int(5), op.MEMOIZE, ...int(6), op.MEMOIZE, op.BINGET, 0, op.TUPLE3], { tuple: [5, 6, 5] }],
    ['FRAME', [op.FRAME, ...length8(2), ...int(5)], 5],
    ['GLOBAL', global('torch._utils', '_rebuild_tensor'), 'torch._utils._rebuild_tensor'],
    ['STACK_GLOBAL', [...text('a.b'), ...text('c'), op.STACK_GLOBAL], 'a.b.c'],
    ['REDUCE', call(global('a', 'b'), int(1), text('x')), 'a.b(1, "x")'],
    ['NEWOBJ', [...global('a', 'b'), op.EMPTY_TUPLE, op.NEWOBJ], 'a.b()'],
    ['BUILD', [...global('a', 'b'), ...dictionary(text('x'), int(1)), op.BUILD], 'a.b'],
    ['BINPERSID', [...text('key'), op.BINPERSID], '#"key"'],
  ])('%s', (_name, part, expected) => {
    expect(read(part)).toEqual(expected)
  })

  it('reads a list that contains itself', () => {
    const { value } = unpickle(pickle([op.EMPTY_LIST], put(0), get(0), [op.APPEND]), host)
    expect((value as PickleSequence).items[0]).toBe(value)
  })

  it('says where the next pickle begins', () => {
    const first = pickle(int(1))
    const file = Uint8Array.from([...first, ...pickle(int(2))])
    expect(unpickle(file, host)).toEqual({ value: 1, end: first.length })
    expect(unpickle(file, host, first.length).value).toBe(2)
  })
})

describe('a broken pickle is refused', () => {
  it.each<[string, Part, RegExp]>([
    ['nothing on the stack', [], /stack is empty/],
    ['POP of nothing', [op.POP], /stack is empty/],
    ['a value below the mark', [...int(1), op.MARK, op.TUPLE1], /stack is empty/],
    ['no mark', [...int(1), op.TUPLE], /no mark/],
    ['text past the end', [op.BINUNICODE, 255, 255, 255, 255], /4294967295 bytes expected, 1 left: truncated\?/],
    ['text of 2^64 bytes', [op.BINUNICODE8, ...Array<number>(8).fill(255)], /truncated\?/],
    ['bytes past the end', [op.BINBYTES, 9, 0, 0, 0, 1], /9 bytes expected/],
    ['text that is not UTF-8', [op.BINUNICODE, 1, 0, 0, 0, 0xff], /not UTF-8/],
    ['name that is not UTF-8', [op.GLOBAL, 0xff, 0x0a, 0x0a], /not UTF-8/],
    ['endless name', [op.GLOBAL, ...Array<number>(2000).fill(0x61)], /name of more than 1024 bytes/],
    ['memo that is not set', get(4), /memo 4 is not set/],
    ['memo of nothing', put(4), /stack is empty/],
    ['append to a tuple', [op.EMPTY_TUPLE, ...int(1), op.APPEND], /expected a list, got .*tuple of 0 values/],
    ['append to a set', [op.EMPTY_SET, ...int(1), op.APPEND], /expected a list, got .*set of 0 values/],
    [
      'item of a list',
      [op.EMPTY_LIST, ...int(1), ...int(2), op.SETITEM],
      /expected a dictionary, got .*list of 0 values/,
    ],
    ['key without value', [op.EMPTY_DICT, op.MARK, ...int(1), op.SETITEMS], /key without a value/],
    ['arguments that are no tuple', [...global('a', 'b'), ...int(1), op.REDUCE], /must be a tuple, got 1/],
    ['global named by a number', [...text('a'), ...int(1), op.STACK_GLOBAL], /name is not text/],
    ['attributes of a number', [...int(1), op.EMPTY_DICT, op.BUILD], /1 has no attributes/],
    ['protocol 6', [op.PROTO, 6], /protocol 6 is newer/],
    ['no opcode', [0xff], /byte 2: 0xff is not an opcode/],
  ])('%s', (_what, part, message) => {
    expect(() => read(part)).toThrow(PickleError)
    expect(() => read(part)).toThrow(message)
  })

  it('cut anywhere', () => {
    const whole = pickle(dictionary(text('a'), call(global('b', 'c'), int(1)), text('d'), list(int(2), none)))
    for (let length = 0; length < whole.length; length++)
      expect(() => unpickle(whole.subarray(0, length), host)).toThrow(/truncated\?/)
  })

  it('with opcodes that are refused, by name', () => {
    for (const [code, name] of refusedOpcodes)
      expect(() => read(none, none, [code])).toThrow(`opcode ${name} is not read`)
    expect(() => read([0x69, 0x6f, 0x73, 0x0a])).toThrow('opcode INST is not read')
  })

  it('knows every opcode of protocols 0 to 5 once', () => {
    const known = [...Object.values(op), ...refusedOpcodes.keys()]
    expect(new Set(known).size).toBe(known.length)
    expect(known.length).toBe(68) // `len(pickletools.opcodes)` in Python 3.11
  })
})

describe('limits', () => {
  /** A pickle of some opcodes, and another that comes many times. */
  const repeated = (count: number, code: number, ...before: number[]) => {
    const bytes = new Uint8Array(3 + before.length + count).fill(code)
    bytes.set([op.PROTO, 2, ...before])
    bytes[bytes.length - 1] = op.STOP
    return bytes
  }
  const long = new Uint8Array(maxPickleBytes + 100)
  long.set([op.PROTO, 2, op.BINBYTES, ...new Uint8Array(Uint32Array.of(maxPickleBytes).buffer)])

  it.each<[string, Uint8Array, RegExp]>([
    ['values on the stack', repeated(maxPickleStack + 1, op.NONE), /more than 1000000 values on the stack/],
    ['marks', repeated(maxPickleStack + 1, op.MARK), /more than 1000000 open marks/],
    ['objects', repeated(maxPickleObjects, op.TUPLE1, op.NONE, op.TUPLE1), /more than 1000000 objects/],
    ['memo', repeated(maxPickleObjects + 1, op.MEMOIZE, op.NONE), /more than 1000000 objects/],
    ['bytes', long, /larger than the description of any model/],
  ])('%s', (_what, bytes, message) => {
    expect(() => unpickle(bytes, host)).toThrow(message)
  })

  it('reads a hundred thousand nested tuples without recursion', () => {
    let { value } = unpickle(
      Uint8Array.from([...[op.PROTO, 2, op.NONE], ...Array<number>(1e5).fill(op.TUPLE1), op.STOP]),
      host,
    )
    let depth = 0
    for (; value instanceof PickleSequence; depth++) value = value.items[0]!
    expect(depth).toBe(1e5)
  })
})
