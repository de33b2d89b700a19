/**
 * Matrix products in three forms, by where the operands lie:
 *
 * - samples of a block as lanes: a layer applied to a batch, `[N, K] · W`; weights are read as they are, in splats
 * - samples as terms: the gradient of weights, Xᵀ · G, summing over the whole batch with lanes added up at the end
 * - plain rows: lanes along the columns when B's rows are contiguous, one at a time otherwise
 */
import type { MatmulAttributes } from '../../../graph/ops/matmul.ts'
import { dimensionsOf, type Operand } from '../access.ts'
import type { FunctionBuilder, Local } from '../assembler.ts'
import { storeElements } from '../elements.ts'
import { arithmeticFor, type Kernel, type KernelModule, kernelFunction } from '../kernel.ts'
import { type Lanes, RegisterTile } from '../tile.ts'
import { rowsThatFit } from './correlate.ts'
import { EpilogueEmitter, type EpilogueSpec, epilogueKey } from './epilogue.ts'

/** Operand addresses: a, b, epilogue operands, result. */
export function matmulKernel(
  attributes: MatmulAttributes,
  a: Operand,
  b: Operand,
  output: Operand,
  epilogue: EpilogueSpec,
): Kernel {
  const key = `matmul ${JSON.stringify([attributes, a, b, output])} ${epilogueKey(epilogue)}`
  const form = output.block > 0 ? overSamples : a.block > 0 ? sumOverSamples : overRows
  const { units, emit } = form(attributes, a, output, epilogue)
  return { key, units, tables: [], operands: 3 + epilogue.operands.length, emit }
}

type Form = (
  attributes: MatmulAttributes,
  a: Operand,
  output: Operand,
  epilogue: EpilogueSpec,
) => Pick<Kernel, 'units' | 'emit'>

/** Runs `body` over tiles of rows: full ones in a loop, then a shorter last one. */
function forTiles(f: FunctionBuilder, row: Local, extent: number, tile: number, body: (rows: number) => void): void {
  const rest = extent % tile
  f.for(row, { value: 0 }, { value: extent - rest }, () => body(tile), tile)
  if (rest > 0) {
    f.i32(extent - rest).set(row)
    body(rest)
  }
}

const range = (count: number, step: number): number[] => Array.from({ length: count }, (_, k) => k * step)

/** Y[n, m] = Σ_k X[n, k] · op(W)[k, m]: blocked X and Y, lanes are samples. */
const overSamples: Form = ({ transposeB }, a, output, epilogue) => {
  const block = output.block
  const bytes = block * 4
  const blocks = output.shape[0] / block
  const [inner, columns] = [a.shape[1], output.shape[1]]
  const vectors = Math.max(1, block / 4)
  const tileRows = rowsThatFit(vectors, columns)
  const tiles = Math.ceil(columns / tileRows)
  return {
    units: blocks * tiles,
    emit(target: KernelModule) {
      const operands = 3 + epilogue.operands.length
      const { f, from, to, address } = kernelFunction(target, operands)
      const [xBase, wBase] = address
      const yBase = address[operands - 1]
      const arithmetic = arithmeticFor(block, target.fused)
      const finish = new EpilogueEmitter(
        f,
        target.math,
        epilogue,
        dimensionsOf(output),
        output.shape,
        address.slice(2, -1),
      )
      const [unit, n, row, xAddress, wAddress, count, out] = Array.from({ length: 7 }, () => f.local('i32'))
      const scratch = f.local(arithmetic.lanes === 4 ? 'v128' : 'f32')
      const tileAt = (rows: number): void => {
        const tile = tileOf(rows)
        tile.clear()
        f.get(xBase)
          .get(n)
          .i32(inner * bytes)
          .op('i32.mul', 'i32.add')
          .set(xAddress)
        f.get(wBase)
          .get(row)
          .i32(transposeB ? inner * 4 : 4)
          .op('i32.mul', 'i32.add')
          .set(wAddress)
        f.i32(inner).set(count)
        tile.steps(
          {
            rowAddress: wAddress,
            rowOffsets: range(rows, transposeB ? inner * 4 : 4),
            rowKind: 'splat',
            columnAddress: xAddress,
            columnOffsets: range(vectors, 16),
          },
          count,
          transposeB ? 4 : columns * 4,
          bytes,
        )
        f.get(n)
          .i32(columns)
          .op('i32.mul')
          .get(row)
          .op('i32.add')
          .i32(bytes)
          .op('i32.mul')
          .get(yBase)
          .op('i32.add')
          .set(out)
        finish.locate([n, row, { value: 0 }])
        for (let r = 0; r < rows; r++) {
          for (let v = 0; v < vectors; v++) {
            storeElements(f, arithmetic.lanes, out, r * bytes + v * 16, 4, scratch, () =>
              finish.push(arithmetic.lanes, [0, r, v * 4], () => f.get(tile.accumulators[r][v])),
            )
          }
        }
      }
      const made = new Map<number, RegisterTile>()
      const tileOf = (rows: number): RegisterTile => {
        const tile = made.get(rows) ?? new RegisterTile(f, rows, vectors, arithmetic)
        made.set(rows, tile)
        return tile
      }
      f.for(unit, from, to, () => {
        f.get(unit).i32(tiles).op('i32.div_u').set(n)
        f.get(unit).i32(tiles).op('i32.rem_u').i32(tileRows).op('i32.mul').set(row)
        const rest = columns % tileRows
        if (rest === 0) tileAt(tileRows)
        else {
          f.get(row)
            .i32(columns - rest)
            .op('i32.lt_s')
          f.if(
            () => tileAt(tileRows),
            () => tileAt(rest),
          )
        }
      })
      return f
    },
  }
}

