/**
 * What a convolution costs by each method, in nanoseconds of one thread: the arithmetic of its products, the transforms
 * of its tiles, and the weights that come from memory. The choice between methods needs the order of these numbers only,
 * so they are those of one machine (2026, Intel Sapphire Rapids, 50 GFLOP/s of WebAssembly's peak), measured kernel by
 * kernel; a machine that is twice as fast in everything chooses the same. Nothing is timed at run time: the same task
 * gets the same method, and so the same bits, everywhere.
 */
import type { CorrelationSpec } from './correlation.ts'
import { panelWidth } from './packing.ts'
import { gradientSizes, positions, type WinogradGradientSpec } from './winogradGradient.ts'

/** Multiply-adds a nanosecond of the register tile, 85 % of the peak: with vectors of 128 bits, and of 256. */
const multiplyAdds = { plain: 21, wide: 40 }

/** Bytes a nanosecond of weights that are read once from memory, while the products wait. */
const weightBytes = 6

/** Nanoseconds to transform four channels of a tile, into the products' space and back, by m. */
const transforms = { 2: { input: 40, output: 35 }, 4: { input: 70, output: 64 } } as const

/** Positions of a register tile that a result has at least: smaller ones compute rows for nothing. */
const tileRows = 4

/** Multiply-adds and weight bytes of `taps` products of `rows` positions. */
function products({ source, result, tile }: CorrelationSpec, taps: number, rows: number): number {
  const width = panelWidth(result[1], tile)
  const weights = taps * source[1] * Math.ceil(result[1] / width) * width
  const rate = multiplyAdds[tile.columns > 8 ? 'wide' : 'plain']
  return (weights * Math.max(rows, tileRows)) / rate + (4 * weights) / weightBytes
}

/** Without a transform, 3×3 kernels of stride 1. */
export function directCost(spec: CorrelationSpec): number {
  const [batch, , height, width] = spec.result
  return products(spec, 9, batch * height * width)
}

/** By F(m×m, 3×3). */
export function winogradCost(spec: CorrelationSpec, m: 2 | 4): number {
  const [batch, outputs, height, width] = spec.result
  const tiles = batch * Math.ceil(height / m) * Math.ceil(width / m)
  const { input, output } = transforms[m]
  const vectors = input * Math.ceil(spec.source[1] / 4) + output * Math.ceil(outputs / 4)
  return products(spec, (m + 2) ** 2, tiles) + tiles * vectors
}

/** Bytes a nanosecond of what is written to memory, or read from it, between two stages. */
const stageBytes = 10

/** A weight gradient: all products of x and g where they meet. Windows are 3×3 of stride 1. */
export function sumsCost({ x, g, tile }: WinogradGradientSpec): number {
  const rate = multiplyAdds[tile.columns > 8 ? 'wide' : 'plain']
  return (9 * x[1] * g[1] * g[0] * g[2] * g[3]) / rate
}

/** A weight gradient by F(3×3, 4×4): the sums of a part are read and written again with every chunk of its tiles. */
export function winogradSumsCost(spec: WinogradGradientSpec): number {
  const { x, g, tile, staged } = spec
  const { tiles, parts, share, chunk, partBytes, xStride, gStride } = gradientSizes(spec)
  const rate = multiplyAdds[tile.columns > 8 ? 'wide' : 'plain']
  const products = (positions * x[1] * g[1] * tiles) / rate
  const transformed = tiles * transforms[4].input * Math.ceil((x[1] + g[1]) / 4)
  const moved = staged
    ? 2 * (positions * (xStride + gStride) + partBytes)
    : parts * partBytes * (2 + 2 * Math.ceil(share / chunk))
  return products + transformed + moved / stageBytes
}
