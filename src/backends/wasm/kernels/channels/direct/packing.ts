/**
 * Prepares the operands of convolutions on channels-last volumes: weights in panels that inner loops read from front to
 * back, and images with a border of zeros.
 */
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import type { MachineTile, StepPlace, TileShape } from '../../../emit/tile.ts'
import { kernelFunction, kernelKind } from '../../../kernel.ts'

/** Output channels of a panel: those of the tile, or fewer where that would leave too many lanes empty. */
export function panelWidth(channelsPerGroup: number, { columns }: TileShape): number {
  for (let width = columns; width > 4; width /= 2) {
    const padded = Math.ceil(channelsPerGroup / width) * width
    if (padded <= Math.ceil(channelsPerGroup / 4) * 4 * mostPadding) return width
  }
  return 4
}

/** What register tiles for panels of weights are to compute. */
export interface TileTask {
  readonly method: PanelSum['method']
  /** Positions of a chunk, or of all of them. */
  readonly positions: number
  /** Summed channels. */
  readonly sums: number
  /** Whether moments are gathered over whole tiles. */
  readonly moments?: boolean
}

/**
 * Positions of a tile for panels of a given width. Tall tiles pay where weights are read again for every few positions.
 * Elsewhere tiles half as tall are as fast or faster: their rows leave more of the first cache to others, and their
 * addresses fit the registers.
 */
export function tileRowsFor(width: number, { rows, tall }: MachineTile, task: TileTask): number {
  const { method, positions, sums, moments = false } = task
  // Moments must not depend on the machine's tile.
  if (tall === undefined || moments) return Math.min(width === 4 ? Math.max(rows, 6) : rows, positions)
  const pays = method === 'winograd' ? sums >= fewSums : positions <= fewPositions
  const most = pays && (sums * 4) % pageBytes !== 0 ? tall : tall / 2
  // As many tiles as there must be, filled evenly.
  return Math.ceil(positions / Math.ceil(positions / most))
}

/** With fewer channels, a tile has few steps. */
const fewSums = 64

/** Bytes after which addresses fall into the same set of the first cache. */
const pageBytes = 4096

/**
 * Bytes from the weights in use to those that begin to be fetched, where tiles are tall: enough for the time that memory
 * takes. The processor's own foresight ends with each page.
 */
export const fetchAhead = ({ tall }: MachineTile): number | undefined => (tall === undefined ? undefined : 4096)

/** A number of positions, or of Winograd tiles, that makes whole register tiles of four and of six rows. */
export const wholeTiles = 12

/** Computing empty lanes costs less than narrow tiles, up to this share. */
const mostPadding = 1.35

/**
 * Number of places in memory from which weights are read at once if products wait for them: V8 has no prefetch, and a
 * single run of addresses keeps too few loads in flight.
 */
const weightStreams = 4

/**
 * Smallest weights, in bytes, for which that is faster: measured layer by layer (`docs/performance-experiments.md`).
 */
const bytesFromMemory = { direct: 2 * 1024 * 1024, winograd: 12 * 1024 * 1024 }

/** With more positions than this, weights are in the cache most of the time. */
const fewPositions = 64

/** A sum over panels of weights. */
export interface PanelSum {
  readonly method: keyof typeof bytesFromMemory
  readonly steps: number
  /** Channels of a panel. */
  readonly width: number
  /** Bytes of all weights that are read for the same positions. */
  readonly weightBytes: number
  /** Positions that are multiplied with each weight. */
  readonly rows: number
}

/** Order of the steps of a sum: alternating between several parts if weights come from memory, else first to last. */
export function weightPlaces({ method, steps, width, weightBytes, rows }: PanelSum): StepPlace | undefined {
  if (weightBytes < bytesFromMemory[method] || rows > fewPositions || steps % weightStreams !== 0) return undefined
  const part = steps / weightStreams
  return { steps: weightStreams, rowBytes: part * 4, columnBytes: part * width * 4 }
}

/** Weights `[groups · panels, taps, summed channels, panel width]`, padded with zeros to whole panels. */
export interface PanelSpec {
  /** Shape of the weights `[O, I, KH, KW]`. */
  readonly weights: readonly number[]
  readonly groups: number
  /** Whether the summed channels are the input channels (`forward`) or the output channels (`inputGradient`). */
  readonly direction: 'forward' | 'inputGradient'
  /** Index of each tap in the order of the panels. */
  readonly taps: readonly number[]
  readonly tile: MachineTile
}

/** Sizes of packed weights. */
export function panelSizes({ weights, groups, direction, tile }: PanelSpec): {
  rows: number
  sums: number
  width: number
  panels: number
} {
  const perGroup = weights[0] / groups
  const [rows, sums] = direction === 'forward' ? [perGroup, weights[1]] : [weights[1], perGroup]
  const width = panelWidth(rows, tile)
  return { rows, sums, width, panels: Math.ceil(rows / width) }
}

