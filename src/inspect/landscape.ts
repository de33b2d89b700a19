/**
 * The loss around a network's weights, along one direction or two (Li, Xu, Taylor, Studer and Goldstein, "Visualizing
 * the loss landscape of neural nets", 2018): L(w + α d₁ + β d₂) on a grid.
 *
 * Batch norm: random directions leave its weights alone, as in the paper. By the option `batchNorm`, its statistics are
 * the running ones, which do not move unless a direction names them, or those of the images at each point.
 */
import type { Engine } from '../backends/engine.ts'
import { ShapeError } from '../graph/shape.ts'
import type { Module } from '../nn/module.ts'
import { RandomSequence } from '../random/philox.ts'
import type { CancelSignal } from './cancel.ts'
import { principalComponents } from './features.ts'
import type { Inspector } from './inspector.ts'
import { type LabeledImages, type LossOptions, meanLoss } from './loss.ts'
import { readWeights, type Weights } from './weights.ts'

/** How each variable changes along a direction; variables that it does not name stay unchanged. */
export type Direction = Weights

/** Losses on a grid. */
export interface LossLandscape {
  /** α of each column. */
  readonly x: readonly number[]
  /** β of each row; `[0]` for a single direction. */
  readonly y: readonly number[]
  /** Row by row, `[y.length, x.length]`. */
  readonly losses: Float64Array
}

/** Options of {@link lossLandscape}. */
export interface LandscapeOptions extends LossOptions {
  /** α, 21 numbers from −1 to 1 by default. */
  readonly x?: readonly number[]
  /** β, as α by default. */
  readonly y?: readonly number[]
  /** Called after each point with how many are done. */
  readonly onProgress?: (points: number, of: number) => void
  /** Ends the work: the call then throws the signal's reason. */
  readonly signal?: CancelSignal
}

const spread: readonly number[] = Array.from({ length: 21 }, (_, k) => (k - 10) / 10)

/**
 * The loss on a grid of weights around those of the engine. At (0, 0) it equals {@link meanLoss} bit for bit. The
 * weights are changed during the call, so nothing else may use the model meanwhile; they are restored whatever happens.
 * @param directions one or two, see {@link randomDirection}, {@link directionTo}, {@link trajectoryDirections}
 * @throws ShapeError for a direction that does not fit the model, and as {@link meanLoss}; the reason of `signal`.
 * @example
 * const directions = [await randomDirection(engine, model, 1), await randomDirection(engine, model, 2)]
 * const { x, y, losses } = await lossLandscape(inspector, { images, labels }, directions)
 */
export async function lossLandscape(
  inspector: Inspector,
  data: LabeledImages,
  directions: readonly Direction[],
  options: LandscapeOptions = {},
): Promise<LossLandscape> {
  const { engine, model } = inspector
  const [across, down] = directions
  if (!across || directions.length > 2) {
    throw new RangeError(`lossLandscape: directions (=${directions.length} of them) must be one or two`)
  }
  const { x = spread, y: rows = spread, onProgress, signal, ...loss } = options
  const y = down ? rows : [0]
  const center = await readWeights(engine, model, { statistics: true })
  for (const direction of directions) checkDirection(direction, center)
  const losses = new Float64Array(x.length * y.length)
  try {
    for (const [row, beta] of y.entries()) {
      for (const [column, alpha] of x.entries()) {
        signal?.throwIfAborted()
        await place(
          engine,
          model,
          center,
          path => (i, w) => w + alpha * (across.get(path)?.[i] ?? 0) + beta * (down?.get(path)?.[i] ?? 0),
        )
        losses[row * x.length + column] = await meanLoss(inspector, data, loss)
        onProgress?.(row * x.length + column + 1, losses.length)
      }
    }
  } finally {
    await place(engine, model, center, () => (_, w) => w)
  }
  return { x, y, losses }
}

/** Writes each variable's numbers, as a rule makes them from the center. */
async function place(
  engine: Engine,
  model: Module,
  center: Weights,
  ruleOf: (path: string) => (i: number, w: number) => number,
): Promise<void> {
  const variables = model.variables()
  for (const [path, values] of center) {
    const rule = ruleOf(path)
    await engine.write(
      variables.get(path)!,
      Float32Array.from(values, (w, i) => rule(i, w)),
    )
  }
}

function checkDirection(direction: Direction, center: Weights): void {
  for (const [path, values] of direction) {
    const { length } = center.get(path) ?? {}
    if (length !== values.length) {
      throw new ShapeError(
        `lossLandscape: the direction has ${values.length} numbers for '${path}', the model ${length ?? 'none'}`,
      )
    }
  }
}

