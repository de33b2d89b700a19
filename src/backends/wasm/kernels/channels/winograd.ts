/**
 * Winograd convolution on channels-last volumes: 3×3 kernels of stride 1, forward and backward to the input.
 *
 * The result is cut into tiles of m × m. For every tile the (m + 2)² inputs are transformed, then for each of the (m + 2)²
 * positions the transformed inputs of all tiles are multiplied with the transformed weights (a matrix product), and
 * the products are transformed back: (m + 2)² multiplications in place of 9 m², 4 times fewer for m = 4.
 */
import type { FunctionBuilder, Local } from '../../assembler.ts'
import { type Kernel, type KernelModule, kernelFunction } from '../../kernel.ts'
import { RegisterTile, rowsThatFit } from '../../tile.ts'
import { type EpilogueSpec, epilogueKey } from '../epilogue.ts'
import { LinearTransform } from './linearTransform.ts'
import { panelWidth } from './packing.ts'
import { ChannelStore } from './store.ts'
import { type WinogradMatrices, winogradMatrices } from './winogradMatrices.ts'

/** A correlation with a 3×3 kernel at stride 1 over volumes `[N, C, H, W]` that lie channels last. */
export interface WinogradSpec {
  readonly direction: 'forward' | 'inputGradient'
  /** Result (i, j) sees source rows i − lead … i − lead + 2, and so the columns. */
  readonly lead: readonly [number, number]
  readonly source: readonly number[]
  /** Shape of the weights `[O, I, 3, 3]`. */
  readonly weights: readonly number[]
  readonly result: readonly number[]
  /** m: 2 or 4. */
  readonly outputs: number
  /** Tiles a thread takes through all three stages at a time. */
  readonly chunk: number
}

/** Numbers that follow from a spec. */
export function winogradSizes({
  source,
  result,
  outputs,
  chunk,
}: Omit<WinogradSpec, 'direction' | 'lead' | 'weights'>): {
  tileRows: number
  tileColumns: number
  tiles: number
  positions: number
  panels: number
  width: number
  inputBytes: number
  productBytes: number
} {
  const tileRows = Math.ceil(result[2] / outputs)
  const tileColumns = Math.ceil(result[3] / outputs)
  const tiles = result[0] * tileRows * tileColumns
  const positions = (outputs + 2) ** 2
  const width = panelWidth(result[1])
  const panels = Math.ceil(result[1] / width)
  const rows = Math.min(chunk, tiles)
  return {
    tileRows,
    tileColumns,
    tiles,
    positions,
    panels,
    width,
    inputBytes: positions * rows * source[1] * 4,
    productBytes: positions * rows * panels * width * 4,
  }
}

