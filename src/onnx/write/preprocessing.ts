/** The preprocessing of image bytes: in the file or, when the file begins after it, in its metadata. */
import type { Operand } from '../../graph/ops/map.ts'
import { input } from '../../graph/sources.ts'
import { substituteTensors } from '../../graph/substitute.ts'
import { isApplicationOf } from '../../graph/table.ts'
import { type Tensor, topologicalOrder } from '../../graph/tensor.ts'
import { OnnxError } from '../errors.ts'
import { binaryOf } from './match.ts'
import { BatchTrace, type Traced } from './sizes.ts'

/** What the metadata say: pixels become (x / 255 − mean) / std, one number for each channel. */
export interface Preprocessing {
  readonly where: 'inside' | 'outside'
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** The value that a network's preprocessing makes of bytes. */
interface Normalized {
  readonly value: Tensor
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * The graph of a network that takes bytes, with its preprocessing or without it.
 * @throws OnnxError when it should be left out but is more than a mean and a deviation for each channel
 */
export function cutPreprocessing(
  make: (batch: number) => Traced,
  batch: number | undefined,
  where: 'inside' | 'outside',
): { readonly trace: BatchTrace; readonly preprocessing: Preprocessing } {
  if (where === 'inside') {
    const found = normalizedOf(make(batch ?? 1))
    const numbers = found && { mean: found.mean, std: found.std }
    return { trace: new BatchTrace(make, batch), preprocessing: { where, ...numbers } }
  }
  const { mean, std } = cut(make(batch ?? 1)).found
  return { trace: new BatchTrace(size => cut(make(size)).traced, batch), preprocessing: { where, mean, std } }
}

/** The graph from the normalized pixels on. */
function cut(traced: Traced): { readonly traced: Traced; readonly found: Normalized } {
  const found = normalizedOf(traced)
  if (!found) {
    throw new OnnxError(
      "preprocessing 'outside': this network's is more than a mean and a deviation for each channel, which is all that metadata could say: export it with 'inside'",
    )
  }
  const [[name]] = traced.inputs
  const begin = input(name, found.value.shape, { batched: true })
  const outputs = substituteTensors([...traced.outputs.values()], new Map([[found.value, begin]]))
  const names = [...traced.outputs.keys()]
  return {
    traced: { inputs: new Map([[name, begin]]), outputs: new Map(outputs.map((output, k) => [names[k], output])) },
    found,
  }
}

function normalizedOf({ inputs, outputs }: Traced): Normalized | undefined {
  const [images] = inputs.values()
  for (const value of topologicalOrder(outputs.values())) {
    const found = scaledPixels(value, images) ?? centeredPixels(value, images)
    if (found) return found
  }
  return undefined
}

/** x · scale + shift, with scale = 1 / (255 std) and shift = −mean / std: what `normalize` computes. */
function scaledPixels(value: Tensor, images: Tensor): Normalized | undefined {
  const [scaled, shift] = binaryOf(value, 'add') ?? []
  const [planes, scale] = typeof scaled === 'object' ? (binaryOf(scaled, 'mul') ?? []) : []
  const [scales, shifts] = [numbersOf(scale, value), numbersOf(shift, value)]
  if (!scales || !shifts || !arePlanes(planes, images)) return undefined
  const std = scales.map(number => 1 / (255 * number))
  return { value, std: std.map(rounded), mean: shifts.map((number, c) => rounded(-number * std[c])) }
}

/** (x / 255 − mean) · scale: what `standardize` computes. */
function centeredPixels(value: Tensor, images: Tensor): Normalized | undefined {
  const [centered, scale] = binaryOf(value, 'mul') ?? []
  const [pixels, mean] = typeof centered === 'object' ? (binaryOf(centered, 'sub') ?? []) : []
  const [planes, unit] = typeof pixels === 'object' ? (binaryOf(pixels, 'mul') ?? []) : []
  const [scales, means] = [numbersOf(scale, value), numbersOf(mean, value)]
  if (!scales || !means || unit !== 1 / 255 || !arePlanes(planes, images)) return undefined
  return { value, mean: means.map(rounded), std: scales.map(number => rounded(1 / number)) }
}

/** Bytes with their channels in front. */
function arePlanes(operand: Operand | undefined, images: Tensor): boolean {
  if (typeof operand !== 'object' || operand.inputs[0] !== images || operand.shape.length !== 4) return false
  if (operand.op === 'reshape') return images.shape[3] === 1
  return isApplicationOf(operand, 'transpose') && operand.attributes.permutation.join() === '0,3,1,2'
}

/** A number for each channel of `value`, as a number, constant or buffer. */
function numbersOf(operand: Operand | undefined, { shape: [, channels] }: Tensor): number[] | undefined {
  if (typeof operand === 'number') return new Array<number>(channels).fill(operand)
  const source = operand?.source
  const values = source?.kind === 'constant' ? source.values : source?.kind === 'variable' && source.variable.value
  return values && values.length === channels ? Array.from(values) : undefined
}

/** Without the last digits, which are rounding errors of the reciprocal. */
const rounded = (value: number): number => Number(value.toPrecision(12))
