/**
 * Layout: chooses the block size, and makes every step see its operands in a layout it understands.
 *
 * Batched values of rank ≥ 2 are stored blocked (`[N / block, ...rest, block]`): the lanes of a vector are then
 * different samples, and every layer vectorises perfectly whatever its number of channels. Values enter and leave as
 * rows; conversions are ordinary identity `map` steps. Sums over the batch become partial sums per block followed by a
 * `reduce` in block order, so that the result does not depend on how many threads took part.
 */
import { input as element } from '../graph/expression.ts'
import { apply } from '../graph/op.ts'
import { mapOp } from '../graph/ops/map.ts'
import { bytesPerElement, type Shape, ShapeError, sizeOf } from '../graph/shape.ts'
import { type OpName, opOf, opTable } from '../graph/table.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { batchedValues, batchRole } from './batching.ts'
import { type Program, programGraph } from './program.ts'
import { copyStep, fuse, type Step, stepOutputs, storageOf } from './steps.ts'

/** Steps with their layouts decided. */
export interface LayoutChoice {
  readonly steps: readonly Step[]
  /** Steps that may run block by block. */
  readonly blockable: ReadonlySet<Step>
  readonly block: number
  readonly blocks: number
  /** Storage of values in blocked layout; all others are row-major. */
  readonly blockedLayout: ReadonlySet<Tensor>
  /** Storage of values whose axis 0 is cut into blocks, in either layout. */
  readonly sliced: ReadonlySet<Tensor>
  readonly inputs: readonly Tensor[]
  readonly outputs: Readonly<Record<string, Tensor>>
  /** New values of variables, row-major. */
  readonly updates: ReadonlyMap<Variable, Tensor>
  multiplyAdds(step: Step): number
  /** Whether a blocked step reads only its own block of an operand. */
  slices(step: Step, tensor: Tensor): boolean
}

/** With fewer blocks than this the batch is not worth cutting up: steps are split between threads instead. */
const fewestBlocks = 4

/** A partial sum per block pays only while it is small next to what the block reads. */
const partialShare = 4

/** Operations whose kernels read f32 operands only; the others read any type that their shape rule admits. */
const computesWithFloats: ReadonlySet<OpName> = new Set([
  'matmul',
  'conv2d',
  'conv2dInputGradient',
  'conv2dWeightGradient',
  'maxPool2d',
  'maxPool2dSwitches',
  'averagePool2d',
  'averagePool2dGradient',
])

/** Decides layouts for a program. @throws ShapeError when batched inputs differ in batch size. */
export function assignLayouts(program: Program, blockSizes: readonly number[]): LayoutChoice {
  return new LayoutPass(program, blockSizes).run()
}

/** With this many blocks, threads get about equal shares. */
const plentyOfBlocks = 8

/** The largest block that leaves plenty of blocks, or at least enough, or that divides the batch at all. */
function chooseBlock(batch: number, blockSizes: readonly number[]): number {
  const dividing = blockSizes.filter(size => batch % size === 0)
  const leaving = (blocks: number): number | undefined => dividing.find(size => batch / size >= blocks)
  return leaving(plentyOfBlocks) ?? leaving(fewestBlocks) ?? dividing[0] ?? 1
}

class LayoutPass {
  private readonly program: Program
  private readonly graph: ReturnType<typeof programGraph>
  private readonly batched: Set<Tensor>
  private readonly block: number
  private readonly blocks: number
  private readonly batch: number
  private readonly steps: Step[] = []
  private readonly blockable = new Set<Step>()
  private readonly blockedLayout = new Set<Tensor>()
  private readonly sliced = new Set<Tensor>()
  private readonly converted = new Map<Tensor, Tensor>()
  private readonly packed = new Map<Tensor, Tensor>()
  private readonly unpacked = new Map<Tensor, Tensor>()

