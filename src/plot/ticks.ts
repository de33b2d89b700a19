/** Ticks of an axis: round numbers whose labels all differ. Scales and round numbers come from d3-scale. */
import type { ScaleContinuousNumeric } from 'd3-scale'
import { html, type Markup } from './markup.ts'

/** A position on an axis and its label. */
export interface Tick {
  readonly value: number
  readonly name: string
}

/** Options of {@link axisTicks}. */
export interface TickOptions {
  /** About how many ticks; 5 by default. */
  readonly count?: number
  /** True for an axis of whole numbers, steps for example, which has no tick at 0.5. */
  readonly whole?: boolean
}

/**
 * Ticks of a scale: as many of d3's round numbers as have distinct labels; on a logarithmic scale, only those that d3
 * would label.
 */
export function axisTicks(
  scale: ScaleContinuousNumeric<number, number>,
  format: (value: number) => string,
  { count = 5, whole = false }: TickOptions = {},
): Tick[] {
  for (let wanted = count; wanted > 0; wanted--) {
    const d3Name = scale.tickFormat(wanted)
    const ticks = scale
      .ticks(wanted)
      .filter(value => d3Name(value) !== '' && (!whole || Number.isInteger(value)))
      .map(value => ({ value, name: format(value) }))
    if (new Set(ticks.map(({ name }) => name)).size === ticks.length) return ticks
  }
  return []
}

/** A share as a percentage without insignificant digits: `0.5` → `'50 %'`, `0.992` → `'99.2 %'`. */
export function formatPercentTick(share: number): string {
  return `${Number((share * 100).toPrecision(10))}\u00a0%`
}

/** A round number without insignificant digits: `0.020` → `'0.02'`. */
export function formatValueTick(value: number): string {
  return Math.abs(value) >= 1e-4 || value === 0 ? String(Number(value.toPrecision(6))) : value.toExponential(0)
}

/** A tick of a horizontal axis: a stroke with its label below. @param x @param bottom position of the axis */
export function bottomTick(x: string, bottom: number, name: string): Markup {
  return html`<path d="M${x} ${bottom}v5" stroke="currentColor"/><text x="${x}" y="${bottom + 19}" text-anchor="middle">${name}</text>`
}

/** A tick of a vertical axis at x = 0: a pale line across the drawing, with its label on the left. */
export function leftTick(y: string, width: number, name: string): Markup {
  return html`<path d="M0 ${y}H${width}" stroke="currentColor" stroke-opacity="0.12"/><text x="-8" y="${y}" dy="0.34em" text-anchor="end">${name}</text>`
}
