/**
 * Colors of runs. A run's name decides which it gets; where two runs that are drawn would have the same, the one that was chosen later
 * gets the next that is free. After ten come the same ones with dashes. None is the orange of alarms.
 */
import { streamOf } from '../../../../src/random/philox.ts'
import type { Rgb, Theme } from '../../draw/scale.ts'

/** Each at least 3 : 1 on its paper, and unlike its neighbors in lightness as well as in hue. */
export const runColors: Readonly<Record<Theme, readonly Rgb[]>> = {
  light: [
    [0, 114, 178],
    [155, 79, 150],
    [0, 128, 90],
    [196, 0, 42],
    [92, 70, 190],
    [140, 106, 0],
    [0, 139, 150],
    [214, 62, 130],
    [86, 110, 30],
    [84, 92, 104],
  ],
  dark: [
    [86, 180, 233],
    [213, 154, 208],
    [64, 196, 140],
    [255, 128, 147],
    [168, 150, 255],
    [222, 196, 90],
    [70, 205, 214],
    [255, 142, 196],
    [170, 204, 96],
    [176, 186, 200],
  ],
}

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