  constructor(program: Program, blockSizes: readonly number[]) {
    this.program = program
    this.graph = programGraph(program)
    this.batched = batchedValues(this.graph.order)
    const sizes = new Set(this.graph.inputs.filter(tensor => this.batched.has(tensor)).map(tensor => tensor.shape[0]))
    if (sizes.size > 1) {
      throw new ShapeError(`program: batched inputs differ in batch size: ${[...sizes].join(', ')}`)
    }
    this.batch = sizes.size === 1 ? [...sizes][0] : 1
    this.block = chooseBlock(this.batch, blockSizes)
    this.blocks = this.batch / this.block
    if (blockSizes.length === 0) this.batched.clear()
  }

  run(): LayoutChoice {
    for (const tensor of this.batched) if (tensor.source) this.sliced.add(tensor)
    for (const step of fuse(this.program)) this.add(step)
    const outputs: Record<string, Tensor> = {}
    for (const [name, tensor] of Object.entries(this.program.outputs)) outputs[name] = this.asOutput(tensor)
    const updates = new Map<Variable, Tensor>()
    for (const [variable, next] of this.program.updates) updates.set(variable, this.asUpdate(variable, next, updates))
    const { steps, blockable, block, blocks, blockedLayout, sliced } = this
    return {
      steps,
      blockable,
      block,
      blocks,
      blockedLayout,
      sliced,
      inputs: this.graph.inputs,
      outputs,
      updates,
      multiplyAdds: step => this.multiplyAdds(step),
      slices: (step, tensor) => this.slices(step, tensor),
    }
  }

  private readonly isBatched = (tensor: Tensor): boolean => this.batched.has(tensor)

  private add(fused: Step): void {
    const step = this.withFloats(fused)
    const role = batchRole(step.op, step.output, step.inputs, step.attributes, this.isBatched)
    const epilogueFits = (step.epilogue?.inputs ?? []).every(tensor =>
      this.batched.has(tensor)
        ? tensor.shape.length === step.output.shape.length && tensor.shape[0] === step.output.shape[0]
        : // Read whole by the operation, it cannot be read block by block in the store as well.
          !step.inputs.includes(tensor),
    )
    if (role === 'parallel' && epilogueFits) this.addParallel(step)
    else if (role === 'sum') this.addSum(step)
    else if (role === 'contract')
      this.pushWhole(
        step,
        step.inputs.map(tensor => this.asBlocked(tensor)),
      )
    else
      this.pushWhole(
        step,
        step.inputs.map(tensor => this.asRows(tensor)),
      )
  }

