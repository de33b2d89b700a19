/**
 * Samples innermost: batched values of rank ≥ 2 are stored blocked (`[N / block, ...rest, block]`), so that the lanes
 * of a vector are different samples and every layer vectorizes perfectly, whatever its number of channels. Values enter
 * and leave as rows; conversions are ordinary identity `map` steps. Sums over the batch become partial sums per block
 * followed by a `reduce` in block order, so that the result does not depend on the number of threads.
 */
import { apply } from '../../../graph/op.ts'
import { byteSizeOf } from '../../../graph/shape.ts'
import { isApplicationOf, opNamed, opTable } from '../../../graph/table.ts'
import { Tensor } from '../../../graph/tensor.ts'
import { batchedValues, batchOf } from '../../../plan/batching.ts'
import { LayoutPass } from '../../../plan/layoutPass.ts'
import type { Program } from '../../../plan/program.ts'
import { copyStep, type FusedStep, storageOf } from '../../../plan/step.ts'
import type { LayoutChoice } from '../../../plan/target.ts'
import { type CpuForm, type CpuStep, perBlock } from './form.ts'
import { sampleKernels } from './kernels.ts'

/** With fewer blocks than this, the batch is not worth splitting: each step is split between threads instead. */
const fewestBlocks = 4

/** A partial sum per block pays off only while it is small compared to what the block reads. */
const partialShare = 4

/** With this many blocks, threads get nearly equal shares. */
const plentyOfBlocks = 8

/**
 * The largest block size that leaves 8 blocks, else the largest that leaves 4, else the largest that divides the batch.
 */
export function chooseBlock(batch: number, blockSizes: readonly number[]): number {
  const dividing = blockSizes.filter(size => batch % size === 0)
  const leaving = (blocks: number): number | undefined => dividing.find(size => batch / size >= blocks)
  return leaving(plentyOfBlocks) ?? leaving(fewestBlocks) ?? dividing[0] ?? 1
}

/** The pass that stores samples innermost, in blocks. */
export class SampleLayout extends LayoutPass<CpuForm> {
  readonly #batched: Set<Tensor>
  readonly #block: number
  readonly #blocks: number
  readonly #batch: number
  readonly #blockable = new Set<CpuStep>()
  readonly #blockedLayout = new Set<Tensor>()
  readonly #sliced = new Set<Tensor>()
  readonly #packed = new Map<Tensor, Tensor>()
  readonly #unpacked = new Map<Tensor, Tensor>()

  constructor(program: Program, blockSizes: readonly number[]) {
    super(program, sampleKernels)
    this.#batched = batchedValues(this.graph.order)
    this.#batch = batchOf(this.graph.order)
    this.#block = chooseBlock(this.#batch, blockSizes)
    this.#blocks = this.#batch / this.#block
  }

