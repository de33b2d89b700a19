/**
 * Matrix products, convolutions and the gradients of convolutions as products (`product.ts`). Each group of a
 * convolution is a product of its own; within a group, with G input channels, O filters and kernels of U × V:
 *
 *   convolution      C = y  [O, n·i·j]     A = w [O, c·u·v]          B = windows of x  [c·u·v, n·i·j]
 *   input gradient   C = dx [G, n·h·w]     A = wᵀ [G, o·u·v]         B = windows of g  [o·u·v, n·h·w]
 *   weight gradient  C = dw [O, c·u·v]     A = g [O, n·i·j]          B = windows of x  [n·i·j, c·u·v]
 */
import type { Conv2dAttributes } from '../../../graph/ops/conv2d.ts'
import type { OpName } from '../../../graph/table.ts'
import type { Tensor } from '../../../graph/tensor.ts'
import type { StepOf } from '../../../plan/step.ts'
import { lowerProduct } from './directProduct.ts'
import type { Kernel } from './kernel.ts'
import { type Factor, type Product, productWorkspace, type Term } from './product.ts'

/** The kernel of an operation that is a product. */
const productKernel = <K extends OpName>(productOf: (step: StepOf<K>) => Product): Kernel<K> => ({
  lower: (step, tools) => lowerProduct(step as never, productOf(step), tools),
  workspace: (step, hardware) => productWorkspace(step as never, productOf(step), hardware),
})

/** A factor that is a matrix in memory: element (line, k) at `line · lineStride + k · depthStride`. */
export function matrix(
  tensor: Tensor,
  lines: number,
  { line, depth, batch = 0 }: { readonly line: number; readonly depth: number; readonly batch?: number },
): Factor {
  const vectors = tensor.dtype === 'f32' && line === 1 && [lines, depth, batch].every(stride => stride % 4 === 0)
  return {
    tensor,
    line: (group, at, suffix) => `let line${suffix} = ${batch > 0 ? `${group} * ${batch}u + ` : ''}${at} * ${line}u;`,
    depth: (_, { number }) => `let deep = ${number} * ${depth}u;`,
    index: suffix => `line${suffix} + deep`,
    deep: depth === 1,
    vectors,
  }
}

export const matmul = productKernel<'matmul'>(({ inputs: [a, b], attributes, outputs: [{ shape }] }) => {
  const { transposeA, transposeB } = attributes
  const [m, n] = shape
  const k = a.shape[transposeA ? 0 : 1]
  return {
    batches: 1,
    m,
    n,
    k,
    terms: [k, 1, 1],
    a: matrix(a, m, transposeA ? { line: 1, depth: m } : { line: k, depth: 1 }),
    b: matrix(b, n, transposeB ? { line: k, depth: 1 } : { line: 1, depth: n }),
    result: (_, row, column) => `${row} * ${n}u + ${column}`,
  }
})

/** Sizes of a convolution: x `[N, groups·G, H, W]`, w `[groups·O, G, U, V]`, y `[N, groups·O, I, J]`. */
interface Sizes {
  readonly batch: number
  readonly groups: number
  /** Input channels and filters of a group. */
  readonly channels: number
  readonly filters: number
  readonly image: readonly [height: number, width: number]
  readonly kernel: readonly [height: number, width: number]
  readonly result: readonly [height: number, width: number]
}

type Shape4 = readonly number[]

function sizesOf(x: Shape4, w: Shape4, y: Shape4, { groups }: Conv2dAttributes): Sizes {
  return {
    batch: x[0],
    groups,
    channels: w[1],
    filters: w[0] / groups,
    image: [x[2], x[3]],
    kernel: [w[2], w[3]],
    result: [y[2], y[3]],
  }
}

const area = ([height, width]: readonly [number, number]): number => height * width

/** Index of the element of a volume `[N, groups · channels, …plane]` at a channel of a group and a position n·i·j. */
const placeIn =
  (channels: number, groups: number, plane: number) =>
  (group: string, channel: string, position: string): string =>
    `((${position} / ${plane}u) * ${channels * groups}u + ${group} * ${channels}u + ${channel}) * ${plane}u + ${position} % ${plane}u`

