/**
 * Matrix products in four forms, by the layout of the operands:
 *
 * - samples of a block as lanes: a layer applied to a batch, `[N, K] · W`; weights are read in place, as splats
 * - samples as terms: the gradient of weights, Xᵀ · G, summing over the whole batch with lanes added up at the end
 * - plain rows: lanes along the columns when B's rows are contiguous; along the terms when the rows of both operands
 *   are, as in a linear layer applied to rows
 */

import type { MatmulAttributes } from '../../../../graph/ops/matmul.ts'
import type { Operand } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { storeElements } from '../../emit/elements.ts'
import { type AnyLanes, type Arithmetic, type Lanes, localsOf, type Vectors } from '../../emit/lanes.ts'
import { RegisterTile, rowsThatFit } from '../../emit/tile.ts'
import { arithmeticFor, type Kernel, type KernelModule, kernelFunction, kernelKind } from '../../kernel.ts'
import { chooseTermTile, TermSums } from '../samples/termSums.ts'
import { EpilogueEmitter, type EpilogueSpec } from './epilogue.ts'

/** Operands and result of one product. */
interface Product {
  readonly attributes: MatmulAttributes
  readonly a: Operand
  readonly output: Operand
  readonly epilogue: EpilogueSpec
  readonly vectors: Vectors
}

/**
 * Operand addresses: a, b, epilogue operands, a workspace of `termSumsBytes` (only for sums over samples with vectors
 * joined), result.
 */
export const matmulKernel = kernelKind(
  'matmul',
  (attributes: MatmulAttributes, a: Operand, b: Operand, output: Operand, epilogue: EpilogueSpec, vectors: Vectors) => {
    const product = { attributes, a, b, output, epilogue, vectors }
    const form = output.block > 0 ? overSamples : a.block > 0 ? sumOverSamples : rowsForm(product)
    return { tables: [], operands: addresses(product), workspace: needsWorkspace(product), ...form(product) }
  },
)

/** Whether a product sums over samples with vectors joined, and so needs a workspace. */
const needsWorkspace = ({ a, output, vectors }: Product): boolean => vectors.joined && output.block === 0 && a.block > 0

const addresses = (product: Product): number => 3 + product.epilogue.operands.length + Number(needsWorkspace(product))

/** Sums along contiguous rows of both operands take vectors of terms. */
const rowsForm = (product: Product): Form => {
  const { transposeA, transposeB } = product.attributes
  return transposeB && !transposeA && product.a.shape[1] >= 4 ? overTerms : overRows
}

type Form = (product: Product) => Pick<Kernel, 'units' | 'emit'>

/** Code that the forms share inside a kernel. */
class Frame {
  readonly f: FunctionBuilder
  readonly from: Local
  readonly to: Local
  readonly a: Local
  readonly b: Local
  readonly result: Local
  readonly workspace: Local | undefined
  readonly finish: EpilogueEmitter
  readonly #output: Operand
  readonly #tiles = new Map<string, RegisterTile>()

  constructor(target: KernelModule, product: Product) {
    const { output, epilogue } = product
    const { f, from, to, address } = kernelFunction(target, addresses(product))
    this.f = f
    this.from = from
    this.to = to
    this.a = address[0]
    this.b = address[1]
    this.result = address[address.length - 1]
    const operands = address.slice(2, 2 + epilogue.operands.length)
    this.workspace = needsWorkspace(product) ? address[2 + operands.length] : undefined
    this.finish = new EpilogueEmitter(f, target.math, { epilogue, result: output, bases: operands })
    this.#output = output
  }

  /** The register tile of a given size, made once. */
  tile(rows: number, columns: number, arithmetic: Arithmetic<AnyLanes>): RegisterTile {
    const key = `${rows} ${columns} ${arithmetic.lanes}`
    const tile = this.#tiles.get(key) ?? new RegisterTile(this.f, { rows, columns }, arithmetic)
    this.#tiles.set(key, tile)
    tile.clear()
    return tile
  }

  /** local ← base + index · stride + offset. */
  locate(local: Local, base: Local, along: readonly [index: Local, stride: number], offset = 0): void {
    this.f.address(base, along)
    if (offset !== 0) this.f.offset(offset)
    this.f.set(local)
  }

  /** local ← address of the result in row (or block of samples) and column. */
  locateResult(local: Local, row: Local, column: Local): void {
    const { shape, block } = this.#output
    this.f
      .get(row)
      .times(shape[1])
      .plus(column)
      .times((block || 1) * 4)
    this.f.plus(this.result).set(local)
  }

  /** Runs `body` with the number of rows of the tile that begins at `row`: full tiles, and a shorter last one. */
  tileAt(row: Local, extent: number, rows: number, body: (rows: number) => void): void {
    const rest = extent % rows
    if (rest === 0) {
      body(rows)
      return
    }
    this.f
      .get(row)
      .i32(extent - rest)
      .op('i32.lt_s')
    this.f.if(
      () => body(rows),
      () => body(rest),
    )
  }
}

const range = (count: number, step: number): number[] => Array.from({ length: count }, (_, k) => k * step)

