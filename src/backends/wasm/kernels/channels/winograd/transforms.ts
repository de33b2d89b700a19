/** The transforms before and after the products of a Winograd convolution, one vector of channels after another. */

import { formOf } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { Matrix } from '../../../../cpu/kernels/channels/winograd/matrices.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import { loadOf, storeOf, typeOf, type VectorLanes } from '../../../emit/lanes.ts'
import { lanesFor } from '../../../emit/tile.ts'
import type { KernelModule } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { ChannelStore } from '../store.ts'
import { LinearTransform } from './linearTransform.ts'
import { type TileGrid, TilePlace, type WinogradSpec, winogradSizes } from './spec.ts'

/** A transform of tiles of a volume `[N, C, H, W]` that is stored channels last. */
export interface TileTransform {
  readonly source: readonly number[]
  /** Tile (i, j) begins at row i · step − lead[0] and column j · step − lead[1]; values outside the volume are 0. */
  readonly lead: readonly [number, number]
  readonly grid: TileGrid
  /** Applied to the columns and to the rows of a tile. */
  readonly matrix: Matrix
  /** Bytes from the values of one position to those of the next. */
  readonly stride: number
  /** Whether adjacent vectors can be joined. */
  readonly wide: boolean
  /** Stores channels in panels of `width`, `[positions, panels, tiles, width]`, instead of side by side. */
  readonly panels?: { readonly width: number; readonly tiles: number }
}

/**
 * `(from, to, first, source, transformed, zeros)`: tiles `from … to − 1` into rows `from − first …` of each position.
 */
export function emitTileTransform(target: KernelModule, spec: TileTransform): FunctionBuilder {
  return new TransformEmitter(target, spec).emit()
}

/** How a tile's vectors are loaded. */
interface TileSource {
  /** Pushes vector `v` at the current channels of row a, column b of the tile. */
  readonly load: (a: number, b: number, v: number) => void
  /** Goes to the next channels. */
  readonly advance: (bytes: number) => void
}

/** Writes the function that transforms n × n values of every tile into m × m. */
class TransformEmitter {
  readonly #spec: TileTransform
  readonly #f: FunctionBuilder
  readonly #transform: LinearTransform
  readonly #lanes: VectorLanes
  readonly #place: TilePlace
  readonly #at: Readonly<Record<'tile' | 'corner' | 'out' | 'offset' | 'row' | 'left', Local>>
  /** Address of each value of a tile, when some values are outside the image. */
  readonly #pointers: readonly Local[]
  /** Vectors transformed side by side: two can be joined into one, since nothing is stored between their results. */
  readonly #across: number
  readonly #column: readonly (readonly Local[])[]
  readonly #half: readonly (readonly Local[])[]
  readonly #result: readonly (readonly Local[])[]

  constructor(target: KernelModule, spec: TileTransform) {
    const { matrix, grid, wide, source, panels } = spec
    const [m, n] = [matrix.length, matrix[0].length]
    const f = target.module.function(new Array(6).fill('i32'), [])
    this.#spec = spec
    this.#f = f
    const width = panels ? greatestDivisor(panels.width, source[1]) : source[1]
    const lanes = lanesFor(width, target.longest)
    this.#lanes = lanes
    this.#transform = new LinearTransform(f, { lanes, fused: target.fused }, [matrix])
    this.#place = new TilePlace(f, grid)
    this.#at = f.named('i32', 'tile', 'corner', 'out', 'offset', 'row', 'left')
    this.#pointers = f.localArray('i32', n * n)
    this.#across = wide && lanes === 4 && source[1] % 8 === 0 ? 2 : 1
    const vectors = (count: number): Local[][] =>
      Array.from({ length: this.#across }, () => f.localArray(typeOf(lanes), count))
    this.#column = vectors(n)
    this.#half = vectors(m * n)
    this.#result = vectors(m)
  }

  get #bytes(): { pixel: number; row: number; image: number } {
    const [, channels, height, width] = this.#spec.source
    const pixel = channels * 4
    return { pixel, row: width * pixel, image: height * width * pixel }
  }

  emit(): FunctionBuilder {
    const f = this.#f
    const { matrix, source } = this.#spec
    const [, , height, width] = source
    const { tile, row, left } = this.#at
    const n = matrix[0].length
    f.for(tile, parameters.from, parameters.to, () => {
      this.#locateTile()
      f.get(row)
        .i32(Math.max(0, height - n + 1))
        .op('i32.lt_u')
      f.get(left)
        .i32(Math.max(0, width - n + 1))
        .op('i32.lt_u', 'i32.and')
      f.if(
        () => this.#eachChannels(this.#whole()),
        () => this.#eachChannels(this.#cut()),
      )
    })
    return f
  }

  #locateTile(): void {
    const f = this.#f
    const { lead, panels } = this.#spec
    const bytes = this.#bytes
    const place = this.#place
    const { tile, corner, out, row, left } = this.#at
    place.locate(tile)
    f.get(place.row).i32(lead[0]).op('i32.sub').set(row)
    f.get(place.column).i32(lead[1]).op('i32.sub').set(left)
    f.address(parameters.source, [place.image, bytes.image], [row, bytes.row], [left, bytes.pixel]).set(corner)
    f.get(parameters.transformed).get(tile).get(parameters.first).op('i32.sub')
    f.times(panels ? panels.width * 4 : bytes.pixel)
      .op('i32.add')
      .set(out)
  }