export const conv2d = productKernel<'conv2d'>(({ inputs: [x, w], attributes, outputs: [y] }) => {
  const sizes = sizesOf(x.shape, w.shape, y.shape, attributes)
  const { batch, groups, channels, filters, kernel, result } = sizes
  const k = channels * area(kernel)
  return {
    batches: groups,
    m: filters,
    n: batch * area(result),
    k,
    terms: [channels, ...kernel],
    a: matrix(w, filters, { line: k, depth: 1, batch: filters * k }),
    b: windowsAtPositions(x, sizes, attributes),
    result: placeIn(filters, groups, area(result)),
  }
})

/** Windows of x: a line is a position of the result, k an element of its window. */
function windowsAtPositions(x: Tensor, sizes: Sizes, { stride, padding, dilation }: Conv2dAttributes): Factor {
  const { groups, channels, image, kernel, result } = sizes
  const [height, width] = image
  const plain = area(kernel) === 1 && stride[0] === 1 && stride[1] === 1 && isUnpadded(padding)
  return {
    tensor: x,
    line: (group, at, s) => `let p${s} = ${at} % ${area(result)}u;
  let base${s} = i32(((${at} / ${area(result)}u) * ${groups * channels}u + ${group} * ${channels}u) * ${area(image)}u);
  let y${s} = i32(p${s} / ${result[1]}u) * ${stride[0]} - ${padding.top};
  let x${s} = i32(p${s} % ${result[1]}u) * ${stride[1]} - ${padding.left};`,
    depth: (_, term) => depthOfWindow(term, dilation, area(image)),
    index: s => `u32(base${s} + plane + (y${s} + down) * ${width} + x${s} + right)`,
    ...(!isUnpadded(padding) && { inside: insideImage(height, width) }),
    deep: false,
    vectors: plain && x.dtype === 'f32' && area(image) % 4 === 0,
    ...(stride[1] === 1 && dilation[1] === 1 && { overlap: { width: result[1], by: 1 } }),
  }
}

/** Whether an element of a window lies on the image, and not on its padding. */
const insideImage = (height: number, width: number) => (s: string) =>
  all([`y${s} + down >= 0`, `y${s} + down < ${height}`, `x${s} + right >= 0`, `x${s} + right < ${width}`])

/** Whether all conditions hold, without a branch for each: for those SwiftShader compiles for minutes. */
const all = (conditions: readonly string[]): string => `(${conditions.map(one => `(${one})`).join(' & ')})`

const isUnpadded = ({ top, bottom, left, right }: Conv2dAttributes['padding']): boolean =>
  top === 0 && bottom === 0 && left === 0 && right === 0

/**
 * Declares `plane`, `down` and `right` of an element of a window: where it lies from the window's first.
 * @param steps from a row and from a column of terms to the next
 * @param size  elements from one plane to the next
 */
const depthOfWindow = ({ plane, row, column }: Term, steps: readonly [number, number], size: number): string =>
  `let plane = i32(${plane}) * ${size};
      let down = i32(${row}) * ${steps[0]};
      let right = i32(${column}) * ${steps[1]};`

export const conv2dInputGradient = productKernel<'conv2dInputGradient'>(
  ({ inputs: [g, w], attributes, outputs: [dx] }) => {
    const sizes = sizesOf(dx.shape, w.shape, g.shape, attributes)
    const { batch, groups, channels, filters, image, kernel } = sizes
    return {
      batches: groups,
      m: channels,
      n: batch * area(image),
      k: filters * area(kernel),
      terms: [filters, ...kernel],
      a: transposedFilters(w, sizes),
      b: upstreamAtPositions(g, sizes, attributes),
      result: placeIn(channels, groups, area(image)),
    }
  },
)

/** Filters, seen from an input channel (the line): k is a filter and a place in its kernel. */
const transposedFilters = (w: Tensor, { channels, filters, kernel }: Sizes): Factor =>
  planes(w, { plane: area(kernel), lines: filters * channels, step: channels })

