/**
 * Which values of a program are stored in half precision (IEEE 754 binary16), for engines that are asked to: what is
 * computed from a program's inputs, on its way to the outputs. Half of a value's bytes is what this spares; everything is
 * computed in f32.
 *
 * Single precision stay inputs, outputs and variables; what reductions give and what is computed from nothing else
 * (means, variances, sums of squares: small, often outside of the range of half precision, and scales of all the rest);
 * what depends on variables and constants alone; losses. So does all of a program that changes variables: gradients
 * are smaller than half precision can tell from 0, unless someone scales the loss.
 */
import type { OpName } from '../../graph/table.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type FusedStep, stepInputs, storageOf } from '../../plan/step.ts'
import type { LayoutChoice } from '../../plan/target.ts'

/** The layout of values in half precision: row-major, two to a word. */
export const halfLayout = 'half'

/** Operations whose results stay in single precision. */
const precise: ReadonlySet<OpName> = new Set<OpName>(['reduce', 'softmaxCrossEntropy', 'softmaxCrossEntropyGradient'])

/** The storages of a program that are in half precision. */
export function halfValues({
  steps,
  outputs,
  updates,
}: Pick<LayoutChoice, 'outputs' | 'updates'> & { readonly steps: readonly FusedStep[] }): ReadonlySet<Tensor> {
  const half = new Set<Tensor>()
  if (updates.size > 0) return half
  const read = new Set(Object.values(outputs).map(storageOf))
  const isData = (tensor: Tensor): boolean => {
    const storage = storageOf(tensor)
    return half.has(storage) || storage.source?.kind === 'input'
  }
  for (const step of steps) {
    const [result] = step.outputs
    if (precise.has(step.op) || result.dtype !== 'f32' || read.has(result)) continue
    if (stepInputs(step).some(isData)) half.add(result)
  }
  return half
}
