/**
 * The op table: every operation by name, and the types that follow from it.
 *
 * An operation that lacks a facet does not satisfy `Op` and does not compile. A backend declared as
 * `satisfies { [K in OpName]: Kernel<AttributesOf<K>> }` does not compile if it lacks an operation.
 */
import type { Op } from './op.ts'
import { argmaxOp } from './ops/argmax.ts'
import { averagePool2dGradientOp, averagePool2dOp } from './ops/averagePool2d.ts'
import { concatOp } from './ops/concat.ts'
import { conv2dInputGradientOp, conv2dOp, conv2dWeightGradientOp } from './ops/conv2d.ts'
import { gatherOp, scatterAddOp } from './ops/gather.ts'
import { incrementOp } from './ops/increment.ts'
import { mapOp } from './ops/map.ts'
import { matmulOp } from './ops/matmul.ts'
import { maxPool2dGradientOp, maxPool2dOp, maxPool2dRouteOp, maxPool2dSwitchesOp } from './ops/maxPool2d.ts'
import { oneHotOp } from './ops/oneHot.ts'
import { padOp } from './ops/pad.ts'
import { randomOp } from './ops/random.ts'
import { reduceOp } from './ops/reduce.ts'
import { reshapeOp } from './ops/reshape.ts'
import { sliceOp } from './ops/slice.ts'
import { softmaxCrossEntropyGradientOp, softmaxCrossEntropyOp } from './ops/softmaxCrossEntropy.ts'
import { transposeOp } from './ops/transpose.ts'
import type { Tensor } from './tensor.ts'

/** All operations, by their names. */
export const opTable = {
  argmax: argmaxOp,
  averagePool2d: averagePool2dOp,
  averagePool2dGradient: averagePool2dGradientOp,
  concat: concatOp,
  conv2d: conv2dOp,
  conv2dInputGradient: conv2dInputGradientOp,
  conv2dWeightGradient: conv2dWeightGradientOp,
  gather: gatherOp,
  increment: incrementOp,
  map: mapOp,
  matmul: matmulOp,
  maxPool2d: maxPool2dOp,
  maxPool2dGradient: maxPool2dGradientOp,
  maxPool2dRoute: maxPool2dRouteOp,
  maxPool2dSwitches: maxPool2dSwitchesOp,
  oneHot: oneHotOp,
  pad: padOp,
  random: randomOp,
  reduce: reduceOp,
  reshape: reshapeOp,
  scatterAdd: scatterAddOp,
  slice: sliceOp,
  softmaxCrossEntropy: softmaxCrossEntropyOp,
  softmaxCrossEntropyGradient: softmaxCrossEntropyGradientOp,
  transpose: transposeOp,
} as const satisfies Record<string, Op<never>>

/** Name of an operation. */
export type OpName = keyof typeof opTable

/** Type of the attributes of an operation. */
export type AttributesOf<K extends OpName> = (typeof opTable)[K] extends Op<infer A> ? A : never

/** True when `name` is an operation of the table (and not `source`). */
export function isOpName(name: string): name is OpName {
  return Object.hasOwn(opTable, name)
}

/** True when the tensor applies the named operation; its attributes then have that operation's type. */
export function isApplicationOf<K extends OpName>(
  tensor: Tensor,
  name: K,
): tensor is Tensor & { readonly op: K; readonly attributes: AttributesOf<K> } {
  return tensor.op === name
}

/** The operation with a name; it accepts only attributes of its own type. */
export function opNamed(name: OpName): Op<unknown> {
  return opTable[name] as Op<unknown>
}

/**
 * The operation that computes a tensor; it accepts that tensor's attributes.
 * @throws Error when the tensor is a source (an input, variable or constant), which no operation computes.
 */
export function opOf(tensor: Tensor): Op<unknown> {
  if (!isOpName(tensor.op)) {
    throw new Error(`${tensor.label ?? `tensor ${tensor.id}`}: no operation is called '${tensor.op}'`)
  }
  return opNamed(tensor.op)
}
