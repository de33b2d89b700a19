/** Trials of a search along its axes: one for each searched field, and the objective. Nothing here knows a pixel or a signal. */
import type { RunSummary, SearchSummary } from '../../../../src/runs/live/protocol.ts'
import { type Axis, fieldName, placeOf, valueNear } from '../../../../src/study/space.ts'
import { formatValue } from '../../../../src/text/format.ts'
import { digits, percent } from '../../draw/format.ts'
import type { Span } from './shape.ts'

/** The least and the largest score there is. */
export interface ScoreRange {
  readonly kind: 'score'
  readonly metric: SearchSummary['metric']
  readonly low: number
  readonly high: number
}

/** An axis. Where a trial is on it is a number between `from` and `to`, whose mean does not change when trials come. */
export interface SearchAxis {
  /** The field, or `objective`. */
  readonly key: string
  readonly name: string
  /** The name where there is little room: the last part of the field. */
  readonly short: string
  readonly from: number
  readonly to: number
  /** How far keys move an end of a brush, in the axis's own numbers. */
  readonly step: number
  /** The range of the field, or the least and the largest score. */
  readonly range: Axis | ScoreRange
  /** A place on it as words. */
  readonly say: (at: number) => string
}

/** A trial with its place on each axis; undefined where it has none, as before its first score. */
export interface SearchTrial {
  readonly row: RunSummary
  readonly places: readonly (number | undefined)[]
  /** From the worst score, 0, to the best, 1; undefined without a score. */
  readonly goodness: number | undefined
}

/** Brushes by the keys of their axes: from the lower end to the upper one. */
export type Brushes = ReadonlyMap<string, Span>

/** Key of the objective's axis. */
export const objective = 'objective'

/** Share of an axis by which keys move the end of a brush. */
const keyShare = 0.02

/** A score as the page writes it. */
export const scoreName = (metric: SearchSummary['metric'], score: number): string =>
  metric === 'accuracy' ? percent(score, 2) : digits(score, 3)

const scoreOf = (row: RunSummary, metric: SearchSummary['metric']): number | undefined => {
  // A loss that is not finite comes as null.
  const score = row.last?.[metric] as number | null | undefined
  return typeof score === 'number' && Number.isFinite(score) ? score : undefined
}

/** The axes of a search and its trials on them. @param rows trials of it */
export function placeTrials(
  { axes, metric }: SearchSummary,
  rows: readonly RunSummary[],
): { readonly axes: readonly SearchAxis[]; readonly trials: readonly SearchTrial[] } {
  const scores = rows.map(row => scoreOf(row, metric))
  const known = scores.filter(value => value !== undefined)
  const [least, most] = known.length > 0 ? [Math.min(...known), Math.max(...known)] : [0, 1]
  // A single score is in the middle of its axis.
  const [low, high] = least === most ? [least - 0.5, most + 0.5] : [least, most]
  const shown: SearchAxis[] = axes.map(({ field, axis }) => {
    const levels = axis.kind === 'choice' ? axis.values.length - 1 : axis.kind === 'int' ? axis.high - axis.low : 0
    return {
      key: field,
      name: fieldName(field, axis),
      short: field.split('.').at(-1)!,
      from: 0,
      to: 1,
      step: levels > 0 && levels < 1 / keyShare ? 1 / levels : keyShare,
      range: axis,
      say: at => formatValue(valueNear(axis, at)),
    }
  })
  shown.push({
    key: objective,
    name: `validation ${metric}`,
    short: metric,
    from: low,
    to: high,
    step: keyShare * (high - low),
    range: { kind: 'score', metric, low: least, high: most },
    say: at => scoreName(metric, at),
  })
  const trials = rows.map((row, k): SearchTrial => {
    const own = scores[k]
    const share = own === undefined ? undefined : (own - low) / (high - low)
    return {
      row,
      places: [
        ...axes.map(({ axis }, index) => {
          const value = row.trial?.values[index]
          if (value === undefined || value === null) return undefined
          if (axis.kind === 'choice') return axis.values.includes(value) ? placeOf(axis, value) : undefined
          const place = typeof value === 'number' ? placeOf(axis, value) : Number.NaN
          return place >= 0 && place <= 1 ? place : undefined
        }),
        own,
      ],
      goodness: share === undefined ? undefined : metric === 'accuracy' ? share : 1 - share,
    }
  })
  return { axes: shown, trials }
}

/** The position of a place on its axis, 0 … 1. */
export const shareOf = ({ from, to }: SearchAxis, at: number): number => (at - from) / (to - from)

/** The place at a position, held within the axis. */
export const placeAtShare = ({ from, to }: SearchAxis, share: number): number =>
  from + Math.max(0, Math.min(1, share)) * (to - from)

/** Rounding must not take out what lies at the end of a brush. */
const slack = 1e-9

/** Whether a trial is within all brushes; one without a place on a brushed axis is not. */
export function isWithin({ places }: SearchTrial, axes: readonly SearchAxis[], brushes: Brushes): boolean {
  return axes.every(({ key, from, to }, k) => {
    const brush = brushes.get(key)
    if (!brush) return true
    const at = places[k]
    const more = slack * (to - from)
    return at !== undefined && at >= brush[0] - more && at <= brush[1] + more
  })
}

/**
 * The trial nearest to a point between two neighboring axes.
 * @param x position from the first axis, 0, to the last, the number of axes less 1
 * @param y position on the axes, 0 … 1
 * @param most largest distance on the axes
 */
export function trialNear(
  trials: readonly SearchTrial[],
  axes: readonly SearchAxis[],
  x: number,
  y: number,
  most: number,
): SearchTrial | undefined {
  const left = Math.max(0, Math.min(axes.length - 2, Math.floor(x)))
  const between = x - left
  if (between < -0.1 || between > 1.1) return undefined
  let best: { readonly trial: SearchTrial; readonly distance: number } | undefined
  for (const trial of trials) {
    const [a, b] = [trial.places[left], trial.places[left + 1]]
    if (a === undefined || b === undefined) continue
    const [low, high] = [shareOf(axes[left]!, a), shareOf(axes[left + 1]!, b)]
    // As far as it is from the line, not straight above it: steep lines are hit, too.
    const distance = Math.abs(low + (high - low) * between - y) / Math.hypot(1, 1.5 * (high - low))
    if (distance <= (best?.distance ?? most)) best = { trial, distance }
  }
  return best?.trial
}

/** The best of some trials, best first; those without a score are left out. */
export function bestOf(trials: readonly SearchTrial[], count: number): SearchTrial[] {
  return trials
    .filter(({ goodness }) => goodness !== undefined)
    .sort((a, b) => b.row.epoch - a.row.epoch || b.goodness! - a.goodness!)
    .slice(0, count)
}
