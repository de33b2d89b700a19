/**
 * A backend in a page: it follows a plan step by step, as every backend does, with an operation's definition for a kernel. All
 * values lie row-major in one arena, where the plan has placed them, in the types they have: what a plan orders or places
 * wrongly is wrong here too, whatever the kernels of others do.
 */
import { Turns } from '../../src/async/turns.ts'
import type { Engine, Executable, RunOptions } from '../../src/backends/engine.ts'
import {
  checkInputs,
  checkOutputs,
  checkValues,
  copyInputs,
  copyOf,
  inputsOf,
  outputsOf,
  type RunInputs,
  type RunOutputs,
} from '../../src/backends/operands.ts'
import { bytesPerElement, sizeOf } from '../../src/graph/shape.ts'
import { opNamed } from '../../src/graph/table.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import type { TypedArray, Variable } from '../../src/graph/variable.ts'
import { makePlan, type Plan } from '../../src/plan/plan.ts'
import type { Program } from '../../src/plan/program.ts'
import { rowsLayout } from '../../src/plan/rowsLayout.ts'
import type { Step } from '../../src/plan/step.ts'
import type { Target } from '../../src/plan/target.ts'

/** What the plan is told: values begin at multiples of 16 bytes, lie row-major, and kernels do nothing but their operation. */
const target: Target<never> = {
  alignment: 16,
  layOut: program => rowsLayout(program, { epilogues: new Set(), prologues: false, floatsOnly: new Set() }),
}

/** Starts an engine that follows plans. */
export function createPlanEngine(): Engine {
  const turns = new Turns()
  const variables = new Map<Variable, TypedArray>()
  let closed = false
  const check = (): void => {
    if (closed) throw new Error('the engine is closed')
  }
  /** The engine's own copy of a variable: its host value until a program or `write` changes it. */
  const current = (variable: Variable): TypedArray => {
    check()
    const known = variables.get(variable) ?? copyOf(variable, variable.value)
    variables.set(variable, known)
    return known
  }

  return {
    description: { backend: 'plan', detail: 'plans, followed step by step in plain loops' },
    get memoryBytes() {
      return [...variables.values()].reduce((bytes, values) => bytes + values.byteLength, 0)
    },
    memoryFor(program) {
      return { bytes: this.memoryBytes + makePlan(program, target).arenaBytes, limit: Number.POSITIVE_INFINITY }
    },
    async compile(program) {
      check()
      const started = performance.now()
      return executableOf(program, makePlan(program, target), started, turns, current)
    },
    read: async variable => turns.take(async () => copyOf(variable, current(variable))),
    async write(variable, values) {
      checkValues(variable.name, variable, values)
      const taken = copyOf(variable, values)
      return turns.take(async () => {
        current(variable).set(taken)
        variable.setValue(taken)
      })
    },
    async close() {
      closed = true
      variables.clear()
    },
  }
}

function executableOf(
  program: Program,
  plan: Plan<never>,
  started: number,
  turns: Turns,
  current: (variable: Variable) => TypedArray,
): Executable {
  const [inputs, outputs] = [inputsOf(program), outputsOf(program)]
  const memory = new Memory(plan, current)
  return {
    compileTime: performance.now() - started,
    memoryBytes: plan.arenaBytes,
    inputs,
    outputs,
    async run(given: RunInputs = {}, { read = [...outputs.keys()] }: RunOptions = {}): Promise<RunOutputs> {
      checkInputs(inputs, given)
      checkOutputs(outputs, read)
      const taken = copyInputs(inputs, given)
      return turns.take(async () => {
        for (const tensor of plan.inputs) {
          if (tensor.source?.kind === 'input') memory.at(tensor).set(taken[tensor.source.name]!)
        }
        // What is kept is computed before every run: it may depend on variables that others have written.
        for (const { steps } of [...plan.preparation, ...plan.groups]) for (const step of steps) follow(step, memory)
        const results = read.map(name => [name, memory.at(plan.outputs[name]!).slice()] as const)
        for (const [variable, next] of plan.updates) current(variable).set(memory.at(next))
        return Object.fromEntries(results)
      })
    },
  }
}

/** Computes a step by the definition of its operation, and stores what it makes. */
function follow({ op, inputs, attributes, outputs: [result, switches] }: Step<never>, memory: Memory): void {
  const operands = inputs.map(tensor => ({ shape: tensor.shape, values: Float64Array.from(memory.at(tensor)) }))
  memory.at(result).set(opNamed(op).reference(operands, attributes, result.shape))
  // A max pool may be asked for its switches in the same step.
  if (switches) memory.at(switches).set(opNamed('maxPool2dSwitches').reference(operands, attributes, switches.shape))
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array }

/** Where the values of a plan are. */
class Memory {
  readonly #plan: Plan<never>
  readonly #current: (variable: Variable) => TypedArray
  readonly #arena: ArrayBuffer
  readonly #kept = new Map<Tensor, ArrayBuffer>()

  constructor(plan: Plan<never>, current: (variable: Variable) => TypedArray) {
    this.#plan = plan
    this.#current = current
    this.#arena = new ArrayBuffer(plan.arenaBytes)
  }

  /** The elements of a value, to be read and written. */
  at(tensor: Tensor): TypedArray {
    const value = this.#plan.value(tensor)
    if (!value) throw new Error(`the plan has no value for ${tensor.label ?? tensor.op}`)
    const { space, offset, variable } = value
    const { source, dtype, shape } = value.tensor
    if (source?.kind === 'constant') return copyOf({ shape, dtype }, source.values)
    if (variable) return this.#current(variable)
    if (source?.kind === 'variable') return this.#current(source.variable)
    const count = sizeOf(shape)
    if (space === 'arena') return new arrays[dtype](this.#arena, offset, count)
    const kept = this.#kept.get(value.tensor) ?? new ArrayBuffer(count * bytesPerElement[dtype])
    this.#kept.set(value.tensor, kept)
    return new arrays[dtype](kept, 0, count)
  }
}
