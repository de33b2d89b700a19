/** The bytes of instructions by their names, looked up once for each instruction of a module. */
import { ByteWriter } from './bytes.ts'
import { type Longer, longer, longerName, memory, plain, simd } from './opcodes.ts'

/** Names of instructions without immediates. */
export type Operation = keyof typeof plain | keyof typeof simd | Longer<keyof typeof simd>

/** Names of loads and stores. */
export type Access = keyof typeof memory | Longer<keyof typeof memory>

/** A load or store. */
interface AccessEncoding {
  readonly bytes: Uint8Array
  /** The alignment that it promises, log₂ bytes. */
  readonly align: number
}

/** The bytes of an instruction without immediates. */
export const encodingOf = (name: string): Uint8Array =>
  operations.get(name) ?? (longerOperations().get(name) as Uint8Array)

/** The bytes of a load or store before its alignment and offset. */
export const accessOf = (name: Access): AccessEncoding =>
  accesses.get(name) ?? (longerAccesses().get(name) as AccessEncoding)

const operations = new Map<string, Uint8Array>([
  ...Object.entries(plain).map(([name, code]) => [name, Uint8Array.of(code)] as const),
  ...Object.entries(simd).map(([name, code]) => [name, encode(true, code)] as const),
])

const accesses = new Map<string, AccessEncoding>(
  Object.entries(memory).map(([name, { code, simd, align }]) => [name, { bytes: encode(simd, code), align }]),
)

/** Those on longer vectors, which only native code has. */
const longerOperations = once(() =>
  onLonger(simd).map(([name, code, step]) => [name, encode(true, code + step)] as const),
)
const longerAccesses = once(() =>
  onLonger(memory).map(([name, { code, simd, align }, step]) => {
    return [name, { bytes: encode(simd, code + step), align }] as const
  }),
)

/** The entries of a table by their names on vectors of 8 and 16 lanes, with what is added to their opcodes. */
function onLonger<T>(table: Readonly<Record<string, T>>): (readonly [name: string, entry: T, step: number])[] {
  return [1, 2].flatMap(length =>
    Object.entries(table).map(([name, entry]) => [longerName(name, length), entry, length * longer.step] as const),
  )
}

/** A map that is made when it is first asked. */
function once<V>(make: () => readonly (readonly [string, V])[]): () => ReadonlyMap<string, V> {
  let map: ReadonlyMap<string, V> | undefined
  return () => {
    map ??= new Map(make())
    return map
  }
}

/** An opcode, behind the prefix of vectors if it is one of them. */
function encode(isVector: boolean, code: number): Uint8Array {
  const bytes = new ByteWriter(4)
  return (isVector ? bytes.byte(0xfd) : bytes).unsigned(code).written
}
