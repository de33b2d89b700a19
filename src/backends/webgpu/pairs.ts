/**
 * Pairs of reductions that fold the same elements: one dispatch reads them once for both. They are the first two moments of
 * a normalization, and the two sums of its gradient.
 */
import { type Shape, sameShape, sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Plan } from '../../plan/plan.ts'
import { type Form, type Step, type StepOf, type StepPlan, stepInputs, storageOf } from '../../plan/step.ts'
import type { Winograd } from './winograd.ts'

/** How a step is computed that is two. It is the first of them, and stores the result of the second beside its own. */
export interface Pair extends Form {
  readonly kind: 'pair'
  readonly members: readonly [StepOf<'reduce'>, StepOf<'reduce'>]
}

/** How a step is computed that is not one kernel of its operation. */
export type DeviceForm = Pair | Winograd

/** A step for WebGPU. */
export type DeviceStep = Step<DeviceForm>

/** A plan for WebGPU. */
export type DevicePlan = Plan<DeviceForm>

type Reduction = StepOf<'reduce'> & StepPlan<Pair>

/** What a reduction folds: an expression in place of its input, or that. */
export const foldedShape = ({ prologue, inputs }: StepOf<'reduce'>): Shape => prologue?.shape ?? inputs[0].shape

/** The reductions of a step: itself, or both of a pair. */
export const membersOf = (step: StepOf<'reduce'> & { readonly form?: Pair }): readonly StepOf<'reduce'>[] =>
  step.form?.members ?? [step]

/**
 * The same steps, with pairs where reductions allow them.
 * @param kept results that no pair may store: new values of variables, which are stored in their place
 * @param most values that a step may bind
 */
export function pairReductions(steps: readonly DeviceStep[], kept: ReadonlySet<Tensor>, most: number): DeviceStep[] {
  const pairing = new Pairing(steps)
  for (const step of steps) if (isReduction(step) && !kept.has(step.outputs[0])) pairing.add(step, most)
  return pairing.steps
}

const isReduction = (step: DeviceStep): step is Reduction => step.op === 'reduce'

class Pairing {
  readonly #steps: Set<DeviceStep>
  readonly #producers = new Map<Tensor, DeviceStep>()
  /** Reductions that are alone yet, by what they fold and read. */
  readonly #waiting = new Map<string, Reduction>()

  constructor(steps: readonly DeviceStep[]) {
    this.#steps = new Set(steps)
    for (const step of steps) this.#enter(step)
  }

  get steps(): DeviceStep[] {
    return [...this.#steps]
  }

  /** Joins a reduction to an earlier one, or lets it wait for a later one. */
  add(step: Reduction, most: number): void {
    const keys = keysOf(step)
    for (const key of keys) {
      const first = this.#waiting.get(key)
      const pair = first && this.#pairOf(first, step, most)
      if (!pair) continue
      for (const known of keysOf(first)) if (this.#waiting.get(known) === first) this.#waiting.delete(known)
      this.#steps.delete(first)
      this.#steps.delete(step)
      this.#steps.add(pair)
      this.#enter(pair)
      return
    }
    for (const key of keys) this.#waiting.set(key, step)
  }

  #enter(step: DeviceStep): void {
    for (const output of step.outputs) this.#producers.set(output, step)
  }

  #pairOf(first: Reduction, second: Reduction, most: number): DeviceStep | undefined {
    const [result] = first.outputs
    // The second may use the first's result in its epilogue, element by element: the same invocation has just stored it.
    const isOwn = (read: Tensor): boolean =>
      storageOf(read) === result && sameShape(read.shape, second.outputs[0].shape) && !second.inputs.includes(read)
    const reads = stepInputs(second).filter(read => !isOwn(read))
    if (this.#reaches(reads, first) || this.#reaches(stepInputs(first), second)) return undefined
    const inputs = [...new Set([...first.inputs, ...reads])]
    const bound = new Set([...inputs, ...stepInputs(first)].map(storageOf))
    // Two results and the scratch are bound besides.
    if (bound.size + 3 > most) return undefined
    return {
      ...first,
      inputs,
      outputs: [result, second.outputs[0]],
      workspace: first.workspace + second.workspace,
      form: { kind: 'pair', name: 'two sums', members: [first, second] },
    }
  }

  /** Whether something that is read is computed from what a step stores. */
  #reaches(reads: readonly Tensor[], step: DeviceStep): boolean {
    const seen = new Set<DeviceStep>()
    const queue = [...reads]
    for (let read = queue.pop(); read; read = queue.pop()) {
      const source = this.#producers.get(storageOf(read))
      if (source === step) return true
      if (!source || seen.has(source)) continue
      seen.add(source)
      queue.push(...stepInputs(source))
    }
    return false
  }
}

/** Equal for two sums that fold the same axes of the same elements. */
function keysOf(step: Reduction): string[] {
  const { fn, axes } = step.attributes
  if (fn !== 'sum') return []
  const shape = foldedShape(step)
  const whole = step.inputs.filter(({ shape: own }) => sizeOf(own) === sizeOf(shape))
  return [...new Set(whole.map(read => `${storageOf(read).id} ${axes.join()} of ${shape.join()}`))]
}
