/** All kernels. An operation without one is a compile error. */
import type { OpName } from '../../../graph/table.ts'
import type { DeviceStep } from '../pairs.ts'
import type { Dispatch } from '../wgsl/shader.ts'
import { conv2d, conv2dInputGradient, conv2dWeightGradient, matmul } from './convolutions.ts'
import { increment, map, oneHot, random } from './elementwise.ts'
import type { Hardware, Kernel, KernelTools } from './kernel.ts'
import { concat, gather, pad, reshape, scatterAdd, slice, transpose } from './movement.ts'
import {
  averagePool2d,
  averagePool2dGradient,
  maxPool2d,
  maxPool2dGradient,
  maxPool2dRoute,
  maxPool2dSwitches,
} from './pools.ts'
import { argmax, reduce, reduceWorkspace } from './reductions.ts'
import { softmaxCrossEntropy, softmaxCrossEntropyGradient } from './softmax.ts'
import { winograd } from './winograd.ts'

const kernels: { readonly [K in OpName]: Kernel<K> } = {
  argmax: { lower: argmax },
  averagePool2d: { lower: averagePool2d },
  averagePool2dGradient: { lower: averagePool2dGradient },
  concat: { lower: concat },
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  gather: { lower: gather },
  increment: { lower: increment },
  map: { lower: map },
  matmul,
  maxPool2d: { lower: maxPool2d },
  maxPool2dGradient: { lower: maxPool2dGradient },
  maxPool2dRoute: { lower: maxPool2dRoute },
  maxPool2dSwitches: { lower: maxPool2dSwitches },
  oneHot: { lower: oneHot },
  pad: { lower: pad },
  random: { lower: random },
  reduce: { lower: reduce, workspace: reduceWorkspace },
  reshape: { lower: reshape },
  scatterAdd: { lower: scatterAdd },
  slice: { lower: slice },
  softmaxCrossEntropy: { lower: softmaxCrossEntropy },
  softmaxCrossEntropyGradient: { lower: softmaxCrossEntropyGradient },
  transpose: { lower: transpose },
}

/** The kernel of a step. Its type does not follow the step's operation, so callers pass the same step. */
const kernelOf = ({ op, form }: DeviceStep): Kernel<never> =>
  (form?.kind === 'winograd' ? winograd : kernels[op]) as unknown as Kernel<never>

/**
 * The dispatches of a step.
 * @throws Error when the step binds more values than the device allows.
 */
export function lowerStep(step: DeviceStep, tools: KernelTools): readonly Dispatch[] {
  const dispatches = kernelOf(step).lower(step as never, tools)
  for (const { bindings } of dispatches) {
    if (bindings.length <= tools.mostBindings) continue
    throw new Error(
      `${step.op}: it binds ${bindings.length} values at once, this device at most ${tools.mostBindings}; compute it in several steps`,
    )
  }
  return dispatches
}

/** Bytes of scratch that a step needs. */
export const workspaceOf = (step: DeviceStep, hardware: Hardware): number =>
  kernelOf(step).workspace?.(step as never, hardware) ?? 0
