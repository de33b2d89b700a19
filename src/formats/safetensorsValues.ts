/** A tensor of a safetensors file and the numbers in its bytes, for every element type of the format. */

/** Arrays that hold a tensor's values; the constructor decides the type in the file. */
export type SafetensorsArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Element types that are read and written, with their size in bytes. */
export const safetensorsTypes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const satisfies Record<string, number>

/** `F32`, `I64`, … */
export type SafetensorsType = keyof typeof safetensorsTypes

/** One tensor of a file: its bytes as they lie there, see {@link tensorValues} for numbers. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsType
  /** Sizes of the axes, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[]
  /** A view of the file, not a copy; may be unaligned. */
  readonly bytes: Uint8Array
}

/**
 * The numbers of a tensor, row-major. `F16` and `BF16` are widened to `Float32Array` (exactly), `BOOL` gives 0 and 1 in
 * a `Uint8Array`, every other type its own array. Shares memory with the file where alignment allows.
 */
export function tensorValues(tensor: SafetensorsTensor): SafetensorsArray {
  const { dtype, bytes } = tensor
  if (dtype === 'U8' || dtype === 'BOOL') return bytes
  if (dtype === 'F16') return widen(bytes, halfBits())
  if (dtype === 'BF16') return widen(bytes)
  const size = safetensorsTypes[dtype]
  const { buffer, byteOffset, length } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new safetensorsArrays[dtype](buffer as ArrayBuffer, byteOffset, length / size)
}

/** The numbers of a tensor of any type as `Float32Array`, rounded where 32 bits do not hold them. */
export function tensorFloats(tensor: SafetensorsTensor): Float32Array {
  const values = tensorValues(tensor)
  if (values instanceof Float32Array) return values
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return Float32Array.from(values, Number)
  return Float32Array.from(values)
}

/** The array of each type that JavaScript has an array for. */
export const safetensorsArrays = {
  I8: Int8Array,
  I16: Int16Array,
  U16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F64: Float64Array,
} as const

/** 16-bit numbers as f32, by a table of bit patterns, or as the upper half of the f32 (bfloat16). */
function widen(bytes: Uint8Array, table?: Uint32Array): Float32Array {
  const values = new Float32Array(bytes.length / 2)
  const bits = new Uint32Array(values.buffer)
  for (let i = 0; i < bits.length; i++) {
    const half = bytes[2 * i]! | (bytes[2 * i + 1]! << 8)
    bits[i] = table ? table[half]! : half << 16
  }
  return values
}

let halves: Uint32Array | undefined

/** The f32 bit pattern of each of the 65,536 numbers of binary16; made when first used, 256 KiB. */
function halfBits(): Uint32Array {
  if (!halves) {
    const values = Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToFloat(bits))
    halves = new Uint32Array(values.buffer)
  }
  return halves
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}
