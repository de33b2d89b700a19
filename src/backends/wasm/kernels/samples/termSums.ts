/**
 * Sums whose lanes are terms: gradients of weights, which add up over the samples of a block.
 *
 * A block holds several vectors of four. Neighboring ones, a pair or in native code with long vectors four, are summed
 * separately, and the sums are added at the end. Where there are vectors as long, or V8 joins a pair, all sums grow at
 * once; elsewhere, one after the other. So neither changes the order of the terms nor the result.
 */

import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { AnyLanes, Vectors } from '../../emit/lanes.ts'
import { RegisterTile, registersOf, type StepPlace } from '../../emit/tile.ts'
import type { KernelModule } from '../../kernel.ts'

/** Bytes of workspace for the sums of the largest tile where vectors are joined. */
export const termSumsBytes = 512

/** Bytes of a vector of four. */
const partBytes = 16

/** What the sums of a function are made of. */
export interface TermSumsSpec {
  /** Samples of a block. */
  readonly block: number
  readonly vectors: Vectors
  /** Address of {@link termSumsBytes} where vectors are joined. */
  readonly workspace?: Local | undefined
}

/** The sums of one function: tiles of any size, one at a time. */
export class TermSums {
  /** Steps of a tile through the vectors of one block, and bytes between them. */
  readonly place: StepPlace
  readonly #f: FunctionBuilder
  readonly #fused: boolean
  /** Vectors of four that are summed separately. */
  readonly #parts: number
  /** Lanes of a tile. */
  readonly #lanes: AnyLanes
  /** Where sums are stored to be split; vectors are joined if there is a workspace. */
  readonly #workspace: Local | undefined
  readonly #tiles = new Map<string, RegisterTile>()
  /** Byte offset of the current vectors, and the sums of those before: the last pass first. */
  readonly #part: Local
  readonly #before: Local[][] = []

  constructor(f: FunctionBuilder, { fused, longest = 4 }: KernelModule, { block, vectors, workspace }: TermSumsSpec) {
    const parts = block % 16 === 0 && vectors.lanes === 16 ? 4 : block % 8 === 0 ? 2 : 1
    this.#f = f
    this.#fused = fused
    this.#parts = parts
    this.#lanes = block % 4 > 0 ? 1 : longest >= 4 * parts ? ((4 * parts) as 4 | 8 | 16) : 4
    this.place = { steps: Math.max(1, block / 4 / parts), rowBytes: parts * partBytes, columnBytes: parts * partBytes }
    this.#workspace = parts > 1 ? workspace : undefined
    this.#part = f.local('i32')
  }

