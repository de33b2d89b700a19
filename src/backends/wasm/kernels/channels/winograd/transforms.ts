/** The transformations before and after the products of a Winograd convolution, for one vector of channels after another. */

import { formOf } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { Matrix } from '../../../../cpu/kernels/channels/winograd/matrices.ts'
import type { FunctionBuilder } from '../../../emit/assembler.ts'
import type { KernelModule } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { ChannelStore } from '../store.ts'
import { LinearTransform } from './linearTransform.ts'
import { type TileGrid, TilePlace, type WinogradSpec, winogradSizes } from './spec.ts'

/** A transformation of tiles of a volume `[N, C, H, W]` that lies channels last. */
export interface TileTransform {
  readonly source: readonly number[]
  /** Tile (i, j) begins at row i · step − lead[0] and column j · step − lead[1]; what lies outside is 0. */
  readonly lead: readonly [number, number]
  readonly grid: TileGrid
  /** Applied to the columns and to the rows of a tile. */
  readonly matrix: Matrix
  /** Bytes from the values of one position to those of the next. */
  readonly stride: number
  /** Whether vectors side by side can be joined. */
  readonly wide: boolean
  /** Channels are stored in panels of so many, `[positions, panels, tiles, width]`, instead of side by side. */
  readonly panels?: { readonly width: number; readonly tiles: number }
}

/** `(from, to, first, source, transformed, zeros)`: tiles `from … to − 1` to rows `from − first …` of each position. */
export function emitTileTransform(
  target: KernelModule,
  { source, lead, grid, matrix, stride, wide, panels }: TileTransform,
): FunctionBuilder {
  // n × n values become m × m.
  const [m, n] = [matrix.length, matrix[0].length]
  const [, channels, height, width] = source
  const [pixelBytes, rowBytes] = [channels * 4, width * channels * 4]
  const f = target.module.function(new Array(6).fill('i32'), [])
  const [from, to, first, base, transformed, zeros] = [0, 1, 2, 3, 4, 5]
  const transform = new LinearTransform(f, target.fused, [matrix])
  const place = new TilePlace(f, grid)
  const [tile, corner, out, offset, row, left] = f.localArray('i32', 6)
  const pointers = f.localArray('i32', n * n)
  // Two vectors side by side can be joined into one; of what they compute nothing else is stored in between.
  const across = wide && channels % 8 === 0 ? 2 : 1
  const column = Array.from({ length: across }, () => f.localArray('v128', n))
  const half = Array.from({ length: across }, () => f.localArray('v128', m * n))
  const result = Array.from({ length: across }, () => f.localArray('v128', m))

  /** Transforms vectors of channels one after another; `load` pushes vector v of the input of row a, column b. */
  const channelsLoop = (load: (a: number, b: number, v: number) => void, advance: (bytes: number) => void): void => {
    const step = 16 * across
    const body = (): void => {
      for (let b = 0; b < n; b++) {
        for (let v = 0; v < across; v++) {
          for (let a = 0; a < n; a++) {
            load(a, b, v)
            f.set(column[v][a])
          }
          transform.apply(matrix, column[v], (a, push) => {
            push()
            f.set(half[v][a * n + b])
          })
        }
      }
      for (let a = 0; a < m; a++) {
        for (let v = 0; v < across; v++) {
          transform.apply(matrix, half[v].slice(a * n, a * n + n), (b, push) => {
            push()
            f.set(result[v][b])
          })
        }
        for (let b = 0; b < m; b++) {
          for (let v = 0; v < across; v++) {
            f.get(out)
              .get(result[v][b])
              .memory('v128.store', (a * m + b) * stride + v * 16)
          }
        }
      }
      f.increment(out, step)
      if (panels) {
        // From the end of a row of one panel to the same row of the next.
        f.get(out).get(offset).offset(step)
        f.i32(panels.width * 4 - 1)
          .op('i32.and', 'i32.eqz')
          .times((panels.tiles - 1) * panels.width * 4)
          .op('i32.add')
          .set(out)
      }
      advance(step)
    }
    f.for(offset, { value: 0 }, { value: pixelBytes }, body, step)
  }

  f.for(tile, from, to, () => {
    place.locate(tile)
    f.get(place.row).i32(lead[0]).op('i32.sub').set(row)
    f.get(place.column).i32(lead[1]).op('i32.sub').set(left)
    f.address(base, [place.image, height * rowBytes])
    f.plus(row, rowBytes).plus(left, pixelBytes).set(corner)
    f.get(transformed).get(tile).get(first).op('i32.sub')
    f.times(panels ? panels.width * 4 : pixelBytes)
      .op('i32.add')
      .set(out)
    const inside = (): void => {
      f.get(row)
        .i32(Math.max(0, height - n + 1))
        .op('i32.lt_u')
      f.get(left)
        .i32(Math.max(0, width - n + 1))
        .op('i32.lt_u', 'i32.and')
    }
    inside()
    f.if(
      () =>
        channelsLoop(
          (a, b, v) => f.get(corner).memory('v128.load', a * rowBytes + b * pixelBytes + v * 16),
          bytes => f.increment(corner, bytes),
        ),
      () => {
        // Some inputs lie outside the image: those read zeros.
        for (let a = 0; a < n; a++) {
          for (let b = 0; b < n; b++) {
            f.get(corner)
              .offset(a * rowBytes + b * pixelBytes)
              .get(zeros)
            f.get(row).offset(a).i32(height).op('i32.lt_u')
            f.get(left)
              .offset(b)
              .i32(width)
              .op('i32.lt_u', 'i32.and', 'select')
              .set(pointers[a * n + b])
          }
        }
        channelsLoop(
          (a, b, v) =>
            f
              .get(pointers[a * n + b])
              .plus(offset)
              .memory('v128.load', v * 16),
          () => undefined,
        )
      },
    )
  })
  return f
}

