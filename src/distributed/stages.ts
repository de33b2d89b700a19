/**
 * A step in stages: a program for what leads to each exchange in the middle of it, and one for the rest. What a stage
 * computes and a later one reads is kept in variables, one set for each part that a process computes.
 */
import { substituteTensors } from '../graph/substitute.ts'
import { type Tensor, topologicalOrder } from '../graph/tensor.ts'
import { Variable } from '../graph/variable.ts'
import { batchedValues } from '../plan/batching.ts'
import type { Program } from '../plan/program.ts'
import type { PartsExchange } from '../train/sumsOverParts.ts'

/**
 * The programs of a step's stages, to be run one after another.
 * @param exchanges what happens between them, in this order
 * @param updates of the last stage
 */
export function stagesOf(exchanges: readonly PartsExchange[], updates: ReadonlyMap<Variable, Tensor>): Program[] {
  const wanted = [
    ...exchanges.map(({ values, sums }) => new Map(sums.map((sum, k) => [sum, values[k]!]))),
    new Map(updates),
  ]
  const order = topologicalOrder(wanted.flatMap(stage => [...stage.values()]))
  const stages = stagesIn(order, exchanges)
  const batched = batchedValues(order)
  const lasting = lastingIn(order)

  /** Values that a stage keeps for later ones, by their own stage. */
  const kept: Map<Tensor, Variable>[] = wanted.map(() => new Map())
  const keep = (tensor: Tensor, reader: number): void => {
    const stage = stages.get(tensor)!
    if (stage >= reader || lasting.has(tensor)) return
    // A view is made again from what it is a view of.
    if (tensor.op === 'reshape') {
      keep(tensor.inputs[0]!, reader)
      return
    }
    if (kept[stage]!.has(tensor)) return
    const { shape, dtype, label } = tensor
    const isBatched = batched.has(tensor) && shape.length > 0
    kept[stage]!.set(tensor, new Variable(shape, { name: `kept.${label ?? tensor.op}`, dtype, batched: isBatched }))
  }
  for (const tensor of order) for (const read of tensor.inputs) keep(read, stages.get(tensor)!)
  wanted.forEach((stage, at) => {
    for (const tensor of stage.values()) keep(tensor, at)
  })

  const earlier = new Map<Tensor, Tensor>()
  return wanted.map((stage, at) => {
    const all = new Map(stage)
    for (const [tensor, variable] of kept[at]!) all.set(variable, tensor)
    const values = substituteTensors([...all.values()], earlier)
    for (const [tensor, variable] of kept[at]!) earlier.set(tensor, variable.tensor)
    return { outputs: {}, updates: new Map([...all.keys()].map((variable, k) => [variable, values[k]!])) }
  })
}

/** The first stage in which each value can be computed. */
function stagesIn(order: readonly Tensor[], exchanges: readonly PartsExchange[]): Map<Tensor, number> {
  const stages = new Map<Tensor, number>()
  for (const [at, { sums }] of exchanges.entries()) for (const { tensor } of sums) stages.set(tensor, at + 1)
  for (const tensor of order) {
    if (stages.has(tensor)) continue
    stages.set(tensor, Math.max(0, ...tensor.inputs.map(read => stages.get(read)!)))
  }
  return stages
}

/** Values that every stage can read or make by itself: constants, variables, and what is filled with a number. */
function lastingIn(order: readonly Tensor[]): Set<Tensor> {
  const lasting = new Set<Tensor>()
  for (const tensor of order) {
    const { source, inputs } = tensor
    if (source ? source.kind !== 'input' : inputs.every(read => read.source?.kind === 'constant')) lasting.add(tensor)
  }
  return lasting
}
