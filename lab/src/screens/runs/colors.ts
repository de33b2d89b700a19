/**
 * Colors of runs. A run's name decides which it gets; where two runs that are drawn would have the same, the one that was chosen later
 * gets the next that is free. After ten come the same ones with dashes. None is the orange of alarms.
 */
import { streamOf } from '../../../../src/random/philox.ts'
import { hues } from '../../draw/hues.ts'

export const runColors = hues

/** Looks that differ: each color whole, then each dashed. */
export const looks = 2 * runColors.light.length

/** How a run is drawn. */
export interface RunLook {
  /** Of {@link runColors}. */
  readonly color: number
  readonly isDashed: boolean
}

/** What a name prefers, by its hash. */
function preferred(name: string): number {
  const hash = streamOf(name)
  // The low bits of names that end alike are alike.
  return ((hash ^ (hash >>> 15)) >>> 0) % runColors.light.length
}

/** The looks of runs that are drawn, in the order in which they were chosen. */
export function looksOf(names: readonly string[]): Map<string, RunLook> {
  const colors = runColors.light.length
  const taken = new Set<number>()
  return new Map(
    names.map(name => {
      const first = preferred(name)
      const order = Array.from({ length: looks }, (_, k) => Math.floor(k / colors) * colors + ((first + k) % colors))
      const free = order.find(look => !taken.has(look)) ?? first
      taken.add(free)
      return [name, { color: free % colors, isDashed: free >= colors }]
    }),
  )
}
