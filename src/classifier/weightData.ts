/**
 * Weights in fewer bytes: half precision, or 8-bit integers with a scale for each output channel. Only weights of two
 * or more axes are stored this way; biases and statistics are few, and an error in them would affect every output.
 *
 * Sources: IEEE 754 (binary16); Jacob et al., "Quantization and training of neural networks for efficient
 * integer-arithmetic-only inference" (2018), for symmetric scales per channel, −127 … 127.
 */
import type { SafetensorsInput } from '../formats/safetensors.ts'
import { type Shape, sizeOf } from '../graph/shape.ts'
import { ClassifierError } from './errors.ts'

/** How weights are stored. */
export const weightTypes = ['float32', 'float16', 'int8'] as const

/** A way to store weights. */
export type WeightType = (typeof weightTypes)[number]

/** The name of the scales of an integer tensor. A path of a model has no colon. */
export const scaleName = (name: string): string => `${name}:scale`

/**
 * A tensor as it is written: one entry, or two where it has scales.
 * @throws ClassifierError for what half precision cannot hold.
 */
export function encodeWeights(
  name: string,
  shape: Shape,
  values: Float32Array,
  type: WeightType,
): (readonly [string, SafetensorsInput])[] {
  if (type === 'float32' || shape.length < 2) return [[name, { shape, values }]]
  if (type === 'float16') return [[name, { shape, dtype: 'F16', bytes: halves(name, values) }]]
  const { integers, scales } = quantize(name, shape, values)
  return [
    [name, { shape, values: integers }],
    [scaleName(name), { shape: [shape[0]], values: scales }],
  ]
}

/** Integers times the scale of their output channel. */
export function dequantize(shape: Shape, integers: ArrayLike<number>, scales: ArrayLike<number>): Float32Array {
  const perChannel = sizeOf(shape) / shape[0]
  return Float32Array.from({ length: integers.length }, (_, k) => integers[k] * scales[Math.floor(k / perChannel)])
}

function quantize(
  name: string,
  shape: Shape,
  values: Float32Array,
): { readonly integers: Int8Array; readonly scales: Float32Array } {
  const perChannel = sizeOf(shape) / shape[0]
  const scales = new Float32Array(shape[0])
  const integers = new Int8Array(values.length)
  for (let channel = 0; channel < shape[0]; channel++) {
    const row = values.subarray(channel * perChannel, (channel + 1) * perChannel)
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    if (!Number.isFinite(largest)) throw new ClassifierError(`${name}: holds NaN or infinite values, which int8 cannot`)
    scales[channel] = largest / 127
    if (scales[channel] === 0) continue
    row.forEach((value, k) => {
      integers[channel * perChannel + k] = Math.max(-127, Math.min(127, Math.round(value / scales[channel])))
    })
  }
  return { integers, scales }
}

/** Bytes of numbers in half precision, little-endian. */
function halves(name: string, values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(2 * values.length)
  const view = new DataView(bytes.buffer)
  for (const [k, value] of values.entries()) {
    const bits = toHalf(value)
    if ((bits & 0x7fff) === 0x7c00 && Number.isFinite(value)) {
      throw new ClassifierError(`${name}: ${value} is more than float16 holds (65504): store the weights as float32`)
    }
    view.setUint16(2 * k, bits, true)
  }
  return bytes
}

const bitsOf = new DataView(new ArrayBuffer(4))

/** The nearest number of half precision, ties to even, as its 16 bits. */
export function toHalf(value: number): number {
  bitsOf.setFloat32(0, value)
  const bits = bitsOf.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  // NaN; its payload is not kept.
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520 and more, halfway to what would be next, are infinite.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below 2^-14 the spacing stays 2^-24.
  if (magnitude < 0x38800000) return sign | roundHalfEven(Math.abs(Math.fround(value)) * 2 ** 24)
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

function roundHalfEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}