/**
 * A random direction, normalized by filters: each output channel of a weight has the length of the model's own, so that
 * networks can be compared whatever the scale of their weights. Biases and the weights of batch norm do not move.
 * @param seed of the random numbers
 */
export async function randomDirection(engine: Engine, model: Module, seed = 0): Promise<Map<string, Float64Array>> {
  const weights = await readWeights(engine, model)
  const parameters = model.parameters()
  const direction = new Map<string, Float64Array>()
  for (const [path, values] of weights) {
    const { shape } = parameters.get(path)!
    if (shape.length < 2) continue
    const random = new RandomSequence(seed, `landscape ${path}`)
    const numbers = Float64Array.from(values, () => random.normal())
    const size = values.length / shape[0]
    for (let filter = 0; filter < shape[0]; filter++) {
      const [first, last] = [filter * size, (filter + 1) * size]
      const scale = lengthOf(values.subarray(first, last)) / lengthOf(numbers.subarray(first, last))
      for (let i = first; i < last; i++) numbers[i] *= scale
    }
    direction.set(path, numbers)
  }
  return direction
}

/**
 * The direction from the model's weights, at 0, to others, at 1: a line between two checkpoints (Goodfellow, Vinyals
 * and Saxe 2015). Running statistics move as well when `other` has them
 * (`readWeights(engine, model, { statistics: true })`).
 * @throws ShapeError when `other` has variables that the model lacks.
 */
export async function directionTo(engine: Engine, model: Module, other: Weights): Promise<Map<string, Float64Array>> {
  const center = await readWeights(engine, model, { statistics: true })
  checkDirection(other, center)
  return new Map(
    [...other].map(([path, values]) => [path, Float64Array.from(values, (w, i) => w - center.get(path)![i])]),
  )
}

/** The plane in which a training moved most. */
export interface Trajectory {
  /** Two directions of length 1, at right angles to each other. */
  readonly directions: readonly [Direction, Direction]
  /** Position of each checkpoint in the plane; the last is at (0, 0). */
  readonly points: readonly (readonly [x: number, y: number])[]
  /** The fraction of all movement along each direction. */
  readonly shares: Float64Array
}

/**
 * The first two principal components of checkpoints: the plane through the last of them in which they differ most.
 * @param checkpoints of the same parameters, at least three; the last are the model's weights when the landscape is
 *   drawn
 * @throws ShapeError when checkpoints have other parameters; RangeError for fewer than three.
 */
export function trajectoryDirections(checkpoints: readonly Weights[]): Trajectory {
  if (checkpoints.length < 3)
    throw new RangeError(`trajectoryDirections: checkpoints (=${checkpoints.length} of them) must be at least 3`)
  const last = checkpoints.at(-1) as Weights
  const rows = checkpoints.map(checkpoint => {
    if ([...checkpoint.keys()].join() !== [...last.keys()].join()) {
      throw new ShapeError('trajectoryDirections: all checkpoints must have the same parameters')
    }
    return [...checkpoint].flatMap(([path, values]) => Array.from(values, (w, i) => w - last.get(path)![i]))
  })
  const size = rows[0].length
  const shape = [rows.length, size]
  const { points, shares } = principalComponents({ shape, values: Float32Array.from(rows.flat()) })
  const directions = [0, 1].map(k => {
    // The right singular vector: Σ p (row − mean) / ‖…‖. Means fall out, since Σ p = 0.
    const axis = new Float64Array(size)
    for (const [n, row] of rows.entries()) for (let i = 0; i < size; i++) axis[i] += points[2 * n + k] * row[i]
    const length = lengthOf(axis) || 1
    return split(
      axis.map(value => value / length),
      last,
    )
  }) as [Direction, Direction]
  const end = rows.length - 1
  return {
    directions,
    shares,
    points: rows.map((_, n) => [points[2 * n] - points[2 * end], points[2 * n + 1] - points[2 * end + 1]] as const),
  }
}

/** Splits one row of numbers into those of each parameter. */
function split(row: Float64Array, like: Weights): Direction {
  let at = 0
  return new Map(
    [...like].map(([path, { length }]) => {
      at += length
      return [path, row.subarray(at - length, at)]
    }),
  )
}

const lengthOf = (values: Float32Array | Float64Array): number => {
  let squares = 0
  for (const value of values) squares += value * value
  return Math.sqrt(squares)
}
