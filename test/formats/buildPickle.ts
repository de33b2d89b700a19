/** Pickles assembled by hand, and files of `torch.save` around them: material for the tests of the readers. */
import { opcode as op } from '../../src/formats/pickleOpcodes.ts'
import { buildZip } from './buildZip.ts'

/** Part of a pickle. */
export type Part = readonly number[]

/** A whole pickle: protocol 2, the parts, STOP. */
export const pickle = (...parts: Part[]): Uint8Array => Uint8Array.from([op.PROTO, 2, ...parts.flat(), op.STOP])

/** Pushes a text. */
export const text = (value: string): Part => {
  const bytes = new TextEncoder().encode(value)
  return [op.BINUNICODE, ...little(bytes.length, 4), ...bytes]
}

/** Pushes a `str` of Python 2. */
export const oldText = (...bytes: number[]): Part => [op.SHORT_BINSTRING, bytes.length, ...bytes]

/** Pushes an int of 32 bits. */
export const int = (value: number): Part => [op.BININT, ...little(value, 4)]

/** Pushes a global. */
export const global = (module: string, name: string): Part => [
  op.GLOBAL,
  ...new TextEncoder().encode(`${module}\n${name}\n`),
]

/** Pushes a tuple. */
export const tuple = (...items: Part[]): Part => [op.MARK, ...items.flat(), op.TUPLE]

/** Pushes a list. */
export const list = (...items: Part[]): Part => [op.EMPTY_LIST, op.MARK, ...items.flat(), op.APPENDS]

/** Pushes a dictionary of keys and values in turn. */
export const dictionary = (...items: Part[]): Part => [op.EMPTY_DICT, op.MARK, ...items.flat(), op.SETITEMS]

/** Pushes the result of a call. */
export const call = (callee: Part, ...args: Part[]): Part => [...callee, ...tuple(...args), op.REDUCE]

/** Stores the top of the stack in the memo. */
export const put = (index: number): Part => [op.LONG_BINPUT, ...little(index, 4)]

/** Pushes what the memo holds. */
export const get = (index: number): Part => [op.LONG_BINGET, ...little(index, 4)]

/** `True`, `False`, `None`. */
export const yes: Part = [op.NEWTRUE]
export const no: Part = [op.NEWFALSE]
export const none: Part = [op.NONE]

/** Pushes a storage. */
export const storage = (key: string, length: number, type = 'FloatStorage', ...more: Part[]): Part => [
  ...tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(length), ...more),
  op.BINPERSID,
]

/** Pushes a tensor. */
export const tensor = (of: Part, shape: number[], strides: number[], offset = 0): Part =>
  call(
    global('torch._utils', '_rebuild_tensor_v2'),
    of,
    int(offset),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    no,
    call(global('collections', 'OrderedDict')),
  )

/** A file in the zip format, with storages of given bytes. */
export function zipFile(data: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const entries = Object.entries(storages).map(([key, bytes]) => ({ name: `a/data/${key}`, data: bytes }))
  return buildZip([{ name: 'a/data.pkl', data }, ...entries])
}

/** The pickles before the objects in the stream of old files. */
export const legacyHeader = ({ protocol = 1001, little: isLittle = true } = {}): number[] => [
  ...pickle([op.LONG1, 10, ...little(0x1950a86a20f9469cfc6cn, 10)]),
  ...pickle(int(protocol)),
  ...pickle(dictionary(text('protocol_version'), int(1001), text('little_endian'), isLittle ? yes : no)),
]

/** A file in the old stream format: storages are given with their number of elements. */
export function legacyFile(
  data: Uint8Array,
  storages: readonly (readonly [key: string, length: number, bytes: Uint8Array])[] = [],
  header: readonly number[] = legacyHeader(),
): Uint8Array {
  const keys = pickle(list(...storages.map(([key]) => text(key))))
  return Uint8Array.from([
    ...header,
    ...data,
    ...keys,
    ...storages.flatMap(([, length, bytes]) => [...little(length, 8), ...bytes]),
  ])
}

/** Bytes of float32 numbers. */
export const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)

const little = (value: number | bigint, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))
