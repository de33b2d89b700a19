/** The type of an optimizer: a rule, written in graph operations, that turns gradients into new parameters. */
import type { Scalar, Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import type { Parameter } from '../nn/module.ts'

/**
 * An update rule with the variables it keeps between steps. One optimizer serves one training run.
 *
 * The rule becomes part of the traced step, so it runs on every backend and its state is saved like parameters.
 */
export interface Optimizer {
  /** `sgd`, `adam`, … */
  readonly name: string
  readonly defaults: {
    /** The learning rate that schedules multiply. */
    readonly lr: number
    /** The momentum (β₁ for the Adam family), if the rule has one that a schedule may replace. */
    readonly momentum?: number
  }
  /**
   * The parameters that are trained: all but the frozen ones. A training step computes the gradients of these only.
   * @throws Error when a pattern of the optimizer's groups matches no parameter.
   */
  trained(parameters: ReadonlyMap<string, Parameter>): Map<string, Parameter>
  /** Factor of a parameter's learning rate: 1 unless a group says otherwise. */
  rateFactor(path: string): number
  /**
   * Graph of one update: new values of parameters and of the optimizer's own state. `lr` is a scalar graph input, and
   * so is `momentum` when it is scheduled; otherwise the rule uses its own momentum. Frozen parameters are skipped.
   * May be called again for another trace (another batch size) of the same parameters; the state is shared.
   * @throws Error when a parameter has no gradient, its shape differs from an earlier call, or a momentum is given to a
   * rule without momentum.
   */
  update(
    parameters: ReadonlyMap<string, Parameter>,
    gradients: ReadonlyMap<string, Tensor>,
    lr: Scalar,
    momentum?: Scalar,
  ): Map<Variable, Tensor>
  /** Variables to save in a checkpoint by name, `momentum.conv1.weight`; complete after the first `update`. */
  state(): Map<string, Variable>
}
