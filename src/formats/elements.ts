/**
 * The element types of tensors in files, by PyTorch's names: their sizes, their names in each format, and their values
 * as JavaScript numbers.
 *
 * Sources: IEEE 754 (binary16); Micikevicius et al., "FP8 formats for deep learning" (2022), for `e4m3fn` and `e5m2`;
 * Noune et al., "8-bit numerical formats for deep neural networks" (2022), for the `fnuz` types; the OCP Microscaling
 * specification (2023) for `e8m0fnu`.
 */

/** Arrays that hold a tensor's values. */
export type TensorArray =
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

type ArrayType = new (buffer: ArrayBuffer, byteOffset: number, length: number) => TensorArray

/** Properties of an element type. */
interface ElementFacts {
  readonly bytes: 1 | 2 | 4 | 8
  /** Its name in safetensors files. */
  readonly safetensors: string
  /** The class that names it in files of `torch.save`; newer types have no class. */
  readonly storage?: string
  /** The array of its values, or how a type without a JavaScript array is widened. */
  readonly values: ArrayType | FloatFormat | 'powers'
}

/** A floating-point number of at most 16 bits: a sign, an exponent, a fraction. */
interface FloatFormat {
  readonly exponent: number
  readonly fraction: number
  readonly bias: number
  /**
   * Meaning of the largest exponent: infinities and NaN as in IEEE 754; numbers except for one NaN of each sign (`fn`);
   * or only numbers, with the pattern of -0 as NaN (`fnuz`).
   */
  readonly special: 'ieee' | 'fn' | 'fnuz'
}

const elements = {
  float64: { bytes: 8, safetensors: 'F64', storage: 'DoubleStorage', values: Float64Array },
  float32: { bytes: 4, safetensors: 'F32', storage: 'FloatStorage', values: Float32Array },
  float16: {
    bytes: 2,
    safetensors: 'F16',
    storage: 'HalfStorage',
    values: { exponent: 5, fraction: 10, bias: 15, special: 'ieee' },
  },
  bfloat16: {
    bytes: 2,
    safetensors: 'BF16',
    storage: 'BFloat16Storage',
    values: { exponent: 8, fraction: 7, bias: 127, special: 'ieee' },
  },
  float8_e4m3fn: {
    bytes: 1,
    safetensors: 'F8_E4M3',
    values: { exponent: 4, fraction: 3, bias: 7, special: 'fn' },
  },
  float8_e5m2: {
    bytes: 1,
    safetensors: 'F8_E5M2',
    values: { exponent: 5, fraction: 2, bias: 15, special: 'ieee' },
  },
  float8_e4m3fnuz: {
    bytes: 1,
    safetensors: 'F8_E4M3FNUZ',
    values: { exponent: 4, fraction: 3, bias: 8, special: 'fnuz' },
  },
  float8_e5m2fnuz: {
    bytes: 1,
    safetensors: 'F8_E5M2FNUZ',
    values: { exponent: 5, fraction: 2, bias: 16, special: 'fnuz' },
  },
  float8_e8m0fnu: { bytes: 1, safetensors: 'F8_E8M0', values: 'powers' },
  int64: { bytes: 8, safetensors: 'I64', storage: 'LongStorage', values: BigInt64Array },
  int32: { bytes: 4, safetensors: 'I32', storage: 'IntStorage', values: Int32Array },
  int16: { bytes: 2, safetensors: 'I16', storage: 'ShortStorage', values: Int16Array },
  int8: { bytes: 1, safetensors: 'I8', storage: 'CharStorage', values: Int8Array },
  uint64: { bytes: 8, safetensors: 'U64', values: BigUint64Array },
  uint32: { bytes: 4, safetensors: 'U32', values: Uint32Array },
  uint16: { bytes: 2, safetensors: 'U16', values: Uint16Array },
  uint8: { bytes: 1, safetensors: 'U8', storage: 'ByteStorage', values: Uint8Array },
  bool: { bytes: 1, safetensors: 'BOOL', storage: 'BoolStorage', values: Uint8Array },
} as const satisfies Record<string, ElementFacts>

