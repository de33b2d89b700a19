/**
 * Graph → graph simplification: less work, the same values.
 *
 * - equal operations on equal inputs become one (even random ones: they depend only on their key)
 * - a number that fills a tensor becomes part of the expressions that read it
 * - reshapes of reshapes and transposes of transposes merge, and those that do nothing disappear; a transposed operand
 *   of a matrix product becomes a flag of the product
 * - padding with zeros becomes padding of the convolution that follows
 * - transposes of volumes move behind the operations that read them, where they may meet others (`sinkTransposes.ts`)
 * - maxPool2d(relu(x)) becomes relu(maxPool2d(x)): a monotone function commutes with the maximum, and relu then sees
 *   only the pooled values. The gradient is the same (a window whose maximum is ≤ 0 gets none either way), provided that
 *   nothing else reads relu(x), such as switches of an existing gradient: run it before taking gradients.
 *
 * Values that no root depends on are dropped.
 */
import { constant, input, inputsOf, substitute } from './expression.ts'
import { apply } from './op.ts'
import { type Conv2dAttributes, conv2dOp } from './ops/conv2d.ts'
import { type MapAttributes, map, mapOp } from './ops/map.ts'
import { matmulOp } from './ops/matmul.ts'
import { maxPool2dOp } from './ops/maxPool2d.ts'
import { reshapeOp } from './ops/reshape.ts'
import { transposeOp } from './ops/transpose.ts'
import { isRelu } from './rectifier.ts'
import { sameShape } from './shape.ts'
import { sinkTransposes } from './sinkTransposes.ts'
import { structuralKey } from './structuralKey.ts'
import { isApplicationOf } from './table.ts'
import { Tensor, topologicalOrder } from './tensor.ts'

/**
 * Equivalent tensors for `roots`, in order. The given tensors do not change: sources (inputs, variables, constants) are
 * reused, and operations are copied with their labels. Equal operations keep the first label.
 */
export function simplify(roots: readonly Tensor[]): Tensor[] {
  const shared = rebuild(roots, local)
  // Most networks without pooling have nothing for the later passes.
  if (!topologicalOrder(shared).some(tensor => tensor.op === 'maxPool2d' || movesOnlyOnes(tensor))) return shared
  // Another pass merges moved operations with equal ones.
  return rebuild(rebuild(shared, commutePooling(shared)), (...tensors) => withoutMovedOnes(local(...tensors)))
}

/** One rewrite of a tensor whose inputs are already simplified; returns it unchanged where the rule does not apply. */
type Rule = (tensor: Tensor, original: Tensor) => Tensor

/** Copies what `roots` depend on, inputs first, applying `rule` and merging equal operations. */
function rebuild(roots: readonly Tensor[], rule: Rule): Tensor[] {
  const done = new Map<Tensor, Tensor>()
  const unique = new Map<string, Tensor>()
  for (const original of topologicalOrder(roots)) {
    const inputs = original.inputs.map(tensor => done.get(tensor) ?? tensor)
    const { op, attributes, shape, dtype, source } = original
    const candidate = source ? original : rule(new Tensor({ op, inputs, attributes, shape, dtype }), original)
    const result = merge(unique, candidate)
    // Only copied operations are labeled; sources belong to the caller.
    if (!result.source) result.label ??= original.label
    done.set(original, result)
  }
  return roots.map(root => done.get(root) ?? root)
}

function merge(unique: Map<string, Tensor>, tensor: Tensor): Tensor {
  const key = keyOf(tensor)
  const known = unique.get(key)
  if (known) return known
  unique.set(key, tensor)
  return tensor
}

/** Constants with at most this many elements are compared by value. */
const comparedConstant = 16

/** Text that is equal for two tensors exactly when they apply the same operation to the same inputs. */
function keyOf(tensor: Tensor): string {
  const { source, dtype, shape } = tensor
  if (source?.kind === 'constant' && source.values.length <= comparedConstant) {
    return `constant ${dtype} [${shape.join()}] ${Array.from(source.values, structuralKey).join()}`
  }
  if (source) return `source ${tensor.id}`
  return `${tensor.op} [${tensor.inputs.map(({ id }) => id).join()}] ${attributeKey(tensor.attributes)}`
}

/** Keys of attributes, which every pass keeps. */
const attributeKeys = new WeakMap<object, string>()

function attributeKey(attributes: unknown): string {
  if (typeof attributes !== 'object' || attributes === null) return structuralKey(attributes)
  const key = attributeKeys.get(attributes) ?? structuralKey(attributes)
  attributeKeys.set(attributes, key)
  return key
}

/** Rules that look at a tensor and its inputs only. */
const local: Rule = (tensor, { label }) => {
  if (isApplicationOf(tensor, 'reshape')) return simplifyReshape(tensor)
  if (isApplicationOf(tensor, 'transpose')) return simplifyTranspose(tensor, tensor.attributes.permutation)
  if (isApplicationOf(tensor, 'matmul')) return absorbTransposes(tensor)
  if (isApplicationOf(tensor, 'conv2d')) return absorbPadding(tensor, tensor.attributes)
  if (isApplicationOf(tensor, 'map')) return sinkTransposes(simplifyMap(tensor, tensor.attributes), label)
  return sinkTransposes(tensor, label)
}