  run(): LayoutChoice<CpuForm> {
    for (const tensor of this.#batched) if (tensor.source) this.#sliced.add(tensor)
    const walked = this.walk()
    const steps = this.#blockable
    const samples = this.#block
    const count = this.#blocks
    const sliced = this.#sliced
    return {
      ...walked,
      layoutOf: tensor => (this.#blockedLayout.has(tensor) ? 'blocked' : 'rows'),
      blocks: { count, samples, steps, sliced, slices: (step, tensor) => this.#slices(step, tensor) },
    }
  }

  readonly #isBatched = (tensor: Tensor): boolean => this.#batched.has(tensor)

  protected override add(step: FusedStep): void {
    const {
      op,
      inputs,
      attributes,
      outputs: [output],
    } = step
    const role = opNamed(op).batch({ output, inputs, isBatched: this.#isBatched }, attributes)
    const epilogueFits = (step.epilogue?.inputs ?? []).every(tensor =>
      this.#batched.has(tensor)
        ? tensor.shape.length === output.shape.length && tensor.shape[0] === output.shape[0]
        : // If the operation reads it whole, the store cannot also read it block by block.
          !step.inputs.includes(tensor),
    )
    if (role === 'parallel' && epilogueFits) this.#addParallel(step)
    else if (role === 'sum') this.#addSum(step)
    else if (role === 'contract')
      this.#pushWhole(
        step,
        step.inputs.map(tensor => this.#asBlocked(tensor)),
      )
    else
      this.#pushWhole(
        step,
        step.inputs.map(tensor => this.asRows(tensor)),
      )
  }

  /** The result has one row per sample. */
  #addParallel(step: FusedStep): void {
    const inputs = step.inputs.map(tensor => (step.op === 'map' ? this.#asOperand(tensor) : this.#asBlocked(tensor)))
    const { epilogue, ...bare } = step
    const result: FusedStep = {
      ...bare,
      inputs,
      ...(epilogue && { epilogue: { ...epilogue, inputs: epilogue.inputs.map(tensor => this.#asOperand(tensor)) } }),
    }
    for (const output of result.outputs) {
      this.#batched.add(output)
      this.#sliced.add(output)
      // A vector is the same in both layouts; as rows it can also have views.
      if (output.shape.length > 1) this.#blockedLayout.add(output)
    }
    this.#pushBlocked(result)
  }

  /** The result sums over the samples. */
  #addSum(step: FusedStep): void {
    const { op, attributes } = step
    const [result] = step.outputs
    const inputs = step.inputs.map(tensor => this.#asBlocked(tensor))
    const read = step.inputs.reduce((sum, tensor) => sum + byteSizeOf(tensor), 0) / this.#blocks
    if (this.#blocks < fewestBlocks || byteSizeOf(result) > partialShare * read) {
      this.#pushWhole(step, inputs)
      return
    }
    const partial = new Tensor({
      op,
      inputs,
      attributes,
      shape: [this.#blocks, ...result.shape],
      dtype: 'f32',
      label: result.label && `${result.label} (per block)`,
    })
    this.#sliced.add(partial)
    const { epilogue, ...bare } = step
    const multiplyAdds = this.workOf({ ...bare, inputs })
    this.#blockable.add(this.push({ ...bare, inputs, outputs: [partial] }, { form: perBlock, multiplyAdds }))
    const fn = step.op === 'reduce' ? step.attributes.fn : 'sum'
    this.push(
      this.withRowEpilogue({
        op: 'reduce',
        attributes: { fn, axes: [0], keepDims: false },
        inputs: [partial],
        ...(epilogue && { epilogue }),
        outputs: [result],
      }),
    )
  }

  /** A step that runs in one piece, on operands in the layout that suits it. */
  #pushWhole(step: FusedStep, inputs: readonly Tensor[]): void {
    const { epilogue, ...bare } = step
    if (!epilogue || step.op !== 'conv2dWeightGradient') {
      this.push(this.withRowEpilogue({ ...step, inputs }))
      return
    }
    // A weight gradient stores bare sums; its epilogue becomes a separate map.
    const sum = this.bare(step)
    this.push({ ...bare, inputs, outputs: [sum] })
    this.push(
      this.withRowEpilogue({
        op: 'map',
        attributes: { expression: epilogue.expression, shape: step.outputs[0].shape },
        inputs: [sum, ...epilogue.inputs],
        outputs: step.outputs,
      }),
    )
  }

  /** A step that may run block by block, if there are enough blocks. */
  #pushBlocked(step: FusedStep): void {
    const added = this.push(step)
    if (this.#blocks >= fewestBlocks) this.#blockable.add(added)
  }

  #isBlocked(tensor: Tensor): boolean {
    return this.#blockedLayout.has(storageOf(tensor))
  }

  /** The value in blocked layout, for the operands of batched operations; weights and vectors are left alone. */
  #asBlocked(tensor: Tensor): Tensor {
    if (!this.#batched.has(tensor) || this.#isBlocked(tensor) || tensor.shape.length < 2) return tensor
    const known = this.#packed.get(tensor)
    if (known) return known
    const step = copyStep(tensor)
    const [blocked] = step.outputs
    this.#packed.set(tensor, blocked)
    this.#addParallel(step)
    return blocked
  }

  /** The value as an operand of an expression: in any layout, unless it is a view that mixes samples. */
  #asOperand(tensor: Tensor): Tensor {
    return this.#isBlocked(tensor) && !this.#batched.has(tensor) ? this.asRows(tensor) : tensor
  }

  /** The value row-major. */
  protected override asRows(tensor: Tensor): Tensor {
    if (isApplicationOf(tensor, 'reshape') && this.#isBlocked(tensor) && !this.#batched.has(tensor)) {
      // A view that mixes samples views the rows, not the blocks.
      return apply(opTable.reshape, [this.asRows(tensor.inputs[0])], tensor.attributes)
    }
    if (!this.#isBlocked(tensor) || tensor.shape.length < 2) return tensor
    const known = this.#unpacked.get(tensor)
    if (known) return known
    const step = copyStep(tensor)
    const [rows] = step.outputs
    this.#unpacked.set(tensor, rows)
    this.#sliced.add(rows)
    this.#pushBlocked(step)
    return rows
  }

  /** Whether a blocked step reads only its own block of an operand. */
  #slices({ op, inputs, epilogue, outputs: [{ shape }] }: CpuStep, tensor: Tensor): boolean {
    if (op === 'map' || (epilogue?.inputs.includes(tensor) && !inputs.includes(tensor))) {
      return tensor.shape.length === shape.length && tensor.shape[0] === this.#batch
    }
    return this.#batched.has(tensor) || op.startsWith('softmaxCrossEntropy')
  }
}
