/**
 * Moments in the store of a convolution: batch normalization wants the sum of a volume over images and positions, and the sum
 * of the squares around some number per channel. Where the volume comes out of a convolution, its kernel stores
 * both in parts while the volume is in the cache, so that nothing reads it again for them:
 *
 *   Σ (x − a)² = Σ over parts of [squares + (sum − n a)² / n]
 *
 * with n positions in a part, `squares` taken around the mean of the part (Chan, Golub and LeVeque, 1979). Each term is
 * positive, so nothing cancels however far the mean is from 0.
 */
import { binary, type Expression, expressionKey, input } from '../graph/expression.ts'
import type { ReduceAttributes } from '../graph/ops/reduce.ts'
import { sameShape, sizeOf } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type FusedStep, storageOf } from './steps.ts'

/** What a reduction asks of a volume: its sum per channel or, with `around`, the sum of (volume − around)². */
export interface MomentReader {
  readonly volume: Tensor
  readonly around?: Tensor
}

/** The reductions that convolutions can prepare, by what they compute. */
export function momentReaders(steps: readonly FusedStep[]): Map<Tensor, MomentReader> {
  const volumes = new Set(
    steps.filter(({ op, output }) => op === 'conv2d' && output.shape.length === 4).map(({ output }) => output),
  )
  const readers = new Map<Tensor, MomentReader>()
  for (const step of steps) {
    const reader = readerOf(step)
    if (reader && volumes.has(reader.volume)) readers.set(step.output, reader)
  }
  // A sum alone is not worth it.
  const wanted = new Set([...readers.values()].filter(({ around }) => around).map(({ volume }) => volume))
  for (const [output, { volume }] of readers) if (!wanted.has(volume)) readers.delete(output)
  return readers
}

function readerOf({ op, attributes, inputs, prologue }: FusedStep): MomentReader | undefined {
  if (op !== 'reduce') return undefined
  const { fn, axes } = attributes as ReduceAttributes
  if (fn !== 'sum' || axes.join() !== '0,2,3') return undefined
  const shape = prologue?.shape ?? inputs[0].shape
  const [volume, around] = inputs
  if (storageOf(volume) !== volume || !sameShape(volume.shape, shape)) return undefined
  if (inputs.length === 1) return prologue && !isExpression(prologue.expression, input(0)) ? undefined : { volume }
  if (inputs.length > 2 || !prologue || !isExpression(prologue.expression, squared)) return undefined
  const perChannel = sizeOf(around.shape) === shape[1] && around.shape[around.shape.length - 3] === shape[1]
  return perChannel ? { volume, around } : undefined
}

const distance = binary('sub', input(0), input(1))
const squared = binary('mul', distance, distance)

const isExpression = (a: Expression, b: Expression): boolean => expressionKey(a) === expressionKey(b)

/** (sum − n a)² / n + squares, of sums, squares, a and n. */
export const squaresAround: Expression = (() => {
  const far = binary('sub', input(0), binary('mul', input(3), input(2)))
  return binary('add', binary('div', binary('mul', far, far), input(3)), input(1))
})()
