/**
 * Sums whose lanes are terms: gradients of weights, which add up over the samples of a block.
 *
 * A block holds several vectors. Even and odd vectors are summed separately, and the two sums are added at the end.
 * Where V8 joins neighboring vectors, both sums grow at once, in one wide register; elsewhere, one after the other. So
 * wide vectors change neither the order of the terms nor the result.
 */

import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { Arithmetic } from '../../emit/lanes.ts'
import { RegisterTile, type StepPlace } from '../../emit/tile.ts'

/** Bytes of workspace for the sums of the largest tile where vectors are joined. */
export const termSumsBytes = 512

/** The sums of one function: tiles of any size, one at a time. */
export class TermSums {
  /** Steps of a tile through the vectors of one block, and bytes between them. */
  readonly place: StepPlace
  readonly #f: FunctionBuilder
  readonly #paired: boolean
  readonly #arithmetic: Arithmetic
  /** Where sums are stored to be split; vectors are joined if there is a workspace. */
  readonly #workspace: Local | undefined
  readonly #tiles = new Map<string, RegisterTile>()
  /** Byte offset of the current vectors, and the sums of those before. */
  readonly #part: Local
  readonly #before: Local[] = []

  /**
   * @param vectors   vectors of a block
   * @param workspace address of {@link termSumsBytes} where vectors are joined
   */
  constructor(f: FunctionBuilder, vectors: number, arithmetic: Arithmetic, workspace?: Local) {
    this.#f = f
    this.#arithmetic = arithmetic
    this.#paired = vectors % 2 === 0
    const bytes = this.#paired ? 32 : 16
    this.place = { steps: this.#paired ? vectors / 2 : vectors, rowBytes: bytes, columnBytes: bytes }
    this.#workspace = this.#paired ? workspace : undefined
    this.#part = f.local('i32')
  }

  /** The tile of a given size, made once. */
  tile(rows: number, columns: number): RegisterTile {
    const key = `${rows} ${columns}`
    const known = this.#tiles.get(key)
    if (known) return known
    const depth = this.#workspace === undefined ? 1 : 2
    const tile = new RegisterTile(this.#f, { rows, columns, depth }, this.#arithmetic)
    this.#tiles.set(key, tile)
    return tile
  }

  /** Pushes the address of the current vectors; their base is on the stack. */
  pushPart(): FunctionBuilder {
    return this.#paired && this.#workspace === undefined ? this.#f.plus(this.#part) : this.#f
  }

  /** Sums a tile: `terms` runs its steps, {@link place} by place, at addresses from {@link pushPart}. */
  sum(tile: RegisterTile, terms: () => void): void {
    const f = this.#f
    const part = this.#part
    const workspace = this.#workspace
    const before = this.#before
    const sums = tile.accumulators.flat()
    if (workspace !== undefined) {
      tile.clear()
      terms()
      for (const [k, sum] of sums.entries())
        f.get(workspace)
          .get(sum)
          .memory('v128.store', k * 16)
      for (let k = 0; k < sums.length; k += 2) {
        f.get(workspace).memory('v128.load', k * 16)
        f.get(workspace).memory('v128.load', k * 16 + 16)
        f.op('f32x4.add').set(sums[k])
      }
    } else if (!this.#paired) {
      tile.clear()
      terms()
    } else {
      while (before.length < sums.length) before.push(f.local('v128'))
      const pass = (): void => {
        for (const [k, sum] of sums.entries()) f.get(sum).set(before[k])
        tile.clear()
        terms()
      }
      f.for(part, { value: 0 }, { value: 32 }, pass, 16)
      for (const [k, sum] of sums.entries()) f.get(before[k]).get(sum).op('f32x4.add').set(sum)
    }
  }
}
