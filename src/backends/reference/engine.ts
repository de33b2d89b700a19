/**
 * The reference backend: runs a program by the `reference` facets of its operations, in double precision, one after
 * another. Slow and plain; what every other backend is compared with.
 */

import { Turns } from '../../async/turns.ts'
import { yieldInTime } from '../../async/yieldToEvents.ts'
import { opOf } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { TypedArray, Variable } from '../../graph/variable.ts'
import type { MemoryNeed } from '../../plan/memoryError.ts'
import { makePlan, type Plan } from '../../plan/plan.ts'
import { type Program, programGraph } from '../../plan/program.ts'
import { rowsLayout } from '../../plan/rowsLayout.ts'
import type { Target } from '../../plan/target.ts'
import type { Engine, EngineDescription, Executable, RunOptions } from '../engine.ts'
import {
  checkInputs,
  checkOutputs,
  checkValues,
  copyInputs,
  copyOf,
  type InputType,
  inputsOf,
  outputsOf,
  type RunInputs,
  type RunOutputs,
  type ValueType,
} from '../operands.ts'

/** Operations one by one, on rows. */
const target: Target<never> = {
  alignment: 8,
  layOut: program => rowsLayout(program, { epilogues: new Set(), prologues: false, floatsOnly: new Set() }),
}

/** Starts an engine that computes with plain loops in double precision. */
export function createReferenceEngine(): Engine {
  return new ReferenceEngine()
}

class ReferenceEngine implements Engine {
  readonly description: EngineDescription = { backend: 'reference', threads: 1, simd: 'none' }
  private readonly values = new Map<Variable, Float64Array>()
  private readonly turns = new Turns()
  private closed = false

  get memoryBytes(): number {
    let bytes = 0
    for (const values of this.values.values()) bytes += values.byteLength
    return bytes
  }

  async compile(program: Program): Promise<Executable> {
    this.check()
    const started = performance.now()
    const plan = makePlan(program, target)
    return new ReferenceExecutable(program, plan, performance.now() - started, {
      turns: this.turns,
      current: variable => this.current(variable),
      check: () => this.check(),
    })
  }

  memoryFor(program: Program): MemoryNeed {
    const { arenaBytes } = makePlan(program, target)
    return { bytes: this.memoryBytes + arenaBytes, limit: Number.POSITIVE_INFINITY }
  }

  async read(variable: Variable): Promise<TypedArray> {
    return this.turns.take(async () => copyOf(variable, this.current(variable)))
  }

  async write(variable: Variable, values: ArrayLike<number>): Promise<void> {
    checkValues(variable.name, variable, values)
    const taken = copyOf(variable, values)
    return this.turns.take(async () => {
      this.check()
      variable.setValue(taken)
      this.current(variable).set(taken)
    })
  }

  async close(): Promise<void> {
    this.closed = true
    this.values.clear()
  }

  private check(): void {
    if (this.closed) throw new Error('the engine is closed')
  }

  /** The engine's own copy, in double precision. */
  private current(variable: Variable): Float64Array {
    this.check()
    const known = this.values.get(variable) ?? Float64Array.from(variable.value)
    this.values.set(variable, known)
    return known
  }
}

/** What an executable asks of its engine. */
interface EngineSide {
  readonly turns: Turns
  /** The engine's copy of a variable. @throws Error when the engine is closed. */
  readonly current: (variable: Variable) => Float64Array
  /** @throws Error when the engine is closed. */
  readonly check: () => void
}

class ReferenceExecutable implements Executable {
  readonly plan: Plan
  readonly compileTime: number
  readonly inputs: ReadonlyMap<string, InputType>
  readonly outputs: ReadonlyMap<string, ValueType>
  private readonly program: Program
  private readonly engine: EngineSide

  constructor(program: Program, plan: Plan, compileTime: number, engine: EngineSide) {
    this.program = program
    this.plan = plan
    this.compileTime = compileTime
    this.engine = engine
    this.inputs = inputsOf(program)
    this.outputs = outputsOf(program)
  }

  async run(inputs: RunInputs = {}, { read = [...this.outputs.keys()] }: RunOptions = {}): Promise<RunOutputs> {
    checkInputs(this.inputs, inputs)
    checkOutputs(this.outputs, read)
    // In the types of the inputs: what is given in double precision is rounded as on every engine.
    const taken = copyInputs(this.inputs, inputs)
    const outputs = await this.engine.turns.take(async () => this.compute(taken, read))
    await yieldInTime()
    return outputs
  }

  private compute(inputs: Readonly<Record<string, TypedArray>>, read: readonly string[]): RunOutputs {
    const { check, current } = this.engine
    check()
    const { outputs, updates } = this.program
    const results = new Map<Tensor, Float64Array>()
    const resultOf = (tensor: Tensor): Float64Array => results.get(tensor)!
    for (const tensor of programGraph(this.program).order) results.set(tensor, this.evaluate(tensor, inputs, resultOf))
    const values = read.map(name => [name, copyOf(outputs[name], resultOf(outputs[name]))])
    const next = [...updates].map(([variable, tensor]) => [variable, resultOf(tensor).slice()] as const)
    for (const [variable, value] of next) current(variable).set(value)
    return Object.fromEntries(values)
  }

  private evaluate(
    tensor: Tensor,
    inputs: Readonly<Record<string, TypedArray>>,
    resultOf: (tensor: Tensor) => Float64Array,
  ): Float64Array {
    const { source } = tensor
    if (source?.kind === 'input') return Float64Array.from(inputs[source.name])
    if (source?.kind === 'variable') return this.engine.current(source.variable)
    if (source?.kind === 'constant') return Float64Array.from(source.values)
    const operands = tensor.inputs.map(operand => ({ shape: operand.shape, values: resultOf(operand) }))
    return opOf(tensor).reference(operands, tensor.attributes, tensor.shape)
  }
}
