/**
 * What a convolution costs by each method, in nanoseconds of one thread: the arithmetic of its products, the transforms
 * of its tiles, and the weights that come from memory. The choice between methods needs the order of these numbers only,
 * so they are those of one machine (2026, Intel Sapphire Rapids, 50 GFLOP/s of WebAssembly's peak), measured kernel by
 * kernel; a machine that is twice as fast in everything chooses the same. Nothing is timed at run time: the same task
 * gets the same method, and so the same bits, everywhere.
 */
import type { ConvolutionTask } from '../../../../plan/convolution.ts'
import type { TileShape } from '../../tile.ts'
import type { CorrelationSpec } from './correlation.ts'
import { panelWidth } from './packing.ts'
import { gradientSizes, positions, type WinogradGradientSpec } from './winogradGradient.ts'
import { matricesOf } from './winogradSpec.ts'

/** Multiply-adds a nanosecond of the register tile, 85 % of the peak: with vectors of 128 bits, and of 256. */
const multiplyAdds = { plain: 21, wide: 40 }

/** Bytes a nanosecond of weights that are read once from memory, while the products wait. */
const weightBytes = 6

/** Nanoseconds to transform four channels of a tile of t × t values into the products' space, and back to a tile of m × m. */
const [inputTransforms, outputTransforms]: Readonly<Record<number, number>>[] = [
  { 4: 40, 6: 70 },
  { 2: 35, 4: 64 },
]

/** The same for a tile of the upstream gradient, by r: of 4 × 4 values for kernels of 3 × 3, of 2 × 2 for those of 5 × 5. */
const upstreamTransforms: Readonly<Record<number, number>> = { 3: 70, 5: 40 }

/** Positions of a register tile that a result has at least: smaller ones compute rows for nothing. */
const tileRows = 4

/** Multiply-adds and weight bytes of `taps` products of `rows` positions. */
function products({ source, result, tile }: CorrelationSpec, taps: number, rows: number): number {
  const width = panelWidth(result[1], tile)
  const weights = taps * source[1] * Math.ceil(result[1] / width) * width
  const rate = multiplyAdds[tile.columns > 8 ? 'wide' : 'plain']
  return (weights * Math.max(rows, tileRows)) / rate + (4 * weights) / weightBytes
}

/** Without a transform, kernels of stride 1. */
export function directCost(spec: CorrelationSpec): number {
  const [batch, , height, width] = spec.result
  return products(spec, spec.window.kernel[0] * spec.window.kernel[1], batch * height * width)
}

/** By F(m×m, r×r). */
export function winogradCost(spec: CorrelationSpec, m: number): number {
  const [batch, outputs, height, width] = spec.result
  const tiles = batch * Math.ceil(height / m) * Math.ceil(width / m)
  const { inputs } = matricesOf({ outputs: m, weights: spec.weights })
  const vectors = inputTransforms[inputs] * Math.ceil(spec.source[1] / 4) + outputTransforms[m] * Math.ceil(outputs / 4)
  return products(spec, inputs ** 2, tiles) + tiles * vectors
}

/** Bytes a nanosecond of what is written to memory, or read from it, between two stages. */
const stageBytes = 10

/** A weight gradient: all products of x and g where they meet. */
export function sumsCost({ operands: [, g], output: weights }: ConvolutionTask, tile: TileShape): number {
  const rate = multiplyAdds[tile.columns > 8 ? 'wide' : 'plain']
  return (weights.reduce((a, b) => a * b, 1) * g[0] * g[2] * g[3]) / rate
}

/** A weight gradient by F(r×r, m×m): the sums of a part are read and written again with every chunk of its tiles. */
export function winogradSumsCost(spec: WinogradGradientSpec): number {
  const { x, g, tile, staged } = spec
  const { tiles, parts, share, chunk, partBytes, xStride, gStride } = gradientSizes(spec)
  const rate = multiplyAdds[tile.columns > 8 ? 'wide' : 'plain']
  const products = (positions * x[1] * g[1] * tiles) / rate
  const transformed =
    tiles * (inputTransforms[6] * Math.ceil(x[1] / 4) + upstreamTransforms[spec.kernel] * Math.ceil(g[1] / 4))
  const moved = staged
    ? 2 * (positions * (xStride + gStride) + partBytes)
    : parts * partBytes * (2 + 2 * Math.ceil(share / chunk))
  return products + transformed + moved / stageBytes
}
