/** Normalizations, and dropout. */
import * as e from '../../graph/expression.ts'
import { add, div, mul, sqrt, square, sub } from '../../graph/ops/elementwise.ts'
import { broadcastTo, map } from '../../graph/ops/map.ts'
import { pad } from '../../graph/ops/pad.ts'
import { randomBernoulli } from '../../graph/ops/random.ts'
import { mean, sum } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { sliceAxis } from '../../graph/ops/slice.ts'
import { sizeOf } from '../../graph/shape.ts'
import { constantTensor } from '../../graph/sources.ts'
import type { Tensor, Vector } from '../../graph/tensor.ts'
import { besselFactor, SmallBatchError } from '../../nn/batchNorm.ts'
import { momentsOf, standardize } from '../../nn/normalization.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode, OnnxOp, Result } from '../node.ts'
import { tensorValue, type Value } from '../value.ts'
import { c, exp, log, op, perChannel, add as plus, mul as times } from './build.ts'
import { take } from './shape.ts'

/**
 * Batch normalization. In a training step it works as in PyTorch: it uses the statistics of the batch and updates the
 * running averages, unless the network is frozen. Elsewhere it does what the file says.
 */
function batchNorm(node: OnnxNode): Result {
  const x = node.float(0)
  const isTraining = node.int('training_mode', 0) === 1 || node.context.training
  const [scale, shift, average, variance] = [1, 2, 3, 4].map(k => node.float(k)) as [Tensor, Tensor, Tensor, Tensor]
  const eps = node.number('epsilon', 1e-5)
  if (!isTraining) {
    const factor = div(scale, sqrt(add(variance, eps)))
    const offset = sub(shift, mul(average, factor))
    return add(mul(x, perChannel(factor, x.shape.length)), perChannel(offset, x.shape.length))
  }
  const axes = x.shape.map((_, axis) => axis).filter(axis => axis !== 1)
  const count = sizeOf(x.shape) / x.shape[1]!
  const { overParts } = node.context
  if (count === 1 && node.context.training && !overParts)
    throw new SmallBatchError(node.outputs[0] ?? 'BatchNormalization', x.shape)
  const moments = momentsOf(x, axes, overParts)
  const factor = div(perChannel(scale, x.shape.length), sqrt(add(moments.variance, eps)))
  const y = add(mul(moments.centered, factor), sub(perChannel(shift, x.shape.length), mul(moments.offset, factor)))
  const momentum = node.number('momentum', 0.9)
  const follow = (before: Tensor, now: Tensor, scaled: Tensor | number = 1): Tensor =>
    add(
      mul(before, momentum),
      mul(reshape(now, before.shape), typeof scaled === 'number' ? (1 - momentum) * scaled : mul(scaled, 1 - momentum)),
    )
  if (node.context.training) {
    track(node, average, before => follow(before, moments.average))
    track(node, variance, before => follow(before, moments.variance, besselFactor(count, overParts)))
  }
  const type = node.type()
  return [y, tensorValue(type, follow(average, moments.average)), tensorValue(type, follow(variance, moments.variance))]
}

/** Gives a running statistic its next value; a node that is run twice in a step tracks both runs. */
function track({ context: { updates } }: OnnxNode, statistic: Tensor, next: (before: Tensor) => Tensor): void {
  const { source } = statistic
  if (source?.kind === 'variable') updates.set(source.variable, next(updates.get(source.variable) ?? statistic))
}

function instanceNorm(node: OnnxNode): Tensor {
  const x = node.float(0)
  const rank = x.shape.length
  const y = standardize(x, x.shape.map((_, axis) => axis).slice(2), node.number('epsilon', 1e-5))
  return add(mul(y, perChannel(node.float(1), rank)), perChannel(node.float(2), rank))
}

function groupNorm(node: OnnxNode): Tensor {
  const x = node.float(0)
  const [n, channels] = x.shape as readonly [number, number]
  const groups = node.int('num_groups', 1)
  const rows = reshape(x, [n, groups, sizeOf(x.shape) / n / groups])
  const y = reshape(standardize(rows, [2], node.number('epsilon', 1e-5)), x.shape)
  // Before operator set 21 there was one number for each group.
  const spread = (p: Tensor): Tensor =>
    p.shape[0] === channels
      ? p
      : take(
          p,
          0,
          Array.from({ length: channels }, (_, k) => Math.floor((k * groups) / channels)),
        )
  const [scale, shift] = [1, 2].map(k => perChannel(spread(node.float(k)), x.shape.length))
  return add(mul(y, scale!), shift!)
}