/** `(from, to, first, products, ...epilogue operands, result)`: tiles `from … to − 1` from rows `from − first …`. */
export function emitOutput(target: KernelModule, spec: WinogradSpec, epilogue: EpilogueSpec): FunctionBuilder {
  const { result } = spec
  const { panels, width, productStride } = winogradSizes(spec)
  const { matrices, resultStep: step } = formOf(spec)
  const n = matrices.input.length
  const [, channels, height, columns] = result
  const [pixelBytes, rowBytes] = [channels * 4, columns * channels * 4]
  const inBytes = panels * width * 4
  const extras = epilogue.operands.length
  const f = target.module.function(new Array(5 + extras).fill('i32'), [])
  const [from, to, first, products] = [0, 1, 2, 3]
  const yBase = 4 + extras
  const transform = new LinearTransform(f, target.fused, [matrices.output])
  const store = new ChannelStore(
    f,
    target.math,
    epilogue,
    result,
    Array.from({ length: extras }, (_, k) => 4 + k),
  )
  const place = new TilePlace(f, { ...winogradSizes(spec), step })
  const [tile, corner, at, channel, out] = f.localArray('i32', 5)
  const column0 = f.localArray('v128', n)
  const half = f.localArray('v128', step * n)
  const finished = f.local('v128')

  /** Transforms the products of the vector of channels at `channel`; `valid` of them exist. */
  const vector = (valid: number, whole: boolean): void => {
    store.atChannels(channel)
    for (let b = 0; b < n; b++) {
      for (let a = 0; a < n; a++) {
        f.get(at)
          .memory('v128.load', (a * n + b) * productStride)
          .set(column0[a])
      }
      transform.apply(matrices.output, column0, (a, push) => {
        push()
        f.set(half[a * n + b])
      })
    }
    for (let a = 0; a < step; a++) {
      transform.apply(matrices.output, half.slice(a * n, a * n + n), (b, push) => {
        push()
        f.set(finished)
        f.get(corner)
        if (a + b > 0) f.offset(a * rowBytes + b * pixelBytes)
        f.set(out)
        const write = (): void => {
          store.atPosition(out, yBase, channel)
          store.storeChannels(out, [finished], valid)
        }
        if (whole) {
          write()
          return
        }
        f.get(place.row).offset(a).i32(height).op('i32.lt_s')
        f.get(place.column).offset(b).i32(columns).op('i32.lt_s', 'i32.and')
        f.if(write)
      })
    }
  }

  /** Goes through the channels of a tile; when it is not whole, results outside the image are left out. */
  const allChannels = (whole: boolean): void => {
    const rest = channels % 4
    f.for(
      channel,
      { value: 0 },
      { value: channels - rest },
      () => {
        vector(4, whole)
        f.increment(corner, 16)
        f.increment(at, 16)
      },
      4,
    )
    if (rest > 0) {
      f.i32(channels - rest).set(channel)
      vector(rest, whole)
    }
  }

  f.for(tile, from, to, () => {
    place.locate(tile)
    f.address(yBase, [place.image, height * rowBytes])
    f.plus(place.row, rowBytes).plus(place.column, pixelBytes)
    f.set(corner)
    f.get(products).get(tile).get(first).op('i32.sub').times(inBytes).op('i32.add').set(at)
    f.get(place.row)
      .i32(height - step)
      .op('i32.le_s')
    f.get(place.column)
      .i32(columns - step)
      .op('i32.le_s', 'i32.and')
    f.if(
      () => allChannels(true),
      () => allChannels(false),
    )
  })
  return f
}
