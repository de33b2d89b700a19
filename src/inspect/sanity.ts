/**
 * A sanity check of attributions (Adebayo et al., "Sanity checks for saliency maps", 2018): when layers get random
 * weights, one after another from the last to the first, a map that shows what the network learned must change.
 *
 * The trained model is left alone: a second model of the same kind gets its weights, and loses them layer by layer.
 */
import type { Engine } from '../backends/engine.ts'
import { ShapeError } from '../graph/shape.ts'
import { type Module, Parameter } from '../nn/module.ts'

/** A map whose correlation stays above this hardly depends on the randomized weights. */
export const sanityThreshold = 0.5

/** A map after some layers were randomized. */
export interface RandomizedMap {
  /** Path of the layer that was randomized last; all layers after it are random too. */
  readonly layer: string
  /** Spearman's rank correlation of the sizes |map| with those of the trained model's, −1 to 1. */
  readonly correlation: number
  /** True when the correlation is above {@link sanityThreshold}. */
  readonly survives: boolean
}

/**
 * Randomizes the layers of a copy, from the last to the first, and compares its maps with that of the trained model.
 * Layers come in the order of their fields; running statistics stay unchanged.
 * @param copy a second model of the same kind on the same engine; its weights are overwritten
 * @param mapOf the map of a model, for example
 *   `async model => (await saliency(new Inspector(engine, model, shape), image)).map.values`;
 * the score should name a class, since a random network predicts another one
 * @param seed seed of the random weights, 1 by default
 * @throws ShapeError when the copy has other variables.
 */
export async function randomizeLayers(
  engine: Engine,
  model: Module,
  copy: Module,
  mapOf: (model: Module) => Promise<ArrayLike<number>>,
  { seed = 1 }: { readonly seed?: number } = {},
): Promise<RandomizedMap[]> {
  const targets = copy.variables()
  for (const [path, variable] of model.variables()) {
    const target = targets.get(path)
    if (!target) throw new ShapeError(`randomizeLayers: the copy has no variable '${path}'`)
    await engine.write(target, await engine.read(variable))
  }
  const trained = await mapOf(model)
  const results: RandomizedMap[] = []
  for (const [layer, module] of [...copy.modules()].reverse()) {
    const parameters = Object.entries(module).filter(([, value]) => value instanceof Parameter) as [string, Parameter][]
    if (parameters.length === 0) continue
    for (const [name, parameter] of parameters) {
      const values = new Float32Array(parameter.value.length)
      parameter.initializer.fill(values, parameter.shape, seed, layer ? `${layer}.${name}` : name)
      await engine.write(parameter, values)
    }
    const correlation = rankCorrelation(trained, await mapOf(copy))
    results.push({ layer, correlation, survives: correlation > sanityThreshold })
  }
  return results
}

/**
 * Spearman's rank correlation of the sizes of two maps; equal sizes share their mean rank.
 * @throws ShapeError when they differ in length.
 * @returns NaN when all sizes of a map are equal
 */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new ShapeError(`rankCorrelation: maps of ${a.length} and ${b.length} numbers`)
  const [x, y] = [ranksOf(a), ranksOf(b)]
  const middle = (a.length - 1) / 2
  const covariance = (p: Float64Array, q: Float64Array): number =>
    p.reduce((sum, rank, i) => sum + (rank - middle) * (q[i] - middle), 0)
  return covariance(x, y) / Math.sqrt(covariance(x, x) * covariance(y, y))
}

function ranksOf(values: ArrayLike<number>): Float64Array {
  const sizes = Array.from(values, Math.abs)
  const order = [...sizes.keys()].sort((i, j) => sizes[i] - sizes[j])
  const ranks = new Float64Array(sizes.length)
  for (let first = 0; first < order.length; ) {
    let last = first
    while (last + 1 < order.length && sizes[order[last + 1]] === sizes[order[first]]) last++
    for (let k = first; k <= last; k++) ranks[order[k]] = (first + last) / 2
    first = last + 1
  }
  return ranks
}
