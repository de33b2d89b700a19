/** From a tensor's description and its storage to values: bounds and strides. */
import { type ElementType, elementTypes, elementValues } from './elements.ts'
import { describeValue, PickleSequence, type PickleValue } from './pickleValues.ts'
import type { PyTorchArchive } from './pytorchArchive.ts'
import { type DenseTensor, isSize, maxRank, sizesIn } from './pytorchGlobals.ts'

/** Thrown for a tensor that does not fit its storage or cannot be represented. */
export class TensorError extends Error {
  override readonly name = 'TensorError'
}

/** A tensor within its storage: element (i, j, …) is at offset + i · strides[0] + j · strides[1] + … */
export interface TensorView {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
  /** Number of elements. */
  readonly size: number
}

/** The description of a tensor, checked. @throws TensorError with the rule that it breaks */
export function viewOf({ storage, dtype: type, offset, shape, strides }: DenseTensor): TensorView {
  const sizes = sizesOf(shape, 'size')
  const steps = sizesOf(strides, 'stride')
  if (steps.length !== sizes.length) throw new TensorError(`${steps.length} strides for ${sizes.length} axes`)
  if (!isSize(offset)) throw new TensorError(`storage offset must be a whole number ≥ 0, got ${describeValue(offset)}`)
  const size = sizes.includes(0) ? 0 : sizes.reduce((product, extent) => product * extent, 1)
  const last = sizes.reduce((sum, extent, axis) => sum + (extent - 1) * steps[axis]!, offset)
  // Storages of untyped bytes count bytes, tensors their elements.
  const perElement = elementTypes[type].bytes / (storage.elementBytes as number)
  const count = Math.floor(storage.count / perElement)
  if (size > 0 && !(last < count)) {
    throw new TensorError(
      `shape [${sizes.join(', ')}] with strides [${steps.join(', ')}] at offset ${offset} goes past its ${count} elements`,
    )
  }
  if (!Number.isSafeInteger(size)) throw new TensorError(`shape [${sizes.join(', ')}] has too many elements`)
  const start = size === 0 ? 0 : storage.offset / perElement + offset
  if (!Number.isInteger(start)) throw new TensorError(`begins within an element of its storage (${start})`)
  return { type, shape: sizes, strides: steps, offset: start, size }
}

/**
 * Reads the values of a tensor, row-major.
 * @param mostBytes the largest size of the values: a stride of 0 repeats them without end
 * @throws TensorError, or the archive's errors when the storage is missing or damaged
 */
export async function readTensor(
  archive: PyTorchArchive,
  { storage }: DenseTensor,
  view: TensorView,
  mostBytes: number,
) {
  const { bytes } = elementTypes[view.type]
  if (view.size * bytes > mostBytes)
    throw new TensorError(`its ${view.size} elements are more than 16 times the size of the file`)
  return elementValues(view.type, rowMajor(view, bytes, await archive.storage(storage)))
}

/** Bytes of the tensor's elements, contiguous. */
function rowMajor(view: TensorView, bytes: 1 | 2 | 4 | 8, storage: Uint8Array): Uint8Array {
  if (isContiguous(view)) return storage.subarray(view.offset * bytes, (view.offset + view.size) * bytes)
  const target = new Uint8Array(view.size * bytes)
  const source = storage.byteOffset % bytes === 0 ? storage : new Uint8Array(storage)
  if (bytes === 8) {
    // Pairs of 32-bit words: a copy as float64 may change the bits of integers that look like NaN.
    const { shape, strides, offset, size } = view
    const pairs = { shape: [...shape, 2], strides: [...strides.map(stride => 2 * stride), 1], offset: 2 * offset }
    gather(words(source, 4), words(target, 4), { ...pairs, size: 2 * size })
  } else gather(words(source, bytes), words(target, bytes), view)
  return target
}

function sizesOf(value: PickleValue, what: string): readonly number[] {
  const sizes = sizesIn(value)
  if (sizes) return sizes
  const items = value instanceof PickleSequence && value.items.length <= maxRank ? value.items : [value]
  throw new TensorError(
    `${what} must be up to ${maxRank} whole numbers ≥ 0, got ${items.map(describeValue).join(', ')}`,
  )
}

/** True when the elements are in row-major order without gaps; axes of one element may have any stride. */
function isContiguous({ shape, strides, size }: TensorView): boolean {
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
function gather(source: Words, target: Words, view: Omit<TensorView, 'type'>): void {
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