function simplifyReshape(tensor: Tensor): Tensor {
  let [x] = tensor.inputs
  while (x.op === 'reshape') [x] = x.inputs
  if (sameShape(x.shape, tensor.shape)) return x
  return x === tensor.inputs[0] ? tensor : apply(reshapeOp, [x], { shape: tensor.shape })
}

function simplifyTranspose(tensor: Tensor, outer: readonly number[]): Tensor {
  const [x] = tensor.inputs
  const composed = isApplicationOf(x, 'transpose') ? outer.map(axis => x.attributes.permutation[axis]) : outer
  const base = x.op === 'transpose' ? x.inputs[0] : x
  if (composed.every((axis, position) => axis === position)) return base
  return base === x ? tensor : apply(transposeOp, [base], { permutation: composed })
}

/** Turns a transpose that moves only axes of size 1 into a view; it runs after transposes had the chance to cancel. */
const withoutMovedOnes = (tensor: Tensor): Tensor =>
  movesOnlyOnes(tensor) ? simplifyReshape(apply(reshapeOp, [tensor.inputs[0]], { shape: tensor.shape })) : tensor

function movesOnlyOnes(tensor: Tensor): boolean {
  if (!isApplicationOf(tensor, 'transpose')) return false
  const [x] = tensor.inputs
  const others = tensor.attributes.permutation.filter(axis => x.shape[axis] > 1)
  return !others.some((axis, k) => k > 0 && axis < others[k - 1])
}

function absorbTransposes(
  tensor: Tensor & { readonly attributes: { transposeA: boolean; transposeB: boolean } },
): Tensor {
  const [a, b] = tensor.inputs
  const { transposeA, transposeB } = tensor.attributes
  if (a.op !== 'transpose' && b.op !== 'transpose') return tensor
  const bare = (operand: Tensor): Tensor => (operand.op === 'transpose' ? operand.inputs[0] : operand)
  return apply(matmulOp, [bare(a), bare(b)], {
    transposeA: transposeA !== (a.op === 'transpose'),
    transposeB: transposeB !== (b.op === 'transpose'),
  })
}

/** Moves zero padding of an image into its convolution, as long as each window still sees part of the image. */
function absorbPadding(tensor: Tensor, attributes: Conv2dAttributes): Tensor {
  const [x, weights] = tensor.inputs
  const turned = isApplicationOf(x, 'transpose') ? x : undefined
  const padded = turned ? turned.inputs[0] : x
  if (!isApplicationOf(padded, 'pad')) return tensor
  const order = turned?.attributes.permutation ?? [0, 1, 2, 3]
  const [before, after] = [padded.attributes.before, padded.attributes.after].map(sizes =>
    order.map(axis => sizes[axis]),
  )
  const isZeros = padded.attributes.value === 0 && padded.attributes.interior.every(size => size === 0)
  if (!isZeros || [...before.slice(0, 2), ...after.slice(0, 2)].some(size => size !== 0)) return tensor
  const { kernel, dilation, padding } = attributes
  const [rows, columns] = [0, 1].map(axis => dilation[axis] * (kernel[axis] - 1))
  const sum = {
    top: padding.top + before[2],
    bottom: padding.bottom + after[2],
    left: padding.left + before[3],
    right: padding.right + after[3],
  }
  if (Math.max(sum.top, sum.bottom) > rows || Math.max(sum.left, sum.right) > columns) return tensor
  const [bare] = padded.inputs
  const image = turned ? apply(transposeOp, [bare], turned.attributes) : bare
  return apply(conv2dOp, [image, weights], { ...attributes, padding: sum })
}

/** Replaces inputs filled with a single number with that number, and merges inputs that have become equal. */
function simplifyMap(tensor: Tensor, { expression, stopGradient }: MapAttributes): Tensor {
  if (stopGradient) return tensor
  const { inputs } = tensor
  const isSimple = !inputs.some((x, k) => inputs.indexOf(x) < k || filledWith(x) !== undefined)
  if (isSimple && expression.kind !== 'input' && inputsOf(expression).length === inputs.length) return tensor
  const folded = substitute(expression, index => {
    const value = filledWith(inputs[index])
    return value === undefined ? input(index) : constant(value)
  })
  return map(folded, inputs, tensor.shape)
}

function filledWith(tensor: Tensor): number | undefined {
  if (tensor.source?.kind === 'constant' && tensor.source.values.length === 1) return tensor.source.values[0]
  if (!isApplicationOf(tensor, 'map') || tensor.inputs.length > 0) return undefined
  const { expression } = tensor.attributes
  return expression.kind === 'constant' ? expression.value : undefined
}

/** The rule maxPool2d(relu(x)) → relu(maxPool2d(x)) for relus that nothing else reads. */
function commutePooling(roots: readonly Tensor[]): Rule {
  const users = new Map<Tensor, number>()
  const use = (tensor: Tensor): void => {
    users.set(tensor, (users.get(tensor) ?? 0) + 1)
  }
  roots.forEach(use)
  for (const { inputs } of topologicalOrder(roots)) inputs.forEach(use)
  return (tensor, original) => {
    const [activation] = tensor.inputs
    if (!isApplicationOf(tensor, 'maxPool2d') || !isRelu(activation) || users.get(original.inputs[0]) !== 1)
      return tensor
    const pooled = apply(maxPool2dOp, [activation.inputs[0]], tensor.attributes)
    const result = apply(mapOp, [pooled], { expression: activation.attributes.expression, shape: pooled.shape })
    result.label = activation.label
    return result
  }
}