const axesFrom = (node: OnnxNode): number[] =>
  node
    .shape()
    .map((_, axis) => axis)
    .slice(node.axis(-1))

function layerNorm(node: OnnxNode): Result {
  const x = node.float(0)
  const { centered, offset, average, variance } = momentsOf(x, axesFrom(node))
  const inverse = div(1, sqrt(add(variance, node.number('epsilon', 1e-5))))
  const y = mul(sub(mul(centered, inverse), mul(offset, inverse)), node.float(1))
  return [node.has(2) ? add(y, node.float(2)) : y, average, inverse]
}

function rmsNorm(node: OnnxNode): Tensor {
  const x = node.float(0)
  const squares = mean(square(x), axesFrom(node), { keepDims: true })
  return mul(div(x, sqrt(add(squares, node.number('epsilon', 1e-5)))), node.float(1))
}

function meanVariance(node: OnnxNode): Tensor {
  const x = node.float(0)
  const axes = node.ints('axes') ?? [0, 2, 3]
  return standardize(
    x,
    axes.map(axis => (axis < 0 ? axis + x.shape.length : axis)),
    1e-9,
  )
}

function lpNorm(node: OnnxNode): Tensor {
  const x = node.float(0)
  const axis = node.axis(-1)
  const sizes = node.int('p', 2) === 1 ? map(e.unary('abs', e.input(0)), [x]) : square(x)
  const total = sum(sizes, axis, { keepDims: true })
  const norm = node.int('p', 2) === 1 ? total : sqrt(total)
  const isZero = e.compare('eq', e.input(1), c(0))
  return map(e.select(isZero, c(0), e.binary('div', e.input(0), e.select(isZero, c(1), e.input(1)))), [x, norm])
}

/** x / (bias + alpha / size · Σ x²)^beta, over the channels around each. */
function localResponse(node: OnnxNode): Tensor {
  const x = node.float(0)
  const size = node.int('size', 1)
  const channels = x.shape[1]!
  const [low, high] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)].map(reach =>
    Math.min(reach, channels - 1),
  ) as [number, number]
  const along = (amount: number): number[] => x.shape.map((_, axis) => (axis === 1 ? amount : 0))
  const padded = pad(square(x), { before: along(low), after: along(high) })
  let total = sliceAxis(padded, 1, 0, channels)
  for (let k = 1; k <= low + high; k++) total = add(total, sliceAxis(padded, 1, k, k + channels))
  const base = plus(c(node.number('bias', 1)), times(c(node.number('alpha', 1e-4) / size), e.input(1)))
  return map(times(e.input(0), exp(times(c(-node.number('beta', 0.75)), log(base)))), [x, total])
}

/**
 * In a training step, zeroes elements at random and divides the others by their share; elsewhere it passes its input
 * on.
 */
function dropout(node: OnnxNode): Result {
  const x = node.value(0)
  const ratio = node.numberOf('ratio', 1) ?? 0.5
  const everything = (): Value => tensorValue('bool', broadcastTo(constantTensor(1), x.shape))
  const isTraining = node.context.training || (node.has(2) && node.known(2)[0] === 1)
  if (!isTraining || ratio === 0) return [x, everything()]
  const { key } = node.context
  if (!key) throw new Unsupported('dropout in training needs context.key, an i32 [2] tensor (seed, step)')
  const mask = randomBernoulli(key as Vector, x.shape, 1 - ratio, node.outputs[0] ?? 'Dropout')
  return [mul(x.float, mul(mask, 1 / (1 - ratio))), tensorValue('bool', mask)]
}

/** Normalizations. */
export const normalizationOps: Readonly<Record<string, OnnxOp>> = {
  BatchNormalization: op(batchNorm),
  InstanceNormalization: op(instanceNorm),
  GroupNormalization: op(groupNorm),
  LayerNormalization: op(layerNorm),
  RMSNormalization: op(rmsNorm),
  MeanVarianceNormalization: op(meanVariance),
  LpNormalization: op(lpNorm),
  LRN: op(localResponse),
  Dropout: op(dropout, 1, 2),
}
