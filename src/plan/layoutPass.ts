/**
 * What all layouts share: a walk over the fused steps of a program. It converts element types, copies outputs and
 * updates that would share memory with their sources, and counts work.
 */
import { input as element } from '../graph/expression.ts'
import { apply } from '../graph/op.ts'
import { mapOp } from '../graph/ops/map.ts'
import { opNamed } from '../graph/table.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { fuse } from './fuse.ts'
import { type Program, programGraph } from './program.ts'
import { copyStep, type Form, type FusedStep, type Step, type StepPlan, storageOf } from './step.ts'
import type { KernelTraits, LayoutChoice } from './target.ts'

/** A walk over the fused steps of a program that gives every value a layout. */
export abstract class LayoutPass<F extends Form = Form> {
  protected readonly program: Program
  protected readonly graph: ReturnType<typeof programGraph>
  readonly #kernels: KernelTraits
  readonly #steps: Step<F>[] = []
  readonly #converted = new Map<Tensor, Tensor>()

  constructor(program: Program, kernels: KernelTraits) {
    this.program = program
    this.graph = programGraph(program)
    this.#kernels = kernels
  }

  /** Sees all steps before any is added. */
  protected lookAhead(_steps: readonly FusedStep[]): void {
    // Nothing to note by default.
  }

  /** Adds the steps that compute a fused step, with its operands in layouts its kernel understands. */
  protected abstract add(step: FusedStep): void

  /** The value in row-major order. */
  protected abstract asRows(tensor: Tensor): Tensor

  /** Walks the program and returns its steps, outputs and updates. */
  protected walk(): Pick<LayoutChoice<F>, 'steps' | 'inputs' | 'outputs' | 'updates'> {
    const fused = fuse(this.program, this.#kernels)
    this.lookAhead(fused)
    for (const step of fused) this.add(this.#withFloats(step))
    const outputs: Record<string, Tensor> = {}
    for (const [name, tensor] of Object.entries(this.program.outputs)) outputs[name] = this.#asOutput(tensor)
    const updates = new Map<Variable, Tensor>()
    for (const [variable, next] of this.program.updates) updates.set(variable, this.#asUpdate(variable, next, updates))
    return { steps: this.#steps, inputs: this.graph.inputs, outputs, updates }
  }

  /** Appends a step; by default its work is that of its operation on its inputs, and it needs no scratch. */
  protected push(step: FusedStep, plan: Partial<StepPlan<F>> = {}): Step<F> {
    const added: Step<F> = { ...step, multiplyAdds: plan.multiplyAdds ?? this.workOf(step), workspace: 0, ...plan }
    this.#steps.push(added)
    return added
  }

  /** The step with the operands of its element-wise work in row-major order. */
  protected withRowEpilogue<S extends FusedStep>(step: S): S {
    if (step.op === 'map') return { ...step, inputs: step.inputs.map(tensor => this.asRows(tensor)) }
    if (!step.epilogue) return step
    const inputs = step.epilogue.inputs.map(tensor => this.asRows(tensor))
    return { ...step, epilogue: { ...step.epilogue, inputs } }
  }

  /** The result of a step's operation, before its epilogue. */
  protected bare({ op, inputs, attributes, outputs: [{ shape, dtype }] }: FusedStep): Tensor {
    return new Tensor({ op, inputs, attributes, shape, dtype })
  }

  /** Multiply-adds of a step's operation. */
  protected workOf(step: FusedStep): number {
    return opNamed(step.op).cost(this.bare(step), step.attributes).multiplyAdds
  }

  /** The step with its operands converted to f32 if its operation reads f32 only. */
  #withFloats(step: FusedStep): FusedStep {
    if (!this.#kernels.floatsOnly.has(step.op) || step.inputs.every(tensor => tensor.dtype === 'f32')) return step
    return { ...step, inputs: step.inputs.map(tensor => (tensor.dtype === 'f32' ? tensor : this.#asFloats(tensor))) }
  }

  #asFloats(tensor: Tensor): Tensor {
    const known = this.#converted.get(tensor)
    if (known) return known
    const attributes = { expression: element(0), shape: tensor.shape }
    const floats = apply(mapOp, [tensor], attributes)
    this.#converted.set(tensor, floats)
    this.add({ op: 'map', attributes, inputs: [tensor], outputs: [floats] })
    return floats
  }

  /** A row-major value that lasts until the run ends: the old value of a variable is copied if the run changes it. */
  #asOutput(tensor: Tensor): Tensor {
    const rows = this.asRows(tensor)
    const { source } = storageOf(rows)
    if (source?.kind !== 'variable' || !this.program.updates.has(source.variable)) return rows
    const step = copyStep(rows)
    this.push(step)
    return step.outputs[0]
  }

  /** A fresh row-major value for a variable: a source, a view or a value used twice is copied first. */
  #asUpdate(variable: Variable, next: Tensor, others: ReadonlyMap<Variable, Tensor>): Tensor {
    const rows = this.asRows(next)
    const taken = [...others.values()].includes(rows)
    if (rows.op !== 'source' && rows.op !== 'reshape' && !taken) return rows
    const step = copyStep(rows, variable.name)
    this.push(step)
    return step.outputs[0]
  }
}
