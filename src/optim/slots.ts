/**
 * The memory of update rules: variables by name, and slots, through which one trace of a step reads a variable and sets
 * its next value.
 */
import { add, mul, sub } from '../graph/ops/elementwise.ts'
import type { Operand } from '../graph/ops/map.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Variable } from '../graph/variable.ts'

/** A variable within one step. */
export interface Slot {
  /** Its value before the step. */
  readonly value: Tensor
  /** Sets its value after the step; returns that value. */
  set(next: Tensor): Tensor
}

/** Opens the named slot: a variable of this shape, filled with `initial` (0 by default) before the first step. */
export type OpenSlot = (name: string, shape: readonly number[], initial?: number) => Slot

/** The variables of one optimizer, made on first use. */
export class OptimizerState {
  readonly #variables = new Map<string, Variable>()
  readonly #owner: string

  /** @param owner named in messages */
  constructor(owner: string) {
    this.#owner = owner
  }

  /**
   * The slots of one step; setting a slot writes to `updates`.
   * Opening a slot throws Error when its variable exists with another shape.
   */
  slots(updates: Map<Variable, Tensor>): OpenSlot {
    return (name, shape, initial = 0) => {
      const variable = this.#variable(name, shape, initial)
      return {
        value: variable.tensor,
        set(next) {
          updates.set(variable, next)
          return next
        },
      }
    }
  }

  /** All variables by name, in the order of creation. */
  all(): Map<string, Variable> {
    return new Map(this.#variables)
  }

  #variable(name: string, shape: readonly number[], initial: number): Variable {
    const known = this.#variables.get(name)
    if (known) {
      if (known.shape.join() !== shape.join()) {
        throw new Error(
          `${this.#owner}: '${name}' has shape [${known.shape.join(', ')}], the parameter now [${shape.join(', ')}]; ` +
            'use a new optimizer for another model',
        )
      }
      return known
    }
    const variable = new Variable(shape, { name })
    variable.fillWith(values => values.fill(initial))
    this.#variables.set(name, variable)
    return variable
  }
}

/** Moves a running mean toward a value, slot ← β · slot + (1 − β) · value, and returns the new mean. */
export function track(slot: Slot, value: Operand, beta: Operand): Tensor {
  const share = typeof beta === 'number' ? 1 - beta : sub(1, beta)
  return slot.set(add(mul(slot.value, beta), mul(value, share)))
}

/** The number of this step, counted from 1, as a graph value. Exact up to 2²⁴ steps. */
export function countSteps(slot: Slot): Tensor {
  return slot.set(add(slot.value, 1))
}
