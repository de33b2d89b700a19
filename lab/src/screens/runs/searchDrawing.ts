/** Lines and dots of trials on a canvas: those outside of brushes first, then the others from the worst to the best, then those that are drawn as curves. */
import { css, inkOf, type Theme } from '../../draw/scale.ts'
import { type RunLook, runColors } from './colors.ts'
import type { SearchTrial } from './searchAxes.ts'

/** A trial's ink: faint outside of brushes, stronger the better its rank. Of ranks, so that one outlier does not make all others alike. */
const outside = 0.11
const [worst, best] = [0.24, 0.9]

/** What is drawn, and how. */
export interface TrialsDrawn {
  readonly trials: readonly SearchTrial[]
  readonly kept: readonly SearchTrial[]
  /** Of the runs that are drawn as curves, by name. */
  readonly looks: ReadonlyMap<string, RunLook>
  readonly theme: Theme
}

/** The order and the color of each trial. @param draw called for each, from the lowest to the uppermost */
export function drawTrials(
  { trials, kept, looks, theme }: TrialsDrawn,
  draw: (trial: SearchTrial, color: string, look: RunLook | undefined) => void,
): void {
  const inside = new Set(kept)
  const faint = css(inkOf(outside, theme))
  for (const trial of trials) if (!inside.has(trial)) draw(trial, faint, undefined)
  const order = [...kept].sort((a, b) => (a.goodness ?? -1) - (b.goodness ?? -1))
  for (const [rank, trial] of order.entries()) {
    if (looks.has(trial.row.name)) continue
    const share = trial.goodness === undefined ? 0 : rank / Math.max(1, order.length - 1)
    const ink = worst + (best - worst) * share ** 4
    draw(trial, css(inkOf(ink, theme)), undefined)
  }
  for (const trial of order) {
    const look = looks.get(trial.row.name)
    if (look) draw(trial, css(runColors[theme][look.color]!), look)
  }
}
