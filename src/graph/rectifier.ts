/**
 * Rectifiers in a graph, and alternative rules for sending gradients back through them.
 *
 * The derivative of y = max(x, 0) sends back g · [x > 0]. Two methods of visualizing what a network saw change only
 * this rule:
 *   deconvnet  max(g, 0)              (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014)
 *   guided     max(g, 0) · [x > 0]    (Springenberg et al., "Striving for simplicity: the all convolutional net", 2015)
 * Their results are not the gradient of any function. The rules apply to the operation in the graph, whether it comes
 * from a module or from a call of `relu` in a `forward` method.
 */
import type { Expression } from './expression.ts'
import { relu } from './ops/elementwise.ts'
import type { MapAttributes } from './ops/map.ts'
import { sameShape } from './shape.ts'
import { isApplicationOf, opOf } from './table.ts'
import type { Tensor } from './tensor.ts'

/** What goes back through a rectifier: its derivative, or one of the rules named in this file. */
export type ReluRule = 'exact' | 'guided' | 'deconvnet'

/** The names of the rules; the derivative comes first. */
export const reluRules = ['exact', 'guided', 'deconvnet'] as const satisfies readonly ReluRule[]

/** Gradients of the inputs of `output` under a rule; operations other than rectifiers use their derivative. */
export function vjpUnder(rule: ReluRule, output: Tensor, gradient: Tensor): readonly (Tensor | undefined)[] {
  const isRuled = rule !== 'exact' && isRectifier(output)
  if (isRuled && rule === 'deconvnet') return [relu(gradient)]
  return opOf(output).vjp(output, isRuled ? relu(gradient) : gradient, output.attributes)
}

/** True for `relu(x)`. */
export const isRelu = (tensor: Tensor): tensor is Tensor & { readonly attributes: MapAttributes } =>
  isFunctionOfOne(tensor, isReluOfInput)

/** True for every spelling of max(x, 0), and of min(max(x, 0), c), such as ReLU6. */
export const isRectifier = (tensor: Tensor): boolean =>
  isFunctionOfOne(tensor, e => isMaximumWithZero(e) || isLimited(e) || isClampFromZero(e))

function isFunctionOfOne(tensor: Tensor, test: (e: Expression) => boolean): boolean {
  if (!isApplicationOf(tensor, 'map') || tensor.attributes.stopGradient || tensor.inputs.length !== 1) return false
  const [x] = tensor.inputs
  return test(tensor.attributes.expression) && x.dtype === 'f32' && sameShape(x.shape, tensor.shape)
}

const isZero = (e: Expression): boolean => e.kind === 'constant' && e.value === 0
const isInput = (e: Expression): boolean => e.kind === 'input'

const isReluOfInput = (e: Expression): boolean => e.kind === 'unary' && e.fn === 'relu' && isInput(e.x)

/** `relu(x)`, `maximum(x, 0)` or `maximum(0, x)`. */
const isMaximumWithZero = (e: Expression): boolean =>
  isReluOfInput(e) ||
  (e.kind === 'binary' && e.fn === 'max' && ((isInput(e.x) && isZero(e.y)) || (isZero(e.x) && isInput(e.y))))

/** `minimum(relu(x), c)`, as a composed expression. */
const isLimited = (e: Expression): boolean =>
  e.kind === 'binary' && e.fn === 'min' && isMaximumWithZero(e.x) && e.y.kind === 'constant'

/** `clamp(x, 0, c)` and `hardTanh(x, 0, c)`: 0 where x < 0 or x ≤ 0, c where x is above the limit, else x. */
function isClampFromZero(e: Expression): boolean {
  if (e.kind !== 'select' || !isZero(e.x) || e.y.kind !== 'select' || e.condition.kind !== 'compare') return false
  const { fn, x, y } = e.condition
  return (fn === 'lt' || fn === 'le') && isInput(x) && isZero(y) && e.y.x.kind === 'constant' && isInput(e.y.y)
}
