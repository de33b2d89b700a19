/**
 * What the pooling kernels share: loops over positions and windows. Volumes are `[N / b, C, H, W, b]`, where lanes are
 * samples and a row-major volume is the case b = 1, or `[N, H, W, C]`, where lanes are channels. Either way they are planes
 * of pixels, of `pitch` neighbouring elements each, which are worked through in passes of a few vectors. One unit is one
 * row of one plane.
 */
import type { Shape } from '../../../../graph/shape.ts'
import type { Window2d } from '../../../../graph/window.ts'
import { dimensionsOf } from '../../../cpu/access.ts'
import { byteTable, tapsAlong } from '../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { storeElements } from '../../emit/elements.ts'
import type { Lanes } from '../../emit/tile.ts'
import { type KernelCode, type KernelModule, kernelFunction } from '../../kernel.ts'
import { EpilogueEmitter, type EpilogueSpec } from './epilogue.ts'

/** How a volume lies: in blocks of samples (1: row-major), or channels last. */
export interface VolumeLayout {
  readonly block: number
  readonly channelsLast: boolean
}

/** Elements of one pixel. */
export function pitchOf({ block, channelsLast }: VolumeLayout, shape: Shape): number {
  return channelsLast ? shape[1] : block
}

/** What the pools share: input and output planes, lanes, and loops over positions. */
export interface PoolFrame {
  readonly f: FunctionBuilder
  readonly lanes: Lanes
  /** Vectors (or single elements) of one pass. */
  readonly vectors: number
  /** Addresses of operands, at the elements of the current pass, and of tables. */
  readonly address: readonly Local[]
  readonly plane: Local
  readonly i: Local
  readonly j: Local
  /** Finishes and stores one value per vector at `out`, the address of position (i, j). */
  finish(epilogue: EpilogueSpec, operands: readonly Local[]): Finish
}

/** Stores the finished values of a position; `push` pushes the raw value of a vector. */
export type Finish = (out: Local, push: (vector: number) => void) => void

export interface PoolSpec {
  readonly layout: VolumeLayout
  /** Shape of the volume that is written. */
  readonly shape: Shape
  readonly operands: number
  /** How many of the operands, after the first, belong to the epilogue. */
  readonly extras?: number
  readonly tables: readonly Int32Array[]
  /** True when `position` goes through the elements of a pixel by itself. */
  readonly onePass?: boolean
}

/** Code that runs `body` at every position (plane, i, j) of the written volume. */
export function poolCode(
  spec: PoolSpec,
  body: (frame: PoolFrame) => { start?: () => void; position: () => void },
): KernelCode {
  const { layout, shape } = spec
  const [batch, channels, height, width] = shape
  const planes = layout.channelsLast ? batch : (batch / layout.block) * channels
  const pitch = pitchOf(layout, shape)
  const lanes: Lanes = pitch % 4 === 0 ? 4 : 1
  const vectors = lanes === 1 ? 1 : ([4, 3, 2, 1].find(count => pitch % (count * 4) === 0) as number)
  const passes = spec.onePass ? 1 : pitch / (vectors * lanes)
  return {
    units: planes * height,
    tables: spec.tables,
    operands: spec.operands,
    emit(target) {
      const { f, from, to, address: given } = kernelFunction(target, spec.operands + spec.tables.length)
      const [unit, plane, i, j, element] = f.localArray('i32', 5)
      const { extras = 0 } = spec
      // Volumes move on from pass to pass; the epilogue finds its operands by the element, and tables stay.
      const moves = (k: number): boolean => passes > 1 && k < spec.operands && (k === 0 || k > extras)
      const address = given.map((base, k) => (moves(k) ? f.local('i32') : base))
      const finish = finisher(f, target.math, spec, lanes, vectors, { plane, i, j, element })
      const { start, position } = body({ f, lanes, vectors, address, plane, i, j, finish })
      f.for(unit, from, to, () => {
        f.get(unit).over(height).set(plane).get(unit).modulo(height).set(i)
        const pass = (): void => {
          start?.()
          f.for(j, { value: 0 }, { value: width }, position)
        }
        if (passes === 1) pass()
        else {
          address.forEach((base, k) => {
            if (moves(k)) f.get(given[k]).set(base)
          })
          f.for(
            element,
            { value: 0 },
            { value: pitch },
            () => {
              pass()
              address.forEach((base, k) => {
                if (moves(k)) f.increment(base, vectors * lanes * 4)
              })
            },
            vectors * lanes,
          )
        }
      })
      return f
    },
  }
}

/** Where a kernel is, in locals. */
interface Place {
  readonly plane: Local
  readonly i: Local
  readonly j: Local
  /** First element of the pass within the pixel. */
  readonly element: Local
}

