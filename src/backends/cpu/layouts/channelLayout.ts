/**
 * Channels innermost: volumes are stored `[N, H, W, C]`, so that the lanes of a vector are different channels and one
 * sample is enough to fill them. Identity `map` steps convert volumes to and from PyTorch's order for inputs and
 * outputs. With a single channel or position, both orders are the same. Everything that is not a volume is row-major.
 */
import { inputsOf } from '../../../graph/expression.ts'
import { apply } from '../../../graph/op.ts'
import { type Shape, sameShape, sizeOf } from '../../../graph/shape.ts'
import { constantTensor } from '../../../graph/sources.ts'
import { opTable } from '../../../graph/table.ts'
import { Tensor } from '../../../graph/tensor.ts'
import { batchedValues } from '../../../plan/batching.ts'
import { LayoutPass } from '../../../plan/layoutPass.ts'
import type { Program } from '../../../plan/program.ts'
import { copyStep, type FusedStep, type StepOf, storageOf } from '../../../plan/step.ts'
import type { LayoutChoice } from '../../../plan/target.ts'
import type { ConvolutionChooser, ConvolutionMethod, ConvolutionTask, MomentKind } from './convolution.ts'
import type { ConvolutionForm, CpuForm } from './form.ts'
import { channelKernels } from './kernels.ts'
import { convolutionOf } from './matrixProduct.ts'
import { fromParts, type Measurement, type MomentPlan, type MomentReader, planMoments } from './moments.ts'

/** True for shapes whose two orders differ: several channels and several positions. */
function isVolume(shape: Shape): boolean {
  return shape.length === 4 && shape[1] > 1 && shape[2] * shape[3] > 1
}

/** Bytes of a volume that one partial sum covers: few enough to stay in the cache for several passes. */
const partBytes = 32 * 1024

/** Parts into which the rows of every image are cut for partial sums over a volume. */
function partsOf([, channels, height, width]: Shape): number {
  const rows = Math.max(1, Math.floor(partBytes / (width * channels * 4)))
  for (let parts = Math.ceil(height / rows); parts < height; parts++) if (height % parts === 0) return parts
  return height
}

/** A convolution as the graph has it. */
type ConvolutionStep = Extract<FusedStep, { readonly op: ConvolutionTask['op'] }>

/** Moments over parts of a volume's positions, per channel, as its convolution stores them; see `MomentKind`. */
interface StoredMoments {
  readonly kind: MomentKind
  /** `[parts, C]`: means, or sums. */
  readonly first: Tensor
  /** `[parts, C]`: squares, or products. */
  readonly second: Tensor
  /** For products: the other volume, and what is subtracted from it, `[C]`. */
  readonly inputs: readonly Tensor[]
  /** `[parts, 1]`: the number of positions in each part. */
  readonly counts: Tensor
}

/** The pass that stores channels innermost. */
export class ChannelLayout extends LayoutPass<CpuForm> {
  readonly #convolutions: ConvolutionChooser
  /** Values of the network itself, as opposed to its parameters. */
  readonly #activations: ReadonlySet<Tensor>
  readonly #channelsLast = new Set<Tensor>()
  readonly #packed = new Map<Tensor, Tensor>()
  readonly #unpacked = new Map<Tensor, Tensor>()
  #momentPlan: MomentPlan = { measured: new Map(), readers: new Map() }
  readonly #moments = new Map<Tensor, StoredMoments>()

  constructor(program: Program, convolutions: ConvolutionChooser) {
    super(program, channelKernels)
    this.#convolutions = convolutions
    this.#activations = batchedValues(this.graph.order)
  }