/** An element type that is read, by PyTorch's name. */
export type ElementType = keyof typeof elements

/** Every element type that is read. */
export const elementTypes: Readonly<Record<ElementType, ElementFacts>> = elements

/** True for the name of a type that is read. */
export const isElementType = (name: string): name is ElementType => Object.hasOwn(elements, name)

/**
 * The values of consecutive elements, little-endian. Floating-point types of 8 and 16 bits are widened to
 * `Float32Array`, exactly; `bool` gives 0 and 1 in a `Uint8Array`; every other type has its own array, which holds
 * `bigint`s for 64-bit integers. Shares memory with the bytes where alignment allows.
 */
export function elementValues(type: ElementType, bytes: Uint8Array): TensorArray {
  const { bytes: size, values } = elementTypes[type]
  if (typeof values !== 'function') return widen(bytes, size, floatsOf(type, values))
  const { buffer, byteOffset, length } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new values(buffer as ArrayBuffer, byteOffset, length / size)
}

/**
 * Values as numbers: 64-bit integers become float64, everything else stays as it is.
 * @throws RangeError for an integer beyond ±2^53 that float64 cannot hold.
 */
export function exactNumbers(values: TensorArray): Exclude<TensorArray, BigInt64Array | BigUint64Array> {
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) return values
  const numbers = Float64Array.from(values, Number)
  for (const [i, number] of numbers.entries())
    if (BigInt(number) !== values[i]) throw new RangeError(`the integer ${values[i]} at ${i} needs more than 53 bits`)
  return numbers
}

/** The element type of an array's values. @throws TypeError when it is not an array of numbers. */
export function elementTypeOf(values: TensorArray): ElementType {
  for (const [type, { values: array }] of Object.entries(elementTypes))
    if (typeof array === 'function' && values instanceof array) return type as ElementType
  throw new TypeError('values must be a typed array')
}

/** Numbers of 8 or 16 bits, looked up in the table of all of them. */
function widen(bytes: Uint8Array, size: number, table: Float32Array): Float32Array {
  if (size === 1) return Float32Array.from(bytes, bits => table[bits]!)
  const values = new Float32Array(bytes.length / 2)
  for (let i = 0; i < values.length; i++) values[i] = table[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!
  return values
}

/** The values of all bit patterns of a type, made when first used: 256 KiB for 16 bits. */
const tables = new Map<ElementType, Float32Array>()

function floatsOf(type: ElementType, format: FloatFormat | 'powers'): Float32Array {
  let table = tables.get(type)
  if (!table) {
    const decode = format === 'powers' ? powerOfTwo : (bits: number) => decodeFloat(bits, format)
    table = Float32Array.from({ length: 256 ** elementTypes[type].bytes }, (_, bits) => decode(bits))
    tables.set(type, table)
  }
  return table
}

/** ±(1 + fraction) · 2^(exponent − bias); where the exponent's bits are 0, without the 1 and with exponent 1. */
function decodeFloat(pattern: number, { exponent, fraction, bias, special }: FloatFormat): number {
  const sign = pattern >> (exponent + fraction) ? -1 : 1
  const power = (pattern >> fraction) & (2 ** exponent - 1)
  const digits = pattern & (2 ** fraction - 1)
  const isTop = power === 2 ** exponent - 1
  if (special === 'ieee' && isTop) return digits ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (special === 'fn' && isTop && digits === 2 ** fraction - 1) return Number.NaN
  if (special === 'fnuz' && pattern === 2 ** (exponent + fraction)) return Number.NaN
  const whole = power === 0 ? digits : 2 ** fraction + digits
  return sign * whole * 2 ** (Math.max(power, 1) - bias - fraction)
}

/** An exponent alone, used for scales; the last pattern is NaN. */
const powerOfTwo = (bits: number) => (bits === 255 ? Number.NaN : 2 ** (bits - 127))
