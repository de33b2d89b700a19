/** What an optimizer is: a rule, written in graph operations, that turns gradients into new parameters. */
import type { Scalar, Tensor } from '../graph/tensor.ts'
import { Variable } from '../graph/variable.ts'
import type { Parameter } from '../nn/module.ts'

/**
 * An update rule with the variables it keeps between steps. One optimizer serves one training run.
 *
 * The rule becomes part of the traced step, so it runs on every backend and its state is saved like parameters.
 */
export interface Optimizer {
  /** `sgd`, `adam`, … */
  readonly name: string
  /** The learning rate that schedules multiply. */
  readonly defaults: { readonly lr: number }
  /**
   * Graph of one update: new values of parameters and of the optimizer's own state. `lr` is a scalar graph input.
   * May be called again for another trace (another batch size) of the same parameters; the state is shared.
   * @throws Error when a parameter has no gradient, or its shape is not that of an earlier call.
   */
  update(
    parameters: ReadonlyMap<string, Parameter>,
    gradients: ReadonlyMap<string, Tensor>,
    lr: Scalar,
  ): Map<Variable, Tensor>
  /** Variables to save in a checkpoint by name, `momentum.conv1.weight`; complete after the first `update`. */
  state(): Map<string, Variable>
}

/** The variables of one optimizer, made when first asked for. */
export class OptimizerState {
  readonly #variables = new Map<string, Variable>()
  readonly #optimizer: string

  constructor(optimizer: string) {
    this.#optimizer = optimizer
  }

  /** The variable `name` of this shape, zeros at first. @throws Error when it exists with another shape. */
  variable(name: string, shape: readonly number[]): Variable {
    const known = this.#variables.get(name)
    if (known) {
      if (known.shape.join() !== shape.join()) {
        throw new Error(
          `${this.#optimizer}: '${name}' has shape [${known.shape.join(', ')}], the parameter now [${shape.join(', ')}]; ` +
            'use a new optimizer for another model',
        )
      }
      return known
    }
    const variable = new Variable(shape, { name })
    this.#variables.set(name, variable)
    return variable
  }

  /** All variables by name, in the order of their making. */
  all(): Map<string, Variable> {
    return new Map(this.#variables)
  }
}

/** The gradient of a parameter. @throws Error naming the parameter that has none. */
export function gradientOf(gradients: ReadonlyMap<string, Tensor>, path: string, optimizer: string): Tensor {
  const gradient = gradients.get(path)
  if (!gradient) throw new Error(`${optimizer}: the parameter '${path}' has no gradient`)
  return gradient
}

/** Checks that an option is a number ≥ 0 (and < `below`). @throws RangeError naming the option and its value. */
export function checkOption(optimizer: string, name: string, value: number, below = Number.POSITIVE_INFINITY): void {
  if (!(value >= 0 && value < below)) {
    const rule = below === Number.POSITIVE_INFINITY ? 'a number ≥ 0' : `at least 0 and less than ${below}`
    throw new RangeError(`${optimizer}: ${name} (=${value}) must be ${rule}`)
  }
}
