/**
 * The register tile: the one inner loop behind matrix products, convolutions and their gradients.
 *
 * A tile keeps rows × columns accumulators in registers. One step loads a vector per column and a value per row and
 * multiplies each pair into its accumulator. Rows are either numbers repeated over the lanes (`splat`: the lanes are
 * different outputs) or vectors like the columns (`vector`: the lanes are terms of one sum, added up at the end).
 *
 * V8's compiler hoists all loads of a straight-line block. So a step must fit the 16 registers by itself
 * (rows + columns + rows · columns ≤ 15), and every step ends in its own loop exit, which keeps the loads of the next
 * step where they were written. Measured: 55 of 58 GFLOP/s on Node 20 with this order, 26 to 43 without.
 */

import type { FunctionBuilder, Local } from './assembler.ts'
import {
  type AnyLanes,
  type Arithmetic,
  loadOf,
  multiplyAdd,
  pushConstant,
  pushPartSum,
  storeOf,
  typeOf,
  type VectorLanes,
  type Vectors,
} from './lanes.ts'

/** How one step of a tile addresses its operands. Offsets are in bytes, relative to a local that holds an address. */
export interface TileOperands {
  /** One address for all rows, or one for each. */
  readonly rowAddress: Local | readonly Local[]
  readonly rowOffsets: readonly number[]
  readonly rowKind: 'splat' | 'vector'
  readonly columnAddress: Local
  readonly columnOffsets: readonly number[]
  /** When given, only this column of the tile takes part. */
  readonly onlyColumn?: number
}

/** Steps taken from one pair of addresses, and bytes from each step to the next. */
export interface StepPlace {
  readonly steps: number
  readonly rowBytes: number
  readonly columnBytes: number
}

/** Bytes of a line of the cache. */
const cacheLine = 64

const oneStep: StepPlace = { steps: 1, rowBytes: 0, columnBytes: 0 }

/** A loop over the steps of a tile. */
export interface TileLoop {
  /** Steps: a local, at least 1, destroyed. */
  readonly count: Local
  /** Bytes by which the addresses of rows and columns advance. */
  readonly rowAdvance: number
  readonly columnAdvance: number
  /** Steps written out in the loop's body; a multiple of the steps of a place. 4 by default. */
  readonly unroll?: number
  /**
   * Steps at each place before the addresses advance, and bytes from one step to the next; one step by default. Steps
   * that are far apart load data from several places in memory at once.
   */
  readonly place?: StepPlace | undefined
  /** Bytes from the columns of a step to those that it begins to fetch; none by default. In native code only. */
  readonly ahead?: number | undefined
}

/** Size of a register tile. */
export interface TileSize {
  readonly rows: number
  /** Vectors, or numbers where arithmetic is scalar. */
  readonly columns: number
  /** Vectors of terms per step where rows are vectors, each with its own accumulators; 1 by default. */
  readonly depth?: number
}

/** Accumulators and scratch registers of one tile size in one function. */
export class RegisterTile {
  readonly rows: number
  readonly columns: number
  /** `accumulators[row][column]`; with several vectors of terms per step, those of a column are adjacent. */
  readonly accumulators: readonly (readonly Local[])[]
  readonly #column: readonly Local[]
  readonly #row: readonly Local[]
  readonly #depth: number
  readonly #f: FunctionBuilder
  readonly #arithmetic: Arithmetic<AnyLanes>
  /** Bytes of a vector. */
  readonly #vectorBytes: number
  /** Four lanes that a longer vector is added up to. */
  #four: Local | undefined

  constructor(f: FunctionBuilder, { rows, columns, depth = 1 }: TileSize, arithmetic: Arithmetic<AnyLanes>) {
    const type = typeOf(arithmetic.lanes)
    this.#f = f
    this.rows = rows
    this.columns = columns
    this.#arithmetic = arithmetic
    this.#vectorBytes = (arithmetic.lanes === 1 ? 4 : arithmetic.lanes) * 4
    this.accumulators = Array.from({ length: rows }, () => f.localArray(type, columns * depth))
    this.#column = f.localArray(type, columns * depth)
    this.#row = f.localArray(type, depth)
    this.#depth = depth
  }

  /** Sets all accumulators to 0. */
  clear(): void {
    for (const accumulator of this.accumulators.flat()) {
      pushConstant(this.#f, this.#arithmetic.lanes, 0).set(accumulator)
    }
  }

  /**
   * Operands with rows of numbers `rowBytes` apart, repeated over the lanes, and with neighboring vectors as columns.
   */
  splats(at: { readonly rowAddress: Local; readonly rowBytes: number; readonly columnAddress: Local }): TileOperands {
    return {
      rowAddress: at.rowAddress,
      rowOffsets: Array.from({ length: this.rows }, (_, r) => r * at.rowBytes),
      rowKind: 'splat',
      columnAddress: at.columnAddress,
      columnOffsets: this.neighbors,
    }
  }

  /** Offsets of neighboring vectors, one for each column. */
  get neighbors(): number[] {
    return Array.from({ length: this.columns }, (_, v) => v * this.#vectorBytes)
  }

  /** Lanes of a column. */
  get lanes(): AnyLanes {
    return this.#arithmetic.lanes
  }

  /** Loads all accumulators from rows of vectors, `rowBytes` apart. */
  load(address: Local, rowBytes: number): void {
    this.#each((accumulator, row, column) => {
      this.#f
        .get(address)
        .memory(loadOf(this.lanes), row * rowBytes + column * this.#vectorBytes)
        .set(accumulator)
    })
  }

  /** Stores all accumulators unfinished, as rows of vectors `rowBytes` apart, the first at `address + shift`. */
  storeRaw(address: Local, rowBytes: number, shift = 0): void {
    this.#each((accumulator, row, column) => {
      this.#f
        .get(address)
        .get(accumulator)
        .memory(storeOf(this.lanes), shift + row * rowBytes + column * this.#vectorBytes)
    })
  }