  /** The step with operands of other types converted where the operation computes with f32 only. */
  private withFloats(step: Step): Step {
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

  /** The result has one row per sample. */
  private addParallel(step: Step): void {
    const inputs = step.inputs.map(tensor => (step.op === 'map' ? this.asOperand(tensor) : this.asBlocked(tensor)))
    const { epilogue, ...bare } = step
    const result: Step = {
      ...bare,
      inputs,
      ...(epilogue && { epilogue: { ...epilogue, inputs: epilogue.inputs.map(tensor => this.asOperand(tensor)) } }),
    }
    for (const output of stepOutputs(result)) {
      this.batched.add(output)
      this.sliced.add(output)
      // A vector is the same in both layouts; as rows it can also be seen as a view.
      if (output.shape.length > 1) this.blockedLayout.add(output)
    }
    this.push(result, this.blocks >= fewestBlocks)
  }

  /** The result sums over the samples. */
  private addSum(step: Step): void {
    const inputs = step.inputs.map(tensor => this.asBlocked(tensor))
    const bytes = (tensor: Tensor): number => sizeOf(tensor.shape) * bytesPerElement[tensor.dtype]
    const read = step.inputs.reduce((sum, tensor) => sum + bytes(tensor), 0) / this.blocks
    if (this.blocks < fewestBlocks || bytes(step.output) > partialShare * read) {
      this.pushWhole(step, inputs)
      return
    }
    const partial = new Tensor({
      op: step.op,
      inputs,
      attributes: step.attributes,
      shape: [this.blocks, ...step.output.shape],
      dtype: 'f32',
      label: step.output.label && `${step.output.label} (per block)`,
    })
    this.sliced.add(partial)
    this.push({ op: step.op, attributes: step.attributes, inputs, output: partial, partial: true }, true)
    const fn = step.op === 'reduce' ? (step.attributes as { fn: string }).fn : 'sum'
    this.push(
      this.withRowEpilogue({
        op: 'reduce',
        attributes: { fn, axes: [0], keepDims: false },
        inputs: [partial],
        ...(step.epilogue && { epilogue: step.epilogue }),
        output: step.output,
      }),
    )
  }

  /** A step that runs in one piece, on operands in the layout that suits it. */
  private pushWhole(step: Step, inputs: readonly Tensor[]): void {
    const { epilogue, ...bare } = step
    if (!epilogue || step.op !== 'conv2dWeightGradient') {
      this.push(this.withRowEpilogue({ ...step, inputs }))
      return
    }
    // A weight gradient stores bare sums; what followed it becomes a map of its own.
    const sum = this.bare(step)
    this.push({ ...bare, inputs, output: sum })
    this.push(
      this.withRowEpilogue({
        op: 'map',
        attributes: { expression: epilogue.expression, shape: step.output.shape },
        inputs: [sum, ...epilogue.inputs],
        output: step.output,
      }),
    )
  }

  private push(step: Step, blockable = false): void {
    this.steps.push(step)
    if (blockable) this.blockable.add(step)
  }

  private withRowEpilogue(step: Step): Step {
    if (step.op === 'map') return { ...step, inputs: step.inputs.map(tensor => this.asRows(tensor)) }
    if (!step.epilogue) return step
    const inputs = step.epilogue.inputs.map(tensor => this.asRows(tensor))
    return { ...step, epilogue: { ...step.epilogue, inputs } }
  }

  private isBlocked(tensor: Tensor): boolean {
    return this.blockedLayout.has(storageOf(tensor))
  }

  /** The value in blocked layout, for the operands of batched operations; weights and vectors are left alone. */
  private asBlocked(tensor: Tensor): Tensor {
    if (!this.batched.has(tensor) || this.isBlocked(tensor) || tensor.shape.length < 2) return tensor
    const known = this.packed.get(tensor)
    if (known) return known
    const step = copyStep(tensor)
    this.packed.set(tensor, step.output)
    this.addParallel(step)
    return step.output
  }

  /** The value as an operand of an expression: in any layout, unless it is a view that mixes samples. */
  private asOperand(tensor: Tensor): Tensor {
    return this.isBlocked(tensor) && !this.batched.has(tensor) ? this.asRows(tensor) : tensor
  }

  /** The value row-major. */
  private asRows(tensor: Tensor): Tensor {
    if (tensor.op === 'reshape' && this.isBlocked(tensor) && !this.batched.has(tensor)) {
      // A view that mixes samples is a view of the rows, not of the blocks.
      return apply(opTable.reshape, [this.asRows(tensor.inputs[0])], tensor.attributes as { shape: Shape })
    }
    if (!this.isBlocked(tensor) || tensor.shape.length < 2) return tensor
    const known = this.unpacked.get(tensor)
    if (known) return known
    const step = copyStep(tensor)
    this.unpacked.set(tensor, step.output)
    this.sliced.add(step.output)
    this.push(step, this.blocks >= fewestBlocks)
    return step.output
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

  private multiplyAdds(step: Step): number {
    const bare = this.bare(step)
    return opOf(bare).cost(bare, step.attributes).multiplyAdds
  }

  /** The operation of a step alone, as a tensor: without epilogue, summed over the whole batch. */
  private bare(step: Step): Tensor {
    const { shape, dtype } = step.output
    return new Tensor({
      op: step.op,
      inputs: step.inputs,
      attributes: step.attributes,
      shape: step.partial ? shape.slice(1) : shape,
      dtype,
    })
  }

  /** Whether a blocked step reads only its own block of an operand. */
  private slices(step: Step, tensor: Tensor): boolean {
    if (step.op === 'map' || (step.epilogue?.inputs.includes(tensor) && !step.inputs.includes(tensor))) {
      return tensor.shape.length === step.output.shape.length && tensor.shape[0] === this.batch
    }
    return this.batched.has(tensor) || step.op.startsWith('softmaxCrossEntropy')
  }
}
