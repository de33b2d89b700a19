/**
 * Scheduling: gathers steps into groups. As many batched steps as possible share one blocked group; sums over the
 * batch and updates follow in whole groups, whose steps do not depend on each other.
 */
import type { Tensor } from '../graph/tensor.ts'
import type { LayoutChoice } from './layout.ts'
import type { Group } from './plan.ts'
import { type Step, stepInputs, stepOutputs, storageOf } from './steps.ts'

/** The given steps in groups, in the order in which they run. What other steps produce is there already. */
export function schedule(choice: LayoutChoice, steps: readonly Step[]): Group[] {
  const producers = producersOf(steps)
  const dependencies = new Map<Step, Step[]>()
  for (const step of steps) {
    const sources = stepInputs(step).map(tensor => producers.get(storageOf(tensor)))
    dependencies.set(step, [...new Set(sources.filter(source => source !== undefined))])
  }
  const urgent = ancestors(choice.blockable, dependencies)
  const done = new Set<Step>()
  const pending = new Set(steps)
  const groups: Group[] = []
  const ready = (step: Step, also?: ReadonlySet<Step>): boolean =>
    (dependencies.get(step) ?? []).every(source => done.has(source) || also?.has(source))
  const run = (kind: Group['kind'], steps: Step[]): void => {
    groups.push({ kind, steps })
    for (const step of steps) {
      done.add(step)
      pending.delete(step)
    }
  }

  while (pending.size > 0) {
    const whole = [...pending].filter(step => !choice.blockable.has(step) && ready(step))
    // Whole steps that blocked ones wait for come first, so that the blocked group can be as long as possible.
    const first = whole.filter(step => urgent.has(step))
    if (first.length > 0) {
      run('whole', first)
      continue
    }
    const blocked = new Set<Step>()
    for (const step of pending) if (choice.blockable.has(step) && ready(step, blocked)) blocked.add(step)
    if (blocked.size > 0) run('blocked', [...blocked])
    else run('whole', whole)
  }
  return groups
}

function producersOf(steps: readonly Step[]): Map<Tensor, Step> {
  const producers = new Map<Tensor, Step>()
  for (const step of steps) for (const output of stepOutputs(step)) producers.set(output, step)
  return producers
}

/** All steps that the given ones depend on, however far back. */
function ancestors(of: ReadonlySet<Step>, dependencies: ReadonlyMap<Step, readonly Step[]>): Set<Step> {
  const found = new Set<Step>()
  const visit = (step: Step): void => {
    for (const source of dependencies.get(step) ?? []) {
      if (found.has(source)) continue
      found.add(source)
      visit(source)
    }
  }
  for (const step of of) visit(step)
  return found
}
