/**
 * Lowering: from a step of the plan to calls of kernels. One entry per operation; the table's type makes a missing
 * operation a compile error.
 */

import { bytesPerElement, type Shape, sizeOf } from '../../graph/shape.ts'
import type { AttributesOf, OpName } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Group, Plan } from '../../plan/plan.ts'
import type { Step } from '../../plan/steps.ts'
import type { Operand } from './access.ts'
import type { Kernel } from './kernel.ts'
import { argmaxKernel } from './kernels/argmax.ts'
import { averagePoolGradientKernel, averagePoolKernel } from './kernels/averagePool.ts'
import { byteStrides, copyKernel, padKernel, sliceNest, transposeNest } from './kernels/copy.ts'
import { type Correlation, correlateKernel } from './kernels/correlate.ts'
import { type EpilogueSpec, plainStore } from './kernels/epilogue.ts'
import { gatherKernel, scatterAddKernel } from './kernels/gather.ts'
import { mapKernel, mapNest } from './kernels/map.ts'
import { matmulKernel } from './kernels/matmul.ts'
import { maxPoolGradientKernel, maxPoolKernel, maxPoolRouteKernel } from './kernels/maxPool.ts'
import { oneHotKernel } from './kernels/oneHot.ts'
import { randomKernel } from './kernels/random.ts'
import { reduceKernel } from './kernels/reduce.ts'
import { softmaxCrossEntropyGradientKernel, softmaxCrossEntropyKernel } from './kernels/softmax.ts'
import { weightGradientKernel } from './kernels/weightGradient.ts'

/** The address of a value, plus bytes. */
export interface AddressOf {
  readonly tensor: Tensor
  readonly offset: number
}

/** One call of a kernel. */
export interface KernelCall {
  readonly kernel: Kernel
  readonly addresses: readonly AddressOf[]
}

/** A step as its lowering sees it: operands in the layout and (block by block) in the size they have there. */
class StepView<K extends OpName = OpName> {
  readonly attributes: AttributesOf<K>
  readonly step: Step
  private readonly plan: Plan
  private readonly blocked: boolean

  constructor(plan: Plan, group: Group, step: Step) {
    this.plan = plan
    this.step = step
    this.blocked = group.kind === 'blocked'
    this.attributes = step.attributes as AttributesOf<K>
  }

  /** Input number `index`. */
  input(index: number): Operand {
    return this.operand(this.step.inputs[index])
  }

  get inputs(): Operand[] {
    return this.step.inputs.map(tensor => this.operand(tensor))
  }

  /** The result; of a partial sum, the part of one block. */
  get output(): Operand {
    const operand = this.operand(this.step.output)
    return this.step.partial ? { ...operand, shape: operand.shape.slice(1) } : operand
  }

  get epilogue(): EpilogueSpec {
    const { epilogue } = this.step
    if (!epilogue) return plainStore
    return { expression: epilogue.expression, operands: epilogue.inputs.map(tensor => this.operand(tensor)) }
  }

  /** A call with the addresses of all inputs, of the epilogue's inputs and of all outputs, in that order. */
  call(kernel: Kernel): KernelCall[] {
    const { inputs, epilogue, output, switches } = this.step
    const tensors = [...inputs, ...(epilogue?.inputs ?? []), output, ...(switches ? [switches] : [])]
    return [{ kernel, addresses: tensors.map(tensor => ({ tensor, offset: 0 })) }]
  }

  /** Samples per block of the result; 1 for row-major volumes, which are blocks of one. */
  get block(): number {
    return this.output.block || 1
  }

  private operand(tensor: Tensor): Operand {
    const value = this.plan.value(tensor)
    const block = value?.layout === 'blocked' ? this.plan.block : 0
    const { dtype } = tensor
    const own = this.step.output === tensor || this.step.switches === tensor
    if (!this.blocked || !(own || this.plan.slices(this.step, tensor))) return { shape: tensor.shape, dtype, block }
    const [samples, ...rest] = tensor.shape
    return { shape: [samples / this.plan.blocks, ...rest], dtype, block }
  }
}

type Lowering<K extends OpName> = (view: StepView<K>) => KernelCall[]

/** A convolution, or its gradient to the input: one kernel. */
function correlate(
  view: StepView<'conv2d'> | StepView<'conv2dInputGradient'>,
  direction: Correlation['direction'],
): KernelCall[] {
  return view.call(
    correlateKernel({
      direction,
      window: view.attributes,
      groups: view.attributes.groups,
      x: view.input(0),
      weights: view.input(1),
      y: view.output,
      epilogue: view.epilogue,
    }),
  )
}

