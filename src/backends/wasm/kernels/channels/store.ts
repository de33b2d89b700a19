/**
 * Stores results channels last. The epilogue's operands are located by what they have in common with the result. Most
 * are one number per channel (bias, scale) or a value with the same layout (the other branch of a residual block).
 */

import { dimensionsOf, type Operand, stridesAlong } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { fitsLongVectors, pushElements, storeElements } from '../../emit/elements.ts'
import { type ExpressionEmitter, emittersOf } from '../../emit/expression.ts'
import { type AnyLanes, type Lanes, loadOf, localsOf, typeOf, type VectorLanes } from '../../emit/lanes.ts'
import type { MathLibrary } from '../../emit/math.ts'
import { lanesFor, type RegisterTile } from '../../emit/tile.ts'
import type { KernelModule } from '../../kernel.ts'
import type { EpilogueSpec } from '../shared/epilogue.ts'

/** An operand, and how its address follows from the place of the result. */
interface Source {
  readonly operand: Operand
  readonly kind: 'channel' | 'same' | 'anywhere'
  /** Bytes per step along n, i, j, channel. */
  readonly strides: readonly number[]
  readonly base: Local
  readonly pointer: Local
}

/** What a {@link ChannelStore} stores. */
export interface ChannelStoreSpec {
  readonly epilogue: EpilogueSpec
  /** Shape of the result, `[N, C, H, W]`. */
  readonly shape: readonly number[]
  /** Addresses of the epilogue's operands. */
  readonly bases: readonly Local[]
}

/** Finishes and stores vectors of neighboring channels. */
export class ChannelStore {
  readonly #f: FunctionBuilder
  readonly #epilogue: EpilogueSpec
  readonly #sources: readonly Source[]
  readonly #emitters: Record<AnyLanes, ExpressionEmitter>
  readonly #shape: readonly number[]
  readonly #pixel: Local
  readonly #scratch: Record<Lanes, Local>

