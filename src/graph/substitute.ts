/** Substitution: rebuilds a graph on other sources. */
import { opOf } from './table.ts'
import { Tensor, topologicalOrder } from './tensor.ts'

/**
 * Copies of `roots` in which every tensor that has a substitute is replaced. Tensors that do not depend on a replaced
 * one are not copied. Floats may replace bytes: operations that only move elements (a transposition) then move floats.
 *
 * @param substitutes keyed by the tensors they replace; equal in shape
 */
export function substituteTensors(roots: readonly Tensor[], substitutes: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  const done = new Map<Tensor, Tensor>(substitutes)
  for (const tensor of topologicalOrder(roots)) {
    if (done.has(tensor) || !tensor.inputs.some(input => done.has(input))) continue
    const { op, attributes, shape, label } = tensor
    const inputs = tensor.inputs.map(input => done.get(input) ?? input)
    const { dtype } = opOf(tensor).shape(inputs, attributes)
    done.set(tensor, new Tensor({ op, inputs, attributes, shape, dtype, ...(label !== undefined && { label }) }))
  }
  return roots.map(root => done.get(root) ?? root)
}
