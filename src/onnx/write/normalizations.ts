/** Normalizations, each a single operator in ONNX and a formula in Fovea. */
import type { Operand } from '../../graph/ops/map.ts'
import { logSoftmax, softmax } from '../../graph/ops/softmax.ts'
import { sameShape, sizeOf } from '../../graph/shape.ts'
import { isApplicationOf } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { LocalResponseNorm } from '../../nn/localResponseNorm.ts'
import { inference } from '../../nn/module.ts'
import { standardize } from '../../nn/normalization.ts'
import { float } from './attributes.ts'
import { constantsOf } from './expressions.ts'
import {
  asTensor,
  beforeReshape,
  binaryOf,
  bothOrders,
  channelNumbers,
  expressionOf,
  isInGraph,
  partOf,
  sameGraph,
  unaryOf,
} from './match.ts'
import { oneNode, type Recognized, type Rule } from './rule.ts'
import type { BatchTrace } from './sizes.ts'

/** Batch normalization by running averages: γ (x − μ) / √(σ² + ε) + β, with a number of each for each channel. */
export interface BatchNormParts {
  readonly x: Tensor
  readonly gamma: Tensor | undefined
  readonly beta: Tensor | undefined
  readonly mean: Tensor
  readonly variance: Tensor
  readonly eps: number
  readonly channels: number
}

/**
 * Recognizes x · scale + shift with scale = γ / √(σ² + ε) and shift = β − μ · scale, each of these two as one operation or as
 * several.
 */
export function batchNormOf(tensor: Tensor): BatchNormParts | undefined {
  const [scaled, shiftAlong] = binaryOf(tensor, 'add') ?? []
  const [x, scaleAlong] = binaryOf(asTensor(scaled), 'mul') ?? []
  if (!x || typeof x === 'number' || x.shape.length < 2) return undefined
  const [channels, rank] = [x.shape[1], x.shape.length]
  const [scale, shift] = [scaleAlong, shiftAlong].map(numbers => channelNumbers(numbers, channels, rank))
  const [gamma, deviation] = binaryOf(scale, 'div', partOf) ?? []
  const [variance, eps] = binaryOf(unaryOf(asTensor(deviation), 'sqrt', partOf), 'add', partOf) ?? []
  if (!scale || !shift || !variance || typeof variance === 'number' || typeof eps !== 'number') return undefined
  const found = shiftOf(shift, scale)
  if (!found || (typeof gamma === 'number' && gamma !== 1)) return undefined
  const parts = { x, gamma: asTensor(gamma), ...found, variance, eps, channels }
  const isVector = (v: Tensor | undefined): boolean => !v || (isInGraph(v) && sameShape(v.shape, [channels]))
  return [parts.gamma, parts.beta, parts.mean, variance].every(isVector) ? parts : undefined
}

/** β and μ, of β − μ · scale, or of μ · −scale. */
function shiftOf(shift: Tensor, scale: Tensor): Pick<BatchNormParts, 'beta' | 'mean'> | undefined {
  const [beta, product] = binaryOf(shift, 'sub', partOf) ?? []
  const [mean, factor] = binaryOf(beta === undefined ? shift : asTensor(product), 'mul', partOf) ?? []
  const isScale = beta === undefined ? unaryOf(asTensor(factor), 'neg', partOf) === scale : factor === scale
  if (!isScale || !mean || typeof mean === 'number' || typeof beta === 'number') return undefined
  return { beta, mean }
}

const batchNorm: Rule = tensor => {
  const parts = batchNormOf(tensor)
  if (!parts) return undefined
  const { x, gamma, beta, mean, variance, eps, channels } = parts
  return {
    reads: [x, mean, variance, ...[gamma, beta].filter(part => part !== undefined)],
    write: writer => {
      const filled = (part: Tensor | undefined, value: number) =>
        part ? writer.of(part) : writer.constant(new Array(channels).fill(value), [channels])
      const inputs = [writer.float(x), filled(gamma, 1), filled(beta, 0), writer.of(mean), writer.of(variance)]
      return writer.add('BatchNormalization', inputs, { epsilon: float(eps) })
    },
  }
}

/** A value with what scales and shifts it, where something does: `value · scale + shift`. */
interface Scaled {
  readonly value: Tensor
  readonly scale?: Operand
  readonly shift?: Operand
}

/** All ways to read a value as something that is scaled and shifted, the longest first. */
function* scalings(tensor: Tensor): Generator<Scaled> {
  for (const [sum, shift] of bothOrders(binaryOf(tensor, 'add') ?? [0, 0])) {
    if (typeof sum === 'number') continue
    for (const [value, scale] of bothOrders(binaryOf(sum, 'mul') ?? [0, 0]))
      if (typeof value !== 'number') yield { value, scale, shift }
    yield { value: sum, shift }
  }
  for (const [value, scale] of bothOrders(binaryOf(tensor, 'mul') ?? [0, 0]))
    if (typeof value !== 'number') yield { value, scale }
  yield { value: tensor }
}

