/**
 * Weights in numbers: how large each parameter is, and how far it moved. In a healthy training an update is about a thousandth
 * of the weights (CS231n, "Neural networks 3: ratio of weights:updates").
 */
import type { Engine } from '../backends/engine.ts'
import { ShapeError } from '../graph/shape.ts'
import type { Module } from '../nn/module.ts'

/** Values of parameters by path. */
export type Weights = ReadonlyMap<string, ArrayLike<number>>

/** What a parameter looks like. */
export interface WeightStatistics {
  readonly path: string
  /** Numbers of it. */
  readonly count: number
  readonly mean: number
  /** Standard deviation, of all numbers. */
  readonly std: number
  readonly min: number
  readonly max: number
  /** Euclidean norm ‖w‖. */
  readonly norm: number
  /** ‖w − before‖ / ‖before‖, where values from before were given; ∞ when those were all 0 and moved. */
  readonly updateRatio?: number
}

/** Copies of a model's parameters as the engine has them now. */
export async function readWeights(engine: Engine, model: Module): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>()
  for (const [path, parameter] of model.parameters()) weights.set(path, Float32Array.from(await engine.read(parameter)))
  return weights
}

/**
 * Statistics of weights, and of how far they moved.
 * @param before the same parameters some steps ago
 * @throws ShapeError when a parameter from before is missing or has another size.
 * @example
 * const before = await readWeights(engine, model)
 * // … a training step …
 * weightStatistics(await readWeights(engine, model), before).find(({ path }) => path === 'conv1.weight')?.updateRatio // 0.001
 */
export function weightStatistics(weights: Weights, before?: Weights): WeightStatistics[] {
  return [...weights].map(([path, values]) => {
    const list = Array.from(values)
    const mean = list.reduce((sum, value) => sum + value, 0) / list.length
    const std = Math.sqrt(list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length)
    const [min, max] = [Math.min, Math.max].map(f => list.reduce((a, b) => f(a, b)))
    const statistics = { path, count: list.length, mean, std, min, max, norm: normOf(list) }
    return before ? { ...statistics, updateRatio: ratioOf(path, list, before.get(path)) } : statistics
  })
}

function ratioOf(path: string, values: readonly number[], before: ArrayLike<number> | undefined): number {
  if (before?.length !== values.length) {
    throw new ShapeError(`weightStatistics: ${path}: ${values.length} numbers now, ${before?.length ?? 'none'} before`)
  }
  const moved = normOf(values.map((value, i) => value - before[i]))
  return moved === 0 ? 0 : moved / normOf(Array.from(before))
}

const normOf = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
