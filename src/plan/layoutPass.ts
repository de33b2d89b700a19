/**
 * What the two layout passes share: converting element types, keeping outputs and updates apart from what they are
 * computed from, and counting work.
 */

import type { LayoutChoice } from '../backends/cpu/layouts/layout.ts'
import { input as element } from '../graph/expression.ts'
import { apply } from '../graph/op.ts'
import { mapOp } from '../graph/ops/map.ts'
import { type OpName, opOf } from '../graph/table.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { copyStep, type FusedStep, type FusionOptions, fuse, type Step, storageOf } from './fuse.ts'
import { type Program, programGraph } from './program.ts'

/** Operations whose kernels read f32 operands only; the others read any type that their shape rule admits. */
const computesWithFloats: ReadonlySet<OpName> = new Set<OpName>([
  'matmul',
  'conv2d',
  'conv2dInputGradient',
  'conv2dWeightGradient',
  'maxPool2d',
  'maxPool2dSwitches',
  'averagePool2d',
  'averagePool2dGradient',
])

/** A walk over the fused steps of a program that gives every value a layout. */
export abstract class LayoutPass {
  protected readonly program: Program
  protected readonly graph: ReturnType<typeof programGraph>
  protected readonly steps: Step[] = []
  private readonly converted = new Map<Tensor, Tensor>()

  /** How far steps are fused. */
  protected readonly fusion: FusionOptions = {}

  constructor(program: Program) {
    this.program = program
    this.graph = programGraph(program)
  }

  /** Sees all steps before any is added. */
  protected lookAhead(_steps: readonly FusedStep[]): void {
    // Nothing to note, unless a pass says otherwise.
  }

  /** Adds the steps that compute a fused step, with its operands in layouts its kernel understands. */
  protected abstract add(step: FusedStep): void

  /** The value row-major. */
  protected abstract asRows(tensor: Tensor): Tensor

  /** Walks the program and returns its steps, outputs and updates. */
  protected walk(): Pick<LayoutChoice, 'steps' | 'inputs' | 'outputs' | 'updates' | 'multiplyAdds'> {
    const fused = fuse(this.program, this.fusion)
    this.lookAhead(fused)
    for (const step of fused) this.add(this.withFloats(step))
    const outputs: Record<string, Tensor> = {}
    for (const [name, tensor] of Object.entries(this.program.outputs)) outputs[name] = this.asOutput(tensor)
    const updates = new Map<Variable, Tensor>()
    for (const [variable, next] of this.program.updates) updates.set(variable, this.asUpdate(variable, next, updates))
    const multiplyAdds = (step: Step): number => this.multiplyAdds(step)
    return { steps: this.steps, inputs: this.graph.inputs, outputs, updates, multiplyAdds }
  }

  protected push(step: Step): void {
    this.steps.push(step)
  }

  /** The operands of element-wise work row-major. */
  protected withRowEpilogue<S extends Step>(step: S): S {
    if (step.op === 'map') return { ...step, inputs: step.inputs.map(tensor => this.asRows(tensor)) }
    if (!step.epilogue) return step
    const inputs = step.epilogue.inputs.map(tensor => this.asRows(tensor))
    return { ...step, epilogue: { ...step.epilogue, inputs } }
  }

  /** The operation of a step alone, as a tensor: without epilogue, summed over the whole batch. */
  protected bare(step: Step): Tensor {
    const { shape, dtype } = step.output
    return new Tensor({
      op: step.op,
      inputs: step.inputs,
      attributes: step.attributes,
      shape: step.partial ? shape.slice(1) : shape,
      dtype,
    })
  }

  protected multiplyAdds(step: Step): number {
    const bare = this.bare(step)
    return opOf(bare).cost(bare, step.attributes).multiplyAdds
  }

  /** The step with operands of other types converted where the operation computes with f32 only. */
  private withFloats(step: FusedStep): FusedStep {
    if (!computesWithFloats.has(step.op) || step.inputs.every(tensor => tensor.dtype === 'f32')) return step
    return { ...step, inputs: step.inputs.map(tensor => (tensor.dtype === 'f32' ? tensor : this.asFloats(tensor))) }
  }

  private asFloats(tensor: Tensor): Tensor {
    const known = this.converted.get(tensor)
    if (known) return known
    const floats = apply(mapOp, [tensor], { expression: element(0), shape: tensor.shape })
    this.converted.set(tensor, floats)
    this.add({ op: 'map', attributes: floats.attributes, inputs: [tensor], output: floats })
    return floats
  }

  /** A row-major value that lasts to the end of the run: the old value of a variable that changes is copied. */
  private asOutput(tensor: Tensor): Tensor {
    const rows = this.asRows(tensor)
    const { source } = storageOf(rows)
    if (source?.kind !== 'variable' || !this.program.updates.has(source.variable)) return rows
    const step = copyStep(rows)
    this.push(step)
    return step.output
  }

  /** A fresh row-major value for a variable: a source, a view or a value used twice is copied first. */
  private asUpdate(variable: Variable, next: Tensor, others: ReadonlyMap<Variable, Tensor>): Tensor {
    const rows = this.asRows(next)
    const taken = [...others.values()].includes(rows)
    if (rows.op !== 'source' && rows.op !== 'reshape' && !taken) return rows
    const step = copyStep(rows, variable.name)
    this.push(step)
    return step.output
  }
}
