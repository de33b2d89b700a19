/**
 * Reverse-mode differentiation: the gradient of a graph is a graph.
 *
 * Going backward from the loss, each operation's vjp rule turns the gradient of its result into gradients of its
 * inputs; where a value has several users, their gradients add (the lectures' "gradients add at branches"). The rules
 * are written in operations of the same table, so a gradient can be differentiated again.
 */
import { add } from './ops/elementwise.ts'
import { full } from './ops/map.ts'
import { type ReluRule, vjpUnder } from './rectifier.ts'
import { formatShape, ShapeError } from './shape.ts'
import { isApplicationOf } from './table.ts'
import { type Tensor, topologicalOrder } from './tensor.ts'

/** Options of {@link gradients}. */
export interface GradientOptions {
  /**
   * What goes back through rectifiers: by default their derivative, `'exact'`. `'guided'` and `'deconvnet'` visualize
   * what a network saw; their results are not gradients.
   */
  readonly relu?: ReluRule
}

/**
 * ∂loss/∂target for each target, in the target's shape; zeros where the loss does not depend on it. Targets may be
 * inputs, variables' tensors or intermediate values.
 * @throws ShapeError when the loss is not an f32 scalar or a target is not f32.
 * @example const [dw, db] = gradients(loss, [w.tensor, b.tensor])
 */
export function gradients(loss: Tensor, targets: readonly Tensor[], options: GradientOptions = {}): Tensor[] {
  const all = accumulateGradients(loss, targets, options)
  return targets.map(target => all.get(target) ?? full(target.shape, 0))
}

/**
 * The gradients of all values from the targets to the loss, both included: exposes what {@link gradients} computes
 * along the way.
 * @throws ShapeError as {@link gradients}.
 */
export function accumulateGradients(
  loss: Tensor,
  targets: readonly Tensor[],
  { relu = 'exact' }: GradientOptions = {},
): Map<Tensor, Tensor> {
  if (loss.shape.length > 0 || loss.dtype !== 'f32') {
    throw new ShapeError(`gradients: the loss must be an f32 scalar, got ${loss.dtype} ${formatShape(loss.shape)}`)
  }
  for (const target of targets) {
    if (target.dtype !== 'f32') {
      const name = target.label ?? formatShape(target.shape)
      throw new ShapeError(`gradients: ${name} has type ${target.dtype}; only f32 values have gradients`)
    }
  }
  const order = topologicalOrder([loss])
  const needed = dependents(order, targets)
  const found = new Map<Tensor, Tensor>()
  if (needed.has(loss)) found.set(loss, full([], 1))
  for (const tensor of order.reverse()) {
    const gradient = found.get(tensor)
    if (!gradient || !tensor.inputs.some(input => needed.has(input))) continue
    const toInputs = vjpUnder(relu, tensor, gradient)
    tensor.inputs.forEach((input, index) => {
      const share = toInputs[index]
      if (!share || !needed.has(input)) return
      const sum = found.get(input)
      found.set(input, sum ? add(sum, share) : share)
    })
  }
  return found
}

/** The targets and everything in `order` through which a gradient flows to one of them. */
function dependents(order: readonly Tensor[], targets: readonly Tensor[]): Set<Tensor> {
  const result = new Set(targets)
  for (const tensor of order) {
    const blocked = tensor.dtype !== 'f32' || (isApplicationOf(tensor, 'map') && tensor.attributes.stopGradient)
    if (!blocked && tensor.inputs.some(input => result.has(input))) result.add(tensor)
  }
  return result
}

/**
 * Turns a scalar function of named tensors into one that also gives the gradient with respect to each of them.
 * @throws ShapeError (from the returned function) when the value is not an f32 scalar or an argument is not f32.
 * @example
 * const f = valueAndGrad(({ x, y, z }: Record<'x' | 'y' | 'z', Tensor>) => mul(add(x, y), z))
 * const { value, gradients } = f({ x: constantTensor(-2), y: constantTensor(5), z: constantTensor(-4) })
 */
export function valueAndGrad<V extends Readonly<Record<string, Tensor>>>(
  f: (values: V) => Tensor,
): (values: V) => { value: Tensor; gradients: V } {
  return values => {
    const value = f(values)
    const names = Object.keys(values)
    const found = gradients(
      value,
      names.map(name => values[name]),
    )
    return { value, gradients: Object.fromEntries(names.map((name, index) => [name, found[index]])) as V }
  }
}
