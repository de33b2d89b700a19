/** A run in pieces: groups that run together, after which the caller may look at what is done. */
import type { Variable } from '../../graph/variable.ts'
import type { CpuPlan } from '../cpu/layouts/form.ts'
import { timeOf } from './runtime/work.ts'

/** Groups `from … to − 1` of a plan. */
export interface Piece {
  readonly from: number
  readonly to: number
  /** The variables that have their new values after it, and had not before. */
  readonly updated: readonly Variable[]
}

/** Least estimated time of a piece on one thread, in nanoseconds: pauses cost microseconds. */
const leastTime = 1_000_000

/** The pieces of a plan, in order: at least one. */
export function piecesOf(plan: CpuPlan): Piece[] {
  const pieces: Piece[] = []
  let [from, time] = [0, 0]
  let updated: Variable[] = []
  plan.groups.forEach((group, at) => {
    time += timeOf(group)
    for (const step of group.steps) {
      for (const output of step.outputs) {
        const variable = plan.value(output)?.variable
        if (variable) updated.push(variable)
      }
    }
    if (time < leastTime) return
    pieces.push({ from, to: at + 1, updated })
    ;[from, time, updated] = [at + 1, 0, []]
  })
  const { length } = plan.groups
  if (from < length || pieces.length === 0) pieces.push({ from, to: length, updated })
  return pieces
}