  run(): LayoutChoice<CpuForm> {
    return { ...this.walk(), layoutOf: tensor => (this.#channelsLast.has(tensor) ? 'channels last' : 'rows') }
  }

  protected override lookAhead(steps: readonly FusedStep[]): void {
    this.#momentPlan = planMoments(steps)
  }

  protected override add(step: FusedStep): void {
    switch (step.op) {
      case 'conv2d':
      case 'conv2dInputGradient':
      case 'conv2dWeightGradient':
        this.#addConvolution(step)
        break
      case 'matmul':
        this.#addProduct(step)
        break
      case 'maxPool2d':
      case 'maxPool2dSwitches':
      case 'maxPool2dGradient':
      case 'maxPool2dRoute':
      case 'averagePool2d':
      case 'averagePool2dGradient':
      case 'concat':
      case 'slice':
      case 'pad':
        if (step.outputs[0].shape.length === 4) this.#addVolume(step)
        else this.#addRows(step)
        break
      case 'map':
      case 'transpose':
        this.#addFree(step)
        break
      case 'reduce':
        this.#addReduce(step)
        break
      default:
        this.#addRows(step)
    }
  }

  /** A convolution in the stages of its method. */
  #addConvolution(step: ConvolutionStep): void {
    const { op, attributes } = step
    const [first, second] = step.inputs
    const [output] = step.outputs
    const measurement = this.#momentPlan.measured.get(output)
    const task: ConvolutionTask = {
      op,
      attributes,
      operands: [first.shape, second.shape],
      output: output.shape,
      ...(measurement && { moments: measurement.kind }),
    }
    const method = this.#convolutions(task)
    const ofWeights = op === 'conv2dWeightGradient'
    const values = [this.#asChannels(first), ofWeights ? this.#asChannels(second) : this.asRows(second)]
    this.#addStages(step, task, method, values)
    const moments = measurement && method.moments && this.#placeMoments(measurement, method.moments)
    const finished: ConvolutionStep = {
      ...(ofWeights ? this.withRowEpilogue(step) : this.#withEpilogue(step)),
      inputs: [...method.reads.map(index => values[index]), ...(moments?.inputs ?? [])],
      outputs: moments ? [output, moments.first, moments.second] : step.outputs,
    }
    if (!ofWeights) this.#markChannels(output)
    const form: ConvolutionForm = {
      kind: 'convolution',
      name: `${op} by ${method.name}`,
      task,
      method,
      operands: method.reads.length,
    }
    this.push(finished, { form, multiplyAdds: this.workOf(step), workspace: method.workspace })
  }

  /** A matrix product, as a convolution where that is faster. */
  #addProduct(step: StepOf<'matmul'>): void {
    const task = convolutionOf(step)
    if (!task) {
      this.#addRows(step)
      return
    }
    const method = this.#convolutions(task)
    const values = step.inputs.map(tensor => this.asRows(tensor))
    this.#addStages(step, task, method, values)
    const inputs = method.reads.map(index => values[index])
    const form: ConvolutionForm = {
      kind: 'convolution',
      name: `matmul by ${method.name}`,
      task,
      method,
      operands: inputs.length,
    }
    const plan = { form, multiplyAdds: this.workOf(step), workspace: method.workspace }
    this.push({ ...this.withRowEpilogue(step), inputs }, plan)
  }

  /** The stages of a method before its last kernel; their results are appended to the operands' `values`. */
  #addStages(
    step: ConvolutionStep | StepOf<'matmul'>,
    task: ConvolutionTask,
    method: ConvolutionMethod,
    values: Tensor[],
  ): void {
    const { epilogue: _, ...bare } = step
    const { op, attributes } = step
    const of = step.outputs[0].label ?? op
    method.stages.forEach(({ name, reads, shape, workspace = 0 }, stage) => {
      const inputs = reads.map(index => values[index])
      const made = new Tensor({ op, inputs, attributes, shape, dtype: 'f32', label: `${name} of ${of}` })
      const form = { kind: 'stage', name, task, method, stage } as const
      this.push({ ...bare, inputs, outputs: [made] }, { form, multiplyAdds: 0, workspace })
      values.push(made)
    })
  }

  /** Tensors for the moments of a volume, in parts of the given numbers of positions. */
  #placeMoments(measurement: Measurement, counts: readonly number[]): StoredMoments {
    const { kind, volume } = measurement
    const { label: name = 'conv2d', op, attributes } = volume
    const part = (what: string): Tensor => {
      const shape = [counts.length, volume.shape[1]]
      return new Tensor({ op, inputs: [volume], attributes, shape, dtype: 'f32', label: `${what} of ${name}` })
    }
    const [first, second] = kind === 'squares' ? ['means', 'squares'] : ['sums', 'products']
    const stored: StoredMoments = {
      kind,
      first: part(first),
      second: part(second),
      inputs: kind === 'products' ? [this.#asChannels(measurement.other), this.#asPerChannel(measurement.center)] : [],
      counts: constantTensor(counts, [counts.length, 1]),
    }
    this.#moments.set(volume, stored)
    return stored
  }

  /** A step on volumes whose kernel knows both orders. */
  #addVolume(step: FusedStep): void {
    const inputs = step.inputs.map(tensor =>
      tensor.shape.length === 4 ? this.#asChannels(tensor) : this.asRows(tensor),
    )
    for (const output of step.outputs) this.#markChannels(output)
    this.push({ ...this.#withEpilogue(step), inputs })
  }

  /** A step that can read any layout, using strides. */
  #addFree(step: FusedStep): void {
    const inputs = step.inputs.map(tensor => this.#asOperand(tensor))
    const [output] = step.outputs
    const follows = inputs.some(tensor => this.#channelsLast.has(tensor) && sameShape(tensor.shape, output.shape))
    if (follows || this.#activations.has(output)) this.#markChannels(output)
    this.push({ ...step, inputs })
  }

  /** A reduction of operands in any layout to row-major results; sums over all positions of a volume run in parts. */
  #addReduce(step: StepOf<'reduce'>): void {
    const { attributes } = step
    const { axes, fn } = attributes
    const [result] = step.outputs
    const reader = this.#momentPlan.readers.get(result)
    const moments = reader && this.#moments.get(reader.volume)
    if (moments) {
      this.push(this.#fromMoments(step, reader, moments))
      return
    }
    const shape = step.prologue?.shape ?? step.inputs[0].shape
    const inputs = step.inputs.map(tensor => this.#asOperand(tensor))
    const whole = { ...this.withRowEpilogue(step), inputs }
    const volume = inputs.some(tensor => this.#channelsLast.has(tensor) && sameShape(tensor.shape, shape))
    const keeps = shape.map((size, axis) => size > 1 && !axes.includes(axis))
    const perChannel = volume && keeps[1] && keeps.filter(Boolean).length === 1
    if (!perChannel) {
      this.push(whole)
      return
    }
    const parts = partsOf(shape)
    const { epilogue, ...bare } = whole
    const partial = new Tensor({
      op: 'reduce',
      inputs,
      attributes,
      shape: [shape[0] * parts, shape[1]],
      dtype: 'f32',
      label: result.label && `${result.label} (partial)`,
    })
    this.push({ ...bare, outputs: [partial] }, { form: { kind: 'parts', parts } })
    this.push({
      op: 'reduce',
      attributes: { fn, axes: [0], keepDims: false },
      inputs: [partial],
      ...(epilogue && { epilogue }),
      outputs: [result],
    })
  }

  /** A reduction over the stored moments instead of one over the volume. */
  #fromMoments(
    step: StepOf<'reduce'>,
    reader: MomentReader,
    { kind, first, second, counts }: StoredMoments,
  ): FusedStep {
    const { prologue: _, ...bare } = this.withRowEpilogue(step)
    const attributes = { fn: 'sum', axes: [0], keepDims: false } as const
    if (kind === 'products' || reader.kind === 'products') {
      return { ...bare, attributes, inputs: [reader.kind === 'sums' ? first : second] }
    }
    const expression = fromParts[reader.kind]
    const center = reader.kind === 'sums' ? [] : [this.#asPerChannel(reader.around)]
    const inputs = [first, counts, ...center, second].slice(0, inputsOf(expression).length)
    return { ...bare, attributes, inputs, prologue: { expression, shape: first.shape } }
  }

  /** A value of one number per channel as `[C]`. */
  #asPerChannel(tensor: Tensor): Tensor {
    return apply(opTable.reshape, [this.asRows(tensor)], { shape: [sizeOf(tensor.shape)] })
  }

  #addRows(step: FusedStep): void {
    this.push(this.withRowEpilogue({ ...step, inputs: step.inputs.map(tensor => this.asRows(tensor)) }))
  }

  #withEpilogue<S extends FusedStep>(step: S): S {
    const { epilogue } = step
    if (!epilogue) return step
    return { ...step, epilogue: { ...epilogue, inputs: epilogue.inputs.map(tensor => this.#asOperand(tensor)) } }
  }

  #markChannels(tensor: Tensor): void {
    if (isVolume(tensor.shape)) this.#channelsLast.add(tensor)
  }

  /** The value channels last; the value itself where both orders are the same. */
  #asChannels(tensor: Tensor): Tensor {
    const operand = this.#asOperand(tensor)
    if (!isVolume(tensor.shape) || this.#channelsLast.has(operand)) return operand
    const known = this.#packed.get(operand)
    if (known) return known
    const step = copyStep(operand)
    const [volume] = step.outputs
    this.#packed.set(operand, volume)
    this.#channelsLast.add(volume)
    this.push(step)
    return volume
  }

  /** The value in any layout. A view of a volume in another shape needs the volume row-major. */
  #asOperand(tensor: Tensor): Tensor {
    const storage = storageOf(tensor)
    if (!this.#channelsLast.has(storage)) return tensor
    return sameShape(storage.shape, tensor.shape) ? storage : this.asRows(tensor)
  }

  protected override asRows(tensor: Tensor): Tensor {
    const storage = storageOf(tensor)
    if (!this.#channelsLast.has(storage)) return tensor
    if (!sameShape(storage.shape, tensor.shape)) {
      return apply(opTable.reshape, [this.asRows(storage)], { shape: tensor.shape })
    }
    const known = this.#unpacked.get(storage)
    if (known) return known
    const step = copyStep(storage)
    const [rows] = step.outputs
    this.#unpacked.set(storage, rows)
    this.push(step)
    return rows
  }
}