  constructor(f: FunctionBuilder, math: MathLibrary, { epilogue, shape, bases }: ChannelStoreSpec) {
    const y: Operand = { shape, dtype: 'f32', block: 0, channelsLast: true }
    const dimensions = dimensionsOf(y)
    const own = stridesAlong(y, dimensions, shape)
    this.#f = f
    this.#epilogue = epilogue
    this.#shape = shape
    this.#pixel = f.local('i32')
    this.#scratch = localsOf(f)
    this.#emitters = emittersOf(f, math)
    this.#sources = epilogue.operands.map((operand, k) => {
      const strides = stridesAlong(operand, dimensions, shape)
      const same = strides.every((stride, d) => stride === own[d])
      const kind = same ? 'same' : strides.slice(0, 3).every(stride => stride === 0) ? 'channel' : 'anywhere'
      return { operand, kind, strides, base: bases[k], pointer: f.local('i32') }
    })
  }

  /** Locates the operands of the channels that begin at `channel`. */
  atChannels(channel: Local): void {
    const f = this.#f
    for (const { kind, strides, base, pointer } of this.#sources) {
      if (kind !== 'channel') continue
      f.address(base, [channel, strides[3]]).set(pointer)
    }
  }

  /** Locates the operands of the position whose result, at the current channel, is stored at `out`. */
  atPosition(out: Local, yBase: Local, channel: Local): void {
    const f = this.#f
    const [, channels, height, width] = this.#shape
    for (const { kind, strides, base, pointer } of this.#sources) {
      if (kind === 'same') f.get(base).get(out).get(yBase).op('i32.sub', 'i32.add').set(pointer)
      if (kind !== 'anywhere') continue
      f.get(out)
        .get(yBase)
        .op('i32.sub')
        .over(channels * 4)
        .set(this.#pixel)
      f.address(base, [channel, strides[3]])
      const along = (stride: number, push: () => void): void => {
        if (stride === 0) return
        push()
        f.times(stride).op('i32.add')
      }
      along(strides[0], () => f.get(this.#pixel).over(height * width))
      along(strides[1], () => f.get(this.#pixel).over(width).modulo(height))
      along(strides[2], () => f.get(this.#pixel).modulo(width))
      f.set(pointer)
    }
  }

  /** Lanes of the longest vectors in which so many channels may be stored; all channels by default. */
  lanesFor(longest: VectorLanes | undefined, channels = this.#shape[1]): VectorLanes {
    const fits = this.#sources.every(({ operand, strides }) => fitsLongVectors(operand.dtype, strides[3]))
    return fits ? lanesFor(channels, longest) : 4
  }

  /** Finishes and stores the vector, or element, that `push` pushes, `shift` channels from the current ones. */
  store(lanes: AnyLanes, out: Local, shift: number, push: () => void): void {
    const f = this.#f
    const epilogue = this.#epilogue
    const sources = this.#sources
    storeElements(f, lanes, { address: out, offset: shift * 4, scratch: this.#scratch[lanes === 1 ? 1 : 4] }, () =>
      this.#emitters[lanes].push(epilogue.expression, index => {
        if (index === 0) {
          push()
          return
        }
        const { operand, strides, pointer } = sources[index - 1]
        const stride = strides[3]
        pushElements(f, lanes, operand.dtype, { address: pointer, offset: shift * stride, stride })
      }),
    )
  }

  /** Stores the first `count` channels of vectors of four, or all channels of longer ones. */
  storeChannels(out: Local, vectors: readonly Local[], count: number, length: VectorLanes = 4): void {
    vectors.forEach((vector, v) => {
      if (length > 4) {
        this.store(length, out, v * length, () => this.#f.get(vector))
        return
      }
      eachPart(count - v * 4, (lanes, lane) => {
        this.store(lanes, out, v * 4 + lane, () => {
          this.#f.get(vector)
          if (lanes === 1) this.#f.extractLane(lane)
        })
      })
    })
  }
}

/** The stored part of a register tile. */
interface FinishedTile {
  readonly rows: number
  /** Channels of a row. */
  readonly count: number
}

/** A function that finishes values that a kernel has stored raw: `(…addresses of rows, result, channel, …operands)`. */
function finishFunction(
  { module, math, longest }: KernelModule,
  { epilogue, shape }: TileStoreSpec,
  { rows, count }: FinishedTile,
): FunctionBuilder {
  const operands = epilogue.operands.length
  const f = module.function(new Array(rows + 2 + operands).fill('i32'), [])
  const [yBase, channel] = [rows, rows + 1]
  const bases = Array.from({ length: operands }, (_, k) => rows + 2 + k)
  const store = new ChannelStore(f, math, { epilogue, shape, bases })
  const length = store.lanesFor(longest, count)
  const raw = { 1: f.local('f32'), vector: f.local(typeOf(length)) }
  store.atChannels(channel)
  for (let row = 0; row < rows; row++) {
    store.atPosition(row, yBase, channel)
    const finish = (lanes: AnyLanes, shift: number): void => {
      const local = lanes === 1 ? raw[1] : raw.vector
      f.get(row)
        .memory(loadOf(lanes), shift * 4)
        .set(local)
      store.store(lanes, row, shift, () => f.get(local))
    }
    const whole = count - (count % length)
    for (let shift = 0; shift < whole; shift += length) finish(length, shift)
    for (let shift = whole; shift < count; shift++) finish(1, shift)
  }
  return f
}

/** What a {@link TileStore} stores. */
export interface TileStoreSpec extends ChannelStoreSpec {
  /** Whether V8 is to join the vectors of a tile. */
  readonly joined: boolean
}

/** Where a tile is stored. */
interface TilePlace {
  /** Addresses of its rows. */
  readonly outs: readonly Local[]
  /** Channels of each row that are stored. */
  readonly count: number
  /** Address of the result. */
  readonly yBase: Local
  /** First channel. */
  readonly channel: Local
}

/**
 * Finishes and stores register tiles. V8 joins the vectors of a tile into wider ones only in functions that contain
 * nothing in the way. When it should, sums are stored raw, and another function finishes them.
 */
export class TileStore {
  readonly #f: FunctionBuilder
  readonly #target: KernelModule
  readonly #spec: TileStoreSpec
  readonly #direct: ChannelStore
  /** Whether sums that V8 keeps in joined vectors are finished elsewhere. */
  readonly #joined: boolean
  readonly #finishers = new Map<string, FunctionBuilder>()

  constructor(f: FunctionBuilder, target: KernelModule, spec: TileStoreSpec) {
    this.#f = f
    this.#target = target
    this.#spec = spec
    this.#direct = new ChannelStore(f, target.math, spec)
    this.#joined = spec.joined && spec.epilogue.operands.length > 0
  }

  /** Locates the operands of the channels that begin at `channel`. */
  atChannels(channel: Local): void {
    if (!this.#joined) this.#direct.atChannels(channel)
  }

  /** Stores the rows of a tile. */
  store(tile: RegisterTile, { outs, count, yBase, channel }: TilePlace): void {
    const f = this.#f
    const { rows, lanes } = tile
    const direct = this.#direct
    if (!this.#joined && lanes === 4) {
      tile.accumulators.forEach((vectors, r) => {
        direct.atPosition(outs[r], yBase, channel)
        direct.storeChannels(outs[r], vectors, count)
      })
      return
    }
    for (let r = 0; r < rows; r++) tile.storeRow(r, outs[r], count)
    if (this.#spec.epilogue.expression.kind === 'input') return
    for (const address of [...outs.slice(0, rows), yBase, channel, ...this.#spec.bases]) f.get(address)
    f.call(this.#finisher({ rows, count }))
  }

  #finisher(tile: FinishedTile): FunctionBuilder {
    const key = `${tile.rows} ${tile.count}`
    const known = this.#finishers.get(key)
    if (known) return known
    const made = finishFunction(this.#target, this.#spec, tile)
    this.#finishers.set(key, made)
    return made
  }
}

/** Visits a whole vector, or its first lanes one by one if fewer than four are left. */
function eachPart(left: number, visit: (lanes: Lanes, lane: number) => void): void {
  if (left >= 4) visit(4, 0)
  else for (let lane = 0; lane < left; lane++) visit(1, lane)
}