/** W[i, j] = Σ_n A[n, i] · B[n, j]: blocked A and B, lanes are terms of the sum; row-major result. */
const sumOverSamples: Form = (_, a, output, epilogue) => {
  const block = a.block
  const blocks = a.shape[0] / block
  const [rows, columns] = output.shape
  const vectors = Math.max(1, block / 4)
  const tileRows = Math.min(3, rows)
  const tileColumns = Math.min(3, columns)
  return {
    units: Math.ceil(rows / tileRows),
    emit(target: KernelModule) {
      const operands = 3 + epilogue.operands.length
      const { f, from, to, address } = kernelFunction(target, operands)
      const [aBase, bBase] = address
      const outBase = address[operands - 1]
      const arithmetic = arithmeticFor(block, target.fused)
      const finish = new EpilogueEmitter(
        f,
        target.math,
        epilogue,
        dimensionsOf(output),
        output.shape,
        address.slice(2, -1),
      )
      const [unit, row, column, aAddress, bAddress, count, out] = Array.from({ length: 7 }, () => f.local('i32'))
      const sum = f.local('f32')
      const made = new Map<string, RegisterTile>()
      const tileOf = (height: number, width: number): RegisterTile => {
        const key = `${height}x${width}`
        const tile = made.get(key) ?? new RegisterTile(f, height, width, arithmetic)
        made.set(key, tile)
        return tile
      }
      const tileAt = (height: number, width: number): void => {
        const tile = tileOf(height, width)
        tile.clear()
        for (let v = 0; v < vectors; v++) {
          f.get(row)
            .i32(block * 4)
            .op('i32.mul')
            .get(aBase)
            .op('i32.add')
            .i32(v * 16)
            .op('i32.add')
            .set(aAddress)
          f.get(column)
            .i32(block * 4)
            .op('i32.mul')
            .get(bBase)
            .op('i32.add')
            .i32(v * 16)
            .op('i32.add')
            .set(bAddress)
          f.i32(blocks).set(count)
          tile.steps(
            {
              rowAddress: aAddress,
              rowOffsets: range(height, block * 4),
              rowKind: 'vector',
              columnAddress: bAddress,
              columnOffsets: range(width, block * 4),
            },
            count,
            rows * block * 4,
            columns * block * 4,
          )
        }
        f.get(row)
          .i32(columns)
          .op('i32.mul')
          .get(column)
          .op('i32.add')
          .i32(4)
          .op('i32.mul')
          .get(outBase)
          .op('i32.add')
          .set(out)
        finish.locate([row, column])
        for (let r = 0; r < height; r++) {
          for (let c = 0; c < width; c++) {
            tile.pushLaneSum(r, c)
            f.set(sum)
            storeElements(f, 1, out, (r * columns + c) * 4, 4, sum, () => finish.push(1, [r, c], () => f.get(sum)))
          }
        }
      }
      const rest = rows % tileRows
      f.for(unit, from, to, () => {
        f.get(unit).i32(tileRows).op('i32.mul').set(row)
        const across = (height: number): void => {
          forTiles(f, column, columns, tileColumns, width => tileAt(height, width))
        }
        if (rest === 0) across(tileRows)
        else {
          f.get(row)
            .i32(rows - rest)
            .op('i32.lt_s')
          f.if(
            () => across(tileRows),
            () => across(rest),
          )
        }
      })
      return f
    },
  }
}

