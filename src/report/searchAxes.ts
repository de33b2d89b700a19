/** Axes of searches as they are drawn: those of the searched fields, and that of the score. Round numbers come from d3-scale. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { axisTicks, formatPercentTick } from '../plot/ticks.ts'
import { type Axis, placeOf } from '../study/space.ts'
import { formatValue } from '../text/format.ts'

/** A tick with its position on the axis, 0 … 1. */
export interface PlacedTick {
  readonly place: number
  readonly name: string
}

/** Ticks of a field: its choices, or round numbers. */
export function fieldTicks(axis: Axis): PlacedTick[] {
  if (axis.kind === 'choice')
    return axis.values.map(value => ({ place: placeOf(axis, value), name: formatValue(value) }))
  const scale = (axis.kind === 'log' ? scaleLog() : scaleLinear()).domain([axis.low, axis.high])
  const ticks = axisTicks(scale, formatTick, { count: 4, whole: axis.kind === 'int' })
  return ticks.map(({ value, name }) => ({ place: placeOf(axis, value), name }))
}

/** The axis of scores, from the lowest to the highest. */
export interface ScoreAxis {
  readonly low: number
  readonly high: number
  /** The position of a score, 0 … 1; in the middle where all are equal. */
  readonly place: (score: number) => number
  readonly ticks: readonly PlacedTick[]
}

/** The axis of some scores; those that are not finite are left out. */
export function scoreAxis(scores: readonly number[], metric: 'accuracy' | 'loss'): ScoreAxis {
  const values = scores.filter(Number.isFinite)
  const low = values.reduce((least, value) => Math.min(least, value), values[0] ?? 0)
  const high = values.reduce((most, value) => Math.max(most, value), values[0] ?? 1)
  const format = metric === 'accuracy' ? formatPercentTick : formatTick
  const place = (score: number): number => (high > low ? (score - low) / (high - low) : 0.5)
  const ticks = high > low ? axisTicks(scaleLinear().domain([low, high]), format) : [{ value: low, name: format(low) }]
  return { low, high, place, ticks: ticks.map(({ value, name }) => ({ place: place(value), name })) }
}

/** Formats round numbers without insignificant digits. */
const formatTick = (value: number): string =>
  Math.abs(value) >= 1e-3 || value === 0 ? String(Number(value.toPrecision(6))) : value.toExponential()