/** x, of (x − μ) / √(σ² + ε) over some axes whose sizes do not depend on the batch. */
function standardizedOf(
  tensor: Tensor,
  trace: BatchTrace,
): { readonly x: Tensor; readonly axes: readonly number[]; readonly eps: number } | undefined {
  const [left] = binaryOf(tensor, 'sub') ?? []
  const [centered, inverse] = binaryOf(asTensor(left), 'mul') ?? []
  const [x, average] = binaryOf(asTensor(centered), 'sub') ?? []
  const [, deviation] = binaryOf(asTensor(inverse), 'div') ?? []
  const [, eps] = binaryOf(unaryOf(asTensor(deviation), 'sqrt'), 'add') ?? []
  if (!x || typeof x === 'number' || !average || typeof average === 'number' || typeof eps !== 'number')
    return undefined
  const axes = x.shape.flatMap((size, axis) => (size !== average.shape[axis] ? [axis] : []))
  const isSteady = axes.every(axis => typeof trace.sizesOf(x)[axis] === 'number')
  if (axes.length === 0 || !isSteady || !sameGraph(tensor, standardize(x, axes, eps))) return undefined
  return { x, axes, eps }
}

const layerNorm: Rule = (tensor, trace) => {
  for (const { value, scale, shift } of scalings(tensor)) {
    const found = standardizedOf(value, trace)
    if (!found) continue
    const { x, axes, eps } = found
    const first = x.shape.length - axes.length
    const shape = x.shape.slice(first)
    const fits = (operand: Operand | undefined): boolean =>
      operand === undefined || (typeof operand !== 'number' && sameShape(operand.shape, shape))
    if (axes[0] !== first || !fits(scale) || !fits(shift)) continue
    const attributes = { axis: -axes.length, epsilon: float(eps) }
    return scaledNode('LayerNormalization', x, shape, asTensor(scale), asTensor(shift), attributes)
  }
  return undefined
}

/** A normalization whose scale ONNX requires. */
function scaledNode(
  op: string,
  x: Tensor,
  shape: readonly number[],
  scale: Tensor | undefined,
  shift: Tensor | undefined,
  attributes: Parameters<typeof oneNode>[2],
): Recognized {
  return {
    reads: [x, scale, shift].filter(part => part !== undefined),
    write: writer => {
      const numbers = (part: Tensor | undefined, value: number) =>
        part ? writer.of(part) : writer.constant(new Array(sizeOf(shape)).fill(value), shape)
      return writer.add(op, [writer.float(x), numbers(scale, 1), numbers(shift, 0)], attributes)
    },
  }
}

/** Each channel of each sample, or each of some groups: Fovea has the positions in one axis. */
const instanceNorm: Rule = (tensor, trace) => {
  for (const { value, scale, shift } of scalings(tensor)) {
    const [rows] = value.op === 'reshape' ? value.inputs : [value]
    const found = rows && standardizedOf(rows, trace)
    if (!rows || found?.axes.join() !== '2' || rows.shape.length !== 3 || !hasFixedChannels(rows, trace)) continue
    const { eps } = found
    const groups = rows.shape[1]
    const image = beforeReshape(found.x, value.shape)
    const [x, channels] = image && value.shape[1] === groups ? [image, groups] : [found.x, groups]
    const [gamma, beta] = [scale, shift].map(numbers => channelNumbers(numbers, channels, x.shape.length))
    if ((scale !== undefined && !gamma) || (shift !== undefined && !beta) || !sameShape(x.shape, tensor.shape)) continue
    return scaledNode('InstanceNormalization', x, [channels], gamma, beta, { epsilon: float(eps) })
  }
  return undefined
}

const hasFixedChannels = (x: Tensor, trace: BatchTrace): boolean => typeof trace.sizesOf(x)[1] === 'number'

const softmaxes: Rule = tensor => {
  const [powers] = binaryOf(tensor, 'div') ?? []
  const [shifted] = powers === undefined ? (binaryOf(tensor, 'sub') ?? []) : [unaryOf(asTensor(powers), 'exp')]
  const [x, largest] = binaryOf(asTensor(shifted), 'sub') ?? []
  const [reduced] = asTensor(largest)?.inputs ?? []
  if (!x || typeof x === 'number' || !reduced || !isApplicationOf(reduced, 'reduce')) return undefined
  const [axis] = reduced.attributes.axes
  const isLog = powers === undefined
  if (!sameGraph(tensor, isLog ? logSoftmax(x, axis) : softmax(x, axis))) return undefined
  return oneNode(isLog ? 'LogSoftmax' : 'Softmax', [x], { axis })
}

/** The exponents with a special form in Fovea's layer, and those that are written as an expression. */
const quarters = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]

/** Local response normalization over an odd number of channels; ONNX places an even one otherwise. */
const localResponseNorm: Rule = tensor => {
  const [x, average] = tensor.inputs
  const e = expressionOf(tensor)
  const pooled = average?.op === 'reshape' ? average.inputs[0] : average
  if (
    !e ||
    tensor.shape.length !== 4 ||
    tensor.inputs.length !== 2 ||
    !pooled ||
    !isApplicationOf(pooled, 'averagePool2d')
  )
    return undefined
  const size = pooled.attributes.kernel[0]
  if (size % 2 === 0) return undefined
  const constants = constantsOf(e)
  for (const k of constants) {
    for (const alpha of constants) {
      for (const beta of [...quarters, ...constants.map(value => -value)]) {
        if (!(k > 0 && alpha >= 0)) continue
        const layer = new LocalResponseNorm(size, { k, alpha, beta, divideAlphaBySize: true })
        if (!sameGraph(tensor, layer.forward(x, inference()))) continue
        return oneNode('LRN', [x], { size, alpha: float(alpha), beta: float(beta), bias: float(k) })
      }
    }
  }
  return undefined
}

/** Recognizes normalizations. */
export const normalizations: readonly Rule[] = [batchNorm, instanceNorm, layerNorm, softmaxes, localResponseNorm]