/** Packs weights into panels. Operand addresses: weights, panels. */
export const packKernel = kernelKind('pack', (spec: PanelSpec) => {
  const { weights, groups, direction, taps } = spec
  const { rows, sums, width, panels } = panelSizes(spec)
  const plane = weights[2] * weights[3] * 4
  const perRow = direction === 'forward' ? weights[1] * plane : plane
  const perSum = direction === 'forward' ? plane : weights[1] * plane
  const perGroup = (weights[0] / groups) * weights[1] * plane
  const tapTable = Int32Array.from(taps, index => index * 4)
  return {
    units: groups * panels,
    tables: [tapTable],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 3)
      const [source, destination, table] = address
      const [unit, tap, sum, first, at, out] = f.localArray('i32', 6)
      const copyRow = (count: number): void => {
        for (let r = 0; r < width; r++) {
          f.get(out)
          if (r < count) f.get(at).memory('f32.load', r * perRow)
          else f.f32(0)
          f.memory('f32.store', r * 4)
        }
      }
      const last = rows - (panels - 1) * width
      f.for(unit, from, to, () => {
        f.address(destination, [unit, taps.length * sums * width * 4]).set(out)
        f.get(source).get(unit).over(panels).times(perGroup).op('i32.add')
        f.get(unit)
          .modulo(panels)
          .times(width * perRow)
          .op('i32.add')
          .set(first)
        f.for(tap, { value: 0 }, { value: taps.length }, () => {
          f.get(first).address(table, [tap, 4]).memory('i32.load').op('i32.add').set(at)
          f.for(sum, { value: 0 }, { value: sums }, () => {
            if (last === width) copyRow(width)
            else {
              f.get(unit)
                .modulo(panels)
                .i32(panels - 1)
                .op('i32.eq')
              f.if(
                () => copyRow(last),
                () => copyRow(width),
              )
            }
            f.increment(at, perSum)
            f.increment(out, width * 4)
          })
        })
      })
      return f
    },
  }
})

/**
 * A border of zeros around an image stored channels last:
 * `[N, H, W, C]` → `[N, H + top + bottom, W + left + right, C]`.
 */
export interface BorderSpec {
  /** `[N, C, H, W]` */
  readonly shape: readonly number[]
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** Copies an image into the middle of a larger one. Operand addresses: image, result. */
export const borderKernel = kernelKind('border', (spec: BorderSpec) => {
  const { shape, top, bottom, left, right } = spec
  const [batch, channels, height, width] = shape
  const row = width * channels
  const padded = (left + width + right) * channels
  return {
    units: batch * (top + height + bottom),
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const [source, destination] = address
      const [unit, i, out, at] = f.localArray('i32', 4)
      f.for(unit, from, to, () => {
        f.address(destination, [unit, padded * 4]).set(out)
        f.get(unit)
          .modulo(top + height + bottom)
          .i32(top)
          .op('i32.sub')
          .tee(i)
          .i32(height)
          .op('i32.lt_u')
        f.if(
          () => {
            fill(f, out, left * channels)
            f.get(source)
            f.get(unit)
              .over(top + height + bottom)
              .times(height)
              .plus(i)
            f.times(row * 4)
              .op('i32.add')
              .set(at)
            copyRun(f, at, out, row)
            fill(f, out, right * channels)
          },
          () => fill(f, out, padded),
        )
      })
      return f
    },
  }
})

/** Writes `count` zeros and moves the address past them. */
function fill(f: FunctionBuilder, out: Local, count: number): void {
  eachVector(f, count, lanes => {
    f.get(out)
    if (lanes === 4) f.f32x4(0).memory('v128.store')
    else f.f32(0).memory('f32.store')
    f.increment(out, lanes * 4)
  })
}

/** Copies `count` elements and moves both addresses past them. */
function copyRun(f: FunctionBuilder, at: Local, out: Local, count: number): void {
  eachVector(f, count, lanes => {
    f.get(out).get(at)
    if (lanes === 4) f.memory('v128.load').memory('v128.store')
    else f.memory('f32.load').memory('f32.store')
    f.increment(at, lanes * 4)
    f.increment(out, lanes * 4)
  })
}

function eachVector(f: FunctionBuilder, count: number, body: (lanes: 1 | 4) => void): void {
  const counter = f.local('i32')
  f.for(counter, { value: 0 }, { value: Math.floor(count / 4) }, () => body(4))
  f.for(counter, { value: 0 }, { value: count % 4 }, () => body(1))
}