  /** Whether the sums grow one after the other. */
  get #hasPasses(): boolean {
    return this.#workspace === undefined && this.#parts > 1 && this.#lanes <= 4
  }

  /** The tile of a given size, made once. */
  tile(rows: number, columns: number): RegisterTile {
    const key = `${rows} ${columns}`
    const known = this.#tiles.get(key)
    if (known) return known
    const depth = this.#workspace === undefined ? 1 : 2
    const tile = new RegisterTile(this.#f, { rows, columns, depth }, { lanes: this.#lanes, fused: this.#fused })
    this.#tiles.set(key, tile)
    return tile
  }

  /** Pushes the address of the current vectors; their base is on the stack. */
  pushPart(): FunctionBuilder {
    return this.#hasPasses ? this.#f.plus(this.#part) : this.#f
  }

  /** Sums a tile: `terms` runs its steps, {@link place} by place, at addresses from {@link pushPart}. */
  sum(tile: RegisterTile, terms: () => void): void {
    const sums = tile.accumulators.flat()
    if (this.#hasPasses) {
      this.#sumInPasses(tile, sums, terms)
      return
    }
    tile.clear()
    terms()
    if (this.#workspace !== undefined) this.#addPairs(sums, this.#workspace)
  }

  #sumInPasses(tile: RegisterTile, sums: readonly Local[], terms: () => void): void {
    const f = this.#f
    const earlier = Array.from({ length: this.#parts - 1 }, (_, k) => this.#sumsBefore(k, sums.length))
    const pass = (): void => {
      const passes = [sums, ...earlier]
      for (let k = passes.length - 1; k > 0; k--) move(f, passes[k - 1], passes[k])
      tile.clear()
      terms()
    }
    f.for(this.#part, { value: 0 }, { value: this.#parts * partBytes }, pass, partBytes)
    const [last, third, second] = earlier
    for (const [k, sum] of sums.entries()) {
      if (third && second) f.get(second[k]).get(third[k]).op('f32x4.add')
      f.get(last[k]).get(sum).op('f32x4.add')
      if (third && second) f.op('f32x4.add')
      f.set(sum)
    }
  }

  #sumsBefore(pass: number, count: number): Local[] {
    this.#before[pass] ??= []
    const known = this.#before[pass]
    while (known.length < count) known.push(this.#f.local('v128'))
    return known
  }

  /** Adds the halves of joined sums, by way of memory. */
  #addPairs(sums: readonly Local[], workspace: Local): void {
    const f = this.#f
    for (const [k, sum] of sums.entries())
      f.get(workspace)
        .get(sum)
        .memory('v128.store', k * partBytes)
    for (let k = 0; k < sums.length; k += 2) {
      f.get(workspace).memory('v128.load', k * partBytes)
      f.get(workspace).memory('v128.load', (k + 1) * partBytes)
      f.op('f32x4.add').set(sums[k])
    }
  }
}

function move(f: FunctionBuilder, from: readonly Local[], to: readonly Local[]): void {
  for (const [k, local] of from.entries()) f.get(local).set(to[k])
}

type TileSize = readonly [rows: number, columns: number]

/** Tile sizes that fit 15 registers as rows + columns + rows · columns, best ratio of products to loads first. */
const plainSizes: readonly TileSize[] = [
  [3, 3],
  [4, 2],
  [2, 4],
  [3, 2],
  [2, 3],
  [2, 2],
  [6, 1],
  [4, 1],
  [1, 4],
  [3, 1],
  [2, 1],
  [1, 2],
  [1, 1],
]

/** Those of native code, where a step needs one row at a time. */
function longSizes(lanes: 8 | 16): TileSize[] {
  const free = registersOf(lanes) - 1
  const all = Array.from({ length: free }, (_, r) =>
    Array.from({ length: 8 }, (_, c): TileSize => [r + 1, c + 1]),
  ).flat()
  return all.filter(([rows, columns]) => columns + rows * columns <= free)
}

/** The tile that takes the fewest cycles for sums of these extents. */
export function chooseTermTile(rows: number, columns: number, { lanes }: Vectors): TileSize {
  const cycles = (r: number, c: number): number => (r * c === 0 ? 0 : cyclesOf(lanes, r, c))
  const cost = ([r, c]: TileSize): number => {
    const [down, across] = [Math.floor(rows / r), Math.floor(columns / c)]
    const [restDown, restAcross] = [rows % r, columns % c]
    const whole = down * (across * cycles(r, c) + cycles(r, restAcross))
    return whole + across * cycles(restDown, c) + cycles(restDown, restAcross)
  }
  const sizes = lanes === 4 ? plainSizes : longSizes(lanes)
  const fitting = sizes.filter(([r, c]) => r <= rows && c <= columns)
  return fitting.reduce((best, tile) => (cost(tile) < cost(best) ? tile : best), fitting[fitting.length - 1])
}

/** Cycles of a step: its products, each four cycles after its predecessor, against its loads; plus bookkeeping. */
function cyclesOf(lanes: number, rows: number, columns: number): number {
  // Vectors of 64 bytes take both units of a processor that has units of 32.
  const [products, loads] = lanes === 16 ? [1, 1] : lanes === 8 ? [2, 2] : [2, 2.5]
  return Math.max((rows * columns) / products, 4, (rows + columns) / loads) + 0.6
}
