/**
 * Convolution and its input gradient on channels-last volumes, without copying patches. The rows of a register tile are
 * positions, its columns are output channels, and the sum runs over the taps and the channels of each. Where a tap
 * leaves the image, the row reads zeros instead.
 */
import type { Window2d } from '../../../../../graph/window.ts'
import {
  leaves,
  runsOf,
  type TapClass,
  tapClasses,
  tapOrder,
} from '../../../../cpu/kernels/channels/direct/tapClasses.ts'
import type { MomentKind } from '../../../../cpu/layouts/convolution.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import type { VectorLanes } from '../../../emit/lanes.ts'
import { lanesFor, type MachineTile, RegisterTile } from '../../../emit/tile.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { emitMoments, momentOperands, momentResults, pushPart } from '../moments.ts'
import { TileStore } from '../store.ts'
import { fetchAhead, type PanelSpec, panelSizes, tileRowsFor, weightPlaces, wholeTiles } from './packing.ts'
import { Walk } from './walk.ts'

/** A correlation over volumes of shapes `[N, C, H, W]` that are stored channels last. */
export interface CorrelationSpec {
  readonly direction: 'forward' | 'inputGradient'
  readonly window: Window2d
  readonly groups: number
  /** Shape of the source: x, or the gradient of y. */
  readonly source: readonly number[]
  /** Shape of the weights `[O, I, KH, KW]`. */
  readonly weights: readonly number[]
  readonly result: readonly number[]
  readonly tile: MachineTile
  /** Moments of the result to store as well, a row for every chunk of positions. */
  readonly moments?: MomentKind
}

/** How the weights of a correlation are packed. */
export function panelsOf({ direction, window, groups, weights, result, tile }: CorrelationSpec): PanelSpec {
  return { weights, groups, direction, tile, taps: tapOrder(tapClasses(direction, window, [result[2], result[3]])) }
}

/**
 * Bytes of the source that a thread processes before it takes the next panel of weights. Every chunk reads all panels
 * once: if they do not fit the second-level cache, a chunk does.
 */
const chunkBytes = { fewWeights: 96 * 1024, manyWeights: 768 * 1024 }

/** Weights of at least this many bytes count as many. */
const manyWeights = 512 * 1024

/** Positions of a class that one unit covers: chunks have about equal sizes, so that threads get equal shares. */
function chunkOf(positions: number, bytesPerPosition: number, weightBytes: number, rows: number): number {
  const bytes = chunkBytes[weightBytes < manyWeights ? 'fewWeights' : 'manyWeights']
  const wanted = Math.max(4 * rows, Math.floor(bytes / bytesPerPosition))
  const chunks = Math.max(1, Math.round(positions / wanted))
  return Math.ceil(positions / chunks / rows) * rows
}

/** Positions of a class in all images, in each of its chunks, and in a register tile. */
function chunksOf(spec: CorrelationSpec, positions: TapClass): { total: number; chunk: number; rows: number } {
  const { grid, advance, taps } = positions
  const { rows: channels, sums, width } = panelSizes(panelsOf(spec))
  const total = spec.result[0] * grid[0] * grid[1]
  const reach = advance[0] * advance[1] * spec.source[1] * 4
  // The result is read again for its moments, so it has to be in the cache as well.
  const bytes = spec.moments ? Math.max(reach, spec.result[1] * 4) : reach
  const moments = spec.moments !== undefined
  const rows = tileRowsFor(width, spec.tile, { method: 'direct', positions: total, sums, moments })
  // Moments must not depend on the machine's tile, so chunks are then whole tiles of four and of six rows.
  const whole = moments && wholeTiles % rows === 0 ? Math.min(wholeTiles, total) : rows
  return { total, chunk: chunkOf(total, bytes, taps.length * sums * channels * 4, whole), rows }
}

/**
 * Positions in each row of the result's moments, if moments are wanted and chunks are runs of neighboring positions.
 */
export function correlationMoments(spec: CorrelationSpec): number[] | undefined {
  const [positions, ...others] = tapClasses(spec.direction, spec.window, [spec.result[2], spec.result[3]])
  if (!spec.moments || others.length > 0) return undefined
  const { total, chunk } = chunksOf(spec, positions)
  return Array.from({ length: Math.ceil(total / chunk) }, (_, row) => Math.min(chunk, total - row * chunk))
}

