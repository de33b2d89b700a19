/**
 * Pooling to a given output size, whatever the input's: adaptive and global average and max pooling.
 *
 * Bins follow PyTorch's rule: bin i of O over H rows reaches from ⌊i·H/O⌋ to ⌈(i + 1)·H/O⌉; neighbors may share a row.
 * Bins of equal size make an ordinary pool. Other bins are first laid out side by side, each at the size of the
 * largest; a row that changes nothing fills the unused places.
 */
import { averagePool2d } from '../graph/ops/averagePool2d.ts'
import { mul } from '../graph/ops/elementwise.ts'
import { gather } from '../graph/ops/gather.ts'
import { maxPool2d } from '../graph/ops/maxPool2d.ts'
import { pad } from '../graph/ops/pad.ts'
import { mean } from '../graph/ops/reduce.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import type { Pair } from '../graph/window.ts'
import { type ForwardContext, Module } from './module.ts'
import { adaptiveBins, type Bins, regularBins } from './poolGeometry.ts'

/** Pools every channel of `[N, C, H, W]` to a fixed size. */
abstract class AdaptivePool2d extends Module {
  /** Output rows and columns. */
  readonly outputSize: readonly [number, number]

  constructor(label: string, outputSize: Pair) {
    super()
    this.outputSize = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize
    for (const size of this.outputSize) {
      if (!Number.isInteger(size) || size < 1) {
        throw new RangeError(`${label}: outputSize (=${this.outputSize.join(', ')}) must be whole numbers ≥ 1`)
      }
    }
  }

  /** Pools to one value per channel. */
  protected abstract poolAll(x: Volume): Tensor
  /** Pools over an ordinary window. */
  protected abstract poolWindows(x: Volume, kernel: [number, number], stride: [number, number]): Tensor
  /** Pools over bins of different sizes. */
  protected abstract poolBins(x: Volume, rows: Bins, columns: Bins): Tensor

