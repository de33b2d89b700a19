/**
 * Code shared by the pooling kernels: loops over positions and windows. Volumes are `[N / b, C, H, W, b]`, where lanes
 * are samples and a row-major volume is the case b = 1, or `[N, H, W, C]`, where lanes are channels. Either way they
 * are planes of pixels with `pitch` neighboring elements each, which are processed in passes of a few vectors. One unit
 * is one row of one plane.
 */

import type { Shape } from '../../../../graph/shape.ts'
import { byteTable, tapsAlong, type WindowGeometry } from '../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { storeElements } from '../../emit/elements.ts'
import { type Lanes, pushConstant, storeOf, typeOf } from '../../emit/lanes.ts'
import { type KernelCode, type KernelModule, kernelFunction } from '../../kernel.ts'
import { EpilogueEmitter, type EpilogueSpec } from './epilogue.ts'

/** Layout of a volume: in blocks of samples (1: row-major), or channels last. */
export interface VolumeLayout {
  readonly block: number
  readonly channelsLast: boolean
}

/** Elements of one pixel. */
export function pitchOf({ block, channelsLast }: VolumeLayout, shape: Shape): number {
  return channelsLast ? shape[1] : block
}

/** State shared by the pools: input and output planes, lanes, and loops over positions. */
export interface PoolFrame {
  readonly f: FunctionBuilder
  readonly lanes: Lanes
  /** Vectors (or single elements) in one pass. */
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
  /** Shape of the written volume. */
  readonly shape: Shape
  readonly operands: number
  /** Number of operands, after the first, that belong to the epilogue. */
  readonly extras?: number
  readonly tables: readonly Int32Array[]
  /** True when `position` itself goes through the elements of a pixel. */
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
      // Addresses in volumes advance with each pass; the epilogue finds its operands by the element, and tables stay.
      const moves = (k: number): boolean => passes > 1 && k < spec.operands && (k === 0 || k > extras)
      const address = given.map((base, k) => (moves(k) ? f.local('i32') : base))
      const finish = finisher(target.math, spec, { f, lanes, vectors, plane, i, j, element })
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

/** Current place of a kernel, in locals. */
interface Place extends Omit<PoolFrame, 'address' | 'finish'> {
  /** First element of the pass within the pixel. */
  readonly element: Local
}

function finisher(
  math: KernelModule['math'],
  { layout, shape }: PoolSpec,
  { f, lanes, vectors, plane, i, j, element }: Place,
): PoolFrame['finish'] {
  return (epilogue, operands) => {
    const { channelsLast } = layout
    const volume = { shape, dtype: 'f32', block: channelsLast ? 0 : layout.block, channelsLast } as const
    const emitter = new EpilogueEmitter(f, math, { epilogue, result: volume, bases: operands })
    const [n, c] = f.localArray('i32', 2)
    const scratch = f.local(typeOf(lanes))
    return (out, push) => {
      if (layout.channelsLast) emitter.locate([plane, i, j, element])
      else {
        f.get(plane).over(shape[1]).set(n).get(plane).modulo(shape[1]).set(c)
        emitter.locate([n, c, i, j, { value: 0 }])
      }
      for (let v = 0; v < vectors; v++) {
        const shift = layout.channelsLast ? [0, 0, 0, v * lanes] : [0, 0, 0, 0, v * lanes]
        const place = { address: out, offset: v * 16, scratch }
        storeElements(f, lanes, place, () => emitter.push(lanes, shift, () => push(v)))
      }
    }
  }
}

/** Pushes the address of position (i, j) in a volume: base + ((plane · height + i) · width + j) · bytes. */
export function pushAddress(
  { f, plane, i, j }: Pick<PoolFrame, 'f' | 'plane' | 'i' | 'j'>,
  base: Local,
  [, , height, width]: Shape,
  bytes: number,
): FunctionBuilder {
  f.get(plane).times(height).plus(i).times(width).plus(j)
  return f.times(bytes).plus(base)
}

/** Sets accumulators to a number, 0 by default. */
export function clear({ f, lanes }: Pick<PoolFrame, 'f' | 'lanes'>, accumulators: readonly Local[], value = 0): void {
  for (const local of accumulators) {
    pushConstant(f, lanes, value).set(local)
  }
}

/** Stores one vector (or element) per accumulator, unchanged. */
export function storeAll(
  { f, lanes }: Pick<PoolFrame, 'f' | 'lanes'>,
  out: Local,
  accumulators: readonly Local[],
): void {
  accumulators.forEach((local, v) => {
    f.get(out)
      .get(local)
      .memory(storeOf(lanes), v * 16)
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

  /** Reads the tables for position (i, j) and sets the address of the first tap in the plane at `plane`. */
  begin({ i, j }: Pick<PoolFrame, 'i' | 'j'>, [rowTable, columnTable]: readonly Local[], plane: Local): void {
    const f = this.#f
    const { rowCount, columnCount } = this
    const [unused, rowAt, columnAt, scratch, first] = this.#locals
    const load = (table: Local, index: Local, numbers: readonly Local[]): void => {
      f.address(table, [index, 12]).set(scratch)
      numbers.forEach((local, k) => {
        f.get(scratch)
          .memory('i32.load', k * 4)
          .set(local)
      })
    }
    load(rowTable, i, [unused, rowAt, rowCount])
    load(columnTable, j, [unused, columnAt, columnCount])
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

/** Tables of the taps of each position, for pixels of `bytes` bytes. */
export function windowTables(
  geometry: WindowGeometry,
  bytes: number,
): { tables: Int32Array[]; rowStep: number; columnStep: number } {
  const rows = tapsAlong(geometry, 0)
  const columns = tapsAlong(geometry, 1)
  const rowBytes = geometry.source[3] * bytes
  return {
    tables: [byteTable(rows, 0, rowBytes), byteTable(columns, 0, bytes)],
    rowStep: rows.positionStep * rowBytes,
    columnStep: columns.positionStep * bytes,
  }
}
