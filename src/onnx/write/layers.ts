/** Fully connected layers, means and activations that take more than one element-wise operation. */
import { elu, mul } from '../../graph/ops/elementwise.ts'
import { sameShape } from '../../graph/shape.ts'
import { isApplicationOf } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { float } from './attributes.ts'
import { asTensor, binaryOf, bothOrders, expressionOf, meanOf, sameGraph } from './match.ts'
import { oneNode, type Rule } from './rule.ts'
import type { BatchTrace } from './sizes.ts'

/** A product of matrices and what is added to each of its rows. */
export interface LinearParts {
  readonly x: Tensor
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** Recognizes x · W + b. */
export function linearOf(tensor: Tensor, trace: BatchTrace): LinearParts | undefined {
  if (isApplicationOf(tensor, 'matmul')) {
    const [x, weight] = tensor.inputs
    return { x, weight, bias: undefined, ...tensor.attributes }
  }
  for (const [product, bias] of bothOrders(binaryOf(tensor, 'add') ?? [0, 0])) {
    if (typeof product === 'number' || typeof bias === 'number') continue
    if (!isApplicationOf(product, 'matmul') || !trace.isPrivate(product)) continue
    if (!sameShape(bias.shape, [product.shape[1]])) continue
    const [x, weight] = product.inputs
    return { x, weight, bias, ...product.attributes }
  }
  return undefined
}

/** `Gemm`, or `MatMul` where nothing is added or transposed. */
const linear: Rule = (tensor, trace) => {
  const parts = linearOf(tensor, trace)
  if (!parts) return undefined
  const { x, weight, bias, transposeA, transposeB } = parts
  if (!bias && !transposeA && !transposeB) return oneNode('MatMul', [x, weight])
  return oneNode('Gemm', [x, weight, bias].slice(0, bias ? 3 : 2), {
    ...(transposeA && { transA: 1 }),
    ...(transposeB && { transB: 1 }),
  })
}

/**
 * `[B, M, K] · [B, K, N] → [B, M, N]`, which Fovea computes as a convolution of 1×1 in B groups, where networks are read from files;
 * the number of matrices may grow with the batch.
 */
const batchedProduct: Rule = (tensor, trace) => {
  const [y] = tensor.inputs
  if (tensor.op !== 'reshape' || tensor.shape.length !== 3 || !isApplicationOf(y, 'conv2d') || !trace.isPrivate(y))
    return undefined
  const { groups, kernel } = y.attributes
  const [b, a] = y.inputs.map(({ op, inputs: [matrices] }) => (op === 'reshape' ? matrices : undefined))
  const [count, rows, columns] = tensor.shape
  if (!a || !b || count !== groups || kernel.some(extent => extent !== 1)) return undefined
  const inner = b.shape[1]
  const fits =
    sameShape(a.shape, [count, rows, inner]) &&
    sameShape(b.shape, [count, inner, columns]) &&
    sameShape(y.inputs[0].shape, [1, count * inner, columns, 1])
  return fits ? oneNode('MatMul', [a, b]) : undefined
}

/** Means that count elements, over the batch too. */
const mean: Rule = (tensor, trace) => {
  const [found, twin] = [meanOf(tensor), meanOf(trace.twinOf(tensor))]
  if (!found || !twin) return undefined
  return oneNode('ReduceMean', [found.x], { axes: found.axes, keepdims: found.keepDims ? 1 : 0 })
}

/** λ · elu(x): Klambauer et al. 2017 */
const selu: Rule = tensor => {
  const [inner, scale] = binaryOf(tensor, 'mul') ?? []
  const [x] = asTensor(inner)?.inputs ?? []
  const e = inner === undefined || typeof inner === 'number' ? undefined : expressionOf(inner)
  if (!x || typeof scale !== 'number' || e?.kind !== 'select') return undefined
  const alpha = e.y.kind === 'binary' && e.y.x.kind === 'constant' ? e.y.x.value : 1
  if (!sameGraph(tensor, mul(elu(x, alpha), scale))) return undefined
  return oneNode('Selu', [x], { alpha: float(alpha), gamma: float(scale) })
}

/** x where x > 0, else slope · x, the slope a value. */
const prelu: Rule = tensor => {
  const e = expressionOf(tensor)
  if (e?.kind !== 'select' || e.condition.kind !== 'input' || e.x.kind !== 'input' || e.y.kind !== 'input')
    return undefined
  const [condition, x, scaled] = [e.condition, e.x, e.y].map(({ index }) => tensor.inputs[index])
  const test = expressionOf(condition)
  if (test?.kind !== 'compare' || test.fn !== 'gt' || condition.inputs[0] !== x || condition.inputs.length !== 1)
    return undefined
  if (test.x.kind !== 'input' || test.y.kind !== 'constant' || test.y.value !== 0) return undefined
  for (const [slope, given] of bothOrders(binaryOf(scaled, 'mul') ?? [0, 0])) {
    if (given === x && typeof slope !== 'number') return oneNode('PRelu', [x, slope])
  }
  return undefined
}

/** Recognizes layers. */
export const layers: readonly Rule[] = [linear, batchedProduct, mean, selu, prelu]