/** Transforms weights into panels `[positions, panels, summed channels, width]`. Operand addresses: weights, panels. */
export function winogradWeightsKernel(spec: Pick<WinogradSpec, 'direction' | 'weights' | 'outputs'>): Kernel {
  const { direction, weights, outputs } = spec
  const matrices = winogradMatrices(outputs, 3)
  const [rows, sums] = direction === 'forward' ? [weights[0], weights[1]] : [weights[1], weights[0]]
  const width = panelWidth(rows)
  const panels = Math.ceil(rows / width)
  const perRow = direction === 'forward' ? weights[1] * 36 : 36
  const perSum = direction === 'forward' ? 36 : weights[1] * 36
  const n = matrices.inputs
  return {
    key: `winogradWeights ${JSON.stringify(spec)}`,
    units: panels,
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const transform = new LinearTransform(f, target.fused, [matrices.weights])
      const [unit, sum, at, out] = f.localArray('i32', 4)
      const taps = f.localArray('v128', 9)
      const half = f.localArray('v128', n * 3)
      /** Four rows of weights at `at`, of which `count` exist. */
      const quarter = (first: number, count: number): void => {
        for (let tap = 0; tap < 9; tap++) {
          // The gradient to the input correlates with the kernel turned by 180°.
          const source = (direction === 'forward' ? tap : 8 - tap) * 4
          if (count <= 0) f.f32x4(0)
          else f.get(at).memory('v128.load32_zero', first * perRow + source)
          for (let lane = 1; lane < count; lane++) {
            f.get(at)
              .memory('f32.load', (first + lane) * perRow + source)
              .replaceLane(lane)
          }
          f.set(taps[tap])
        }
        // G · g, column by column, then (G · g) · Gᵀ, row by row.
        for (let column = 0; column < 3; column++) {
          transform.apply(matrices.weights, [taps[column], taps[3 + column], taps[6 + column]], (row, push) => {
            push()
            f.set(half[row * 3 + column])
          })
        }
        for (let row = 0; row < n; row++) {
          transform.apply(matrices.weights, half.slice(row * 3, row * 3 + 3), (column, push) => {
            f.get(out)
            push()
            f.memory('v128.store', (row * n + column) * panels * sums * width * 4 + first * 4)
          })
        }
      }
      const panel = (count: number): void => {
        for (let first = 0; first < width; first += 4) quarter(first, Math.min(4, count - first))
      }
      const last = rows - (panels - 1) * width
      f.for(unit, from, to, () => {
        f.get(address[0])
          .get(unit)
          .i32(width * perRow)
          .op('i32.mul', 'i32.add')
          .set(at)
        f.get(address[1])
          .get(unit)
          .i32(sums * width * 4)
          .op('i32.mul', 'i32.add')
          .set(out)
        f.for(sum, { value: 0 }, { value: sums }, () => {
          if (last === width) panel(width)
          else {
            f.get(unit)
              .i32(panels - 1)
              .op('i32.eq')
            f.if(
              () => panel(last),
              () => panel(width),
            )
          }
          f.increment(at, perSum)
          f.increment(out, width * 4)
        })
      })
      return f
    },
  }
}

/** Transformed tiles `[positions, tiles, C]` of all tiles. Operand addresses: source, result. */
export function winogradInputKernel(spec: WinogradSpec): Kernel {
  return {
    key: `winogradInput ${JSON.stringify(spec)}`,
    units: winogradSizes(spec).tiles,
    tables: [new Int32Array(spec.source[1])],
    operands: 2,
    emit(target) {
      const input = emitInput(target, spec)
      const { f, from, to, address } = kernelFunction(target, 3)
      f.get(from).get(to).i32(0).get(address[0]).get(address[1]).get(address[2]).call(input)
      return f
    },
  }
}

/** Products `[positions, tiles, K]` of all tiles. Operand addresses: transformed tiles, panels, result. */
export function winogradProductKernel(spec: WinogradSpec): Kernel {
  const { positions, panels, tiles } = winogradSizes(spec)
  return {
    key: `winogradProduct ${JSON.stringify(spec)}`,
    units: positions * panels,
    tables: [],
    operands: 3,
    emit(target) {
      const product = emitProduct(target, spec)
      const { f, from, to, address } = kernelFunction(target, 3)
      f.get(from).get(to).i32(tiles)
      for (const operand of address) f.get(operand)
      f.call(product)
      return f
    },
  }
}

/** The last stage. Operand addresses: products, epilogue operands, result. */
export function winogradOutputKernel(spec: WinogradSpec, epilogue: EpilogueSpec): Kernel {
  const operands = 2 + epilogue.operands.length
  return {
    key: `winogradOutput ${JSON.stringify(spec)} ${epilogueKey(epilogue)}`,
    units: winogradSizes(spec).tiles,
    tables: [],
    operands,
    emit(target) {
      const output = emitOutput(target, spec, epilogue)
      const { f, from, to, address } = kernelFunction(target, operands)
      f.get(from).get(to).i32(0)
      for (const operand of address) f.get(operand)
      f.call(output)
      return f
    },
  }
}

/**
 * All three stages, chunk by chunk of tiles, in the thread's own workspace.
 * Operand addresses: source, panels, epilogue operands, workspace, result.
 */
