/** Round numbers of a range, for the ticks of a chart that is drawn again and again. Nothing here knows a pixel. */
import type { Point } from './smooth.ts'

/** Round numbers in a range, about so many: multiples of 1, 2 or 5 times a power of ten. */
export function ticksOf([from, to]: Point, count: number, least = 0): number[] {
  const rough = (to - from) / Math.max(1, count)
  if (!(rough > 0) || !Number.isFinite(rough)) return []
  const power = 10 ** Math.floor(Math.log10(rough))
  const unit = Math.max(least, power * ([1, 2, 5, 10].find(times => times * power >= rough) ?? 10))
  const ticks: number[] = []
  for (let k = Math.ceil(from / unit - 1e-9); k * unit <= to + unit * 1e-9; k++)
    ticks.push(Number((k * unit).toPrecision(12)))
  return ticks
}

/** Round numbers of a logarithmic range: powers of ten, with 2 and 5 where there are few. */
export function logTicksOf([from, to]: Point): number[] {
  const decades = Math.log10(to / from)
  const steps = decades > 3 ? [1] : decades > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const times of steps) {
      const tick = Number((times * 10 ** power).toPrecision(6))
      if (tick >= from && tick <= to) ticks.push(tick)
    }
  }
  const every = Math.ceil(ticks.length / 8)
  return ticks.filter((_, k) => k % every === 0)
}
