/**
 * The weight gradient of a convolution on channels-last volumes:
 *
 *   dw[o, c, u, v] = Σ over positions of g[position, o] · x[position at tap (u, v), c]
 *
 * Rows of a register tile are output channels, columns are input channels, and the sum runs over positions, one run of
 * columns after another. A few rows of the images are processed for all taps and channels before the next rows are
 * read, so that they stay in the cache; meanwhile the sums wait in memory. If x has few channels and no padding, the
 * channels of neighboring taps, which are contiguous in memory, serve as columns together.
 */
import type { Window2d } from '../../../../../graph/window.ts'
import { type Operand, stridesAlong } from '../../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import { lanesFor, type MachineTile, RegisterTile } from '../../../emit/tile.ts'
import { type Kernel, type KernelModule, kernelFunction, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { nestKernel } from '../../shared/map.ts'
import { panelWidth } from './packing.ts'

/** Volumes have shapes `[N, C, H, W]`, stored channels last; weights are `[O, I, KH, KW]`. */
export interface WeightGradientSpec {
  readonly window: Window2d
  readonly groups: number
  readonly x: readonly number[]
  readonly g: readonly number[]
  readonly weights: readonly number[]
  readonly tile: MachineTile
}

const tileRows = 4

/** Bytes of x and g that are processed at a time. */
const chunkBytes = 64 * 1024

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to

/** Sums `[groups, taps, rows, columns]`, rows and columns padded to whole tiles. */
export interface SumLayout {
  /** Rows of the kernel, each with its taps merged, or all taps separately. */
  readonly taps: number
  readonly rows: number
  readonly columns: number
  /** Columns of one register tile. */
  readonly tileColumns: number
  readonly tapsMerged: boolean
}

/** Memory layout of the sums of a weight gradient. */
export function sumLayout({ window, groups, weights, tile }: WeightGradientSpec): SumLayout {
  const [outChannels, groupChannels, kernelHeight, kernelWidth] = weights
  const { padding, dilation } = window
  const unpadded = padding.top + padding.bottom + padding.left + padding.right === 0
  const tapsMerged = unpadded && groups === 1 && dilation[1] === 1 && groupChannels < 16 && kernelWidth > 1
  const used = tapsMerged ? groupChannels * kernelWidth : groupChannels
  const tileColumns = panelWidth(used, tile)
  return {
    tileColumns,
    taps: tapsMerged ? kernelHeight : kernelHeight * kernelWidth,
    rows: roundUp(outChannels / groups, tileRows),
    columns: roundUp(used, tileColumns),
    tapsMerged,
  }
}

/** The sums of {@link sumLayout}. Operand addresses: x, g, sums. */
export const weightSumsKernel = kernelKind('weightSums', (spec: WeightGradientSpec) => {
  const layout = sumLayout(spec)
  return {
    units: spec.groups * (layout.rows / tileRows),
    tables: [tapTable(spec, layout)],
    operands: 3,
    emit: target => new WeightSumsEmitter(target, spec, layout).emit(),
  }
})

/** Strides of x and g in bytes. */
function stridesOf({
  x,
  g,
}: WeightGradientSpec): Readonly<Record<'x' | 'g', { pixel: number; row: number; image: number }>> {
  const of = ([, channels, height, width]: readonly number[]): { pixel: number; row: number; image: number } => {
    const pixel = channels * 4
    return { pixel, row: width * pixel, image: height * width * pixel }
  }
  return { x: of(x), g: of(g) }
}

/** Writes the function of the sums: loops over images, bands, taps, units, tiles of columns, and the rows of a band. */
class WeightSumsEmitter {
  readonly #spec: WeightGradientSpec
  readonly #layout: SumLayout
  readonly #strides: ReturnType<typeof stridesOf>
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #base: Readonly<Record<'x' | 'g' | 'sums' | 'table', Local>>
  readonly #at: Readonly<Record<(typeof localNames)[number], Local>>
  readonly #tile: RegisterTile
  /** Rows of tiles in a group. */
  readonly #tilesDown: number

  constructor(target: KernelModule, spec: WeightGradientSpec, layout: SumLayout) {
    const { f, from, to, address } = kernelFunction(target, 4)
    const [x, g, sums, table] = address
    this.#spec = spec
    this.#layout = layout
    this.#strides = stridesOf(spec)
    this.#f = f
    this.#range = { from, to }
    this.#base = { x, g, sums, table }
    this.#at = f.named('i32', ...localNames)
    const lanes = lanesFor(layout.tileColumns, target.longest)
    const size = { rows: tileRows, columns: layout.tileColumns / lanes }
    this.#tile = new RegisterTile(f, size, { lanes, fused: target.fused })
    this.#tilesDown = layout.rows / tileRows
  }

  emit(): FunctionBuilder {
    const f = this.#f
    const { x, g } = this.#strides
    const { image, bandStart, bandEnd, tap, xImage, gImage } = this.#at
    const band = this.#band()
    this.#clearSums()
    f.for(image, { value: 0 }, { value: this.#spec.x[0] }, () => {
      f.address(this.#base.x, [image, x.image]).set(xImage)
      f.address(this.#base.g, [image, g.image]).set(gImage)
      const bandOfRows = (): void => {
        f.get(bandStart).offset(band).set(bandEnd)
        f.for(tap, { value: 0 }, { value: this.#layout.taps }, () => this.#tapInBand())
      }
      f.for(bandStart, { value: 0 }, { value: this.#spec.g[2] }, bandOfRows, band)
    })
    return f
  }

  /** Number of rows of g that are processed for all taps and channels before the next ones. */
  #band(): number {
    const { window, weights, g } = this.#spec
    const rowBytes = this.#strides.g.row + this.#strides.x.row * Math.min(window.stride[0], weights[2])
    return Math.max(1, Math.min(g[2], Math.floor(chunkBytes / rowBytes)))
  }

  /** Sums begin at 0. */
  #clearSums(): void {
    const f = this.#f
    const { unit, tap, out, count } = this.#at
    const bytes = tileRows * this.#layout.columns * 4
    const clear = (): FunctionBuilder => f.get(out).plus(count).f32x4(0).memory('v128.store')
    f.for(unit, this.#range.from, this.#range.to, () => {
      f.for(tap, { value: 0 }, { value: this.#layout.taps }, () => {
        this.#locateUnit()
        f.for(count, { value: 0 }, { value: bytes }, clear, 16)
      })
    })
  }

  /** Finds the group of a unit, and the address of its sums for the current tap. */
  #locateUnit(): void {
    const f = this.#f
    const { taps, rows, columns } = this.#layout
    const { unit, group, tap, out } = this.#at
    f.get(unit).over(this.#tilesDown).set(group)
    f.get(this.#base.sums)
    f.get(group).times(taps).plus(tap)
    f.times(rows * columns * 4).op('i32.add')
    f.get(unit).modulo(this.#tilesDown)
    f.times(tileRows * columns * 4)
      .op('i32.add')
      .set(out)
  }

  /** The products of one tap in one band, for the rows in which the tap is inside the image. */
  #tapInBand(): void {
    const f = this.#f
    const { x, g } = this.#strides
    const { unit, bandStart, bandEnd, tap, entry, rowFrom, rowTo, xImage, gImage, xTap, gTap } = this.#at
    f.address(this.#base.table, [tap, tapFields.length * 4]).set(entry)
    this.#pushField('firstRow').get(bandStart)
    this.#pushField('firstRow').get(bandStart).op('i32.gt_s', 'select').set(rowFrom)
    this.#pushField('endRow').get(bandEnd)
    this.#pushField('endRow').get(bandEnd).op('i32.lt_s', 'select').set(rowTo)
    f.address(xImage, [rowFrom, this.#spec.window.stride[0] * x.row])
    this.#pushField('xOffset').op('i32.add').set(xTap)
    f.address(gImage, [rowFrom, g.row])
    this.#pushField('gOffset').op('i32.add').set(gTap)
    f.get(rowFrom).get(rowTo).op('i32.lt_s')
    this.#pushField('columns').i32(0).op('i32.gt_s', 'i32.and')
    f.if(() => f.for(unit, this.#range.from, this.#range.to, () => this.#unitAtTap()))
  }

  /** Pushes a field of the current tap's entry in the table. */
  #pushField(field: (typeof tapFields)[number]): FunctionBuilder {
    return this.#f.get(this.#at.entry).memory('i32.load', tapFields.indexOf(field) * 4)
  }

  /** The rows of tiles of one unit: all columns. */
  #unitAtTap(): void {
    const f = this.#f
    const { groups, x, g } = this.#spec
    const { columns, tileColumns } = this.#layout
    const { unit, group, column, xTap, gTap, xAt, gAt } = this.#at
    this.#locateUnit()
    f.address(gTap, [group, (g[1] / groups) * 4])
    f.get(unit).modulo(this.#tilesDown)
    f.times(tileRows * 4)
      .op('i32.add')
      .set(gAt)
    f.address(xTap, [group, (x[1] / groups) * 4]).set(xAt)
    f.for(column, { value: 0 }, { value: columns }, () => this.#addTile(), tileColumns)
  }

  /** Adds the products of all rows to the sums of one tile, and goes to the next tile. */
  #addTile(): void {
    const f = this.#f
    const tile = this.#tile
    const { x, g } = this.#strides
    const { stride } = this.#spec.window
    const { columns, tileColumns } = this.#layout
    const { row, rowFrom, rowTo, count, out, xAt, gAt, xRun, gRun, xStep, gStep } = this.#at
    tile.load(out, columns * 4)
    f.get(xAt).set(xRun).get(gAt).set(gRun)
    f.for(row, rowFrom, rowTo, () => {
      this.#pushField('columns').set(count).get(gRun).set(gStep).get(xRun).set(xStep)
      const operands = tile.splats({ rowAddress: gStep, rowBytes: 4, columnAddress: xStep })
      tile.steps(operands, { count, rowAdvance: g.pixel, columnAdvance: stride[1] * x.pixel })
      f.increment(xRun, stride[0] * x.row)
      f.increment(gRun, g.row)
    })
    tile.storeRaw(out, columns * 4)
    f.increment(out, tileColumns * 4)
    f.increment(xAt, tileColumns * 4)
  }
}

/** Indices and bounds, then addresses: of an image, its rows at a tap, a tile, a row of the tile, a step. */
const localNames = [
  ...(['unit', 'image', 'bandStart', 'bandEnd', 'tap', 'entry', 'rowFrom', 'rowTo', 'row', 'column', 'group'] as const),
  ...(['out', 'count', 'xImage', 'gImage', 'xTap', 'gTap', 'xAt', 'gAt', 'xRun', 'gRun', 'xStep', 'gStep'] as const),
] as const

/** A tap's entry in the table: its rows, its columns, and byte offsets into x and g of the first column at row 0. */
const tapFields = ['firstRow', 'endRow', 'columns', 'xOffset', 'gOffset'] as const

function tapTable({ window, x, g, weights }: WeightGradientSpec, { tapsMerged }: SumLayout): Int32Array {
  const { stride, dilation, padding } = window
  const [, xChannels, xHeight, xWidth] = x
  const [, gChannels, gHeight, gWidth] = g
  /** Positions of g whose tap is inside x along one axis. */
  const range = (shift: number, step: number, count: number, size: number): readonly [number, number] => {
    const first = Math.max(0, Math.ceil(-shift / step))
    const end = Math.min(count, Math.floor((size - 1 - shift) / step) + 1)
    return [first, Math.max(first, end)]
  }
  const fields: number[] = []
  for (let u = 0; u < weights[2]; u++) {
    for (let v = 0; v < (tapsMerged ? 1 : weights[3]); v++) {
      const down = u * dilation[0] - padding.top
      const right = v * dilation[1] - padding.left
      const [rowFrom, rowTo] = range(down, stride[0], gHeight, xHeight)
      const [columnFrom, columnTo] = tapsMerged ? [0, gWidth] : range(right, stride[1], gWidth, xWidth)
      const xOffset = (down * xWidth + columnFrom * stride[1] + right) * xChannels * 4
      fields.push(rowFrom, rowTo, columnTo - columnFrom, xOffset, columnFrom * gChannels * 4)
    }
  }
  return Int32Array.from(fields)
}

/** Rearranges sums in the order of the weights. Operand addresses: sums, epilogue operands, weight gradient. */
export function collectKernel(
  spec: WeightGradientSpec,
  epilogue: EpilogueSpec,
  { taps, rows, columns, tapsMerged }: Omit<SumLayout, 'tileColumns'> = sumLayout(spec),
): Kernel {
  const { groups, weights } = spec
  const [outChannels, groupChannels, height, width] = weights
  const tap = rows * columns * 4
  const perGroup = outChannels / groups
  const sums = tapsMerged
    ? [taps * tap, columns * 4, 4, tap, groupChannels * 4]
    : [taps * tap, columns * 4, 4, width * tap, tap]
  const result: Operand = { shape: weights, dtype: 'f32', block: 0 }
  const dimensions = weights.map((size, axis) => ({ axis, size, stride: 1 }))
  const others = [...epilogue.operands, result].map(operand => {
    const [perChannel, ...rest] = stridesAlong(operand, dimensions, weights)
    return [perChannel * perGroup, perChannel, ...rest]
  })
  const dtypes = ['f32' as const, ...epilogue.operands.map(({ dtype }) => dtype)]
  const sizes = [groups, perGroup, groupChannels, height, width]
  return nestKernel(epilogue.expression, dtypes, { sizes, strides: [sums, ...others] })
}
