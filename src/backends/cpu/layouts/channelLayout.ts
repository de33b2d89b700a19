/**
 * Channels innermost: volumes are stored `[N, H, W, C]`, so that the lanes of a vector are different channels and one
 * sample is enough to fill them. Volumes that are given or asked for in PyTorch's order are copied by identity `map`
 * steps; one of a single channel or position lies the same in both orders. Everything that is not a volume is row-major.
 */
import { inputsOf } from '../../../graph/expression.ts'
import { apply } from '../../../graph/op.ts'
import type { ReduceAttributes } from '../../../graph/ops/reduce.ts'
import { type Shape, sameShape, sizeOf } from '../../../graph/shape.ts'
import { constantTensor } from '../../../graph/sources.ts'
import { opTable } from '../../../graph/table.ts'
import { Tensor } from '../../../graph/tensor.ts'
import { batchedValues } from '../../../plan/batching.ts'
import { copyStep, type FusedStep, type Step, type StoredMoments, stepOutputs, storageOf } from '../../../plan/fuse.ts'
import { LayoutPass } from '../../../plan/layoutPass.ts'
import type { Program } from '../../../plan/program.ts'
import type { ConvolutionChooser, ConvolutionTask, MomentKind, StageAttributes } from './convolution.ts'
import type { LayoutChoice } from './layout.ts'
import { fromParts, type Measurement, type MomentPlan, type MomentReader, planMoments } from './moments.ts'

/** True for shapes whose two orders differ: several channels and several positions. */
function isVolume(shape: Shape): boolean {
  return shape.length === 4 && shape[1] > 1 && shape[2] * shape[3] > 1
}

/** Bytes of a volume that one partial sum runs over: several passes over them find them in the cache. */
const partBytes = 32 * 1024

/** Parts into which the rows of every image are cut for partial sums over a volume. */
function partsOf([, channels, height, width]: Shape): number {
  const rows = Math.max(1, Math.floor(partBytes / (width * channels * 4)))
  for (let parts = Math.ceil(height / rows); parts < height; parts++) if (height % parts === 0) return parts
  return height
}

/** Moments of a volume, and `[parts, 1]` the positions behind each part. */
interface CountedMoments extends StoredMoments {
  readonly kind: MomentKind
  readonly counts: Tensor
}

/** The pass that stores channels innermost. */
export class ChannelLayout extends LayoutPass {
  protected override readonly fusion = { recompute: true }
  private readonly convolutions: ConvolutionChooser
  /** Values of the network itself, as opposed to its parameters. */
  private readonly activations: ReadonlySet<Tensor>
  private readonly channelsLast = new Set<Tensor>()
  private readonly packed = new Map<Tensor, Tensor>()
  private readonly unpacked = new Map<Tensor, Tensor>()
  private readonly work = new Map<Step, number>()
  private momentPlan: MomentPlan = { measured: new Map(), readers: new Map() }
  private readonly moments = new Map<Tensor, CountedMoments>()

  constructor(program: Program, convolutions: ConvolutionChooser) {
    super(program)
    this.convolutions = convolutions
    this.activations = batchedValues(this.graph.order)
  }

  run(): LayoutChoice {
    return {
      ...this.walk(),
      blockable: new Set(),
      block: 1,
      blocks: 1,
      sliced: new Set(),
      layoutOf: tensor => (this.channelsLast.has(tensor) ? 'channels' : 'rows'),
      slices: () => false,
    }
  }

  protected override lookAhead(steps: readonly FusedStep[]): void {
    this.momentPlan = planMoments(steps)
  }

  protected override add(step: FusedStep): void {
    switch (step.op) {
      case 'conv2d':
      case 'conv2dInputGradient':
      case 'conv2dWeightGradient':
        this.addConvolution(step, step.op)
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
        if (step.output.shape.length === 4) this.addVolume(step)
        else this.addRows(step)
        break
      case 'map':
      case 'transpose':
        this.addFree(step)
        break
      case 'reduce':
        this.addReduce(step)
        break
      default:
        this.addRows(step)
    }
  }

