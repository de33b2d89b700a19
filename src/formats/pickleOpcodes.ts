/**
 * Opcodes of Python's pickle, protocols 2 to 5, by the names of CPython's `Lib/pickle.py` and `Lib/pickletools.py`.
 */

/** Opcodes that are understood: data, containers, the memo, and the four that ask the host for an object. */
export const opcode = {
  MARK: 0x28, // '('
  STOP: 0x2e, // '.'
  POP: 0x30, // '0'
  POP_MARK: 0x31, // '1'
  DUP: 0x32, // '2'
  BINFLOAT: 0x47, // 'G'
  BININT: 0x4a, // 'J'
  BININT1: 0x4b, // 'K'
  BININT2: 0x4d, // 'M'
  NONE: 0x4e, // 'N'
  BINPERSID: 0x51, // 'Q'
  REDUCE: 0x52, // 'R'
  BINSTRING: 0x54, // 'T'
  SHORT_BINSTRING: 0x55, // 'U'
  BINUNICODE: 0x58, // 'X'
  APPEND: 0x61, // 'a'
  BUILD: 0x62, // 'b'
  GLOBAL: 0x63, // 'c'
  APPENDS: 0x65, // 'e'
  BINGET: 0x68, // 'h'
  LONG_BINGET: 0x6a, // 'j'
  LIST: 0x6c, // 'l'
  EMPTY_LIST: 0x5d, // ']'
  EMPTY_TUPLE: 0x29, // ')'
  EMPTY_DICT: 0x7d, // '}'
  DICT: 0x64, // 'd'
  BINPUT: 0x71, // 'q'
  LONG_BINPUT: 0x72, // 'r'
  SETITEM: 0x73, // 's'
  TUPLE: 0x74, // 't'
  SETITEMS: 0x75, // 'u'
  BINBYTES: 0x42, // 'B', protocol 3
  SHORT_BINBYTES: 0x43, // 'C'
  PROTO: 0x80, // protocol 2
  NEWOBJ: 0x81,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  SHORT_BINUNICODE: 0x8c, // protocol 4
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  NEWOBJ_EX: 0x92,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96, // protocol 5
} as const

/** Opcodes that are refused, by name: the text forms of protocol 0, instances of old classes, extension registries. */
export const refusedOpcodes: ReadonlyMap<number, string> = new Map([
  [0x46, 'FLOAT (protocol 0)'],
  [0x49, 'INT (protocol 0)'],
  [0x4c, 'LONG (protocol 0)'],
  [0x50, 'PERSID (protocol 0)'],
  [0x53, 'STRING (protocol 0)'],
  [0x56, 'UNICODE (protocol 0)'],
  [0x67, 'GET (protocol 0)'],
  [0x69, 'INST'],
  [0x6f, 'OBJ'],
  [0x70, 'PUT (protocol 0)'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x8b, 'LONG4 (an int of more than 255 bytes)'],
  [0x97, 'NEXT_BUFFER'],
  [0x98, 'READONLY_BUFFER'],
])