/** Y[n, m] = Σ_k X[n, k] · op(W)[k, m]: blocked X and Y, lanes are samples. */
const overSamples: Form = product => {
  const { a, output, vectors } = product
  const { transposeB } = product.attributes
  const bytes = output.block * 4
  const [inner, columns] = [a.shape[1], output.shape[1]]
  const tileRows = rowsThatFit(output.block, columns, vectors)
  const tiles = Math.ceil(columns / tileRows)
  const rowStride = transposeB ? inner * 4 : 4
  return {
    units: (output.shape[0] / output.block) * tiles,
    emit(target) {
      const frame = new Frame(target, product)
      const { f, finish } = frame
      const arithmetic = arithmeticFor(output.block, target, finish)
      const { lanes } = arithmetic
      const [unit, n, row, xAddress, wAddress, count, out] = f.localArray('i32', 7)
      const emitTile = (rows: number): void => {
        const tile = frame.tile(rows, Math.max(1, output.block / lanes), arithmetic)
        frame.locate(xAddress, frame.a, [n, inner * bytes])
        frame.locate(wAddress, frame.b, [row, rowStride])
        f.i32(inner).set(count)
        const operands = tile.splats({ rowAddress: wAddress, rowBytes: rowStride, columnAddress: xAddress })
        tile.steps(operands, { count, rowAdvance: transposeB ? 4 : columns * 4, columnAdvance: bytes })
        frame.locateResult(out, n, row)
        finish.locate([n, row, { value: 0 }])
        tile.store(
          (r, v) => finish.push(lanes, [0, r, v * lanes], () => f.get(tile.accumulators[r][v])),
          out,
          (r, v) => r * bytes + v * lanes * 4,
        )
      }
      f.for(unit, frame.from, frame.to, () => {
        f.get(unit).over(tiles).set(n)
        f.get(unit).modulo(tiles).times(tileRows).set(row)
        frame.tileAt(row, columns, tileRows, emitTile)
      })
      return f
    },
  }
}

/** W[i, j] = Σ_n A[n, i] · B[n, j]: blocked A and B, lanes are terms of the sum; row-major result. */
const sumOverSamples: Form = product => {
  const { a, output, vectors } = product
  const bytes = a.block * 4
  const blocks = a.shape[0] / a.block
  const [rows, columns] = output.shape
  // In plain vectors nine sums per six loads, in fifteen registers.
  const [tileRows, tileColumns] =
    vectors.lanes > 4 ? chooseTermTile(rows, columns, vectors) : [Math.min(3, rows), Math.min(3, columns)]
  return {
    units: Math.ceil(rows / tileRows),
    emit(target) {
      const frame = new Frame(target, product)
      const { f, finish } = frame
      const [unit, row, column, aAddress, bAddress, count, out] = f.localArray('i32', 7)
      const sum = f.local('f32')
      const sums = new TermSums(f, target, { block: a.block, vectors, workspace: frame.workspace })
      const emitTile = (height: number, width: number): void => {
        const tile = sums.tile(height, width)
        const operands = {
          rowAddress: aAddress,
          rowOffsets: range(height, bytes),
          rowKind: 'vector',
          columnAddress: bAddress,
          columnOffsets: range(width, bytes),
        } as const
        sums.sum(tile, () => {
          frame.locate(aAddress, frame.a, [row, bytes])
          frame.locate(bAddress, frame.b, [column, bytes])
          f.get(aAddress)
          sums.pushPart().set(aAddress).get(bAddress)
          sums.pushPart().set(bAddress)
          f.i32(blocks * sums.place.steps).set(count)
          tile.steps(operands, {
            count,
            rowAdvance: rows * bytes,
            columnAdvance: columns * bytes,
            unroll: 8,
            place: sums.place,
          })
        })
        frame.locateResult(out, row, column)
        finish.locate([row, column])
        for (let r = 0; r < height; r++) {
          for (let c = 0; c < width; c++) {
            tile.pushLaneSum(r, c)
            f.set(sum)
            const place = { address: out, offset: (r * columns + c) * 4, scratch: sum }
            storeElements(f, 1, place, () => finish.push(1, [r, c], () => f.get(sum)))
          }
        }
      }
      const across = (height: number): void => {
        const rest = columns % tileColumns
        f.for(column, { value: 0 }, { value: columns - rest }, () => emitTile(height, tileColumns), tileColumns)
        if (rest === 0) return
        f.i32(columns - rest).set(column)
        emitTile(height, rest)
      }
      f.for(unit, frame.from, frame.to, () => {
        f.get(unit).times(tileRows).set(row)
        frame.tileAt(row, rows, tileRows, across)
      })
      return f
    },
  }
}

/**
 * Y[i, j] = Σ_k A[i, k] · B[j, k], both row-major: lanes are terms of the sum, added up at the end. A unit is a few
 * rows of B, the larger operand in a layer with weights, for all rows of A.
 */
