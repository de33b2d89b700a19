/**
 * The reference backend: runs a program by the `reference` facets of its operations, in double precision, one after
 * another. Slow and plain; what every other backend is compared with.
 */

import { formatShape, ShapeError, sizeOf } from '../../graph/shape.ts'
import { opOf } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type TypedArray, type Variable, zeros } from '../../graph/variable.ts'
import { makePlan, type Plan } from '../../plan/plan.ts'
import { type Program, programGraph } from '../../plan/program.ts'
import type { Engine, EngineDescription, Executable } from '../engine.ts'

/** Starts an engine that computes with plain loops in double precision. */
export function createReferenceEngine(): Engine {
  return new ReferenceEngine()
}

class ReferenceEngine implements Engine {
  readonly description: EngineDescription = { backend: 'reference', threads: 1, simd: 'none' }
  private readonly values = new Map<Variable, Float64Array>()
  private closed = false

  get memoryBytes(): number {
    let bytes = 0
    for (const values of this.values.values()) bytes += values.byteLength
    return bytes
  }

  async compile(program: Program): Promise<Executable> {
    this.check()
    const started = performance.now()
    const plan = makePlan(program, { blockSizes: [] })
    return new ReferenceExecutable(
      program,
      plan,
      performance.now() - started,
      () => this.check(),
      variable => this.current(variable),
    )
  }

  read(variable: Variable): TypedArray {
    const copy = zeros(variable.dtype, sizeOf(variable.shape))
    copy.set(this.current(variable))
    return copy
  }

  write(variable: Variable, values: ArrayLike<number>): void {
    if (values.length !== sizeOf(variable.shape)) {
      throw new ShapeError(`${variable.name}: ${values.length} values given for shape ${formatShape(variable.shape)}`)
    }
    this.check()
    variable.setValue(values)
    this.current(variable).set(values)
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

class ReferenceExecutable implements Executable {
  readonly plan: Plan
  readonly compileTime: number
  private readonly program: Program
  private readonly check: () => void
  private readonly current: (variable: Variable) => Float64Array
  private readonly inputs = new Map<string, TypedArray>()
  private outputs: Map<string, TypedArray> | undefined
  private running = false

  /** @param check throws when the engine is closed */
  constructor(
    program: Program,
    plan: Plan,
    compileTime: number,
    check: () => void,
    current: (variable: Variable) => Float64Array,
  ) {
    this.program = program
    this.plan = plan
    this.compileTime = compileTime
    this.check = check
    this.current = current
    for (const { source, dtype, shape } of plan.inputs) {
      if (source?.kind === 'input') this.inputs.set(source.name, zeros(dtype, sizeOf(shape)))
    }
  }

  input(name: string): TypedArray {
    this.check()
    const values = this.inputs.get(name)
    if (!values) throw new Error(`program: no input is named '${name}'`)
    return values
  }

  async run(): Promise<void> {
    this.check()
    if (this.running) throw new Error('program: the previous run has not finished')
    this.running = true
    try {
      // Even plain loops take their turn: what `run` promises is there when its promise settles, not before.
      await Promise.resolve()
      this.compute()
    } finally {
      this.running = false
    }
  }

  private compute(): void {
    const results = new Map<Tensor, Float64Array>()
    const resultOf = (tensor: Tensor): Float64Array => results.get(tensor)!
    for (const tensor of programGraph(this.program).order) results.set(tensor, this.evaluate(tensor, resultOf))
    this.outputs = new Map(
      Object.entries(this.program.outputs).map(([name, tensor]) => {
        const values = zeros(tensor.dtype, sizeOf(tensor.shape))
        values.set(resultOf(tensor))
        return [name, values]
      }),
    )
    const next = [...this.program.updates].map(([variable, tensor]) => [variable, resultOf(tensor).slice()] as const)
    for (const [variable, values] of next) this.current(variable).set(values)
  }

  output(name: string): TypedArray {
    this.check()
    if (!Object.hasOwn(this.program.outputs, name)) throw new Error(`program: no output is named '${name}'`)
    const values = this.outputs?.get(name)
    if (!values) throw new Error(`program: output '${name}' is not there: the program has not run`)
    return values
  }

  private evaluate(tensor: Tensor, resultOf: (tensor: Tensor) => Float64Array): Float64Array {
    const { source } = tensor
    if (source?.kind === 'input') return Float64Array.from(this.input(source.name))
    if (source?.kind === 'variable') return this.current(source.variable)
    if (source?.kind === 'constant') return Float64Array.from(source.values)
    const inputs = tensor.inputs.map(operand => ({ shape: operand.shape, data: resultOf(operand) }))
    return opOf(tensor).reference(inputs, tensor.attributes, tensor.shape)
  }
}
