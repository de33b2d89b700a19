/**
 * The reference backend: runs a program's operations one after another by their `reference` facets, in double
 * precision. Slow and plain, it is what every other backend is compared with. It evaluates the graph without a plan,
 * which makes it an oracle for fusion, order and placement as well as for kernels.
 */

import { Turns } from '../../async/turns.ts'
import { yieldInTime } from '../../async/yieldToEvents.ts'
import { sizeOf } from '../../graph/shape.ts'
import { opOf } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { TypedArray, Variable } from '../../graph/variable.ts'
import type { MemoryNeed } from '../../plan/memoryError.ts'
import { type Program, programGraph } from '../../plan/program.ts'
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

/** Starts an engine that computes with plain loops in double precision. */
export function createReferenceEngine(): Engine {
  return new ReferenceEngine()
}

class ReferenceEngine implements Engine {
  readonly description: EngineDescription = { backend: 'reference', detail: 'plain loops in double precision' }
  readonly #values = new Map<Variable, Float64Array>()
  readonly #turns = new Turns()
  #closed = false

  get memoryBytes(): number {
    let bytes = 0
    for (const values of this.#values.values()) bytes += values.byteLength
    return bytes
  }

  async compile(program: Program): Promise<Executable> {
    this.#check()
    const started = performance.now()
    return new ReferenceExecutable(program, started, {
      turns: this.#turns,
      current: variable => this.#current(variable),
      check: () => this.#check(),
    })
  }

  memoryFor(program: Program): MemoryNeed {
    return { bytes: this.memoryBytes + bytesOf(program), limit: Number.POSITIVE_INFINITY }
  }

  async read(variable: Variable): Promise<TypedArray> {
    return this.#turns.take(async () => copyOf(variable, this.#current(variable)))
  }

  async write(variable: Variable, values: ArrayLike<number>): Promise<void> {
    checkValues(variable.name, variable, values)
    const taken = copyOf(variable, values)
    return this.#turns.take(async () => {
      this.#check()
      variable.setValue(taken)
      this.#current(variable).set(taken)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#values.clear()
  }

  #check(): void {
    if (this.#closed) throw new Error('the engine is closed')
  }

  /** The engine's own copy, in double precision. */
  #current(variable: Variable): Float64Array {
    this.#check()
    const known = this.#values.get(variable) ?? Float64Array.from(variable.value)
    this.#values.set(variable, known)
    return known
  }
}

/** Bytes of all values of a run, which live until its end. */
function bytesOf(program: Program): number {
  const values = programGraph(program).order.filter(({ source }) => source?.kind !== 'variable')
  return values.reduce((sum, { shape }) => sum + sizeOf(shape) * Float64Array.BYTES_PER_ELEMENT, 0)
}

/** What an executable needs from its engine. */
interface EngineSide {
  readonly turns: Turns
  /** The engine's copy of a variable. @throws Error when the engine is closed. */
  readonly current: (variable: Variable) => Float64Array
  /** @throws Error when the engine is closed. */
  readonly check: () => void
}

class ReferenceExecutable implements Executable {
  readonly compileTime: number
  readonly memoryBytes: number
  readonly inputs: ReadonlyMap<string, InputType>
  readonly outputs: ReadonlyMap<string, ValueType>
  readonly #program: Program
  readonly #engine: EngineSide

  constructor(program: Program, started: number, engine: EngineSide) {
    this.#program = program
    this.#engine = engine
    this.inputs = inputsOf(program)
    this.outputs = outputsOf(program)
    this.memoryBytes = bytesOf(program)
    this.compileTime = performance.now() - started
  }

  async run(inputs: RunInputs = {}, { read = [...this.outputs.keys()] }: RunOptions = {}): Promise<RunOutputs> {
    checkInputs(this.inputs, inputs)
    checkOutputs(this.outputs, read)
    // In the types of the inputs, so that double-precision values are rounded as on every engine.
    const taken = copyInputs(this.inputs, inputs)
    const outputs = await this.#engine.turns.take(async () => this.#compute(taken, read))
    await yieldInTime()
    return outputs
  }

  #compute(inputs: Readonly<Record<string, TypedArray>>, read: readonly string[]): RunOutputs {
    const { check, current } = this.#engine
    check()
    const { outputs, updates } = this.#program
    const results = new Map<Tensor, Float64Array>()
    const resultOf = (tensor: Tensor): Float64Array => results.get(tensor)!
    for (const tensor of programGraph(this.#program).order)
      results.set(tensor, this.#evaluate(tensor, inputs, resultOf))
    const values = read.map(name => [name, copyOf(outputs[name], resultOf(outputs[name]))])
    const next = [...updates].map(([variable, tensor]) => [variable, resultOf(tensor).slice()] as const)
    for (const [variable, value] of next) current(variable).set(value)
    return Object.fromEntries(values)
  }

  #evaluate(
    tensor: Tensor,
    inputs: Readonly<Record<string, TypedArray>>,
    resultOf: (tensor: Tensor) => Float64Array,
  ): Float64Array {
    const { source } = tensor
    if (source?.kind === 'input') return Float64Array.from(inputs[source.name])
    if (source?.kind === 'variable') return this.#engine.current(source.variable)
    if (source?.kind === 'constant') return Float64Array.from(source.values)
    const operands = tensor.inputs.map(operand => ({ shape: operand.shape, values: resultOf(operand) }))
    return opOf(tensor).reference(operands, tensor.attributes, tensor.shape)
  }
}
