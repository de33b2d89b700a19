/**
 * Lowering: from a step of the plan to calls of kernels. One entry per operation; the table's type makes a missing
 * operation a compile error.
 */

import { input } from '../../graph/expression.ts'
import { byteSizeOf, type Shape } from '../../graph/shape.ts'
import type { AttributesOf, OpName } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { StepOf, StepPlan } from '../../plan/step.ts'
import type { Operand } from '../cpu/access.ts'
import type { ConvolutionForm, CpuForm, CpuGroup, CpuPlan, CpuStep, StageForm } from '../cpu/layouts/form.ts'
import { asVolume } from '../cpu/layouts/matrixProduct.ts'
import type { Vectors } from './emit/lanes.ts'
import type { Kernel } from './kernel.ts'
import { kernelsOf } from './kernels/channels/methods.ts'
import { type Correlation, correlateKernel } from './kernels/samples/correlate.ts'
import { weightGradientKernel } from './kernels/samples/weightGradient.ts'
import { argmaxKernel } from './kernels/shared/argmax.ts'
import { averagePoolGradientKernel, averagePoolKernel } from './kernels/shared/averagePool.ts'
import { byteStrides, copyKernel, padKernel, sliceNest, transposeNest } from './kernels/shared/copy.ts'
import { type EpilogueSpec, plainStore } from './kernels/shared/epilogue.ts'
import { gatherKernel, scatterAddKernel } from './kernels/shared/gather.ts'
import { incrementKernel } from './kernels/shared/increment.ts'
import { mapKernel, mapNest } from './kernels/shared/map.ts'
import { matmulKernel } from './kernels/shared/matmul.ts'
import { maxPoolGradientKernel, maxPoolKernel, maxPoolRouteKernel } from './kernels/shared/maxPool.ts'
import { oneHotKernel } from './kernels/shared/oneHot.ts'
import type { VolumeLayout } from './kernels/shared/poolFrame.ts'
import { randomKernel } from './kernels/shared/random.ts'
import { reduceKernel } from './kernels/shared/reduce.ts'
import { softmaxCrossEntropyGradientKernel, softmaxCrossEntropyKernel } from './kernels/shared/softmax.ts'

/** The address of a value plus an offset in bytes, or the address of the calling thread's workspace. */
export interface AddressOf {
  readonly tensor: Tensor | 'workspace'
  readonly offset: number
}

/** One call of a kernel. */
export interface KernelCall {
  readonly kernel: Kernel
  readonly addresses: readonly AddressOf[]
}

/** A step as its lowering sees it: operands in their layout and, in blocked groups, with the size of one block. */
class StepView<K extends OpName = OpName> {
  readonly attributes: AttributesOf<K>
  readonly step: StepOf<K> & StepPlan<CpuForm>
  /** The vectors that kernels are written for. */
  readonly vectors: Vectors
  readonly #plan: CpuPlan
  readonly #blocked: boolean

  constructor(plan: CpuPlan, group: CpuGroup, step: StepOf<K> & StepPlan<CpuForm>, vectors: Vectors) {
    this.#plan = plan
    this.vectors = vectors
    this.step = step
    this.#blocked = group.kind === 'blocked'
    this.attributes = step.attributes
  }

  /** Input number `index`. */
  input(index: number): Operand {
    return this.#operand(this.step.inputs[index])
  }

