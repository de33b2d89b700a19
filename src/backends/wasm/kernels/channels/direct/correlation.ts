/**
 * Convolution and its gradient to the input on channels-last volumes, without any copy of patches: rows of a register tile
 * are positions, its columns are output channels, and the sum runs over the taps and the channels of each. Where a tap
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
import { type MachineTile, RegisterTile } from '../../../emit/tile.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { emitMoments, momentOperands, momentResults, pushPart } from '../moments.ts'
import { TileStore } from '../store.ts'
import { type PanelSpec, panelSizes, tileRowsFor, weightPlaces, wholeTiles } from './packing.ts'
import { Walk } from './walk.ts'

/** A correlation over volumes of shapes `[N, C, H, W]` that lie channels last. */
export interface CorrelationSpec {
  readonly direction: 'forward' | 'inputGradient'
  readonly window: Window2d
  readonly groups: number
  /** Shape of what is read: x, or the gradient of y. */
  readonly source: readonly number[]
  /** Shape of the weights `[O, I, KH, KW]`. */
  readonly weights: readonly number[]
  readonly result: readonly number[]
  readonly tile: MachineTile
  /** Moments of the result that are stored as well, a row for every chunk of positions. */
  readonly moments?: MomentKind
}

/** How the weights of a correlation are packed. */
export function panelsOf({ direction, window, groups, weights, result, tile }: CorrelationSpec): PanelSpec {
  return { weights, groups, direction, tile, taps: tapOrder(tapClasses(direction, window, [result[2], result[3]])) }
}

/**
 * Bytes of the source that a thread works through before it takes the next panel of weights. All panels are read once for
 * every chunk: when the second-level cache does not hold them, it holds a chunk instead.
 */
const chunkBytes = { fewWeights: 96 * 1024, manyWeights: 768 * 1024 }

/** Bytes of weights from which on they are many. */
const manyWeights = 512 * 1024

/** Positions of a class that one unit covers: chunks of about equal size, so that threads get equal shares. */
function chunkOf(positions: number, bytesPerPosition: number, weightBytes: number, rows: number): number {
  const bytes = chunkBytes[weightBytes < manyWeights ? 'fewWeights' : 'manyWeights']
  const wanted = Math.max(4 * rows, Math.floor(bytes / bytesPerPosition))
  const chunks = Math.max(1, Math.round(positions / wanted))
  return Math.ceil(positions / chunks / rows) * rows
}

/** Positions of a class in all images, and of each of its chunks. */
function chunksOf(spec: CorrelationSpec, { grid, advance, taps }: TapClass): { total: number; chunk: number } {
  const { rows: channels, sums, width } = panelSizes(panelsOf(spec))
  const total = spec.result[0] * grid[0] * grid[1]
  const reach = advance[0] * advance[1] * spec.source[1] * 4
  // What is read again for its moments has to be in the cache as well.
  const bytes = spec.moments ? Math.max(reach, spec.result[1] * 4) : reach
  const tileRows = tileRowsFor(width, spec.tile)
  // Moments shall not depend on the tile that suits a machine: chunks are then whole tiles of four and of six rows.
  const rows = spec.moments && wholeTiles % tileRows === 0 ? wholeTiles : tileRows
  return { total, chunk: chunkOf(total, bytes, taps.length * sums * channels * 4, Math.min(rows, total)) }
}

/** Positions of the result behind each row of its moments, if they are wanted and chunks are runs of neighbouring positions. */
export function correlationMoments(spec: CorrelationSpec): number[] | undefined {
  const [positions, ...others] = tapClasses(spec.direction, spec.window, [spec.result[2], spec.result[3]])
  if (!spec.moments || others.length > 0) return undefined
  const { total, chunk } = chunksOf(spec, positions)
  return Array.from({ length: Math.ceil(total / chunk) }, (_, row) => Math.min(chunk, total - row * chunk))
}

/**
 * Operand addresses: source, panels, epilogue operands, result, zeros. With moments: what they are taken against before the
 * result, and the places of the two after it.
 */