  /** A tile inside the image: its values are at fixed distances from its corner. */
  #whole(): TileSource {
    const f = this.#f
    const { row, pixel } = this.#bytes
    const { corner } = this.#at
    return {
      load: (a, b, v) => f.get(corner).memory(loadOf(this.#lanes), a * row + b * pixel + v * 16),
      advance: bytes => f.increment(corner, bytes),
    }
  }

  /** A tile with some values outside the image, which read as zeros. */
  #cut(): TileSource {
    const f = this.#f
    const [, , height, width] = this.#spec.source
    const bytes = this.#bytes
    const { corner, offset, row, left } = this.#at
    const n = this.#spec.matrix[0].length
    this.#pointers.forEach((pointer, at) => {
      const [a, b] = [Math.floor(at / n), at % n]
      f.get(corner)
        .offset(a * bytes.row + b * bytes.pixel)
        .get(parameters.zeros)
      f.get(row).offset(a).i32(height).op('i32.lt_u')
      f.get(left).offset(b).i32(width).op('i32.lt_u', 'i32.and', 'select').set(pointer)
    })
    return {
      load: (a, b, v) =>
        f
          .get(this.#pointers[a * n + b])
          .plus(offset)
          .memory(loadOf(this.#lanes), v * 16),
      advance: () => undefined,
    }
  }

  /** All channels of a tile, some vectors at a time. */
  #eachChannels({ load, advance }: TileSource): void {
    const f = this.#f
    const step = this.#lanes * 4 * this.#across
    const vectors = (): void => {
      this.#transformColumns(load)
      this.#transformRows()
      f.increment(this.#at.out, step)
      this.#nextPanel(step)
      advance(step)
    }
    f.for(this.#at.offset, { value: 0 }, { value: this.#bytes.pixel }, vectors, step)
  }

  #transformColumns(load: TileSource['load']): void {
    const f = this.#f
    const { matrix } = this.#spec
    const n = matrix[0].length
    for (let b = 0; b < n; b++) {
      for (let v = 0; v < this.#across; v++) {
        for (let a = 0; a < n; a++) {
          load(a, b, v)
          f.set(this.#column[v][a])
        }
        this.#transform.apply(matrix, this.#column[v], (a, push) => {
          push()
          f.set(this.#half[v][a * n + b])
        })
      }
    }
  }

  #transformRows(): void {
    const f = this.#f
    const { matrix, stride } = this.#spec
    const [m, n] = [matrix.length, matrix[0].length]
    for (let a = 0; a < m; a++) {
      for (let v = 0; v < this.#across; v++) {
        this.#transform.apply(matrix, this.#half[v].slice(a * n, a * n + n), (b, push) => {
          push()
          f.set(this.#result[v][b])
        })
      }
      for (let b = 0; b < m; b++) {
        for (let v = 0; v < this.#across; v++) {
          f.get(this.#at.out)
            .get(this.#result[v][b])
            .memory(storeOf(this.#lanes), (a * m + b) * stride + v * 16)
        }
      }
    }
  }

  /** Moves from the end of a row of one panel to the same row of the next. */
  #nextPanel(step: number): void {
    const { panels } = this.#spec
    if (!panels) return
    const { out, offset } = this.#at
    const f = this.#f
    f.get(out).get(offset).offset(step)
    f.i32(panels.width * 4 - 1)
      .op('i32.and', 'i32.eqz')
      .times((panels.tiles - 1) * panels.width * 4)
      .op('i32.add')
      .set(out)
  }
}

/** The greatest common divisor. */
const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b))

/** Parameters of the function of a transform. */
const parameters = { from: 0, to: 1, first: 2, source: 3, transformed: 4, zeros: 5 } as const

/** `(from, to, first, products, ...epilogue operands, result)`: tiles `from … to − 1` from rows `from − first …`. */
export function emitOutput(target: KernelModule, spec: WinogradSpec, epilogue: EpilogueSpec): FunctionBuilder {
  return new OutputEmitter(target, spec, epilogue).emit()
}

/** Writes the function that transforms back the products of every tile, finishes and stores them. */
class OutputEmitter {
  readonly #spec: WinogradSpec
  /** Rows and columns of the products of a tile, and of its results. */
  readonly #n: number
  readonly #step: number
  readonly #matrix: Matrix
  readonly #f: FunctionBuilder
  /** Address of the result. */
  readonly #result: Local
  readonly #lanes: VectorLanes
  readonly #transform: LinearTransform
  readonly #store: ChannelStore
  readonly #place: TilePlace
  readonly #at: Readonly<Record<'tile' | 'corner' | 'at' | 'channel' | 'out', Local>>
  readonly #column: readonly Local[]
  readonly #half: readonly Local[]
  readonly #finished: Local

