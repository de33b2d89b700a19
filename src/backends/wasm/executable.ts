/** A plan with its code: what {@link WasmEngine.compile} gives. */
import type { Tensor } from '../../graph/tensor.ts'
import type { TypedArray } from '../../graph/variable.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Executable } from '../engine.ts'
import type { TileShape } from './tile.ts'

/** What an executable asks of its engine. */
export interface EngineSide {
  /** Runs the program once. */
  readonly run: () => Promise<void>
  /** Whether no other program of the engine has run since. */
  readonly isLatest: () => boolean
  /** The tensor's memory; the known array again, unless the arena has moved or the memory has grown. */
  readonly viewOf: (tensor: Tensor, known: TypedArray | undefined) => TypedArray
}

/** A kernel of a program. */
export interface KernelInfo {
  /** What it computes, and on which shapes: kernels of equal keys run the same code. */
  readonly key: string
  /** Bytes of its code and of the functions it calls, which it may share with other kernels. */
  readonly codeBytes: number
  /** Rows and columns of its register tile, of contractions. */
  readonly tile?: TileShape
}

/** A compiled program of the WebAssembly engine. */
export class WasmExecutable implements Executable {
  readonly plan: Plan
  readonly compileTime: number
  /** Distinct kernels of the plan, with the size of their code and of their register tiles. */
  readonly kernels: readonly KernelInfo[]
  private readonly engine: EngineSide
  private readonly views = new Map<Tensor, TypedArray>()
  private running = false

  constructor(plan: Plan, kernels: readonly KernelInfo[], compileTime: number, engine: EngineSide) {
    this.plan = plan
    this.compileTime = compileTime
    this.kernels = kernels.map(({ key, codeBytes, tile }) => ({ key, codeBytes, ...(tile && { tile }) }))
    this.engine = engine
  }

  input(name: string): TypedArray {
    const tensor = this.plan.inputs.find(({ source }) => source?.kind === 'input' && source.name === name)
    if (!tensor) throw new Error(`program: no input is named '${name}'`)
    return this.current(tensor)
  }

  async run(): Promise<void> {
    if (this.running) throw new Error('program: the previous run has not finished')
    this.running = true
    try {
      await this.engine.run()
    } finally {
      this.running = false
    }
  }

  output(name: string): TypedArray {
    const tensor = this.plan.outputs[name]
    if (!tensor) throw new Error(`program: no output is named '${name}'`)
    const values = this.current(tensor)
    if (!this.engine.isLatest()) {
      throw new Error(
        `program: output '${name}' is not there: the program has not run, or another program of the engine has run since`,
      )
    }
    return values
  }

  private current(tensor: Tensor): TypedArray {
    const known = this.views.get(tensor)
    const view = this.engine.viewOf(tensor, known)
    if (view !== known) this.views.set(tensor, view)
    return view
  }
}