  /** @throws ShapeError when `x` is not `[N, C, H, W]`. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 4) {
      throw new ShapeError(`${this.displayName}: expected an input [N, C, H, W], got ${formatShape(x.shape)}`)
    }
    const [, , height, width] = x.shape
    const [rows, columns] = this.outputSize
    if (rows === height && columns === width) return x
    return this.label(this.located(() => this.#pool(x as Volume, rows, columns)))
  }

  #pool(x: Volume, rows: number, columns: number): Tensor {
    if (rows === 1 && columns === 1) return this.poolAll(x)
    const bins = [adaptiveBins(x.shape[2], rows), adaptiveBins(x.shape[3], columns)] as const
    const [vertical, horizontal] = bins.map(regularBins)
    if (!vertical || !horizontal) return this.poolBins(x, ...bins)
    return this.poolWindows(x, [vertical.kernel, horizontal.kernel], [vertical.stride, horizontal.stride])
  }
}

/** Mean of each bin; see {@link adaptiveAveragePool2d}. */
export class AdaptiveAveragePool2d extends AdaptivePool2d {
  constructor(outputSize: Pair) {
    super('adaptiveAveragePool2d', outputSize)
  }
  protected override poolAll(x: Volume): Tensor {
    return mean(x, [2, 3], { keepDims: true })
  }
  protected override poolWindows(x: Volume, kernel: [number, number], stride: [number, number]): Tensor {
    return averagePool2d(x, kernel, { stride })
  }
  protected override poolBins(x: Volume, rows: Bins, columns: Bins): Tensor {
    const [, , height, width] = x.shape
    // A row and a column of zeros, which fill up the smaller bins.
    const framed = pad(x, { after: [0, 0, 1, 1] })
    const kernel = [widest(rows), widest(columns)] as const
    const averaged = averagePool2d(layOut(framed, rows, columns, [height, width]), kernel)
    const share = rows.starts.flatMap((top, i) =>
      columns.starts.map((left, j) => (kernel[0] * kernel[1]) / ((rows.ends[i] - top) * (columns.ends[j] - left))),
    )
    return mul(averaged, constantTensor(share, this.outputSize))
  }
}

/** Largest element of each bin; see {@link adaptiveMaxPool2d}. */
export class AdaptiveMaxPool2d extends AdaptivePool2d {
  constructor(outputSize: Pair) {
    super('adaptiveMaxPool2d', outputSize)
  }
  protected override poolAll(x: Volume): Tensor {
    const kernel = [x.shape[2], x.shape[3]] as const
    return maximaOf(x, kernel, kernel)
  }
  protected override poolWindows(x: Volume, kernel: [number, number], stride: [number, number]): Tensor {
    return maximaOf(x, kernel, stride)
  }
  protected override poolBins(x: Volume, rows: Bins, columns: Bins): Tensor {
    // Smaller bins repeat their own last row and column: the first of equal maxima wins.
    const kernel = [widest(rows), widest(columns)] as const
    return maximaOf(layOut(x, rows, columns), kernel, kernel)
  }
}

/**
 * An average pooling layer `[N, C, H, W] → [N, C, H′, W′]` to a fixed size, by PyTorch's bins.
 * @throws RangeError when a size is not a whole number ≥ 1.
 * @example adaptiveAveragePool2d(7) // what torchvision's VGG has before its classifier: any image size will do
 */
export const adaptiveAveragePool2d = (outputSize: Pair): AdaptiveAveragePool2d => new AdaptiveAveragePool2d(outputSize)

/**
 * A max pooling layer `[N, C, H, W] → [N, C, H′, W′]` to a fixed size, by PyTorch's bins. The gradient goes to the
 * first of equal maxima.
 * @throws RangeError when a size is not a whole number ≥ 1.
 */
export const adaptiveMaxPool2d = (outputSize: Pair): AdaptiveMaxPool2d => new AdaptiveMaxPool2d(outputSize)

/**
 * Global average pooling (Lin et al. 2014): `[N, C, H, W] → [N, C, 1, 1]`, the mean of each feature map.
 * @example sequential(globalAveragePool2d(), flatten(), linear(2048, 1000))
 */
export const globalAveragePool2d = (): AdaptiveAveragePool2d => new AdaptiveAveragePool2d(1)

/**
 * Global max pooling: `[N, C, H, W] → [N, C, 1, 1]`. The gradient goes to the first of equal maxima, row by row, as in
 * PyTorch's `adaptive_max_pool2d(x, 1)`. (PyTorch's `amax` shares it among them, and so does `max` of `fovea`.)
 */
export const globalMaxPool2d = (): AdaptiveMaxPool2d => new AdaptiveMaxPool2d(1)

/**
 * The largest element of each window: the maximum of each row, then of those maxima. Bins may be as large as the image,
 * and two windows of H and of W elements cost less than one of H · W. The first row with the maximum and the first
 * place in that row give the first place in row-major order.
 */
function maximaOf(x: Volume, kernel: readonly [number, number], stride: readonly [number, number]): Volume {
  const rows = kernel[1] * stride[1] === 1 ? x : maxPool2d(x, [1, kernel[1]], { stride: [1, stride[1]] })
  return kernel[0] * stride[0] === 1 ? rows : maxPool2d(rows, [kernel[0], 1], { stride: [stride[0], 1] })
}

const widest = ({ starts, ends }: Bins): number => Math.max(...starts.map((start, i) => ends[i] - start))

/**
 * The bins' rows and columns side by side, every bin at the size of the largest. Missing elements come from `filler`
 * (row, column), or repeat the last element of the bin.
 */
function layOut(x: Tensor, rows: Bins, columns: Bins, filler?: readonly [number, number]): Volume {
  const indices = (bins: Bins, fill: number | undefined): number[] =>
    bins.starts.flatMap((start, i) =>
      Array.from({ length: widest(bins) }, (_, k) =>
        start + k < bins.ends[i] ? start + k : (fill ?? bins.ends[i] - 1),
      ),
    )
  const pick = (from: Tensor, list: number[], axis: number): Tensor =>
    gather(from, constantTensor(list, [list.length], 'i32'), axis)
  return pick(pick(x, indices(rows, filler?.[0]), 2), indices(columns, filler?.[1]), 3) as Volume
}
