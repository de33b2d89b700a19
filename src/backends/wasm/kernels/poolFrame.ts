/**
 * What the pooling kernels share: loops over positions and windows. Volumes are `[N / b, C, H, W, b]`; a row-major
 * volume is the case b = 1. Lanes are samples. One unit is one channel of one block.
 */
import type { Shape } from '../../../graph/shape.ts'
import type { Window2d } from '../../../graph/window.ts'
import type { FunctionBuilder, Local } from '../assembler.ts'
import { type Kernel, type KernelModule, kernelFunction } from '../kernel.ts'
import type { Lanes } from '../tile.ts'
import { byteTable, tapsAlong } from './taps.ts'

/** What the pools share: input and output planes, lanes, and loops over positions. */
export interface PoolFrame {
  readonly f: FunctionBuilder
  readonly lanes: Lanes
  readonly vectors: number
  readonly address: readonly Local[]
  readonly unit: Local
  readonly i: Local
  readonly j: Local
  readonly math: KernelModule['math']
}

export interface PoolSpec {
  readonly key: string
  readonly block: number
  /** Shape of the volume that is written. */
  readonly shape: Shape
  readonly operands: number
  readonly tables: readonly Int32Array[]
}

/** A kernel that runs `body` at every position (unit, i, j) of the written volume. */
export function poolKernel(
  spec: PoolSpec,
  body: (frame: PoolFrame) => { start?: () => void; position: () => void },
): Kernel {
  const { block, shape } = spec
  return {
    key: spec.key,
    units: (shape[0] / block) * shape[1],
    tables: spec.tables,
    operands: spec.operands,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, spec.operands + spec.tables.length)
      const lanes: Lanes = block % 4 === 0 ? 4 : 1
      const [unit, i, j] = f.localArray('i32', 3)
      const frame = { f, lanes, vectors: Math.max(1, block / 4), address, unit, i, j, math: target.math }
      const { start, position } = body(frame)
      f.for(unit, from, to, () => {
        start?.()
        f.for(i, { value: 0 }, { value: shape[2] }, () => {
          f.for(j, { value: 0 }, { value: shape[3] }, position)
        })
      })
      return f
    },
  }
}

/** Pushes base + ((unit · height + row) · width + column) · bytes. */
export function pushAddress(
  f: FunctionBuilder,
  base: Local,
  unit: Local,
  [height, width]: readonly [number, number],
  row: Local,
  column: Local,
  bytes: number,
): FunctionBuilder {
  f.get(unit).i32(height).op('i32.mul').get(row).op('i32.add').i32(width).op('i32.mul').get(column).op('i32.add')
  return f.i32(bytes).op('i32.mul').get(base).op('i32.add')
}

/** Sets accumulators to a number, 0 by default. */
export function clear({ f, lanes }: PoolFrame, accumulators: readonly Local[], value = 0): void {
  for (const local of accumulators) {
    if (lanes === 4) f.f32x4(value)
    else f.f32(value)
    f.set(local)
  }
}

/** Stores one vector (or element) per accumulator as it is. */
export function storeAll({ f, lanes }: PoolFrame, out: Local, accumulators: readonly Local[]): void {
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
  f.get(table).get(index).i32(12).op('i32.mul', 'i32.add').set(scratch)
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
  private readonly f: FunctionBuilder
  private readonly locals: readonly Local[]

  constructor(f: FunctionBuilder) {
    this.f = f
    const [tap, index, rowCount, columnCount, ...locals] = f.localArray('i32', 16)
    this.tap = tap
    this.index = index
    this.rowCount = rowCount
    this.columnCount = columnCount
    this.locals = locals
  }

  /** Reads the tables for (row, column) and sets the address of the first tap in the plane at `plane`. */
  begin(rowTable: Local, columnTable: Local, row: Local, column: Local, plane: Local): void {
    const { f, rowCount, columnCount } = this
    const [unused, rowAt, columnAt, scratch, first] = this.locals
    loadTaps(f, rowTable, row, [unused, rowAt, rowCount], scratch)
    loadTaps(f, columnTable, column, [unused, columnAt, columnCount], scratch)
    f.get(plane).get(rowAt).op('i32.add').get(columnAt).op('i32.add').tee(first).set(this.tap)
  }

  /** Visits every tap, `rowStep` and `columnStep` bytes apart. */
  each(rowStep: number, columnStep: number, visit: () => void): void {
    const { f } = this
    const [, , , , first, u, v, rowStart] = this.locals
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
    this.f.get(this.tap).get(plane).op('i32.sub').i32(bytes).op('i32.div_u').set(this.index)
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