export function winogradKernel(spec: WinogradSpec, epilogue: EpilogueSpec): Kernel {
  const { chunk } = spec
  const { tiles, positions, panels, inputBytes } = winogradSizes(spec)
  const operands = 4 + epilogue.operands.length
  return {
    key: `winograd ${JSON.stringify(spec)} ${epilogueKey(epilogue)}`,
    units: Math.ceil(tiles / chunk),
    tables: [new Int32Array(spec.source[1])],
    operands,
    emit(target) {
      const input = emitInput(target, spec)
      const product = emitProduct(target, spec)
      const output = emitOutput(target, spec, epilogue)
      const { f, from, to, address } = kernelFunction(target, operands + 1)
      const [source, weights] = address
      const extras = address.slice(2, operands - 2)
      const [workspace, result, zeros] = address.slice(operands - 2)
      const [unit, first, end, products] = f.localArray('i32', 4)
      f.get(workspace).i32(inputBytes).op('i32.add').set(products)
      f.for(unit, from, to, () => {
        f.get(unit).i32(chunk).op('i32.mul').tee(first).i32(chunk).op('i32.add').tee(end)
        f.i32(tiles).get(end).i32(tiles).op('i32.lt_s', 'select').set(end)
        f.get(first).get(end).get(first).get(source).get(workspace).get(zeros).call(input)
        f.i32(0)
          .i32(positions * panels)
          .get(end)
          .get(first)
          .op('i32.sub')
        f.get(workspace).get(weights).get(products).call(product)
        f.get(first).get(end).get(first).get(products)
        for (const extra of extras) f.get(extra)
        f.get(result).call(output)
      })
      return f
    },
  }
}

/** The place of a tile: image, and row and column of its first result. */
class TilePlace {
  readonly row: Local
  readonly column: Local
  readonly image: Local
  private readonly f: FunctionBuilder
  private readonly spec: WinogradSpec

  constructor(f: FunctionBuilder, spec: WinogradSpec) {
    const [row, column, image] = f.localArray('i32', 3)
    this.f = f
    this.spec = spec
    this.row = row
    this.column = column
    this.image = image
  }

  locate(tile: Local): void {
    const { f, row, column, image } = this
    const { tileRows, tileColumns } = winogradSizes(this.spec)
    const { outputs } = this.spec
    f.get(tile).i32(tileColumns).op('i32.rem_u').i32(outputs).op('i32.mul').set(column)
    f.get(tile).i32(tileColumns).op('i32.div_u').i32(tileRows).op('i32.rem_u').i32(outputs).op('i32.mul').set(row)
    f.get(tile)
      .i32(tileColumns * tileRows)
      .op('i32.div_u')
      .set(image)
  }
}

