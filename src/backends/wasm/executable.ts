/** A plan with its code: the result of {@link WasmEngine.compile}. */

import type { Turns } from '../../async/turns.ts'
import { yieldInTime } from '../../async/yieldToEvents.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { TypedArray } from '../../graph/variable.ts'
import type { Program } from '../../plan/program.ts'
import type { CpuPlan } from '../cpu/layouts/form.ts'
import type { Executable, RunOptions } from '../engine.ts'
import {
  checkInputs,
  checkOutputs,
  copyInputs,
  copyOf,
  type InputType,
  inputsOf,
  listOf,
  outputsOf,
  type RunInputs,
  type RunOutputs,
  type ValueType,
} from '../operands.ts'
import type { TileShape } from './emit/tile.ts'

/** What an executable needs from its engine. */
export interface EngineSide {
  readonly turns: Turns
  /** @throws Error when the engine can no longer run anything. */
  readonly check: () => void
  /** Computes with the values in memory: within the call, or until the promise settles. */
  readonly compute: (pause: RunOptions['pause']) => Promise<void>
  /** The tensor's memory; returns the known array unless the arena has moved or the memory has grown. */
  readonly viewOf: (tensor: Tensor, known: TypedArray | undefined) => TypedArray
}

/** A kernel of a program. */
export interface KernelInfo {
  /** What it computes, and on which shapes: kernels with equal keys run the same code. */
  readonly key: string
  /** Bytes of its code and of the functions it calls; other kernels may share these functions. */
  readonly codeBytes: number
  /** For contractions: rows and columns of the register tile. */
  readonly tile?: TileShape
}

/** A compiled program: its plan, its kernels, and the time and memory they take. */
export type BuiltProgram = Pick<WasmExecutable, 'plan' | 'kernels' | 'compileTime' | 'memoryBytes'>

/** A compiled program of the WebAssembly engine. */
export class WasmExecutable implements Executable {
  /** How it is computed, for inspection: `formatPlan(plan)` of `fovea/debug` is a table of its steps. */
  readonly plan: CpuPlan
  readonly compileTime: number
  readonly memoryBytes: number
  readonly inputs: ReadonlyMap<string, InputType>
  readonly outputs: ReadonlyMap<string, ValueType>
  /** Distinct kernels of the plan, with the sizes of their code and register tiles. */
  readonly kernels: readonly KernelInfo[]
  readonly #engine: EngineSide
  readonly #views = new Map<Tensor, TypedArray>()

  constructor(program: Program, built: BuiltProgram, engine: EngineSide) {
    this.plan = built.plan
    this.compileTime = built.compileTime
    this.memoryBytes = built.memoryBytes
    this.inputs = inputsOf(program)
    this.outputs = outputsOf(program)
    this.kernels = built.kernels.map(({ key, codeBytes, tile }) => ({ key, codeBytes, ...(tile && { tile }) }))
    this.#engine = engine
  }

  async run(inputs: RunInputs = {}, { read = [...this.outputs.keys()], pause }: RunOptions = {}): Promise<RunOutputs> {
    checkInputs(this.inputs, inputs)
    checkOutputs(this.outputs, read)
    const { turns } = this.#engine
    // If nothing is running, inputs are copied only once, straight into the arena.
    const taken = turns.isFree ? inputs : copyInputs(this.inputs, inputs)
    const outputs = await turns.take(() => this.#turn(taken, read, pause))
    await yieldInTime()
    return outputs
  }

  async #turn(inputs: RunInputs, read: readonly string[], pause: RunOptions['pause']): Promise<RunOutputs> {
    const { check, compute } = this.#engine
    check()
    for (const tensor of this.plan.inputs) {
      if (tensor.source?.kind === 'input') this.#memoryOf(tensor).set(listOf(inputs[tensor.source.name]))
    }
    await compute(pause)
    return Object.fromEntries(
      read.map(name => {
        const tensor = this.plan.outputs[name]
        return [name, copyOf(tensor, this.#memoryOf(tensor))]
      }),
    )
  }

  #memoryOf(tensor: Tensor): TypedArray {
    const known = this.#views.get(tensor)
    const view = this.#engine.viewOf(tensor, known)
    if (view !== known) this.#views.set(tensor, view)
    return view
  }
}