/** Row-major operands and result. */
const overRows: Form = ({ transposeA, transposeB }, a, output, epilogue) => {
  const [rows, columns] = output.shape
  const inner = transposeA ? a.shape[0] : a.shape[1]
  const tileRows = Math.min(4, rows)
  return {
    units: Math.ceil(rows / tileRows),
    emit(target: KernelModule) {
      const operands = 3 + epilogue.operands.length
      const { f, from, to, address } = kernelFunction(target, operands)
      const [aBase, bBase] = address
      const outBase = address[operands - 1]
      const finish = new EpilogueEmitter(
        f,
        target.math,
        epilogue,
        dimensionsOf(output),
        output.shape,
        address.slice(2, -1),
      )
      const [unit, row, column, aAddress, bAddress, count, out] = Array.from({ length: 7 }, () => f.local('i32'))
      const scratch = { 1: f.local('f32'), 4: f.local('v128') }
      const made = new Map<string, RegisterTile>()
      const tileAt = (height: number, width: number, lanes: Lanes): void => {
        const key = `${height} ${width} ${lanes}`
        const tile = made.get(key) ?? new RegisterTile(f, height, width, { lanes, fused: target.fused })
        made.set(key, tile)
        tile.clear()
        f.get(aBase)
          .get(row)
          .i32(transposeA ? 4 : inner * 4)
          .op('i32.mul', 'i32.add')
          .set(aAddress)
        f.get(bBase)
          .get(column)
          .i32(transposeB ? inner * 4 : 4)
          .op('i32.mul', 'i32.add')
          .set(bAddress)
        f.i32(inner).set(count)
        tile.steps(
          {
            rowAddress: aAddress,
            rowOffsets: range(height, transposeA ? 4 : inner * 4),
            rowKind: 'splat',
            columnAddress: bAddress,
            columnOffsets: range(width, transposeB ? inner * 4 : lanes * 4),
          },
          count,
          transposeA ? rows * 4 : 4,
          transposeB ? 4 : columns * 4,
        )
        f.get(row)
          .i32(columns)
          .op('i32.mul')
          .get(column)
          .op('i32.add')
          .i32(4)
          .op('i32.mul')
          .get(outBase)
          .op('i32.add')
          .set(out)
        finish.locate([row, column])
        for (let r = 0; r < height; r++) {
          for (let c = 0; c < width; c++) {
            storeElements(f, lanes, out, (r * columns + c * lanes) * 4, 4, scratch[lanes], () =>
              finish.push(lanes, [r, c * lanes], () => f.get(tile.accumulators[r][c])),
            )
          }
        }
      }
      /** Runs over all columns: wide tiles, one vector, then single columns. Bᵀ is read one element at a time. */
      const across = (height: number): void => {
        const spans: [width: number, lanes: Lanes][] = transposeB
          ? [
              [3, 1],
              [1, 1],
            ]
          : [
              [2, 4],
              [1, 4],
              [1, 1],
            ]
        let start = 0
        for (const [width, lanes] of spans) {
          const step = width * lanes
          const end = start + Math.floor((columns - start) / step) * step
          f.for(column, { value: start }, { value: end }, () => tileAt(height, width, lanes), step)
          start = end
        }
      }
      const rest = rows % tileRows
      f.for(unit, from, to, () => {
        f.get(unit).i32(tileRows).op('i32.mul').set(row)
        if (rest === 0) across(tileRows)
        else {
          f.get(row)
            .i32(rows - rest)
            .op('i32.lt_s')
          f.if(
            () => across(tileRows),
            () => across(rest),
          )
        }
      })
      return f
    },
  }
}