const overTerms: Form = product => {
  const { a, output } = product
  const [rows, columns] = output.shape
  const inner = a.shape[1]
  // In fifteen registers: for one row of A, enough sums to hide latency; otherwise the best ratio of products to loads.
  const [tileRows, tileColumns] = rows === 1 ? [1, 6] : rows === 2 ? [2, 4] : [3, 3]
  const width = Math.min(tileColumns, columns)
  const whole = inner - (inner % 4)
  return {
    units: Math.ceil(columns / width),
    emit(target) {
      const frame = new Frame(target, product)
      const { f, finish } = frame
      const [unit, row, column, aAddress, bAddress, count, out] = f.localArray('i32', 7)
      const sum = f.local('f32')
      const emitTile = (height: number, across: number): void => {
        const tile = frame.tile(height, across, { lanes: 4, fused: target.fused })
        frame.locate(aAddress, frame.a, [row, inner * 4])
        frame.locate(bAddress, frame.b, [column, inner * 4])
        f.i32(whole / 4).set(count)
        const operands = {
          rowAddress: aAddress,
          rowOffsets: range(height, inner * 4),
          rowKind: 'vector',
          columnAddress: bAddress,
          columnOffsets: range(across, inner * 4),
        } as const
        tile.steps(operands, { count, rowAdvance: 16, columnAdvance: 16 })
        frame.locate(aAddress, frame.a, [row, inner * 4], whole * 4)
        frame.locate(bAddress, frame.b, [column, inner * 4], whole * 4)
        frame.locateResult(out, row, column)
        finish.locate([row, column])
        for (let r = 0; r < height; r++) {
          for (let c = 0; c < across; c++) {
            tile.pushLaneSum(r, c)
            for (let k = 0; k < inner - whole; k++) {
              f.get(aAddress).memory('f32.load', r * inner * 4 + k * 4)
              f.get(bAddress)
                .memory('f32.load', c * inner * 4 + k * 4)
                .op('f32.mul', 'f32.add')
            }
            f.set(sum)
            const place = { address: out, offset: (r * columns + c) * 4, scratch: sum }
            storeElements(f, 1, place, () => finish.push(1, [r, c], () => f.get(sum)))
          }
        }
      }
      const down = (across: number): void => {
        const rest = rows % tileRows
        f.for(row, { value: 0 }, { value: rows - rest }, () => emitTile(tileRows, across), tileRows)
        if (rest === 0) return
        f.i32(rows - rest).set(row)
        emitTile(rest, across)
      }
      f.for(unit, frame.from, frame.to, () => {
        f.get(unit).times(width).set(column)
        frame.tileAt(column, columns, width, down)
      })
      return f
    },
  }
}

/** Row-major operands and result. */
const overRows: Form = product => {
  const { a, output } = product
  const { transposeA, transposeB } = product.attributes
  const [rows, columns] = output.shape
  const inner = transposeA ? a.shape[0] : a.shape[1]
  const tileRows = Math.min(4, rows)
  const rowStride = transposeA ? 4 : inner * 4
  return {
    units: Math.ceil(rows / tileRows),
    emit(target) {
      const frame = new Frame(target, product)
      const { f, finish } = frame
      const [unit, row, column, aAddress, bAddress, count, out] = f.localArray('i32', 7)
      const scratch = localsOf(f)
      const emitTile = (height: number, width: number, lanes: Lanes): void => {
        const tile = frame.tile(height, width, { lanes, fused: target.fused })
        frame.locate(aAddress, frame.a, [row, rowStride])
        frame.locate(bAddress, frame.b, [column, transposeB ? inner * 4 : 4])
        f.i32(inner).set(count)
        const operands = {
          rowAddress: aAddress,
          rowOffsets: range(height, rowStride),
          rowKind: 'splat',
          columnAddress: bAddress,
          columnOffsets: range(width, transposeB ? inner * 4 : lanes * 4),
        } as const
        tile.steps(operands, {
          count,
          rowAdvance: transposeA ? rows * 4 : 4,
          columnAdvance: transposeB ? 4 : columns * 4,
        })
        frame.locateResult(out, row, column)
        finish.locate([row, column])
        for (let r = 0; r < height; r++) {
          for (let c = 0; c < width; c++) {
            const offset = (r * columns + c * lanes) * 4
            storeElements(f, lanes, { address: out, offset, scratch: scratch[lanes] }, () =>
              finish.push(lanes, [r, c * lanes], () => f.get(tile.accumulators[r][c])),
            )
          }
        }
      }
      // Wide tiles, one vector, then single columns. Bᵀ is read one element at a time.
      const wide: readonly (readonly [width: number, lanes: Lanes])[] = [
        [2, 4],
        [1, 4],
        [1, 1],
      ]
      const single: typeof wide = [
        [3, 1],
        [1, 1],
      ]
      const across = (height: number): void => {
        let start = 0
        for (const [width, lanes] of transposeB ? single : wide) {
          const step = width * lanes
          const end = start + Math.floor((columns - start) / step) * step
          f.for(column, { value: start }, { value: end }, () => emitTile(height, width, lanes), step)
          start = end
        }
      }
      f.for(unit, frame.from, frame.to, () => {
        f.get(unit).times(tileRows).set(row)
        frame.tileAt(row, rows, tileRows, across)
      })
      return f
    },
  }
}
