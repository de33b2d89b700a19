/** From a tensor's description and its storage to numbers: bounds, strides, element types. */
import { describeValue, PickleSequence, type PickleValue } from './pickleValues.ts'
import type { PyTorchArchive } from './pytorchArchive.ts'
import { type PyTorchArray, type PyTorchTensor, type PyTorchType, pytorchTypes } from './pytorchFile.ts'
import { isSize, type TensorReference } from './pytorchGlobals.ts'
import { tensorValues } from './safetensorsValues.ts'

/** Thrown for a tensor that does not fit its storage or cannot be represented. */
export class TensorError extends Error {
  override readonly name = 'TensorError'
}

/** Most axes that PyTorch allows. */
const maxRank = 64

/**
 * Makes the tensors of one file. What it copies is limited to 16 times the file: a stride of 0 repeats values without
 * end, and a hundred tensors may be views of one storage.
 */
export class TensorReader {
  readonly #archive: PyTorchArchive
  readonly #made = new Map<TensorReference, PyTorchTensor>()
  readonly #aligned = new Map<Uint8Array, Uint8Array>()
  #bytesLeft: number

  constructor(archive: PyTorchArchive, fileBytes: number) {
    this.#archive = archive
    this.#bytesLeft = 16 * fileBytes + 2 ** 20
  }

  /** @throws TensorError with the rule that the tensor breaks. */
  read(reference: TensorReference): PyTorchTensor {
    const known = this.#made.get(reference)
    if (known) return known
    const { dtype } = reference.storage
    const view = checkView(reference)
    const bytes = this.#rowMajor(view, dtype, this.#archive.storage(reference.storage))
    const tensor = { dtype, shape: view.shape, values: this.#values(dtype, view.shape, bytes) }
    this.#made.set(reference, tensor)
    return tensor
  }

  /** Bytes of the tensor's elements, one after the other; aligned to their size. */
  #rowMajor(view: View, dtype: PyTorchType, storage: Uint8Array): Uint8Array {
    const { bytes } = pytorchTypes[dtype]
    const source = this.#align(storage, bytes)
    if (isContiguous(view)) return source.subarray(view.offset * bytes, (view.offset + view.size) * bytes)
    const target = new Uint8Array(this.#spend(view.size * bytes))
    if (bytes === 8) {
      // Pairs of 32-bit words: a copy as float64 may change the bits of integers that look like NaN.
      const { shape, strides, offset, size } = view
      const pairs = { shape: [...shape, 2], strides: [...strides.map(stride => 2 * stride), 1], offset: 2 * offset }
      gather(words(source, 4), words(target, 4), { ...pairs, size: 2 * size })
    } else gather(words(source, bytes), words(target, bytes), view)
    return target
  }

  #values(dtype: PyTorchType, shape: readonly number[], bytes: Uint8Array): PyTorchArray {
    switch (dtype) {
      case 'int64':
        this.#spend(bytes.length / 2)
        return narrow(bytes)
      case 'float16':
      case 'bfloat16':
        this.#spend(2 * bytes.length)
        return tensorValues({ dtype: dtype === 'float16' ? 'F16' : 'BF16', shape, bytes }) as Float32Array
      case 'bool':
      case 'uint8':
        return bytes
      default:
        return new arrays[dtype](
          bytes.buffer as ArrayBuffer,
          bytes.byteOffset,
          bytes.length / pytorchTypes[dtype].bytes,
        )
    }
  }

  /** The storage, or a copy of it where typed arrays can begin: files align their storages, but not all versions did. */
  #align(storage: Uint8Array, size: number): Uint8Array {
    if (storage.byteOffset % size === 0) return storage
    const known = this.#aligned.get(storage)
    if (known) return known
    this.#spend(storage.length)
    const copy = new Uint8Array(storage)
    this.#aligned.set(storage, copy)
    return copy
  }

  #spend(bytes: number): number {
    if (bytes > this.#bytesLeft) throw new TensorError('the tensors unfold to more than 16 times the size of the file')
    this.#bytesLeft -= bytes
    return bytes
  }
}

/** A tensor within its storage: element (i, j, …) lies at offset + i · strides[0] + j · strides[1] + … */
interface View {
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
  /** Number of elements. */
  readonly size: number
}

function checkView({ storage, offset, shape, strides }: TensorReference): View {
  const sizes = sizesOf(shape, 'size')
  const steps = sizesOf(strides, 'stride')
  if (steps.length !== sizes.length) throw new TensorError(`${steps.length} strides for ${sizes.length} axes`)
  if (!isSize(offset)) throw new TensorError(`storage offset must be a whole number ≥ 0, got ${describeValue(offset)}`)
  const size = sizes.includes(0) ? 0 : sizes.reduce((product, extent) => product * extent, 1)
  const last = sizes.reduce((sum, extent, axis) => sum + (extent - 1) * steps[axis]!, offset)
  if (size > 0 && !(last < storage.count)) {
    throw new TensorError(
      `shape [${sizes.join(', ')}] with strides [${steps.join(', ')}] at offset ${offset} goes past its ${storage.count} elements`,
    )
  }
  if (!Number.isSafeInteger(size)) throw new TensorError(`shape [${sizes.join(', ')}] has too many elements`)
  return { shape: sizes, strides: steps, offset: size === 0 ? 0 : storage.offset + offset, size }
}

function sizesOf(value: PickleValue, what: string): number[] {
  const items = value instanceof PickleSequence ? value.items : undefined
  if (!items || items.length > maxRank || !items.every(isSize)) {
    const got = items && items.length <= maxRank ? items.map(describeValue).join(', ') : describeValue(value)
    throw new TensorError(`${what} must be up to ${maxRank} whole numbers ≥ 0, got ${got}`)
  }
  return [...items]
}

/** True when the elements lie in row-major order without gaps; axes of one element may have any stride. */
function isContiguous({ shape, strides, size }: View): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return size === 0
    expected *= shape[axis]!
  }
  return true
}

type Words = Uint8Array | Uint16Array | Uint32Array

function words({ buffer, byteOffset, length }: Uint8Array, size: 1 | 2 | 4): Words {
  const array = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[size]
  return new array(buffer as ArrayBuffer, byteOffset, length / size)
}

/** Copies a view's elements in row-major order. */
function gather(source: Words, target: Words, view: View): void {
  const axes = view.shape.map((_, axis) => axis).filter(axis => view.shape[axis] !== 1)
  const shape = axes.map(axis => view.shape[axis]!)
  const strides = axes.map(axis => view.strides[axis]!)
  const index = shape.map(() => 0)
  let from = view.offset
  for (let to = 0; to < view.size; to++) {
    target[to] = source[from]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      index[axis]!++
      if (index[axis]! < shape[axis]!) break
      from -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
}

/** int64 as int32: the upper word must repeat the sign of the lower. */
function narrow(bytes: Uint8Array): Int32Array {
  const pairs = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const values = new Int32Array(bytes.length / 8)
  for (let i = 0; i < values.length; i++) {
    const low = pairs[2 * i]!
    if (pairs[2 * i + 1] !== low >> 31) {
      const value = new BigInt64Array(bytes.slice(8 * i, 8 * i + 8).buffer)[0]
      throw new TensorError(`int64 value ${value} at ${i} does not fit in 32 bits`)
    }
    values[i] = low
  }
  return values
}

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
} as const