  /** A convolution in the stages its method asks for. */
  private addConvolution(step: FusedStep, op: ConvolutionTask['op']): void {
    const [first, second] = step.inputs
    const measurement = this.momentPlan.measured.get(step.output)
    const task: ConvolutionTask = {
      op,
      attributes: step.attributes as ConvolutionTask['attributes'],
      operands: [first.shape, second.shape],
      output: step.output.shape,
      ...(measurement && { moments: measurement.kind }),
    }
    const method = this.convolutions(task)
    const values = [
      this.asChannels(first),
      op === 'conv2dWeightGradient' ? this.asChannels(second) : this.asRows(second),
    ]
    method.stages.forEach(({ name, reads, shape }, stage) => {
      const inputs = reads.map(index => values[index])
      const attributes: StageAttributes = { task, method, stage }
      const label = `${name} of ${step.output.label ?? op}`
      const output = new Tensor({ op: 'stage', inputs, attributes, shape, dtype: 'f32', label })
      this.push({ op: 'stage', attributes, inputs, output })
      values.push(output)
    })
    const finished: Step = {
      ...(op === 'conv2dWeightGradient' ? this.withRowEpilogue(step) : this.withEpilogue(step)),
      inputs: method.reads.map(index => values[index]),
      convolution: { task, method },
      ...(measurement && method.moments && { moments: this.placeMoments(measurement, method.moments) }),
    }
    if (op !== 'conv2dWeightGradient') this.markChannels(step.output)
    this.work.set(finished, super.multiplyAdds(step))
    this.push(finished)
  }

  /** Places for the moments of a volume, in parts of so many positions. */
  private placeMoments(measurement: Measurement, counts: readonly number[]): StoredMoments {
    const { kind, volume } = measurement
    const name = volume.label ?? 'conv2d'
    const part = (label: string): Tensor => {
      const shape = [counts.length, volume.shape[1]]
      return new Tensor({ op: 'stage', inputs: [volume], attributes: undefined, shape, dtype: 'f32', label })
    }
    const [first, second] = kind === 'squares' ? ['means', 'squares'] : ['sums', 'products']
    const stored: StoredMoments = {
      first: part(`${first} of ${name}`),
      second: part(`${second} of ${name}`),
      inputs: kind === 'products' ? [this.asChannels(measurement.other), this.asPerChannel(measurement.center)] : [],
    }
    this.moments.set(volume, { ...stored, kind, counts: constantTensor(counts, [counts.length, 1]) })
    return stored
  }

  /** A step on volumes whose kernel knows both orders. */
  private addVolume(step: FusedStep): void {
    const inputs = step.inputs.map(tensor =>
      tensor.shape.length === 4 ? this.asChannels(tensor) : this.asRows(tensor),
    )
    for (const output of stepOutputs(step)) this.markChannels(output)
    this.push({ ...this.withEpilogue(step), inputs })
  }

  /** A step that reads any layout, by strides. */
  private addFree(step: FusedStep): void {
    const inputs = step.inputs.map(tensor => (step.op === 'map' ? this.asOperand(tensor) : this.asRows(tensor)))
    const { output } = step
    const follows = inputs.some(tensor => this.channelsLast.has(tensor) && sameShape(tensor.shape, output.shape))
    if (follows || this.activations.has(output)) this.markChannels(output)
    this.push({ ...step, inputs })
  }