/**
 * Operand addresses: source, panels, epilogue operands, result, zeros. With moments: their operands before the result,
 * and the places of the two moments after it.
 */
export const correlationKernel = kernelKind('correlation', (spec: CorrelationSpec, epilogue: EpilogueSpec) => {
  const geometry = geometryOf(spec)
  const { parts, sums } = geometry
  const longestRun = Math.max(1, ...parts.flatMap(({ runs }) => runs.map(({ taps }) => taps)))
  const operands = 2 + epilogue.operands.length + momentOperands(spec.moments) + momentResults(spec.moments)
  return {
    units: parts.at(-1)?.endUnit ?? 0,
    tables: [new Int32Array(sums * longestRun)],
    operands,
    emit: target => new CorrelationEmitter(target, spec, epilogue, geometry).emit(),
  }
})

/**
 * The positions of one class, and the units that compute them: a unit is a chunk of positions for one panel of weights.
 */
interface Part {
  readonly positions: TapClass
  /** Positions in all images, in each chunk, and in a register tile. */
  readonly total: number
  readonly chunk: number
  readonly rows: number
  /** Whether taps can leave the image along each axis. */
  readonly checks: readonly [boolean, boolean]
  /** Taps that are contiguous in memory, as runs. */
  readonly runs: ReturnType<typeof runsOf>
  /** Whether the positions and their source are both one run of pixels. */
  readonly dense: boolean
  /** Bytes from the beginning of a panel to the weights of the class, and bytes of these weights in all panels. */
  readonly panelOffset: number
  readonly weightBytes: number
  readonly firstUnit: number
  readonly endUnit: number
}

/** Numbers that follow from a spec. */
interface Geometry {
  /** Output channels of a group, of a panel, and of the last panel. */
  readonly channels: number
  readonly width: number
  readonly tail: number
  /** Summed channels. */
  readonly sums: number
  /** Panels of a group, and bytes of each. */
  readonly perGroup: number
  readonly panelBytes: number
  /** Most positions of a register tile. */
  readonly tileRows: number
  readonly parts: readonly Part[]
}

function geometryOf(spec: CorrelationSpec): Geometry {
  const { direction, window, groups, source, result } = spec
  const panels = panelsOf(spec)
  const { rows: channels, sums, width, panels: perGroup } = panelSizes(panels)
  const tapBytes = sums * width * 4
  const parts: Part[] = []
  let [endUnit, panelOffset] = [0, 0]
  for (const positions of tapClasses(direction, window, [result[2], result[3]])) {
    const { total, chunk, rows } = chunksOf(spec, positions)
    const firstUnit = endUnit
    endUnit += Math.ceil(total / chunk) * groups * perGroup
    const checks = [leaves(positions, 0, source[2]), leaves(positions, 1, source[3])] as const
    parts.push({
      positions,
      total,
      chunk,
      rows,
      checks,
      runs: runsOf(positions, groups === 1 && !checks[1]),
      dense: isDense(spec, positions),
      panelOffset,
      weightBytes: positions.taps.length * sums * channels * groups * 4,
      firstUnit,
      endUnit,
    })
    panelOffset += positions.taps.length * tapBytes
  }
  const panelBytes = panels.taps.length * tapBytes
  const tileRows = Math.max(...parts.map(({ rows }) => rows))
  return { channels, width, tail: channels - (perGroup - 1) * width, sums, perGroup, panelBytes, tileRows, parts }
}

/**
 * Writes the function of a correlation: the units of every class of positions, and the register tiles of every unit.
 */
class CorrelationEmitter {
  readonly #spec: CorrelationSpec
  readonly #geometry: Geometry
  readonly #f: FunctionBuilder
  readonly #fused: boolean
  readonly #longest: VectorLanes | undefined
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #base: Readonly<Record<'source' | 'panels' | 'result' | 'zeros', Local>>
  /** Addresses of the operands of the moments, and of the places where moments are stored. */
  readonly #moments: { readonly against: readonly Local[]; readonly places: readonly Local[] }
  readonly #store: TileStore
  readonly #at: Readonly<Record<(typeof localNames)[number], Local>>
  /** Addresses at which each row of a tile reads and writes. */
  readonly #pointers: readonly Local[]
  readonly #outs: readonly Local[]
  /** Register tiles by their number of rows. */
  readonly #tiles = new Map<number, RegisterTile>()
  /** Functions that gather the moments of a chunk, by the channels of a panel. */
  readonly #gather: ReadonlyMap<number, FunctionBuilder>

