/** Double precision for tests: the reference evaluator reads variables' values as they are, so they may hold float64. */
import { evaluateReference, type InputValues } from '../../src/graph/evaluate.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import type { TypedArray, Variable } from '../../src/graph/variable.ts'

/** Gives a variable values that are not rounded to float32. */
export function setExact(variable: Variable, values: Float64Array): void {
  variable.value = values as unknown as TypedArray
}

/** The values of one tensor. */
export function valuesOf(tensor: Tensor, inputs: InputValues = {}): Float64Array {
  return evaluateReference([tensor], inputs)[0].values
}

/** Gives each variable its new value, all read before any is written: one step of a program on the reference. */
export function applyUpdates(updates: ReadonlyMap<Variable, Tensor>, inputs: InputValues = {}): void {
  const results = evaluateReference([...updates.values()], inputs)
  let index = 0
  for (const variable of updates.keys()) setExact(variable, results[index++].values)
}

/** Centered differences (f(x + h) − f(x − h)) / 2h for every element of `x`, which is left as it was. */
export function numericGradient(f: () => number, x: Float64Array, h = 1e-5): Float64Array {
  return x.map((_, i) => {
    const before = x[i]
    x[i] = before + h
    const above = f()
    x[i] = before - h
    const below = f()
    x[i] = before
    return (above - below) / (2 * h)
  })
}
