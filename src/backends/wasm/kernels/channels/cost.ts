/**
 * Cost of a convolution by each method, in nanoseconds of one thread: the arithmetic of its products, the transforms of
 * its tiles, and the weights loaded from memory. The choice between methods depends only on the order of these costs,
 * so the numbers are those of one machine (2026, Intel Sapphire Rapids, WebAssembly peak of 50 GFLOP/s; with tall tiles
 * AMD EPYC of the fifth generation, AVX-512 peak of 220), measured kernel by kernel; a machine that is twice as fast in
 * everything makes the same choice. Nothing is timed at run time: the same task gets the same method everywhere.
 */
import type { ConvolutionTask } from '../../../cpu/layouts/convolution.ts'
import type { MachineTile } from '../../emit/tile.ts'
import type { CorrelationSpec } from './direct/correlation.ts'
import { type PanelSum, panelWidth, weightPlaces } from './direct/packing.ts'
import { gradientSizes, positions, type WinogradGradientSpec } from './winograd/gradient.ts'
import { type WinogradSpec, winogradSizes } from './winograd/spec.ts'

/** How fast a tile computes: with vectors of 128 bits, with those of 256, and in tall tiles of 512. */
type Speed = 'plain' | 'wide' | 'tall'

/** Multiply-adds per nanosecond in the register tile, 85 % of the peak or more. */
const multiplyAdds: Readonly<Record<Speed, number>> = { plain: 21, wide: 40, tall: 100 }

/** Bytes of weights per nanosecond, read once while the products wait: few, many, and many from several places. */
const weightRates = { cached: 12, memory: 6, places: 9 }

/** The same where they are fetched ahead, while the products go on. */
const fetchedRate = 20

/** Most bytes of weights that count as few. */
const cachedBytes = 4 * 1024 * 1024

/** Nanoseconds to transform four channels of a tile into the space of the products and back, by the number of products. */
const transforms: Readonly<Record<number, { readonly input: number; readonly output: number }>> = {
  16: { input: 20, output: 20 },
  25: { input: 25, output: 20 },
  36: { input: 60, output: 60 },
}

/** What longer vectors leave of these times. */
const transformShares: Readonly<Record<Speed, number>> = { plain: 1, wide: 0.5, tall: 0.28 }

/** The same for a tile of the upstream gradient, by its rows. */
const upstreamTransforms: Readonly<Record<number, number>> = { 2: 40, 4: 70 }

/**
 * Nanoseconds to find where a tap reads for a position, which count where products take no longer, less what tiles of
 * transforms need for the same.
 */
const addressTime = 1

/** Smallest number of positions to count: smaller results waste rows of the register tile. */
const tileRows = 4

/** The matrix products of a method. */
interface Products {
  readonly method: PanelSum['method']
  readonly matrices: number
  /** Positions in each product. */
  readonly rows: number
  /** Number of weight matrices, by default that of products; each is read once. */
  readonly weightMatrices?: number
}

/** Cost of matrix products. */
function products(
  { source, result, tile }: Pick<CorrelationSpec, 'source' | 'result' | 'tile'>,
  { method, matrices, rows, weightMatrices = matrices }: Products,
): number {
  const width = panelWidth(result[1], tile)
  const weights = source[1] * Math.ceil(result[1] / width) * width
  const weightBytes = 4 * weightMatrices * weights
  const arithmetic = (matrices * weights * Math.max(rows, tileRows)) / multiplyAdds[speedOf(tile)]
  if (tile.tall !== undefined) return Math.max(arithmetic, weightBytes / fetchedRate)
  const places = weightPlaces({ method, steps: source[1], width, weightBytes, rows })
  const weightRate = weightRates[weightBytes < cachedBytes ? 'cached' : places ? 'places' : 'memory']
  return arithmetic + weightBytes / weightRate
}

const speedOf = ({ joined, tall }: MachineTile): Speed => (tall !== undefined ? 'tall' : joined ? 'wide' : 'plain')

/** Without a transform: all taps at every position, or the remaining taps in the gradient of a strided convolution. */
export function directCost(spec: CorrelationSpec): number {
  const { kernel, stride } = spec.window
  const [batch, , height, width] = spec.result
  const seen = spec.direction === 'forward' ? 1 : stride[0] * stride[1]
  const [matrices, rows] = [kernel[0] * kernel[1], (batch * height * width) / seen]
  const panels = Math.ceil(spec.result[1] / panelWidth(spec.result[1], spec.tile))
  const addresses = spec.tile.tall === undefined ? 0 : matrices * rows * panels * addressTime
  return products(spec, { method: 'direct', matrices, rows }) + addresses
}

/** Channels as vectors of four; long vectors that are not full take as long as full ones. */
const fours = (channels: number, speed: Speed): number =>
  speed === 'tall' ? 4 * Math.ceil(channels / 16) : Math.ceil(channels / 4)

/** By Winograd's algorithm. */
export function winogradCost(spec: WinogradSpec): number {
  const { tiles, positions, weightPositions } = winogradSizes(spec)
  const { input, output } = transforms[positions]
  const speed = speedOf(spec.tile)
  const vectors = input * fours(spec.source[1], speed) + output * fours(spec.result[1], speed)
  const ofTile = vectors * transformShares[speed]
  const sums = { method: 'winograd', matrices: positions, rows: tiles, weightMatrices: weightPositions } as const
  return products(spec, sums) + tiles * ofTile
}

/** Bytes per nanosecond written to memory, or read from it, between two stages. */
const stageBytes = 10

/** Weight gradients have no tall tiles: their methods are compared at the speed of wide ones. */
const gradientRate = ({ joined }: MachineTile): number => multiplyAdds[joined ? 'wide' : 'plain']

/** A weight gradient: all products of x and g at positions where they meet. */
export function sumsCost({ operands: [, g], output: weights }: ConvolutionTask, tile: MachineTile): number {
  return (weights.reduce((a, b) => a * b, 1) * g[0] * g[2] * g[3]) / gradientRate(tile)
}

/** A weight gradient by F(r×r, m×m): every chunk of a part's tiles reads and writes the sums of the part again. */
export function winogradSumsCost(spec: WinogradGradientSpec): number {
  const { x, g, tile, staged } = spec
  const { tiles, grid, parts, share, chunk, partBytes, xStride, gStride } = gradientSizes(spec)
  const products = (positions * x[1] * g[1] * tiles) / gradientRate(tile)
  const transformed =
    tiles * (transforms[positions].input * Math.ceil(x[1] / 4) + upstreamTransforms[grid.step] * Math.ceil(g[1] / 4))
  const moved = staged
    ? 2 * (positions * (xStride + gStride) + partBytes)
    : parts * partBytes * (2 + 2 * Math.ceil(share / chunk))
  return products + transformed + moved / stageBytes
}