function finisher(
  f: FunctionBuilder,
  math: KernelModule['math'],
  { layout, shape }: PoolSpec,
  lanes: Lanes,
  vectors: number,
  { plane, i, j, element }: Place,
): PoolFrame['finish'] {
  return (epilogue, operands) => {
    const { channelsLast } = layout
    const volume = { shape, dtype: 'f32', block: channelsLast ? 0 : layout.block, channelsLast } as const
    const emitter = new EpilogueEmitter(f, math, epilogue, dimensionsOf(volume), shape, operands)
    const [n, c] = f.localArray('i32', 2)
    const scratch = f.local(lanes === 4 ? 'v128' : 'f32')
    return (out, push) => {
      if (layout.channelsLast) emitter.locate([plane, i, j, element])
      else {
        f.get(plane).over(shape[1]).set(n).get(plane).modulo(shape[1]).set(c)
        emitter.locate([n, c, i, j, { value: 0 }])
      }
      for (let v = 0; v < vectors; v++) {
        const shift = layout.channelsLast ? [0, 0, 0, v * lanes] : [0, 0, 0, 0, v * lanes]
        storeElements(f, lanes, out, v * 16, 4, scratch, () => emitter.push(lanes, shift, () => push(v)))
      }
    }
  }
}

/** Pushes base + ((plane · height + row) · width + column) · bytes. */
export function pushAddress(
  f: FunctionBuilder,
  base: Local,
  plane: Local,
  [height, width]: readonly [number, number],
  row: Local,
  column: Local,
  bytes: number,
): FunctionBuilder {
  f.get(plane).times(height).plus(row).times(width).plus(column)
  return f.times(bytes).plus(base)
}

/** Sets accumulators to a number, 0 by default. */
export function clear({ f, lanes }: Pick<PoolFrame, 'f' | 'lanes'>, accumulators: readonly Local[], value = 0): void {
  for (const local of accumulators) {
    if (lanes === 4) f.f32x4(value)
    else f.f32(value)
    f.set(local)
  }
}

/** Stores one vector (or element) per accumulator as it is. */
export function storeAll(
  { f, lanes }: Pick<PoolFrame, 'f' | 'lanes'>,
  out: Local,
  accumulators: readonly Local[],
): void {
  accumulators.forEach((local, v) => {
    f.get(out)
      .get(local)
      .memory(lanes === 4 ? 'v128.store' : 'f32.store', v * 16)
  })
}

/** Loads the three numbers of a tap table's row into locals. */
function loadTaps(
  f: FunctionBuilder,
  table: Local,
  index: Local,
  into: readonly [Local, Local, Local],
  scratch: Local,
): void {
  f.address(table, [index, 12]).set(scratch)
  into.forEach((local, k) => {
    f.get(scratch)
      .memory('i32.load', k * 4)
      .set(local)
  })
}

/** Loops over the taps of one position; `visit` sees the address of each in `tap` and its flat index in `index`. */
export class WindowLoop {
  readonly tap: Local
  readonly index: Local
  readonly rowCount: Local
  readonly columnCount: Local
  readonly #f: FunctionBuilder
  readonly #locals: readonly Local[]

  constructor(f: FunctionBuilder) {
    this.#f = f
    const [tap, index, rowCount, columnCount, ...locals] = f.localArray('i32', 16)
    this.tap = tap
    this.index = index
    this.rowCount = rowCount
    this.columnCount = columnCount
    this.#locals = locals
  }

  /** Reads the tables for (row, column) and sets the address of the first tap in the plane at `plane`. */
  begin(rowTable: Local, columnTable: Local, row: Local, column: Local, plane: Local): void {
    const f = this.#f
    const { rowCount, columnCount } = this
    const [unused, rowAt, columnAt, scratch, first] = this.#locals
    loadTaps(f, rowTable, row, [unused, rowAt, rowCount], scratch)
    loadTaps(f, columnTable, column, [unused, columnAt, columnCount], scratch)
    f.get(plane).plus(rowAt).plus(columnAt).tee(first).set(this.tap)
  }

  /** Visits every tap, `rowStep` and `columnStep` bytes apart. */
  each(rowStep: number, columnStep: number, visit: () => void): void {
    const f = this.#f
    const [, , , , first, u, v, rowStart] = this.#locals
    f.get(first).set(rowStart)
    f.for(u, { value: 0 }, this.rowCount, () => {
      f.get(rowStart).set(this.tap)
      f.for(v, { value: 0 }, this.columnCount, () => {
        visit()
        f.increment(this.tap, columnStep)
      })
      f.increment(rowStart, rowStep)
    })
  }

  /** Sets `index` to (tap − plane) / bytes: the tap's flat index. */
  locateIndex(plane: Local, bytes: number): void {
    this.#f.get(this.tap).get(plane).op('i32.sub').over(bytes).set(this.index)
  }
}

/** Tables of the taps of `result` positions over `source` positions, in bytes. */
export function windowTables(
  direction: 'forward' | 'inputGradient',
  window: Window2d,
  result: readonly [number, number],
  source: readonly [number, number],
  bytes: number,
): { tables: Int32Array[]; rowStep: number; columnStep: number } {
  const rows = tapsAlong(direction, window, 0, result[0], source[0])
  const columns = tapsAlong(direction, window, 1, result[1], source[1])
  const rowBytes = source[1] * bytes
  return {
    tables: [byteTable(rows, 0, rowBytes), byteTable(columns, 0, bytes)],
    rowStep: rows.positionStep * rowBytes,
    columnStep: columns.positionStep * bytes,
  }
}

export const spatial = (shape: Shape): readonly [number, number] => [shape[2], shape[3]]
