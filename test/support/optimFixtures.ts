/**
 * Reads what PyTorch's optimizers and schedules do (`test/fixtures/torch/optimizers.json` and `schedules.json`, made by
 * `scripts/make_optim_fixtures.py`), and lets ours do the same: ten steps on a matrix and a bias, in double precision or on
 * an engine. The loss of step t is Σ curvature · (x − target[t])² / 2.
 */
import { readFileSync } from 'node:fs'
import type { Engine } from '../../src/backends/engine.ts'
import { mul, sub } from '../../src/graph/ops/elementwise.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Scalar, Tensor } from '../../src/graph/tensor.ts'
import type { Variable } from '../../src/graph/variable.ts'
import { Parameter, zeros } from '../../src/nn/index.ts'
import * as optim from '../../src/optim/index.ts'
import { applyUpdates, setExact } from '../nn/exact.ts'
import { readBy } from './programs.ts'

/** A stored tensor, row-major. */
export interface Stored {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

type Named = Readonly<Record<string, Stored>>

/** One case; which fields there are depends on `op`. */
export interface OptimCase {
  readonly name: string
  readonly op: string
  readonly options: Readonly<Record<string, unknown>>
  readonly rates?: readonly number[]
  readonly momenta?: readonly number[]
  readonly limit?: number
  readonly steps?: readonly number[]
  readonly output: Named
}

/** One schedule: its factor in each step, or after each metric. */
export interface ScheduleCase {
  readonly name: string
  readonly op: string
  readonly options: Readonly<Record<string, unknown>>
  readonly metrics?: readonly number[]
  readonly factors: readonly number[]
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/torch/${name}.json`, import.meta.url), 'utf8'))

const file: { problem: Readonly<Record<'start' | 'curvature' | 'targets', Named>>; cases: readonly OptimCase[] } =
  read('optimizers')

/** The start, curvature and targets of both tensors. */
export const { problem } = file

/** Cases of update rules. */
export const optimizerCases = file.cases.filter(({ options }) => options)

/** Cases of gradient treatment, constraints and averages. */
export const treatmentCases = file.cases.filter(({ options }) => !options)

/** Cases of schedules. */
export const scheduleCases: readonly ScheduleCase[] = read('schedules').cases

/** The optimizer of a case. */
export function optimizerOf({ op, options }: Pick<OptimCase, 'op' | 'options'>): optim.Optimizer {
  return (optim as unknown as Record<string, (options: unknown) => optim.Optimizer>)[op]!(options)
}

/** New parameters at the start. */
export function startingParameters(): Map<string, Parameter> {
  return new Map(
    Object.entries(problem.start).map(([name, { shape, data }]) => {
      const parameter = new Parameter([...shape], zeros())
      parameter.name = name
      parameter.value.set(data)
      setExact(parameter, Float64Array.from(data))
      return [name, parameter]
    }),
  )
}

/** Options of {@link takeSteps}. */
export interface Steps {
  readonly steps?: number
  /** Learning rate of each step; the optimizer's by default. */
  readonly rates?: readonly number[] | undefined
  /** Momentum of each step; the optimizer's by default. */
  readonly momenta?: readonly number[] | undefined
  /** Computes on an engine; in double precision when absent. */
  readonly engine?: Engine | undefined
  /** More to update in each step, given what the optimizer updates. */
  readonly more?: (updates: ReadonlyMap<Variable, Tensor>) => ReadonlyMap<Variable, Tensor>
  /** Values of further inputs in each step. */
  readonly inputs?: (step: number) => Readonly<Record<string, number[]>>
  /** Called after each step, counted from 0. */
  readonly afterStep?: (step: number, read: (variable: Variable) => Promise<readonly number[]>) => void | Promise<void>
}

/** Takes steps on the problem; the rows are the values after each, of each tensor. */
export async function takeSteps(optimizer: optim.Optimizer, options: Steps = {}): Promise<Record<string, number[]>> {
  const { steps = 10, rates, momenta, engine, more, inputs: moreInputs, afterStep } = options
  const parameters = startingParameters()
  const trained = optimizer.trained(parameters)
  const gradients = new Map<string, Tensor>()
  for (const [name, { tensor, shape }] of trained) {
    const curvature = constantTensor(problem.curvature[name]!.data, [...shape])
    gradients.set(name, mul(sub(tensor, input(`target ${name}`, shape)), curvature))
  }
  const momentum: [] | [Scalar] = momenta ? [input('momentum', [])] : []
  const updates = optimizer.update(trained, gradients, input('lr', []), ...momentum)
  for (const [variable, next] of more?.(updates) ?? []) updates.set(variable, next)
  const executable = engine && (await engine.compile({ outputs: {}, updates }))
  const read = async (variable: Variable): Promise<number[]> => [
    ...(engine ? await engine.read(variable) : variable.value),
  ]

  const rows: Record<string, number[]> = Object.fromEntries([...parameters.keys()].map(name => [name, []]))
  for (let step = 0; step < steps; step++) {
    const inputs: Record<string, number[]> = { lr: [rates?.[step] ?? optimizer.defaults.lr], ...moreInputs?.(step) }
    if (momenta) inputs.momentum = [momenta[step]!]
    for (const name of trained.keys()) {
      const size = parameters.get(name)!.value.length
      inputs[`target ${name}`] = problem.targets[name]!.data.slice((step % 10) * size, ((step % 10) + 1) * size)
    }
    if (executable) await executable.run(readBy(executable, inputs))
    else applyUpdates(updates, inputs)
    for (const [name, parameter] of parameters) rows[name]!.push(...(await read(parameter)))
    await afterStep?.(step, read)
  }
  return rows
}
