/**
 * Parameters that do not change, for good or until an epoch: freezing, and gradual unfreezing (Howard and Ruder 2018).
 */
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { matchesPath, type PathPattern, PatternError, pathsFitting } from '../optim/patterns.ts'

/** The parameters to freeze, and for how long. */
export interface Freeze {
  /** A glob over paths (`features`, `layer?.**.bias`), a regular expression, or a list of these. */
  readonly match: PathPattern
  /** First epoch in which they are trained; never when absent. */
  readonly until?: number
}

/** The patterns that are frozen in an epoch. Patterns are only ever removed, so their number identifies the set. */
export const frozenIn = (freeze: readonly Freeze[], epoch: number): PathPattern[] =>
  freeze.filter(({ until }) => until === undefined || epoch < until).map(({ match }) => match)

/** An optimizer that also skips the parameters that patterns freeze; it shares the state of the given one. */
export function freezing(optimizer: Optimizer, frozen: readonly PathPattern[]): Optimizer {
  if (frozen.length === 0) return optimizer
  return {
    ...optimizer,
    trained(parameters) {
      const isFrozen = (path: string): boolean => frozen.some(pattern => matchesPath(pattern, path))
      const left = [...optimizer.trained(parameters)].filter(([path]) => !isFrozen(path))
      if (left.length === 0) throw new PatternError(`${optimizer.name}: every parameter is frozen`)
      return new Map(left)
    },
  }
}

/** @throws PatternError naming a pattern that matches no parameter of the model. */
export function checkFreeze(model: Module, freeze: readonly Freeze[]): void {
  const paths = [...model.parameters().keys()]
  for (const { match } of freeze) pathsFitting('freeze:', match, paths)
}