  constructor(target: KernelModule, spec: WinogradSpec, epilogue: EpilogueSpec) {
    const { matrices, resultStep } = formOf(spec)
    const n = matrices.input.length
    const extras = epilogue.operands.length
    const f = target.module.function(new Array(5 + extras).fill('i32'), [])
    this.#spec = spec
    this.#n = n
    this.#step = resultStep
    this.#matrix = matrices.output
    this.#f = f
    this.#result = 4 + extras
    const bases = Array.from({ length: extras }, (_, k) => 4 + k)
    this.#store = new ChannelStore(f, target.math, { epilogue, shape: spec.result, bases })
    this.#place = new TilePlace(f, { ...winogradSizes(spec), step: resultStep })
    this.#at = f.named('i32', 'tile', 'corner', 'at', 'channel', 'out')
    const lanes = this.#store.lanesFor(target.longest)
    const type = typeOf(lanes)
    this.#lanes = lanes
    this.#transform = new LinearTransform(f, { lanes, fused: target.fused }, [matrices.output])
    this.#column = f.localArray(type, n)
    this.#half = f.localArray(type, resultStep * n)
    this.#finished = f.local(type)
  }

  emit(): FunctionBuilder {
    const f = this.#f
    const [, , height, width] = this.#spec.result
    const place = this.#place
    f.for(this.#at.tile, 0, 1, () => {
      this.#locateTile()
      f.get(place.row)
        .i32(height - this.#step)
        .op('i32.le_s')
      f.get(place.column)
        .i32(width - this.#step)
        .op('i32.le_s', 'i32.and')
      f.if(
        () => this.#eachChannels(true),
        () => this.#eachChannels(false),
      )
    })
    return f
  }

  get #bytes(): { pixel: number; row: number; image: number } {
    const [, channels, height, width] = this.#spec.result
    const pixel = channels * 4
    return { pixel, row: width * pixel, image: height * width * pixel }
  }

  #locateTile(): void {
    const f = this.#f
    const [first, products] = [2, 3]
    const bytes = this.#bytes
    const { panels, width } = winogradSizes(this.#spec)
    const { row, column, image } = this.#place
    const { tile, corner, at } = this.#at
    this.#place.locate(tile)
    f.address(this.#result, [image, bytes.image], [row, bytes.row], [column, bytes.pixel]).set(corner)
    f.get(products).get(tile).get(first).op('i32.sub')
    f.times(panels * width * 4)
      .op('i32.add')
      .set(at)
  }

  /** The channels of a tile, a vector at a time; if the tile is not whole, results outside the image are left out. */
  #eachChannels(whole: boolean): void {
    const f = this.#f
    const { channel, corner, at } = this.#at
    const channels = this.#spec.result[1]
    // Where lanes do not divide the channels, there are four.
    const rest = channels % 4
    const vector = (): void => {
      this.#transformVector(this.#lanes, whole)
      f.increment(corner, this.#lanes * 4)
      f.increment(at, this.#lanes * 4)
    }
    f.for(channel, { value: 0 }, { value: channels - rest }, vector, this.#lanes)
    if (rest > 0) {
      f.i32(channels - rest).set(channel)
      this.#transformVector(rest, whole)
    }
  }

  /** The products of the vector of channels at `channel`, of which `valid` exist. */
  #transformVector(valid: number, whole: boolean): void {
    const f = this.#f
    const n = this.#n
    const { productStride } = winogradSizes(this.#spec)
    this.#store.atChannels(this.#at.channel)
    for (let b = 0; b < n; b++) {
      for (let a = 0; a < n; a++) {
        f.get(this.#at.at)
          .memory(loadOf(this.#lanes), (a * n + b) * productStride)
          .set(this.#column[a])
      }
      this.#transform.apply(this.#matrix, this.#column, (a, push) => {
        push()
        f.set(this.#half[a * n + b])
      })
    }
    for (let a = 0; a < this.#step; a++) {
      this.#transform.apply(this.#matrix, this.#half.slice(a * n, a * n + n), (b, push) => {
        push()
        f.set(this.#finished)
        this.#storeResult(a, b, valid, whole)
      })
    }
  }

  /** Stores the result in row a, column b of the tile. */
  #storeResult(a: number, b: number, valid: number, whole: boolean): void {
    const f = this.#f
    const { row, pixel } = this.#bytes
    const { corner, channel, out } = this.#at
    f.get(corner)
    if (a + b > 0) f.offset(a * row + b * pixel)
    f.set(out)
    const write = (): void => {
      this.#store.atPosition(out, this.#result, channel)
      this.#store.storeChannels(out, [this.#finished], valid, this.#lanes)
    }
    if (whole) {
      write()
      return
    }
    const [, , height, width] = this.#spec.result
    f.get(this.#place.row).offset(a).i32(height).op('i32.lt_s')
    f.get(this.#place.column).offset(b).i32(width).op('i32.lt_s', 'i32.and')
    f.if(write)
  }
}
