/**
 * Builds an optimizer from an update rule. The rule says how one parameter changes, with named slots for its memory.
 * This file has what all optimizers share: weight decay, groups, scheduled momentum, names of the state.
 */
import { add, mul, sub } from '../graph/ops/elementwise.ts'
import type { Operand } from '../graph/ops/map.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { type GroupOptions, ParameterGroups } from './groups.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { OptimizerState, type Slot } from './slots.ts'

/** Options of every optimizer. */
export interface CommonOptions extends GroupOptions {
  /** Learning rate η. */
  readonly lr?: number
  /** λ, 0 by default: λ w, the slope of the penalty ½ λ ‖w‖², is added to the gradient. */
  readonly weightDecay?: number
  /** True when weight decay is not part of the gradient but shrinks w by the factor 1 − η λ. False by default. */
  readonly decoupled?: boolean
}

/** One parameter in one step, as a rule sees it. */
export interface ParameterStep {
  /** The parameter before the step, already shrunk by decoupled weight decay. */
  readonly w: Tensor
  /** The gradient, including coupled weight decay. */
  readonly g: Tensor
  /** Learning rate of this parameter. */
  readonly lr: Tensor
  /** The gradient without weight decay, and the λ that {@link g} contains; for rules that treat the two separately. */
  readonly bare: { readonly g: Tensor; readonly weightDecay: number }
  /** The slot `<name>.<path>` of the parameter's shape. */
  slot(name: string, initial?: number): Slot
}

/** Values that a rule shares between the parameters of one step. */
export interface SharedStep {
  /** The rule's momentum: its own number, or the scalar of a schedule. */
  readonly momentum: Operand
  /** The scalar slot with a name. */
  slot(name: string, initial?: number): Slot
}

/** An update rule. */
export interface UpdateRule {
  readonly name: string
  readonly lr: number
  /** Momentum of the rule, if it has one that can be scheduled. */
  readonly momentum?: number
  /** Called once per step, for scalars such as bias corrections; returns the function that updates one parameter. */
  begin(shared: SharedStep): (step: ParameterStep) => Tensor
}

/**
 * The optimizer of a rule.
 * @throws RangeError when an option is out of its range.
 */
export function optimizerOf(rule: UpdateRule, options: CommonOptions): Optimizer {
  const { name, lr, momentum } = rule
  const { weightDecay = 0, decoupled = false } = options
  checkOption(name, 'lr', lr)
  const groups = new ParameterGroups(name, weightDecay, options)
  const state = new OptimizerState(name)

  return {
    name,
    defaults: { lr, ...(momentum !== undefined && { momentum }) },
    trained: parameters => groups.trained(parameters),
    rateFactor: path => groups.ruleOf(path, 0).lrFactor,
    state: () => state.all(),
    update(parameters, gradients, rate, scheduled) {
      if (scheduled && momentum === undefined) throw new Error(`${name}: has no momentum that could be scheduled`)
      const updates = new Map<Variable, Tensor>()
      const open = state.slots(updates)
      const next = rule.begin({
        momentum: scheduled ?? momentum ?? 0,
        slot: (slot, initial) => open(slot, [], initial),
      })
      for (const [path, parameter] of parameters) {
        const own = groups.ruleOf(path, parameter.shape.length)
        if (own.frozen) continue
        const bare = gradients.get(path)
        if (!bare) throw new Error(`${name}: the parameter '${path}' has no gradient`)
        const ownRate = own.lrFactor === 1 ? rate : mul(rate, own.lrFactor)
        const decay = own.weightDecay
        const { tensor } = parameter
        const w = decay !== 0 && decoupled ? mul(tensor, sub(1, mul(ownRate, decay))) : tensor
        const g = decay !== 0 && !decoupled ? add(bare, mul(tensor, decay)) : bare
        const slot = (slotName: string, initial?: number) => open(`${slotName}.${path}`, parameter.shape, initial)
        const coupled = decoupled ? 0 : decay
        updates.set(parameter, next({ w, g, lr: ownRate, bare: { g: bare, weightDecay: coupled }, slot }))
      }
      return updates
    },
  }
}