/** What arrives at a position of x (the line) through each place of each filter (k). */
function upstreamAtPositions(g: Tensor, sizes: Sizes, { stride, padding, dilation }: Conv2dAttributes): Factor {
  const { groups, filters, image, kernel, result } = sizes
  const [height, width] = result
  const plain = area(kernel) === 1 && stride[0] === 1 && stride[1] === 1 && isUnpadded(padding)
  const divisible = (axis: 0 | 1, at: string): string[] => (stride[axis] > 1 ? [`${at} % ${stride[axis]} == 0`] : [])
  return {
    tensor: g,
    line: (group, at, s) => `let p${s} = ${at} % ${area(image)}u;
  let base${s} = i32(((${at} / ${area(image)}u) * ${groups * filters}u + ${group} * ${filters}u) * ${area(result)}u);
  let y${s} = i32(p${s} / ${image[1]}u) + ${padding.top};
  let x${s} = i32(p${s} % ${image[1]}u) + ${padding.left};`,
    depth: (_, term) => depthOfWindow(term, dilation, area(result)),
    index: s => `u32(base${s} + plane + ((y${s} - down) / ${stride[0]}) * ${width} + (x${s} - right) / ${stride[1]})`,
    ...(!plain && {
      inside: (s: string) => {
        const [row, column] = [`(y${s} - down)`, `(x${s} - right)`]
        return all([
          `${row} >= 0`,
          `${row} < ${height * stride[0]}`,
          ...divisible(0, row),
          `${column} >= 0`,
          `${column} < ${width * stride[1]}`,
          ...divisible(1, column),
        ])
      },
    }),
    deep: false,
    vectors: plain && g.dtype === 'f32' && area(image) % 4 === 0,
    ...(stride[1] === 1 && dilation[1] === 1 && { overlap: { width: image[1], by: -1 } }),
  }
}

export const conv2dWeightGradient = productKernel<'conv2dWeightGradient'>(
  ({ inputs: [x, g], attributes, outputs: [dw] }) => {
    const sizes = sizesOf(x.shape, dw.shape, g.shape, attributes)
    const { batch, groups, channels, filters, kernel, result } = sizes
    const n = channels * area(kernel)
    return {
      batches: groups,
      m: filters,
      n,
      k: batch * area(result),
      terms: [batch, ...result],
      a: upstreamOfFilters(g, sizes),
      b: windowsOfPlaces(x, sizes, attributes),
      result: (group, row, column) => `(${group} * ${filters}u + ${row}) * ${n}u + ${column}`,
    }
  },
)

/** The upstream gradient of a filter (the line) at every position (k). */
const upstreamOfFilters = (g: Tensor, { groups, filters, result }: Sizes): Factor =>
  planes(g, { plane: area(result), lines: filters, step: groups * filters })

/** Planes of `plane` elements, of which a group has so many `lines`. A line goes through every `step`th of them. */
function planes(
  tensor: Tensor,
  { plane, lines, step }: { readonly plane: number; readonly lines: number; readonly step: number },
): Factor {
  return {
    tensor,
    line: (group, at, s) => `let line${s} = (${group} * ${lines}u + ${at}) * ${plane}u;`,
    depth: (_, term) => `let deep = ${term.plane} * ${step * plane}u + ${term.inPlane};`,
    index: s => `line${s} + deep`,
    deep: true,
    vectors: false,
  }
}

/** Elements of x that meet a place of a kernel (the line) at every position (k). */
function windowsOfPlaces(x: Tensor, sizes: Sizes, { stride, padding, dilation }: Conv2dAttributes): Factor {
  const { groups, channels, image, kernel } = sizes
  const [height, width] = image
  return {
    tensor: x,
    line: (group, at, s) => `let base${s} = i32((${group} * ${channels}u + ${at} / ${area(kernel)}u) * ${area(image)}u);
  let y${s} = i32((${at} / ${kernel[1]}u) % ${kernel[0]}u) * ${dilation[0]} - ${padding.top};
  let x${s} = i32(${at} % ${kernel[1]}u) * ${dilation[1]} - ${padding.left};`,
    depth: (_, term) => depthOfWindow(term, stride, groups * channels * area(image)),
    index: s => `u32(base${s} + plane + (y${s} + down) * ${width} + x${s} + right)`,
    ...(!isUnpadded(padding) && { inside: insideImage(height, width) }),
    deep: true,
    vectors: false,
    ...(stride[1] === 1 && dilation[1] === 1 && { overlap: { width: kernel[1], by: 1 } }),
  }
}