/** `(from, to, first, source, transformed, zeros)`: tiles `from … to − 1` to rows `from − first …` of each position. */
function emitInput(target: KernelModule, spec: WinogradSpec): FunctionBuilder {
  const { lead, source, outputs, chunk } = spec
  const matrices = winogradMatrices(outputs, 3)
  const n = matrices.inputs
  const [, channels, height, width] = source
  const [pixelBytes, rowBytes] = [channels * 4, width * channels * 4]
  const matrixBytes = Math.min(chunk, winogradSizes(spec).tiles) * pixelBytes
  const f = target.module.function(new Array(6).fill('i32'), [])
  const [from, to, first, base, transformed, zeros] = [0, 1, 2, 3, 4, 5]
  const transform = new LinearTransform(f, target.fused, [matrices.input])
  const place = new TilePlace(f, spec)
  const [tile, corner, out, offset, row, column] = f.localArray('i32', 6)
  const pointers = f.localArray('i32', n * n)
  const column0 = f.localArray('v128', n)
  const half = f.localArray('v128', n * n)

  /** Transforms four channels after another; `load` pushes the input of row a, column b. */
  const channelsLoop = (load: (a: number, b: number) => void, advance: () => void): void => {
    f.for(
      offset,
      { value: 0 },
      { value: pixelBytes },
      () => {
        for (let b = 0; b < n; b++) {
          for (let a = 0; a < n; a++) {
            load(a, b)
            f.set(column0[a])
          }
          transform.apply(matrices.input, column0, (a, push) => {
            push()
            f.set(half[a * n + b])
          })
        }
        for (let a = 0; a < n; a++) {
          transform.apply(matrices.input, half.slice(a * n, a * n + n), (b, push) => {
            f.get(out)
            push()
            f.memory('v128.store', (a * n + b) * matrixBytes)
          })
        }
        f.increment(out, 16)
        advance()
      },
      16,
    )
  }

  f.for(tile, from, to, () => {
    place.locate(tile)
    f.get(place.row).i32(lead[0]).op('i32.sub').set(row)
    f.get(place.column).i32(lead[1]).op('i32.sub').set(column)
    f.get(base)
      .get(place.image)
      .i32(height * rowBytes)
      .op('i32.mul', 'i32.add')
    f.get(row).i32(rowBytes).op('i32.mul', 'i32.add').get(column).i32(pixelBytes).op('i32.mul', 'i32.add').set(corner)
    f.get(transformed).get(tile).get(first).op('i32.sub').i32(pixelBytes).op('i32.mul', 'i32.add').set(out)
    const inside = (): void => {
      f.get(row)
        .i32(Math.max(0, height - n + 1))
        .op('i32.lt_u')
      f.get(column)
        .i32(Math.max(0, width - n + 1))
        .op('i32.lt_u', 'i32.and')
    }
    inside()
    f.if(
      () =>
        channelsLoop(
          (a, b) => f.get(corner).memory('v128.load', a * rowBytes + b * pixelBytes),
          () => f.increment(corner, 16),
        ),
      () => {
        // Some inputs lie outside the image: those read zeros.
        for (let a = 0; a < n; a++) {
          for (let b = 0; b < n; b++) {
            f.get(corner)
              .i32(a * rowBytes + b * pixelBytes)
              .op('i32.add')
              .get(zeros)
            f.get(row).i32(a).op('i32.add').i32(height).op('i32.lt_u')
            f.get(column)
              .i32(b)
              .op('i32.add')
              .i32(width)
              .op('i32.lt_u', 'i32.and', 'select')
              .set(pointers[a * n + b])
          }
        }
        channelsLoop(
          (a, b) =>
            f
              .get(pointers[a * n + b])
              .get(offset)
              .op('i32.add')
              .memory('v128.load'),
          () => undefined,
        )
      },
    )
  })
  return f
}

/** `(from, to, tiles, transformed, panels, products)`: the product of one panel at one position per unit. */
function emitProduct(target: KernelModule, spec: WinogradSpec): FunctionBuilder {
  const { source, chunk } = spec
  const { panels, width, tiles: all } = winogradSizes(spec)
  const sums = source[1]
  const rowsOfMatrix = Math.min(chunk, all)
  const f = target.module.function(new Array(6).fill('i32'), [])
  const [from, to, tiles, transformed, weights, products] = [0, 1, 2, 3, 4, 5]
  const vectors = width / 4
  const rows = Math.min(rowsThatFit(vectors, Number.MAX_SAFE_INTEGER), rowsOfMatrix)
  const [unit, position, panel, at, panelAt, rowAt, out, tile, full, count] = f.localArray('i32', 10)
  const inBytes = sums * 4
  const outBytes = panels * width * 4
  const tileOf = (height: number): void => {
    const registers = new RegisterTile(f, height, vectors, { lanes: 4, fused: target.fused })
    registers.clear()
    f.get(at).set(rowAt).get(panel).set(panelAt).i32(sums).set(count)
    registers.steps(
      {
        rowAddress: rowAt,
        rowOffsets: Array.from({ length: height }, (_, r) => r * inBytes),
        rowKind: 'splat',
        columnAddress: panelAt,
        columnOffsets: Array.from({ length: vectors }, (_, v) => v * 16),
      },
      count,
      4,
      width * 4,
    )
    registers.accumulators.forEach((row, r) => {
      row.forEach((vector, v) => {
        f.get(out)
          .get(vector)
          .memory('v128.store', r * outBytes + v * 16)
      })
    })
  }
  f.for(unit, from, to, () => {
    f.get(unit).i32(panels).op('i32.div_u').set(position)
    f.get(weights)
      .get(unit)
      .i32(sums * width * 4)
      .op('i32.mul', 'i32.add')
      .set(panel)
    f.get(transformed)
      .get(position)
      .i32(rowsOfMatrix * inBytes)
      .op('i32.mul', 'i32.add')
      .set(at)
    f.get(products)
      .get(position)
      .i32(rowsOfMatrix * outBytes)
      .op('i32.mul', 'i32.add')
    f.get(unit)
      .i32(panels)
      .op('i32.rem_u')
      .i32(width * 4)
      .op('i32.mul', 'i32.add')
      .set(out)
    f.get(tiles).get(tiles).i32(rows).op('i32.rem_u', 'i32.sub').set(full)
    f.for(
      tile,
      { value: 0 },
      full,
      () => {
        tileOf(rows)
        f.increment(at, rows * inBytes)
        f.increment(out, rows * outBytes)
      },
      rows,
    )
    const rest = all % rows
    if (rest > 0) {
      f.get(full).get(tiles).op('i32.lt_s')
      f.if(() => tileOf(rest))
    }
  })
  return f
}

