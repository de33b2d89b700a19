/**
 * Physical access: where the elements of a value are, as bytes per step along each dimension of a loop nest.
 *
 * A loop nest runs over the *physical* dimensions of a result: row-major axes, or for blocked values
 * `[blocks, ...rest, samples of a block]`. Every operand is then a vector of byte strides, 0 where it repeats.
 */
import { bytesPerElement, type DType, type Shape } from '../../graph/shape.ts'

/** A value as a kernel sees it: its logical shape and its memory layout. */
export interface Operand {
  readonly shape: Shape
  readonly dtype: DType
  /** Samples per block when stored `[N / block, ...rest, block]`; 0 when stored row-major or channels last. */
  readonly block: number
  /** True when a volume `[N, C, H, W]` is stored as `[N, H, W, C]`. */
  readonly channelsLast?: boolean | undefined
}

/** Axes of a volume stored channels last, in memory order. */
const channelsLastOrder = [0, 2, 3, 1] as const

/** The logical axes of a value stored without blocks, in memory order. */
function axisOrder({ shape, channelsLast }: Operand): readonly number[] {
  return channelsLast ? channelsLastOrder : shape.map((_, axis) => axis)
}

/** One dimension of a loop nest: `size` steps, each `stride` further along a logical axis. */
export interface Dimension {
  readonly axis: number
  readonly size: number
  readonly stride: number
}

/** Dimensions of a value in memory order, outermost first. */
export function dimensionsOf(operand: Operand): Dimension[] {
  const { shape, block } = operand
  if (block === 0 || shape.length === 0) {
    return axisOrder(operand).map(axis => ({ axis, size: shape[axis], stride: 1 }))
  }
  return [
    { axis: 0, size: shape[0] / block, stride: block },
    ...shape.slice(1).map((size, at) => ({ axis: at + 1, size, stride: 1 })),
    { axis: 0, size: block, stride: 1 },
  ]
}

/** Byte stride of a step of 1 along a logical axis within a block or row, and between blocks for axis 0. */
function axisStrides(operand: Operand): { inner: number[]; outer: number } {
  const { shape, dtype, block } = operand
  const bytes = bytesPerElement[dtype]
  const inner = new Array<number>(shape.length).fill(0)
  let stride = block === 0 ? bytes : bytes * block
  for (const axis of [...axisOrder(operand)].reverse()) {
    if (block !== 0 && axis === 0) continue
    inner[axis] = stride
    stride *= shape[axis]
  }
  if (block !== 0 && shape.length > 0) inner[0] = bytes
  return { inner, outer: stride }
}

/**
 * Byte strides of an operand along the dimensions of a nest over `shape`, broadcast by NumPy's rule.
 * @throws Error when a blocked operand is read along a nest that does not follow its blocks.
 */
export function stridesAlong(operand: Operand, dimensions: readonly Dimension[], shape: Shape): number[] {
  const { inner, outer } = axisStrides(operand)
  const lead = shape.length - operand.shape.length
  return dimensions.map(({ axis, stride, size }) => {
    const own = axis - lead
    if (own < 0 || operand.shape[own] === 1) return 0
    if (operand.block === 0 || own > 0) return stride * inner[own]
    if (stride === operand.block) return outer
    if (stride === 1 && size <= operand.block) return inner[0]
    throw new Error(`layout: a value in blocks of ${operand.block} is read in steps of ${stride}`)
  })
}

/** A loop nest: sizes, and for each operand its byte strides. */
export interface Nest {
  readonly sizes: readonly number[]
  readonly strides: readonly (readonly number[])[]
}

/** Merges neighboring dimensions that every operand walks with a single stride, and drops those of size 1. */
export function collapse({ sizes, strides }: Nest): Nest {
  const kept: { size: number; strides: number[] }[] = []
  sizes.forEach((size, d) => {
    if (size === 1) return
    const own = strides.map(list => list[d])
    const last = kept[kept.length - 1]
    if (last?.strides.every((stride, k) => stride === own[k] * size)) {
      last.size *= size
      last.strides = own
    } else kept.push({ size, strides: own })
  })
  return {
    sizes: kept.map(item => item.size),
    strides: strides.map((_, k) => kept.map(item => item.strides[k])),
  }
}