  /** Stores the first `count` numbers of a row unfinished. */
  storeRow(row: number, address: Local, count: number): void {
    const f = this.#f
    const { lanes } = this
    this.accumulators[row].forEach((vector, column) => {
      const first = column * lanes
      if (count >= first + lanes)
        f.get(address)
          .get(vector)
          .memory(storeOf(lanes), first * 4)
      else
        for (let at = first; at < count; at += 4)
          this.#storePart(vector, [at - first, count - first], [address, at * 4])
    })
  }

  /** Stores up to four lanes of a vector, from one of its lanes on. */
  #storePart(
    vector: Local,
    [from, end]: readonly [from: number, end: number],
    [address, offset]: readonly [address: Local, offset: number],
  ): void {
    const f = this.#f
    const { lanes } = this
    const push = (): FunctionBuilder => {
      f.get(vector)
      return lanes === 8 || lanes === 16 ? f.extractPart(lanes, from / 4) : f
    }
    if (end - from >= 4) {
      f.get(address)
      push().memory('v128.store', offset)
      return
    }
    for (let lane = 0; lane < end - from; lane++) {
      f.get(address)
      push()
        .extractLane(lane)
        .memory('f32.store', offset + lane * 4)
    }
  }

  /** One step of the sum, with both operands `rowShift` and `columnShift` bytes further on. */
  step(operands: TileOperands, rowShift = 0, columnShift = 0): void {
    const f = this.#f
    const depth = this.#depth
    const { rowAddress, rowOffsets, rowKind, columnAddress, columnOffsets, onlyColumn } = operands
    const columns = this.#column
      .map((_, j) => j)
      .filter(j => onlyColumn === undefined || Math.floor(j / depth) === onlyColumn)
    const { lanes } = this.#arithmetic
    this.#note(rowKind === 'splat' ? lanes : 1)
    const loadVector = loadOf(lanes)
    const type = typeOf(lanes)
    const loadRow = type !== 'f32' && rowKind === 'splat' ? (`${type}.load32_splat` as const) : loadVector
    for (const j of columns) {
      f.get(columnAddress)
        .memory(loadVector, columnOffsets[Math.floor(j / depth)] + (j % depth) * this.#vectorBytes + columnShift)
        .set(this.#column[j])
    }
    for (let i = 0; i < this.rows; i++) {
      this.#row.forEach((row, part) => {
        f.get(typeof rowAddress === 'number' ? rowAddress : rowAddress[i])
          .memory(loadRow, rowOffsets[i] + part * this.#vectorBytes + rowShift)
          .set(row)
      })
      for (const j of columns) {
        multiplyAdd(f, this.#arithmetic, this.accumulators[i][j], [this.#row[j % depth], this.#column[j]])
      }
    }
  }

  /** Begins to fetch the cache lines of a step's columns. */
  #fetch({ columnAddress, columnOffsets }: TileOperands, shift: number): void {
    const lines = new Set(columnOffsets.map(offset => Math.floor(offset / cacheLine)))
    for (const line of lines) this.#f.get(columnAddress).memory('prefetch', line * cacheLine + shift)
  }

  /** Runs steps in a loop, unrolled, with an exit after each step. */
  steps(operands: TileOperands, loop: TileLoop): void {
    const f = this.#f
    const { count, rowAdvance, columnAdvance, unroll = 4, place = oneStep, ahead } = loop
    const rowAddresses = typeof operands.rowAddress === 'number' ? [operands.rowAddress] : operands.rowAddress
    const places = unroll / place.steps
    // Instructions cannot have negative offsets: a decreasing address starts below, and its offsets count down to it.
    const below = (advance: number): number => Math.min(0, (places - 1) * advance)
    const shift = (k: number, advance: number, bytes: number): number =>
      Math.floor(k / place.steps) * advance + (k % place.steps) * bytes - below(advance)
    const body = (exit: { depth: number }): void => {
      for (let k = 0; k < unroll; k++) {
        const columnShift = shift(k, columnAdvance, place.columnBytes)
        if (ahead !== undefined && this.lanes > 4) this.#fetch(operands, columnShift + ahead)
        this.step(operands, shift(k, rowAdvance, place.rowBytes), columnShift)
        f.countDown(count).op('i32.eqz').branchIf(exit)
      }
      for (const address of rowAddresses) f.increment(address, places * rowAdvance)
      f.increment(operands.columnAddress, places * columnAdvance)
    }
    for (const address of rowAddresses) f.increment(address, below(rowAdvance))
    f.increment(operands.columnAddress, below(columnAdvance))
    f.block(exit => {
      f.loop(again => {
        body(exit)
        f.branch(again)
      })
    })
  }

  /**
   * Runs one step for each pair of shifts, without a loop. `never` is a local whose value the compiler does not know
   * and which counting down does not bring to 0 (0 itself will do). The exits that it guards keep the steps apart.
   */
  unrolled(operands: TileOperands, shifts: readonly (readonly [row: number, column: number])[], never: Local): void {
    const f = this.#f
    f.block(exit => {
      for (const [row, column] of shifts) {
        this.step(operands, row, column)
        f.countDown(never).op('i32.eqz').branchIf(exit)
      }
    })
  }

  /**
   * Finishes all accumulators in place, then stores them all. A load between two stores would keep V8 from joining
   * them.
   * @param push   pushes the finished value of an accumulator
   * @param offset bytes from `address` to its destination
   */
  store(
    push: (row: number, column: number) => void,
    address: Local,
    offset: (row: number, column: number) => number,
  ): void {
    const f = this.#f
    const store = storeOf(this.#arithmetic.lanes)
    this.#each((accumulator, row, column) => {
      push(row, column)
      f.set(accumulator)
    })
    this.#each((accumulator, row, column) => f.get(address).get(accumulator).memory(store, offset(row, column)))
  }

  #each(visit: (accumulator: Local, row: number, column: number) => void): void {
    this.accumulators.forEach((list, row) => {
      list.forEach((accumulator, column) => {
        visit(accumulator, row, column)
      })
    })
  }

  /** Pushes the sum of the lanes of a column's first accumulator as f32, added in a fixed order. */
  pushLaneSum(row: number, column: number): void {
    const f = this.#f
    const { lanes } = this.#arithmetic
    const accumulator = this.accumulators[row][column * this.#depth]
    if (lanes === 1) {
      f.get(accumulator)
      return
    }
    let four = accumulator
    if (lanes !== 4) {
      this.#four ??= f.local('v128')
      four = this.#four
      pushPartSum(f, lanes, accumulator).set(four)
    }
    // (a0 + a2) + (a1 + a3)
    f.get(four).get(four).get(four).shuffle32([2, 3, 2, 3]).op('f32x4.add').tee(four)
    f.extractLane(0).get(four).extractLane(1).op('f32.add')
  }

  /** Records that the function computes this tile, whose columns are `lanes` results each. */
  #note(lanes: number): void {
    const f = this.#f
    const { rows } = this
    const columns = this.columns * lanes
    const known = largestTiles.get(f)
    if (!known || rows * columns > known.rows * known.columns) largestTiles.set(f, { rows, columns })
  }
}