export const correlationKernel = kernelKind('correlation', (spec: CorrelationSpec, epilogue: EpilogueSpec) => {
  const { direction, window, groups, source, result } = spec
  const panels = panelsOf(spec)
  const { rows: channels, sums, width, panels: perGroup } = panelSizes(panels)
  const tail = channels - (perGroup - 1) * width
  const classes = tapClasses(direction, window, [result[2], result[3]])
  const vectors = width / 4
  const tileRows = tileRowsFor(width, spec.tile)
  let next = 0
  const parts = classes.map(positions => {
    const { total, chunk } = chunksOf(spec, positions)
    const firstUnit = next
    next += Math.ceil(total / chunk) * groups * perGroup
    const checks = [leaves(positions, 0, source[2]), leaves(positions, 1, source[3])] as const
    const runs = runsOf(positions, groups === 1 && !checks[1])
    return { positions, total, chunk, checks, runs, firstUnit, endUnit: next }
  })
  const longestRun = Math.max(1, ...parts.flatMap(({ runs }) => runs.map(({ taps }) => taps)))
  const extraOperands = epilogue.operands.length
  const resultAt = 2 + extraOperands + momentOperands(spec.moments)
  const operands = resultAt + momentResults(spec.moments)
  return {
    units: next,
    tables: [new Int32Array(sums * longestRun)],
    operands,
    emit(target: KernelModule): FunctionBuilder {
      const { f, from, to, address } = kernelFunction(target, operands + 1)
      const [xBase, panelBase] = address
      const yBase = address[resultAt]
      const zeros = address[operands]
      const extras = address.slice(2, 2 + extraOperands)
      const against = address.slice(2 + extraOperands, resultAt)
      const store = new TileStore(f, target, epilogue, result, extras, spec.tile.joined)
      const [unit, end, ocb, group, channel, panel, panelAt, pixel, first, last, chunkEnd, count] = f.localArray(
        'i32',
        12,
      )
      const tiles = new Map<number, RegisterTile>()
      const pointers = f.localArray('i32', tileRows)
      const outs = f.localArray('i32', tileRows)
      let panelOffset = 0
      const { moments } = spec
      const emitted = new Map(
        moments ? [width, tail].map(valid => [valid, emitMoments(target, moments, result[1] * 4, valid)]) : [],
      )

      /** Does something for the channels of the current panel; the last may have fewer. */
      const byPanel = (act: (valid: number) => void): void => {
        if (tail === width) {
          act(width)
          return
        }
        f.get(ocb)
          .i32(perGroup - 1)
          .op('i32.eq')
        f.if(
          () => act(tail),
          () => act(width),
        )
      }

      for (const { positions, total, chunk, checks, runs, firstUnit, endUnit } of parts) {
        const walk = new Walk(f, spec, positions, tileRows)
        const dense = isDense(spec, positions)
        const rest = total % Math.min(tileRows, total)
        const rows = Math.min(tileRows, total)
        const classOffset = panelOffset
        panelOffset += positions.taps.length * sums * width * 4

        const weightBytes = positions.taps.length * sums * channels * groups * 4
        const sum = (tile: RegisterTile): void => {
          let offset = classOffset
          for (const { shift, taps } of runs) {
            for (let r = 0; r < tile.rows; r++) {
              if (dense && r > 0) break
              walk.pushSource(r, shift, checks, zeros)
              f.set(pointers[r])
            }
            f.get(panel).offset(offset).set(panelAt)
            f.i32(taps * sums).set(count)
            const bytes = source[1] * 4
            tile.steps(
              {
                rowAddress: dense ? pointers[0] : pointers,
                rowOffsets: Array.from({ length: tile.rows }, (_, r) => (dense ? r * bytes : 0)),
                rowKind: 'splat',
                columnAddress: panelAt,
                columnOffsets: Array.from({ length: vectors }, (_, v) => v * 16),
              },
              count,
              4,
              width * 4,
              4,
              weightPlaces({ method: 'direct', steps: taps * sums, width, weightBytes, rows: total }),
            )
            offset += taps * sums * width * 4
          }
        }

        const storeRows = (tile: RegisterTile, valid: number): void => {
          store.store(outs, tile.accumulators, valid, yBase, channel)
        }

        const tileOf = (height: number): void => {
          const tile = tiles.get(height) ?? new RegisterTile(f, height, vectors, { lanes: 4, fused: target.fused })
          tiles.set(height, tile)
          for (let r = 0; r < height; r++) walk.save(r, outs[r])
          tile.clear()
          sum(tile)
          byPanel(valid => storeRows(tile, valid))
        }

        /** Of the chunk just finished, which begins at position number `first`. */
        const storeMoments = (first: Local): void =>
          byPanel(valid => {
            const pushAt = (base: Local, push: () => void): void => {
              f.get(base)
              push()
              f.times(result[1]).plus(channel).times(4).op('i32.add')
            }
            pushAt(yBase, () => f.get(first))
            pushPart(f, chunk, total, first)
            for (const part of address.slice(resultAt + 1, operands)) {
              pushAt(part, () => f.get(first).over(chunk))
            }
            against.forEach((base, k) => {
              pushAt(base, () => (k === 0 ? f.get(first) : f.i32(0)))
            })
            f.call(emitted.get(valid) as FunctionBuilder)
          })

        // This call's share of the units of the class.
        f.larger(from, { value: firstUnit }).set(unit)
        f.smaller(to, { value: endUnit }).set(end)
        f.for(unit, unit, end, () => {
          f.get(unit).i32(firstUnit).op('i32.sub').tee(pixel).modulo(perGroup).set(ocb)
          f.get(pixel).over(perGroup).tee(pixel).modulo(groups).set(group)
          f.get(pixel).over(groups).times(chunk).set(pixel)
          f.get(group).times(channels).plus(ocb, width).set(channel)
          f.get(panelBase).get(group).times(perGroup).plus(ocb)
          f.times(panels.taps.length * sums * width * 4)
            .op('i32.add')
            .set(panel)
          store.atChannels(channel)
          walk.start(pixel, xBase, yBase, group, sums, channel)
          f.get(pixel)
            .tee(first)
            .offset(chunk)
            .tee(chunkEnd)
            .i32(total - rest)
            .get(chunkEnd)
            .i32(total - rest)
            .op('i32.lt_s', 'select')
            .set(last)
          f.for(pixel, pixel, last, () => tileOf(rows), rows)
          if (rest > 0) {
            f.get(chunkEnd)
              .i32(total - rest)
              .op('i32.gt_s')
            f.if(() => tileOf(rest))
          }
          if (moments) storeMoments(first)
        })
      }
      return f
    },
  }
})

/** True when the positions and what they read are both one run of pixels in memory: a 1×1 convolution of stride 1. */
function isDense({ source }: CorrelationSpec, { grid, advance, taps, step }: TapClass): boolean {
  const [tap] = taps
  const plain = [...advance, ...step].every(size => size === 1) && grid[0] === source[2] && grid[1] === source[3]
  return plain && taps.length === 1 && tap.shift[0] === 0 && tap.shift[1] === 0
}