  constructor(target: KernelModule, spec: CorrelationSpec, epilogue: EpilogueSpec, geometry: Geometry) {
    const { moments, result, tile } = spec
    const againstAt = 2 + epilogue.operands.length
    const resultAt = againstAt + momentOperands(moments)
    const zerosAt = resultAt + momentResults(moments)
    const { f, from, to, address } = kernelFunction(target, zerosAt + 1)
    this.#spec = spec
    this.#geometry = geometry
    this.#f = f
    this.#fused = target.fused
    this.#longest = target.longest
    this.#range = { from, to }
    this.#base = { source: address[0], panels: address[1], result: address[resultAt], zeros: address[zerosAt] }
    this.#moments = { against: address.slice(againstAt, resultAt), places: address.slice(resultAt + 1, zerosAt) }
    const bases = address.slice(2, againstAt)
    this.#store = new TileStore(f, target, { epilogue, shape: result, bases, joined: tile.joined })
    this.#at = f.named('i32', ...localNames)
    this.#pointers = f.localArray('i32', geometry.tileRows)
    this.#outs = f.localArray('i32', geometry.tileRows)
    const panels = moments ? [geometry.width, geometry.tail] : []
    this.#gather = new Map(
      panels.map(valid => [valid, emitMoments(target, moments as MomentKind, result[1] * 4, valid)]),
    )
  }

  emit(): FunctionBuilder {
    for (const part of this.#geometry.parts) this.#part(part)
    return this.#f
  }

  /** This call's share of the units of a class. */
  #part(part: Part): void {
    const f = this.#f
    const { firstUnit, endUnit, positions } = part
    const { sums, tileRows } = this.#geometry
    const { unit, end, pixel, group, channel } = this.#at
    const { source, result } = this.#base
    const walk = new Walk(f, this.#spec, positions, tileRows)
    f.larger(this.#range.from, { value: firstUnit }).set(unit)
    f.smaller(this.#range.to, { value: endUnit }).set(end)
    f.for(unit, unit, end, () => {
      this.#locateUnit(part)
      this.#store.atChannels(channel)
      walk.start({ pixel, source, result, group, sums, channel })
      this.#chunk(part, walk)
      if (this.#spec.moments) this.#storeMoments(part)
    })
  }

  /** Finds, from a unit's number, its panel of weights, its group and channels, and its first position. */
  #locateUnit({ firstUnit, chunk }: Part): void {
    const f = this.#f
    const { groups } = this.#spec
    const { perGroup, channels, width, panelBytes } = this.#geometry
    const { unit, pixel, panelInGroup, group, channel, panel } = this.#at
    f.get(unit).i32(firstUnit).op('i32.sub').tee(pixel).modulo(perGroup).set(panelInGroup)
    f.get(pixel).over(perGroup).tee(pixel).modulo(groups).set(group)
    f.get(pixel).over(groups).times(chunk).set(pixel)
    f.get(group).times(channels).plus(panelInGroup, width).set(channel)
    f.get(this.#base.panels).get(group).times(perGroup).plus(panelInGroup)
    f.times(panelBytes).op('i32.add').set(panel)
  }

  /** All tiles of a chunk: whole ones, and a smaller one at the end of the class. */
  #chunk(part: Part, walk: Walk): void {
    const f = this.#f
    const { total, chunk, rows } = part
    const { pixel, first, chunkEnd, last } = this.#at
    const rest = total % rows
    const wholeEnd = total - rest
    f.get(pixel).tee(first).offset(chunk).capped(chunkEnd, { value: wholeEnd }).set(last)
    f.for(pixel, pixel, last, () => this.#tile(part, walk, rows), rows)
    if (rest === 0) return
    f.get(chunkEnd).i32(wholeEnd).op('i32.gt_s')
    f.if(() => this.#tile(part, walk, rest))
  }

  /** The next `rows` positions of the walk. */
  #tile(part: Part, walk: Walk, rows: number): void {
    const { channel } = this.#at
    const tile = this.#registers(rows)
    for (let r = 0; r < rows; r++) walk.save(r, this.#outs[r])
    tile.clear()
    this.#sum(part, walk, tile)
    const place = { outs: this.#outs, yBase: this.#base.result, channel }
    this.#byPanel(count => this.#store.store(tile, { ...place, count }))
  }

  #registers(rows: number): RegisterTile {
    const { width } = this.#geometry
    const lanes = lanesFor(width, this.#longest)
    const size = { rows, columns: width / lanes }
    const tile = this.#tiles.get(rows) ?? new RegisterTile(this.#f, size, { lanes, fused: this.#fused })
    this.#tiles.set(rows, tile)
    return tile
  }

  /** The sum over all taps and channels, one run of memory after another. */
  #sum({ runs, dense, checks, panelOffset, weightBytes, total }: Part, walk: Walk, tile: RegisterTile): void {
    const f = this.#f
    const { sums, width } = this.#geometry
    const { panel, panelAt, count } = this.#at
    const pixelBytes = this.#spec.source[1] * 4
    let offset = panelOffset
    for (const { shift, taps } of runs) {
      const steps = taps * sums
      // Dense positions are side by side: one address serves all rows.
      for (let r = 0; r < (dense ? 1 : tile.rows); r++) {
        walk.pushSource(r, shift, checks, this.#base.zeros)
        f.set(this.#pointers[r])
      }
      f.get(panel).offset(offset).set(panelAt)
      f.i32(steps).set(count)
      tile.steps(
        {
          rowAddress: dense ? this.#pointers[0] : this.#pointers,
          rowOffsets: Array.from({ length: tile.rows }, (_, r) => (dense ? r * pixelBytes : 0)),
          rowKind: 'splat',
          columnAddress: panelAt,
          columnOffsets: tile.neighbors,
        },
        {
          count,
          rowAdvance: 4,
          columnAdvance: width * 4,
          ahead: fetchAhead(this.#spec.tile),
          place: weightPlaces({ method: 'direct', steps, width, weightBytes, rows: total }),
        },
      )
      offset += steps * width * 4
    }
  }

  /** Calls `act` with the number of channels of the current panel; the last panel may have fewer. */
  #byPanel(act: (valid: number) => void): void {
    const { width, tail, perGroup } = this.#geometry
    if (tail === width) {
      act(width)
      return
    }
    const f = this.#f
    f.get(this.#at.panelInGroup)
      .i32(perGroup - 1)
      .op('i32.eq')
    f.if(
      () => act(tail),
      () => act(width),
    )
  }

  /** Stores the moments of the chunk just finished. */
  #storeMoments({ chunk, total }: Part): void {
    const f = this.#f
    const { first, channel } = this.#at
    const { against, places } = this.#moments
    const pushAt = (base: Local, pushRow: () => void): void => {
      f.get(base)
      pushRow()
      f.times(this.#spec.result[1]).plus(channel).times(4).op('i32.add')
    }
    this.#byPanel(valid => {
      pushAt(this.#base.result, () => f.get(first))
      pushPart(f, chunk, total, first)
      for (const place of places) pushAt(place, () => f.get(first).over(chunk))
      against.forEach((base, k) => {
        pushAt(base, () => (k === 0 ? f.get(first) : f.i32(0)))
      })
      f.call(this.#gather.get(valid) as FunctionBuilder)
    })
  }
}

/**
 * A panel and its address. Positions: the current one, the first of the chunk, and the ends of the chunk and of its
 * whole tiles. `count` is the number of steps left, `panelAt` the address of their weights.
 */
const localNames = [
  'unit',
  'end',
  'panelInGroup',
  'group',
  'channel',
  'panel',
  'panelAt',
  'pixel',
  'first',
  'last',
  'chunkEnd',
  'count',
] as const

/** True when the positions and their source are both one run of pixels in memory: a 1×1 convolution of stride 1. */
function isDense({ source }: CorrelationSpec, { grid, advance, taps, step }: TapClass): boolean {
  const [tap] = taps
  const plain = [...advance, ...step].every(size => size === 1) && grid[0] === source[2] && grid[1] === source[3]
  return plain && taps.length === 1 && tap.shift[0] === 0 && tap.shift[1] === 0
}