/** Size of a register tile in results: rows and columns. */
export interface TileShape {
  readonly rows: number
  readonly columns: number
}

const largestTiles = new WeakMap<FunctionBuilder, TileShape>()

/** The largest register tile that a function computes, if any, for reports on its kernel. */
export function largestTile(f: FunctionBuilder): TileShape | undefined {
  return largestTiles.get(f)
}

/** Lanes of the vectors of a tile that is `width` numbers wide: the longest that divide it. */
export function lanesFor(width: number, longest: VectorLanes = 4): VectorLanes {
  if (longest === 16 && width % 16 === 0) return 16
  return longest > 4 && width % 8 === 0 ? 8 : 4
}

/** The register tile that suits a machine, for kernels whose lanes are channels: positions times output channels. */
export interface MachineTile extends TileShape {
  /** Whether the compiler joins pairs of its vectors into wider ones. */
  readonly joined: boolean
  /** Rows where the processor has registers for more; `rows` by default. */
  readonly tall?: number
}

/** Vector registers of processors whose longest vectors have so many lanes. */
export const registersOf = (lanes: VectorLanes): number => (lanes === 16 ? 32 : 16)

/**
 * Rows of a register tile of splats: as many as fit the registers without leaving a nearly empty last tile.
 * @param width numbers in a row: 1, or a multiple of four
 */
export function rowsThatFit(width: number, available: number, { lanes, joined }: Vectors): number {
  const most = Math.max(1, Math.floor(rowsInRegisters(width, lanes, joined)))
  if (available <= most) return available
  return Math.ceil(available / Math.ceil(available / most))
}

function rowsInRegisters(width: number, lanes: VectorLanes, joined: boolean): number {
  // Where loads stay where they were written, a step needs one row at a time.
  if (lanes > 4) {
    const columns = width / lanesFor(width, lanes)
    return (registersOf(lanes) - 2 - columns) / columns
  }
  const columns = Math.max(1, width / 4)
  const pairs = columns / 2
  return joined && columns % 2 === 0 ? (14 - pairs) / pairs : (15 - columns) / (columns + 1)
}