  /** A reduction of operands in any layout to row-major results; sums over all positions of a volume go in parts. */
  private addReduce(step: FusedStep): void {
    const { axes, fn } = step.attributes as ReduceAttributes
    const reader = this.momentPlan.readers.get(step.output)
    const moments = reader && this.moments.get(reader.volume)
    if (moments) {
      this.push(this.fromMoments(step, reader, moments))
      return
    }
    const shape = step.prologue?.shape ?? step.inputs[0].shape
    const inputs = step.inputs.map(tensor => this.asOperand(tensor))
    const whole = { ...this.withRowEpilogue(step), inputs }
    const volume = inputs.some(tensor => this.channelsLast.has(tensor) && sameShape(tensor.shape, shape))
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
      attributes: step.attributes,
      shape: [shape[0] * parts, shape[1]],
      dtype: 'f32',
      label: step.output.label && `${step.output.label} (partial)`,
    })
    this.push({ ...bare, parts, output: partial })
    this.push({
      op: 'reduce',
      attributes: { fn, axes: [0], keepDims: false },
      inputs: [partial],
      ...(epilogue && { epilogue }),
      output: step.output,
    })
  }

  /** A reduction of the moments' parts in place of one of their volume. */
  private fromMoments(step: FusedStep, reader: MomentReader, { kind, first, second, counts }: CountedMoments): Step {
    const { prologue: _, ...bare } = this.withRowEpilogue(step)
    const attributes: ReduceAttributes = { fn: 'sum', axes: [0], keepDims: false }
    if (kind === 'products' || reader.kind === 'products') {
      return { ...bare, attributes, inputs: [reader.kind === 'sums' ? first : second] }
    }
    const expression = fromParts[reader.kind]
    const center = reader.kind === 'sums' ? [] : [this.asPerChannel(reader.around)]
    const inputs = [first, counts, ...center, second].slice(0, inputsOf(expression).length)
    return { ...bare, attributes, inputs, prologue: { expression, shape: first.shape } }
  }

  /** A value of one number per channel as `[C]`. */
  private asPerChannel(tensor: Tensor): Tensor {
    return apply(opTable.reshape, [this.asRows(tensor)], { shape: [sizeOf(tensor.shape)] })
  }

  private addRows(step: FusedStep): void {
    this.push(this.withRowEpilogue({ ...step, inputs: step.inputs.map(tensor => this.asRows(tensor)) }))
  }

  private withEpilogue(step: FusedStep): FusedStep {
    const { epilogue } = step
    if (!epilogue) return step
    return { ...step, epilogue: { ...epilogue, inputs: epilogue.inputs.map(tensor => this.asOperand(tensor)) } }
  }

  private markChannels(tensor: Tensor): void {
    if (isVolume(tensor.shape)) this.channelsLast.add(tensor)
  }

  /** The value channels last; the value itself where both orders are the same. */
  private asChannels(tensor: Tensor): Tensor {
    const operand = this.asOperand(tensor)
    if (!isVolume(tensor.shape) || this.channelsLast.has(operand)) return operand
    const known = this.packed.get(operand)
    if (known) return known
    const step = copyStep(operand)
    this.packed.set(operand, step.output)
    this.channelsLast.add(step.output)
    this.push(step)
    return step.output
  }

  /** The value in any layout: a view of a volume in another shape is a view of its rows. */
  private asOperand(tensor: Tensor): Tensor {
    const storage = storageOf(tensor)
    if (!this.channelsLast.has(storage)) return tensor
    return sameShape(storage.shape, tensor.shape) ? storage : this.asRows(tensor)
  }

  protected override asRows(tensor: Tensor): Tensor {
    const storage = storageOf(tensor)
    if (!this.channelsLast.has(storage)) return tensor
    if (!sameShape(storage.shape, tensor.shape)) {
      return apply(opTable.reshape, [this.asRows(storage)], { shape: tensor.shape })
    }
    const known = this.unpacked.get(storage)
    if (known) return known
    const step = copyStep(storage)
    this.unpacked.set(storage, step.output)
    this.push(step)
    return step.output
  }

  protected override multiplyAdds(step: Step): number {
    if (step.op === 'stage') return 0
    return this.work.get(step) ?? super.multiplyAdds(step)
  }
}
