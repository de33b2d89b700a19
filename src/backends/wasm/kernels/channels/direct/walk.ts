/**
 * Walks over the positions of a correlation: where each reads, where it writes, and whether its taps leave the image.
 */

import type { TapClass } from '../../../../cpu/kernels/channels/direct/tapClasses.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'

/** Shapes `[N, C, H, W]` of the source and of the result. */
export interface WalkedVolumes {
  readonly source: readonly number[]
  readonly result: readonly number[]
}

/** Where a walk begins, in locals. */
export interface WalkStart {
  /** Number of the first position, counted over all images. */
  readonly pixel: Local
  /** Addresses of the two volumes. */
  readonly source: Local
  readonly result: Local
  readonly group: Local
  /** Channels of the source in a group. */
  readonly sums: number
  /** First channel of the result. */
  readonly channel: Local
}

/** Walks over the positions of a class in order and remembers those of a tile. */
export class Walk {
  readonly #f: FunctionBuilder
  readonly #spec: WalkedVolumes
  readonly #positions: TapClass
  readonly #at: Local
  readonly #out: Local
  readonly #row: Local
  readonly #column: Local
  readonly #saved: readonly { at: Local; row: Local; column: Local }[]

  constructor(f: FunctionBuilder, spec: WalkedVolumes, positions: TapClass, rows: number) {
    this.#f = f
    this.#spec = spec
    this.#positions = positions
    const [at, out, row, column] = f.localArray('i32', 4)
    this.#at = at
    this.#out = out
    this.#row = row
    this.#column = column
    this.#saved = Array.from({ length: rows }, () => ({
      at: f.local('i32'),
      row: f.local('i32'),
      column: f.local('i32'),
    }))
  }

  get #bytes(): { xPixel: number; xRow: number; xImage: number; yPixel: number; yRow: number; yImage: number } {
    const { source, result } = this.#spec
    const [xPixel, yPixel] = [source[1] * 4, result[1] * 4]
    const [xRow, yRow] = [source[3] * xPixel, result[3] * yPixel]
    return { xPixel, xRow, xImage: source[2] * xRow, yPixel, yRow, yImage: result[2] * yRow }
  }

  /** Goes to a position. */
  start({ pixel, source, result, group, sums, channel }: WalkStart): void {
    const f = this.#f
    const row = this.#row
    const column = this.#column
    const at = this.#at
    const out = this.#out
    const { grid, advance, origin, step } = this.#positions
    const { xPixel, xRow, xImage, yPixel, yRow, yImage } = this.#bytes
    f.get(pixel).modulo(grid[1]).set(column)
    f.get(pixel).over(grid[1]).modulo(grid[0]).set(row)
    const image = (): FunctionBuilder => f.get(pixel).over(grid[0] * grid[1])
    f.get(source)
    image().times(xImage).op('i32.add')
    f.plus(row, advance[0] * xRow)
    f.plus(column, advance[1] * xPixel)
    f.plus(group, sums * 4).set(at)
    f.get(result)
    image().times(yImage).op('i32.add')
    f.plus(row, step[0] * yRow)
    f.plus(column, step[1] * yPixel)
    f.plus(channel, 4)
    f.offset(origin[0] * yRow + origin[1] * yPixel).set(out)
    f.get(row).times(advance[0]).set(row)
    f.get(column).times(advance[1]).set(column)
  }

  /** Remembers the position as row `r` of the tile, sets `out` to the address of its result, and goes to the next. */
  save(r: number, out: Local): void {
    const f = this.#f
    const at = this.#at
    const row = this.#row
    const column = this.#column
    const saved = this.#saved[r]
    f.get(at).set(saved.at).get(row).set(saved.row).get(column).set(saved.column).get(this.#out).set(out)
    this.#next()
  }

  /** Pushes the address that row `r` of the tile reads at a shift, or the address of zeros outside the image. */
  pushSource(r: number, shift: readonly [number, number], checks: readonly [boolean, boolean], zeros: Local): void {
    const f = this.#f
    const { source } = this.#spec
    const { xPixel, xRow } = this.#bytes
    const { at, row, column } = this.#saved[r]
    const bytes = shift[0] * xRow + shift[1] * xPixel
    f.get(at)
    if (bytes !== 0) f.offset(bytes)
    const inside = [row, column].flatMap((position, axis) =>
      checks[axis]
        ? [
            () =>
              f
                .get(position)
                .offset(shift[axis])
                .i32(source[2 + axis])
                .op('i32.lt_u'),
          ]
        : [],
    )
    if (inside.length === 0) return
    f.get(zeros)
    inside.forEach((push, k) => {
      push()
      if (k > 0) f.op('i32.and')
    })
    f.op('select')
  }

  #next(): void {
    const f = this.#f
    const at = this.#at
    const out = this.#out
    const row = this.#row
    const column = this.#column
    const { grid, advance, step } = this.#positions
    const { xPixel, xRow, xImage, yPixel, yRow, yImage } = this.#bytes
    f.increment(column, advance[1])
      .increment(at, advance[1] * xPixel)
      .increment(out, step[1] * yPixel)
    f.get(column)
      .i32(grid[1] * advance[1])
      .op('i32.eq')
    f.if(() => {
      f.i32(0).set(column)
      f.increment(row, advance[0])
      f.increment(at, advance[0] * xRow - grid[1] * advance[1] * xPixel)
      f.increment(out, step[0] * yRow - grid[1] * step[1] * yPixel)
      f.get(row)
        .i32(grid[0] * advance[0])
        .op('i32.eq')
      f.if(() => {
        f.i32(0).set(row)
        f.increment(at, xImage - grid[0] * advance[0] * xRow)
        f.increment(out, yImage - grid[0] * step[0] * yRow)
      })
    })
  }
}