/** `(from, to, first, products, ...epilogue operands, result)`: tiles `from … to − 1` from rows `from − first …`. */
function emitOutput(target: KernelModule, spec: WinogradSpec, epilogue: EpilogueSpec): FunctionBuilder {
  const { result, outputs, chunk } = spec
  const { panels, width, tiles } = winogradSizes(spec)
  const matrices: WinogradMatrices = winogradMatrices(outputs, 3)
  const n = matrices.inputs
  const [, channels, height, columns] = result
  const [pixelBytes, rowBytes] = [channels * 4, columns * channels * 4]
  const inBytes = panels * width * 4
  const matrixBytes = Math.min(chunk, tiles) * inBytes
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
  const place = new TilePlace(f, spec)
  const [tile, corner, at, channel, out, whole] = f.localArray('i32', 6)
  const column0 = f.localArray('v128', n)
  const half = f.localArray('v128', outputs * n)
  const finished = f.local('v128')

  /** Transforms the products of the vector of channels at `channel`; `valid` of them exist. */
  const vector = (valid: number): void => {
    store.atChannels(channel)
    for (let b = 0; b < n; b++) {
      for (let a = 0; a < n; a++) {
        f.get(at)
          .memory('v128.load', (a * n + b) * matrixBytes)
          .set(column0[a])
      }
      transform.apply(matrices.output, column0, (a, push) => {
        push()
        f.set(half[a * n + b])
      })
    }
    for (let a = 0; a < outputs; a++) {
      transform.apply(matrices.output, half.slice(a * n, a * n + n), (b, push) => {
        push()
        f.set(finished)
        f.get(corner)
        if (a + b > 0) f.i32(a * rowBytes + b * pixelBytes).op('i32.add')
        f.set(out)
        const write = (): void => {
          store.atPosition(out, yBase, channel)
          store.storeChannels(out, [finished], valid)
        }
        f.get(whole)
        f.get(place.row).i32(a).op('i32.add').i32(height).op('i32.lt_s')
        f.get(place.column).i32(b).op('i32.add').i32(columns).op('i32.lt_s', 'i32.and', 'i32.or')
        f.if(write)
      })
    }
  }

  f.for(tile, from, to, () => {
    place.locate(tile)
    f.get(yBase)
      .get(place.image)
      .i32(height * rowBytes)
      .op('i32.mul', 'i32.add')
    f.get(place.row).i32(rowBytes).op('i32.mul', 'i32.add').get(place.column).i32(pixelBytes).op('i32.mul', 'i32.add')
    f.set(corner)
    f.get(products).get(tile).get(first).op('i32.sub').i32(inBytes).op('i32.mul', 'i32.add').set(at)
    f.get(place.row)
      .i32(height - outputs)
      .op('i32.le_s')
    f.get(place.column)
      .i32(columns - outputs)
      .op('i32.le_s', 'i32.and')
      .set(whole)
    const rest = channels % 4
    f.for(
      channel,
      { value: 0 },
      { value: channels - rest },
      () => {
        vector(4)
        f.increment(corner, 16)
        f.increment(at, 16)
      },
      4,
    )
    if (rest > 0) {
      f.i32(channels - rest).set(channel)
      vector(rest)
    }
  })
  return f
}
