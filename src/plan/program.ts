/**
 * A program: what one run computes. Outputs are handed back; updates give variables their next value at the end of
 * the run. A training step is a program whose updates are the optimizer's.
 */
import { formatShape, ShapeError, sameShape } from '../graph/shape.ts'
import { type Tensor, topologicalOrder } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'

/** The values a run returns, and the variables it changes. */
export interface Program {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly updates: ReadonlyMap<Variable, Tensor>
}

/** Everything a program reads and computes; each value comes before its users. */
export interface ProgramGraph {
  readonly order: readonly Tensor[]
  readonly inputs: readonly Tensor[]
  readonly variables: readonly Variable[]
}

/**
 * Walks a program.
 * @throws ShapeError when two inputs share a name, batched inputs differ in batch size, or an update does not fit its
 * variable.
 */
export function programGraph(program: Program): ProgramGraph {
  const graph = graphs.get(program) ?? walkProgram(program)
  graphs.set(program, graph)
  return graph
}

/** Graphs of programs, which do not change. */
const graphs = new WeakMap<Program, ProgramGraph>()

function walkProgram(program: Program): ProgramGraph {
  for (const [variable, next] of program.updates) {
    if (!sameShape(variable.shape, next.shape) || variable.dtype !== next.dtype) {
      throw new ShapeError(
        `${variable.name}: update of type ${next.dtype} ${formatShape(next.shape)} does not fit the variable's ${variable.dtype} ${formatShape(variable.shape)}`,
      )
    }
  }
  const order = topologicalOrder([...Object.values(program.outputs), ...program.updates.values()])
  const inputs = order.filter(tensor => tensor.source?.kind === 'input')
  const names = new Set<string>()
  for (const tensor of inputs) {
    const name = tensor.source?.kind === 'input' ? tensor.source.name : ''
    if (names.has(name)) throw new ShapeError(`program: two inputs are named '${name}'`)
    names.add(name)
  }
  const batches = new Set(
    inputs.filter(({ source }) => source?.kind === 'input' && source.batched).map(x => x.shape[0]),
  )
  if (batches.size > 1) throw new ShapeError(`program: batched inputs differ in batch size: ${[...batches].join(', ')}`)
  const variables = new Set<Variable>(program.updates.keys())
  for (const tensor of order) if (tensor.source?.kind === 'variable') variables.add(tensor.source.variable)
  return { order, inputs, variables: [...variables] }
}
