/**
 * Statistics of weights: how large each parameter is, and how far it moved. In a healthy training an update is about a
 * thousandth of the weights (CS231n, "Neural networks 3: ratio of weights:updates").
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
  /** ‖g‖ / ‖w‖, where gradients were given; ∞ for weights that are all 0 and have a slope. */
  readonly gradientRatio?: number
}

/** What {@link readWeights} reads. */
export interface ReadWeightsOptions {
  /** True for the running statistics of batch norm as well; false by default. */
  readonly statistics?: boolean
}

/** Copies of a model's parameters as the engine has them now. */
export async function readWeights(
  engine: Engine,
  model: Module,
  { statistics = false }: ReadWeightsOptions = {},
): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>()
  const variables = [...(statistics ? model.variables() : model.parameters())]
  for (const [path, variable] of variables.filter(([, { dtype }]) => dtype === 'f32')) {
    weights.set(path, Float32Array.from(await engine.read(variable)))
  }
  return weights
}

/**
 * Statistics of weights, and of how far they moved.
 * @param before the same parameters some steps ago
 * @param gradients of a loss with respect to them, as {@link lossGradients} gives them
 * @throws ShapeError when a parameter from before, or its gradient, is missing or has another size.
 * @example
 * const before = await readWeights(engine, model)
 * // … a training step …
 * weightStatistics(await readWeights(engine, model), before).find(({ path }) => path === 'conv1.weight')?.updateRatio // 0.001
 */
export function weightStatistics(weights: Weights, before?: Weights, gradients?: Weights): WeightStatistics[] {
  return [...weights].map(([path, values]) => {
    const list = Array.from(values)
    const mean = list.reduce((sum, value) => sum + value, 0) / list.length
    const std = Math.sqrt(list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length)
    const [min, max] = [Math.min, Math.max].map(f => list.reduce((a, b) => f(a, b)))
    const norm = normOf(list)
    return {
      ...{ path, count: list.length, mean, std, min, max, norm },
      ...(before && { updateRatio: updateRatioOf(path, list, before.get(path)) }),
      ...(gradients && {
        gradientRatio: ratio(normOf(partnerOf(path, list, gradients.get(path), 'in the gradient')), norm),
      }),
    }
  })
}

function updateRatioOf(path: string, values: readonly number[], given: ArrayLike<number> | undefined): number {
  const before = partnerOf(path, values, given, 'before')
  return ratio(normOf(values.map((value, i) => value - before[i])), normOf(before))
}

/** What belongs to a parameter's numbers, one to each. */
function partnerOf(
  path: string,
  values: readonly number[],
  given: ArrayLike<number> | undefined,
  where: string,
): readonly number[] {
  if (given?.length !== values.length) {
    throw new ShapeError(`weightStatistics: ${path}: ${values.length} numbers now, ${given?.length ?? 'none'} ${where}`)
  }
  return Array.from(given)
}

const ratio = (part: number, whole: number): number => (part === 0 ? 0 : part / whole)

const normOf = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
