/**
 * Scheduling: gathers steps into groups. As many batched steps as possible share one blocked group; sums over the
 * batch and updates follow in whole groups, whose steps do not depend on each other.
 */
import type { Tensor } from '../graph/tensor.ts'
import { type Form, type Group, type Step, stepInputs, storageOf } from './step.ts'

/**
 * The given steps in groups, in the order in which they run. The results of all other steps are already available.
 * @param inBlocks steps that may run block by block
 */
export function schedule<F extends Form>(steps: readonly Step<F>[], inBlocks: ReadonlySet<Step<F>>): Group<F>[] {
  const dependencies = dependenciesOf(steps)
  const urgent = ancestors(inBlocks, dependencies)
  const readers = new Map<Step<F>, Step<F>[]>(steps.map(step => [step, []]))
  for (const [step, sources] of dependencies) for (const source of sources) readers.get(source)?.push(step)
  const position = new Map(steps.map((step, at) => [step, at]))
  const missing = new Map(steps.map(step => [step, dependencies.get(step)!.length]))
  const blockable = new Set(steps.filter(step => inBlocks.has(step)))
  /** Steps for whole groups whose inputs are all available, in the order of the program. */
  let ready = steps.filter(step => !blockable.has(step) && missing.get(step) === 0)
  const groups: Group<F>[] = []
  const run = (kind: Group['kind'], members: readonly Step<F>[]): void => {
    groups.push({ kind, steps: members })
    const freed: Step<F>[] = []
    for (const step of members) {
      blockable.delete(step)
      for (const reader of readers.get(step)!) {
        const left = missing.get(reader)! - 1
        missing.set(reader, left)
        if (left === 0 && !inBlocks.has(reader)) freed.push(reader)
      }
    }
    const gone = new Set(members)
    ready = [...ready.filter(step => !gone.has(step)), ...freed].sort((a, b) => position.get(a)! - position.get(b)!)
  }

  while (ready.length > 0 || blockable.size > 0) {
    // Whole steps that blocked steps wait for come first, so that the blocked group can be as long as possible.
    const first = ready.filter(step => urgent.has(step))
    if (first.length > 0) {
      run('whole', first)
      continue
    }
    const blocked = new Set<Step<F>>()
    for (const step of blockable) {
      const within = dependencies.get(step)!.filter(source => blocked.has(source)).length
      if (missing.get(step) === within) blocked.add(step)
    }
    if (blocked.size > 0) run('blocked', [...blocked])
    else run('whole', ready)
  }
  return groups
}

/** For each step, the steps it reads from, once each. */
function dependenciesOf<F extends Form>(steps: readonly Step<F>[]): Map<Step<F>, Step<F>[]> {
  const producers = producersOf(steps)
  return new Map(
    steps.map(step => {
      const sources = stepInputs(step).map(tensor => producers.get(storageOf(tensor)))
      return [step, [...new Set(sources.filter(source => source !== undefined))]]
    }),
  )
}

function producersOf<F extends Form>(steps: readonly Step<F>[]): Map<Tensor, Step<F>> {
  const producers = new Map<Tensor, Step<F>>()
  for (const step of steps) for (const output of step.outputs) producers.set(output, step)
  return producers
}

/** All steps that the given ones depend on, however far back. */
function ancestors<S extends Step>(of: ReadonlySet<S>, dependencies: ReadonlyMap<S, readonly S[]>): Set<S> {
  const found = new Set<S>()
  const visit = (step: S): void => {
    for (const source of dependencies.get(step) ?? []) {
      if (found.has(source)) continue
      found.add(source)
      visit(source)
    }
  }
  for (const step of of) visit(step)
  return found
}