const lowerings: { readonly [K in OpName]: Lowering<K> } = {
  map: view => {
    const { output } = view
    // Only copies keep another type than f32; their bits are moved as they are.
    if (output.dtype !== 'f32') return view.call(copyKernel(output.dtype, mapNest(view.inputs, output)))
    return view.call(mapKernel(view.attributes.expression, view.inputs, output))
  },
  matmul: view => view.call(matmulKernel(view.attributes, view.input(0), view.input(1), view.output, view.epilogue)),
  conv2d: view => correlate(view, 'forward'),
  conv2dInputGradient: view => correlate(view, 'inputGradient'),
  conv2dWeightGradient: view =>
    view.call(
      weightGradientKernel(
        view.attributes,
        view.input(0),
        view.input(1),
        view.output.shape as readonly [number, number, number, number],
      ),
    ),
  maxPool2d: view =>
    view.call(
      maxPoolKernel(
        view.attributes,
        view.block,
        view.input(0).shape,
        view.output.shape,
        { values: true, switches: view.step.switches !== undefined },
        view.epilogue,
      ),
    ),
  maxPool2dSwitches: view =>
    view.call(
      maxPoolKernel(view.attributes, view.block, view.input(0).shape, view.output.shape, {
        values: false,
        switches: true,
      }),
    ),
  maxPool2dGradient: view =>
    view.call(maxPoolGradientKernel(view.attributes, view.block, view.input(0).shape, view.output.shape)),
  maxPool2dRoute: view => view.call(maxPoolRouteKernel(view.block, view.input(0).shape, view.output.shape)),
  averagePool2d: view =>
    view.call(averagePoolKernel(view.attributes, view.block, view.input(0).shape, view.output.shape, view.epilogue)),
  averagePool2dGradient: view =>
    view.call(averagePoolGradientKernel(view.attributes, view.block, view.input(0).shape, view.output.shape)),
  reduce: view =>
    view.call(reduceKernel(view.attributes.fn, view.attributes.axes, view.input(0), view.output, view.epilogue)),
  argmax: view => view.call(argmaxKernel(view.input(0), view.attributes)),
  // Views: no step ever applies them.
  reshape: () => [],
  transpose: view => {
    const x = view.input(0)
    const { permutation } = view.attributes
    if (x.block > 0) {
      // Within a block the samples stay innermost; the axes between move.
      const inner = blockShape(x)
      const order = [...permutation.map(axis => axis), x.shape.length]
      return view.call(copyKernel(x.dtype, transposeNest(inner, x.dtype, order)))
    }
    return view.call(copyKernel(x.dtype, transposeNest(x.shape, x.dtype, permutation)))
  },
  slice: view => {
    const x = view.input(0)
    const attributes = x.block > 0 ? withBlockAxis(view.attributes, x) : view.attributes
    const shape = x.block > 0 ? blockShape(x) : x.shape
    const result = x.block > 0 ? blockShape(view.output) : view.output.shape
    const { nest, offset } = sliceNest(shape, x.dtype, attributes, result)
    const [{ kernel, addresses }] = view.call(copyKernel(x.dtype, nest))
    return [{ kernel, addresses: [{ ...addresses[0], offset }, addresses[1]] }]
  },
  pad: view => {
    const x = view.input(0)
    if (x.block === 0) return view.call(padKernel(view.attributes, x.shape, view.output.shape))
    const { before, after, interior, value } = view.attributes
    const extended = { before: [...before, 0], after: [...after, 0], interior: [...interior, 0], value }
    return view.call(padKernel(extended, blockShape(x), blockShape(view.output)))
  },
  concat: view => {
    const { axis } = view.attributes
    const output = view.output
    const shape = output.block > 0 ? blockShape(output) : output.shape
    const target = byteStrides(shape, 'f32')
    let start = 0
    return view.inputs.map((operand, k) => {
      const part = operand.block > 0 ? blockShape(operand) : operand.shape
      const offset = start * target[axis]
      start += part[axis]
      return {
        kernel: mapCopy(part, target),
        addresses: [
          { tensor: view.step.inputs[k], offset: 0 },
          { tensor: view.step.output, offset },
        ],
      }
    })
  },
  gather: view => {
    const x = view.input(0)
    const shape = x.block > 0 ? blockShape(x) : x.shape
    return view.call(gatherKernel(x.dtype, shape, view.attributes, view.input(1).shape[0]))
  },
  scatterAdd: view => view.call(scatterAddKernel(view.input(0).shape, view.attributes)),
  oneHot: view => view.call(oneHotKernel(view.output)),
  softmaxCrossEntropy: view => view.call(softmaxCrossEntropyKernel(view.input(0))),
  softmaxCrossEntropyGradient: view => view.call(softmaxCrossEntropyGradientKernel(view.input(0))),
  random: view => view.call(randomKernel(view.attributes)),
}

/** `[N / b, ...rest, b]` as one row-major shape. */
function blockShape({ shape, block }: Operand): number[] {
  return [shape[0] / block, ...shape.slice(1), block]
}

function withBlockAxis({ starts, ends, steps }: AttributesOf<'slice'>, x: Operand): AttributesOf<'slice'> {
  return { starts: [...starts, 0], ends: [x.shape[0] / x.block, ...ends.slice(1), x.block], steps: [...steps, 1] }
}

function mapCopy(part: Shape, target: readonly number[]): Kernel {
  return copyKernel('f32', { sizes: part, strides: [byteStrides(part, 'f32'), target] })
}

/** The kernel calls of a step. */
export function lower(plan: Plan, group: Group, step: Step): KernelCall[] {
  const lowering = lowerings[step.op] as Lowering<OpName>
  return lowering(new StepView(plan, group, step))
}

/** Bytes by which the address of an operand advances from block to block in a blocked group; 0 for shared operands. */
export function blockStride(plan: Plan, step: Step, tensor: Tensor): number {
  const own = step.output === tensor || step.switches === tensor
  if (!own && !plan.slices(step, tensor)) return 0
  return (sizeOf(tensor.shape) / plan.blocks) * bytesPerElement[tensor.dtype]
}