  get inputs(): Operand[] {
    return this.step.inputs.map(tensor => this.#operand(tensor))
  }

  /** The result; for a partial sum, the part of one block. */
  get output(): Operand {
    const operand = this.#operand(this.step.outputs[0])
    return this.step.form?.kind === 'perBlock' ? { ...operand, shape: operand.shape.slice(1) } : operand
  }

  get epilogue(): EpilogueSpec {
    const { epilogue } = this.step
    if (!epilogue) return plainStore
    return { expression: epilogue.expression, operands: epilogue.inputs.map(tensor => this.#operand(tensor)) }
  }

  /** The last kernel of a convolution whose volumes are stored channels last; absent for other layouts. */
  get convolution(): ConvolutionForm | undefined {
    const { form } = this.step
    return form?.kind === 'convolution' ? form : undefined
  }

  /**
   * A call with the addresses of all operands, of the inputs of the epilogue and the moments, of the workspace if the
   * kernel takes one, and of all outputs, in that order.
   * @throws Error when the kernel's number of addresses differs from the step's number of values.
   */
  call(kernel: Kernel): KernelCall[] {
    const { inputs, epilogue, outputs } = this.step
    const own = this.convolution?.operands ?? inputs.length
    const read = [...inputs.slice(0, own), ...(epilogue?.inputs ?? []), ...inputs.slice(own)]
    const workspace = kernel.workspace ? (['workspace'] as const) : []
    const operands = [...read, ...workspace, ...outputs]
    if (operands.length !== kernel.operands) {
      const kind = kernel.key.split(' ', 1)[0]
      throw new Error(
        `${this.step.op}: the kernel '${kind}' takes ${kernel.operands} addresses, got ${operands.length}`,
      )
    }
    return [{ kernel, addresses: operands.map(tensor => ({ tensor, offset: 0 })) }]
  }

  /** The layout of a pool's volumes; row-major ones are blocks of one sample. */
  get volumes(): VolumeLayout {
    const { block, channelsLast } = this.output
    // A pool over all positions leaves one position, for which both orders are the same.
    return { block: block || 1, channelsLast: Boolean(channelsLast || this.input(0).channelsLast) }
  }

  #operand(tensor: Tensor): Operand {
    const value = this.#plan.value(tensor)
    // A vector is the same in blocks and in rows; a vector that is a view of a blocked value is read as rows.
    const block = value?.layout === 'blocked' && tensor.shape.length > 1 ? this.#plan.block : 0
    const { dtype } = tensor
    if (value?.layout === 'channels last') return { shape: tensor.shape, dtype, block: 0, channelsLast: true }
    const own = this.step.outputs.includes(tensor)
    if (!this.#blocked || !(own || this.#plan.slices(this.step as CpuStep, tensor)))
      return { shape: tensor.shape, dtype, block }
    const [samples, ...rest] = tensor.shape
    return { shape: [samples / this.#plan.blocks, ...rest], dtype, block }
  }
}

type Lowering<K extends OpName> = (view: StepView<K>) => KernelCall[]

/** The last kernel of a convolution whose volumes are stored channels last. */
function finishConvolution(view: Pick<StepView, 'call' | 'epilogue'>, { task, method }: ConvolutionForm): KernelCall[] {
  return view.call(kernelsOf(task, method.name, method.tile).finish(view.epilogue))
}

/** A stage of such a convolution. */
function lowerStage(view: StepView, { task, method, stage }: StageForm): KernelCall[] {
  return view.call(kernelsOf(task, method.name, method.tile).stages[stage]())
}

/** A convolution or its input gradient: one kernel. */
function correlate(
  view: StepView<'conv2d'> | StepView<'conv2dInputGradient'>,
  direction: Correlation['direction'],
): KernelCall[] {
  if (view.convolution) return finishConvolution(view, view.convolution)
  return view.call(
    correlateKernel({
      direction,
      window: view.attributes,
      groups: view.attributes.groups,
      x: view.input(0),
      weights: view.input(1),
      y: view.output,
      epilogue: view.epilogue,
      vectors: view.vectors,
    }),
  )
}

const lowerings: { readonly [K in OpName]: Lowering<K> } = {
  map: view => {
    const { output } = view
    // Only copies keep types other than f32; their bits are moved unchanged.
    if (output.dtype !== 'f32') return view.call(copyKernel(output.dtype, mapNest(view.inputs, output)))
    return view.call(mapKernel(view.attributes.expression, view.inputs, output))
  },
  matmul: view => {
    const { convolution, epilogue } = view
    if (convolution) {
      const { task, method } = convolution
      const operands = epilogue.operands.map(asVolume)
      return view.call(kernelsOf(task, method.name, method.tile).finish({ ...epilogue, operands }))
    }
    return view.call(matmulKernel(view.attributes, view.input(0), view.input(1), view.output, epilogue, view.vectors))
  },
  conv2d: view => correlate(view, 'forward'),
  conv2dInputGradient: view => correlate(view, 'inputGradient'),
  conv2dWeightGradient: view => {
    if (view.convolution) return finishConvolution(view, view.convolution)
    const shape = view.output.shape as readonly [number, number, number, number]
    return view.call(weightGradientKernel(view.attributes, view.input(0), view.input(1), shape, view.vectors))
  },
  maxPool2d: view =>
    view.call(
      maxPoolKernel(
        view.attributes,
        view.volumes,
        view.input(0).shape,
        view.output.shape,
        { values: true, switches: view.step.outputs.length > 1 },
        view.epilogue,
      ),
    ),
  maxPool2dSwitches: view =>
    view.call(
      maxPoolKernel(view.attributes, view.volumes, view.input(0).shape, view.output.shape, {
        values: false,
        switches: true,
      }),
    ),
  maxPool2dGradient: view =>
    view.call(maxPoolGradientKernel(view.attributes, view.volumes, view.input(0).shape, view.output.shape)),
  maxPool2dRoute: view => view.call(maxPoolRouteKernel(view.volumes, view.input(0).shape, view.output.shape)),
  averagePool2d: view =>
    view.call(averagePoolKernel(view.attributes, view.volumes, view.input(0).shape, view.output.shape, view.epilogue)),
  averagePool2dGradient: view =>
    view.call(averagePoolGradientKernel(view.attributes, view.volumes, view.input(0).shape, view.output.shape)),
  reduce: view => {
    const { fn, axes } = view.attributes
    const { prologue, form } = view.step
    return view.call(
      reduceKernel({
        fn,
        axes,
        shape: prologue?.shape ?? view.input(0).shape,
        expression: prologue?.expression ?? input(0),
        operands: view.inputs,
        epilogue: view.epilogue,
        block: view.output.block,
        ...(form?.kind === 'parts' && { parts: form.parts }),
      }),
    )
  },
  argmax: view => view.call(argmaxKernel(view.input(0), view.attributes)),
  // Views: no step ever applies them.
  reshape: () => [],
  transpose: view => {
    const x = view.input(0)
    const { output } = view
    const { permutation } = view.attributes
    if (x.block > 0) {
      // Within a block, the samples stay innermost; the axes between move.
      return view.call(copyKernel(x.dtype, transposeNest(physicalShape(x), x.dtype, [...permutation, x.shape.length])))
    }
    const source = strideOfAxes(x)
    const along = (numbers: readonly number[]): number[] =>
      arrange(
        output,
        permutation.map(axis => numbers[axis]),
        0,
      )
    return view.call(copyKernel(x.dtype, { sizes: along(x.shape), strides: [along(source), physicalStrides(output)] }))
  },
  slice: view => {
    const x = view.input(0)
    const { starts, ends, steps } = view.attributes
    const attributes = {
      starts: arrange(x, starts, 0),
      ends: arrange(x, x.block > 0 ? [x.shape[0] / x.block, ...ends.slice(1)] : ends, x.block),
      steps: arrange(x, steps, 1),
    }
    const { nest, offset } = sliceNest(
      physicalShape(x),
      x.dtype,
      attributes,
      physicalShape({ ...view.output, channelsLast: x.channelsLast }),
    )
    const [{ kernel, addresses }] = view.call(copyKernel(x.dtype, nest))
    return [{ kernel, addresses: [{ ...addresses[0], offset }, addresses[1]] }]
  },
  pad: view => {
    const x = view.input(0)
    const { output } = view
    const order = { ...x, channelsLast: output.channelsLast }
    const { before, after, interior, value } = view.attributes
    const attributes = {
      before: arrange(order, before, 0),
      after: arrange(order, after, 0),
      interior: arrange(order, interior, 0),
      value,
    }
    return view.call(padKernel(attributes, physicalShape(order), physicalShape(output)))
  },
  concat: view => {
    const { output } = view
    const axis = arrange(
      output,
      output.shape.map((_, at) => at),
      -1,
    ).indexOf(view.attributes.axis)
    const target = physicalStrides(output)
    let start = 0
    return view.inputs.map((operand, k) => {
      const part = physicalShape({ ...operand, channelsLast: output.channelsLast })
      const offset = start * target[axis]
      start += part[axis]
      return {
        kernel: mapCopy(part, target),
        addresses: [
          { tensor: view.step.inputs[k], offset: 0 },
          { tensor: view.step.outputs[0], offset },
        ],
      }
    })
  },
  gather: view => {
    const x = view.input(0)
    return view.call(gatherKernel(x.dtype, physicalShape(x), view.attributes, view.input(1).shape[0]))
  },
  increment: view => view.call(incrementKernel(view.attributes.by, mapNest(view.inputs, view.output))),
  scatterAdd: view => view.call(scatterAddKernel(view.input(0).shape, view.attributes)),
  oneHot: view => view.call(oneHotKernel(view.output)),
  softmaxCrossEntropy: view => view.call(softmaxCrossEntropyKernel(view.input(0))),
  softmaxCrossEntropyGradient: view => view.call(softmaxCrossEntropyGradientKernel(view.input(0))),
  random: view => view.call(randomKernel(view.attributes)),
}

/** Numbers per logical axis, put into a value's memory order; `lane` belongs to the samples of a block. */
function arrange(operand: Operand, perAxis: readonly number[], lane: number): number[] {
  if (operand.channelsLast) return [perAxis[0], ...perAxis.slice(2), perAxis[1]]
  return operand.block > 0 ? [...perAxis, lane] : [...perAxis]
}

/** The value's memory as one row-major shape. */
function physicalShape(operand: Operand): number[] {
  const { shape, block } = operand
  return arrange(operand, block > 0 ? [shape[0] / block, ...shape.slice(1)] : shape, block)
}

const physicalStrides = (operand: Operand): number[] => byteStrides(physicalShape(operand), operand.dtype)

/** Bytes per step along each logical axis of a value without blocks. */
function strideOfAxes(operand: Operand): number[] {
  const strides = physicalStrides(operand)
  return operand.channelsLast ? [strides[0], strides[3], strides[1], strides[2]] : strides
}

function mapCopy(part: Shape, target: readonly number[]): Kernel {
  return copyKernel('f32', { sizes: part, strides: [byteStrides(part, 'f32'), target] })
}

/**
 * The kernel calls of a step.
 * @param vectors the vectors that kernels are written for
 */
export function lower(plan: CpuPlan, group: CpuGroup, step: CpuStep, vectors: Vectors): KernelCall[] {
  const view = new StepView(plan, group, step as StepOf<OpName> & StepPlan<CpuForm>, vectors)
  if (step.form?.kind === 'stage') return lowerStage(view, step.form)
  const lowering = lowerings[step.op] as Lowering<OpName>
  return lowering(view)
}

/** Bytes by which an operand's address advances from block to block in a blocked group; 0 for shared operands. */
export function blockStride(plan: CpuPlan, step: CpuStep, tensor: Tensor): number {
  if (!step.outputs.includes(tensor) && !plan.slices(step, tensor)) return 0
  return byteSizeOf(tensor) / plan.blocks
}
